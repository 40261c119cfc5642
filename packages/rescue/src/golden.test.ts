import { readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { rescue, withFolder } from "./testing.ts";

const fixtures = fileURLToPath(new URL("../fixtures/format-1", import.meta.url));

/** The fixtures are what format 1 is: they never change, and are read for ever. */
it.for(["none", "aes-256-gcm", "aes-256-cbc"])("reads a restore point of format 1, cipher %s", async (cipher) => {
  await withFolder(async (at) => {
    await writeFile(join(at, "key"), "0123456789abcdef".repeat(4));
    const point = join(fixtures, cipher, "erlmcp_full_20260202_120000");
    const done = await rescue([point, "--to", "out", "--key", "key"], at);
    expect(done).toMatchObject({ stderr: "", status: process.getuid?.() === 0 ? 0 : 3 });
    const out = (...names: string[]) => join(at, "out", ...names);
    const rows = "00000007836802610161020000000783680261026103";
    expect((await readFile(out("dets/app@db1/prod.rows"))).toString("hex")).toBe(rows);
    expect(await readFile(out("postgres/db/globals.sql"), "utf8")).toBe("CREATE ROLE shop;\n");
    const tree = out("volumes/data/files");
    expect(await readFile(join(tree, "etc/app.conf"), "utf8")).toBe("port = 9090\n".repeat(200));
    expect((await readFile(join(tree, "etc-old"))).length).toBe(3000);
    expect(await readlink(join(tree, "link"))).toBe("etc/app.conf");
  });
});
