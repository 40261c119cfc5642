import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  ftruncateSync,
  lstatSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  dataExtents,
  flock,
  listXattrs,
  makeFifo,
  makeNode,
  openRegularFile,
  removeXattr,
  setTimes,
  setXattr,
} from "./index.ts";

const isRoot = process.getuid?.() === 0;

let folder: Buffer;
const at = (name: string | Buffer): Buffer => Buffer.concat([folder, Buffer.from("/"), Buffer.from(name)]);

/** What another program says, given a path as its argument. */
function witness(program: string, args: string[], path: Buffer): string {
  // The path goes through the shell's printf, because Node passes arguments as UTF-8 text only.
  const escaped = [...path].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
  return execFileSync("bash", ["-c", `p="$(printf '${escaped}x')"; exec "$0" "$@" "\${p%x}"`, program, ...args], {
    encoding: "utf8",
  }).trim();
}

describe.each([
  { where: "the temporary folder", parent: tmpdir() },
  { where: "tmpfs", parent: "/dev/shm" },
])("on $where", ({ parent }) => {
  beforeEach(() => {
    folder = Buffer.from(mkdtempSync(`${parent}/posix-`));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("keeps the bytes of extended attributes and of names that are no UTF-8", () => {
    const file = at(Buffer.from([0xff, 0xfe, 0x0a]));
    writeFileSync(file, "");
    const value = Buffer.from([0, 1, 0xff, 0]);
    setXattr(file, "user.one", value);
    setXattr(file, "user.empty", Buffer.alloc(0));
    const expected = new Map([
      ["user.empty", Buffer.alloc(0)],
      ["user.one", value],
    ]);
    expect(listXattrs(file)).toEqual(expected);
    removeXattr(file, "user.one");
    removeXattr(file, "user.never");
    expect([...listXattrs(file).keys()]).toEqual(["user.empty"]);
  });

  it.runIf(isRoot)("reads and writes what the kernel interprets: ACLs and file capabilities", () => {
    const file = at("file");
    writeFileSync(file, "", { mode: 0o600 });
    // version 2; user::rw-, user:1000:r--, group::---, mask::r--, other::---
    const acl = Buffer.from(
      "02000000" +
        "01000600ffffffff" +
        "02000400e8030000" +
        "04000000ffffffff" +
        "10000400ffffffff" +
        "20000000ffffffff",
      "hex",
    );
    setXattr(file, "system.posix_acl_access", acl);
    expect(lstatSync(file).mode & 0o777).toBe(0o640); // the mask shows as the group's bits
    const capability = Buffer.from("0100000200040000000000000000000000000000", "hex"); // cap_net_bind_service=ep
    setXattr(file, "security.capability", capability);
    expect(Object.fromEntries(listXattrs(file))).toEqual({
      "security.capability": capability,
      "system.posix_acl_access": acl,
    });
  });

  it("names the error, the call and the path", () => {
    expect(() => listXattrs(at("missing"))).toThrow(
      expect.objectContaining({ code: "ENOENT", syscall: "llistxattr", path: at("missing").toString() }),
    );
    expect(() => listXattrs("a\0b")).toThrow(expect.objectContaining({ code: "EINVAL" }));
  });

  it("finds data and holes", () => {
    const fd = openSync(at("sparse"), "w+");
    const mebibyte = 1 << 20;
    writeSync(fd, Buffer.alloc(mebibyte, 1), 0, mebibyte, mebibyte);
    writeSync(fd, Buffer.alloc(mebibyte, 1), 0, mebibyte, 5 * mebibyte);
    ftruncateSync(fd, 9 * mebibyte);
    expect(dataExtents(fd, 9 * mebibyte)).toEqual([
      [mebibyte, mebibyte],
      [5 * mebibyte, mebibyte],
    ]);
    expect(dataExtents(fd, mebibyte + 10)).toEqual([[mebibyte, 10]]);
    expect(dataExtents(fd, 0)).toEqual([]);
    ftruncateSync(fd, 0);
    ftruncateSync(fd, mebibyte);
    expect(dataExtents(fd, mebibyte)).toEqual([]);
    writeSync(fd, Buffer.alloc(mebibyte, 1), 0, mebibyte, 0);
    expect(dataExtents(fd, mebibyte)).toEqual([[0, mebibyte]]);
    closeSync(fd);
  });

  it.each([
    { time: 1_700_000_000_123_456_789n, shown: "1700000000.123456789" },
    { time: -1n, shown: "-0.000000001" },
    { time: 0n, shown: "0.000000000" },
  ])("sets times to the nanosecond, also of a symbolic link itself: $time", ({ time, shown }) => {
    symlinkSync("nowhere", at("link"));
    const before = lstatSync(at("link"), { bigint: true }).atimeNs;
    setTimes(at("link"), { mtime: time });
    expect(lstatSync(at("link"), { bigint: true })).toMatchObject({ mtimeNs: time, atimeNs: before });
    expect(witness("stat", ["-c", "%.9Y"], at("link"))).toBe(shown);
    setTimes(at("link"), { atime: time, mtime: 5n });
    expect(lstatSync(at("link"), { bigint: true })).toMatchObject({ mtimeNs: 5n, atimeNs: time });
  });

  it("makes a fifo", () => {
    makeFifo(at("fifo"), 0o600);
    expect(witness("stat", ["-c", "%F %a"], at("fifo"))).toBe("fifo 600");
    expect(() => makeFifo(at("fifo"), 0o600)).toThrow(expect.objectContaining({ code: "EEXIST" }));
  });

  it.runIf(isRoot).each([
    { kind: "chardev" as const, major: 1, minor: 3, shown: "character special file 1 3" },
    { kind: "blockdev" as const, major: 259, minor: 70_000, shown: "block special file 103 11170" },
    { kind: "chardev" as const, major: 4095, minor: 1_048_575, shown: "character special file fff fffff" },
  ])("makes a $kind $major:$minor", ({ kind, major, minor, shown }) => {
    makeNode(at("node"), { kind, mode: 0o644, device: { major, minor } });
    expect(witness("stat", ["-c", "%F %t %T"], at("node"))).toBe(shown);
  });

  it("opens only regular files, never through a link and never waiting", () => {
    writeFileSync(at("file"), "content");
    symlinkSync("file", at("link"));
    makeFifo(at("fifo"), 0o600);
    const { fd, stat } = openRegularFile(at("file"));
    closeSync(fd);
    expect(stat.size).toBe(7n);
    expect(stat.ino).toBe(statSync(at("file"), { bigint: true }).ino);
    expect(() => openRegularFile(at("link"))).toThrow(expect.objectContaining({ code: "ELOOP" }));
    expect(() => openRegularFile(at("fifo"))).toThrow(expect.objectContaining({ code: "EFTYPE" }));
    expect(() => openRegularFile(folder)).toThrow(expect.objectContaining({ code: "EFTYPE" }));
    expect(() => openRegularFile(at("missing"))).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });

  it("locks against another process, and lets go when that one dies", async () => {
    const fd = openSync(at("lock"), "w");
    const other = spawn("flock", ["-x", "-o", at("lock").toString(), "bash", "-c", "echo held; exec cat"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    await once(other.stdout, "data");
    expect(flock(fd, "exclusive", { wait: false })).toBe(false);
    expect(flock(fd, "shared", { wait: false })).toBe(false);
    other.kill("SIGKILL"); // at once, as this thread then waits without its event loop
    expect(flock(fd, "exclusive", { wait: true })).toBe(true);
    expect(() => execFileSync("flock", ["-n", "-x", at("lock").toString(), "true"])).toThrow("Command failed");
    closeSync(fd);
    execFileSync("flock", ["-n", "-x", at("lock").toString(), "true"]);
    other.stdin.end();
  });
});

it("works in a worker thread", async () => {
  const worker = new Worker(
    `import { parentPort, workerData } from "node:worker_threads";
     const { listXattrs } = await import(workerData);
     try { listXattrs("/missing/file") } catch (error) { parentPort.postMessage(error.code) }`,
    { eval: true, workerData: new URL("./index.ts", import.meta.url).href, execArgv: ["--input-type=module"] },
  );
  expect(await once(worker, "message")).toEqual(["ENOENT"]);
  await worker.terminate();
});
