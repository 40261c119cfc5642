import { spawn } from "node:child_process";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Fixture, until } from "../test/fixture.ts";
import { openEngine, type Engine, type Self, type Sibling, type SiblingOptions } from "./index.ts";
import { startSibling } from "./sibling.ts";
import { siblingLabel } from "./sibling-spec.ts";

const fixture = new Fixture();
let engine: Engine;
let self: Self;
let volume: string;
let own: string;

beforeAll(async () => {
  engine = await openEngine();
  volume = await fixture.volume();
  own = await fixture.volume();
  const network = await fixture.network();
  const id = await fixture.container({
    Env: ["TOKEN=of-our-own"],
    User: "0:0",
    WorkingDir: "/srv",
    HostConfig: {
      Binds: ["/etc/hostname:/mnt/hostname:ro"],
      Mounts: [{ Type: "volume", Source: own, Target: "/own" }],
      Memory: 256 * 1024 * 1024,
      NanoCpus: 1e9,
      GroupAdd: ["4321"],
      ExtraHosts: ["elsewhere:192.0.2.7"],
    },
  });
  await fixture.docker.getNetwork(network).connect({ Container: id });
  const container = await engine.container(id);
  self = { container, image: await engine.image(container.imageId) };
});
afterAll(() => fixture.remove());

interface Started {
  sibling: Sibling;
  stdout: PassThrough;
  stderr: PassThrough;
}

async function start(script: string, more: Partial<SiblingOptions> = {}): Promise<Started> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const options = { cmd: ["sh", "-c", script], mounts: [], labels: fixture.labels, stdout, stderr, ...more };
  const sibling = await startSibling(fixture.docker, self, options);
  return { sibling, stdout, stderr };
}

async function result({ sibling, stdout, stderr }: Started) {
  const exitCode = await sibling.exitCode;
  stdout.end();
  stderr.end();
  return { exitCode, stdout: await text(stdout), stderr: await text(stderr) };
}

const gone = async (id: string): Promise<boolean> => !(await fixture.listed()).includes(id);

it("passes outputs and exit code on, and leaves no container", async () => {
  const started = await start("echo out; echo err >&2; exit 3");
  expect(await result(started)).toEqual({ exitCode: 3, stdout: "out\n", stderr: "err\n" });
  await until(() => gone(started.sibling.id));
});

it("is like our own container", async () => {
  const started = await start('echo "$TOKEN $EXTRA $PWD $(id -G)"; sleep infinity', { env: { EXTRA: "more" } });
  await once(started.stdout, "readable");
  const ours = await fixture.docker.getContainer(self.container.id).inspect();
  const theirs = await fixture.docker.getContainer(started.sibling.id).inspect();
  const alike = ({ HostConfig: host, NetworkSettings: { Networks: networks }, Image }: typeof ours) => ({
    Image,
    limits: [host.Memory, host.NanoCpus, host.ExtraHosts, host.GroupAdd],
    networks: Object.keys(networks).toSorted(),
  });
  expect(alike(theirs)).toEqual(alike(ours));
  expect(alike(theirs).networks).toHaveLength(2);
  expect(
    theirs.Mounts.map((mount) => `${mount.Destination} ${mount.RW}`).toSorted((a, b) => a.localeCompare(b)),
  ).toEqual(["/mnt/hostname false", "/own true"]);
  expect(theirs.Config.Labels[siblingLabel]).toBe(self.container.id);
  await started.sibling.kill("SIGKILL");
  expect(await result(started)).toEqual({ exitCode: 137, stdout: "of-our-own more /srv 0 4321\n", stderr: "" });
});

it("mounts a volume read-only, and leaves an empty one empty where the image has files", async () => {
  const mounts = [{ volume, target: "/etc/alternatives", readOnly: true }];
  const script = "cd /etc/alternatives; ls -A; touch x 2>/dev/null || echo refused";
  const started = await start(script, { mounts });
  expect(await result(started)).toMatchObject({ exitCode: 0, stdout: "refused\n" });
});

it("is told to stop by the signal that fits, and its exit code counts", async () => {
  const abort = new AbortController();
  const script = "trap 'echo stopping; exit 130' INT; echo up; while :; do sleep 0.1; done";
  const started = await start(script, { signal: abort.signal, stopSignal: () => "SIGINT" });
  await once(started.stdout, "readable");
  abort.abort();
  expect(await result(started)).toMatchObject({ exitCode: 130, stdout: "up\nstopping\n" });
});

it("is killed when it doesn't react", async () => {
  const abort = new AbortController();
  const started = await start("trap '' TERM; echo up; while :; do sleep 0.1; done", {
    signal: abort.signal,
    graceMs: 200,
  });
  await once(started.stdout, "readable");
  abort.abort();
  expect(await result(started)).toMatchObject({ exitCode: 137 });
});

it("doesn't outlive its deadline", async () => {
  const started = await start("trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done", { deadlineMs: 500 });
  await expect(started.sibling.exitCode).rejects.toThrow("did not finish within 500 ms");
  await until(() => gone(started.sibling.id));
});

it("leaves nothing when it cannot start", async () => {
  const before = await fixture.listed();
  const mounts = [{ volume, target: "/bin/sh/not-a-folder", readOnly: true }];
  await expect(start("true", { mounts })).rejects.toThrow(expect.objectContaining({ code: "FAILED" }));
  expect(await fixture.listed()).toEqual(before);
});

it("learns of its launcher's death by the end of its input, stops and is gone", async () => {
  const script = fileURLToPath(new URL("../test/launcher.ts", import.meta.url));
  const launcher = spawn(process.execPath, [script, self.container.id, "/out/stopped", volume], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(launcher.stdout, "readable");
  const [sibling = ""] = await fixture.listed(siblingLabel);
  launcher.kill("SIGKILL");
  await until(() => gone(sibling));
  const reader = await start("cat /out/stopped", { mounts: [{ volume, target: "/out", readOnly: true }] });
  expect(await result(reader)).toMatchObject({ stdout: "stopped\n" });
});

it("is removed by the next run when it is left over, and not while its launcher lives", async () => {
  const orphan = await fixture.container({ Labels: { [siblingLabel]: "0".repeat(64) } });
  const kept = await fixture.container({ Labels: { [siblingLabel]: self.container.id } });
  expect(await engine.removeLeftoverSiblings()).toContain(orphan);
  expect(await fixture.listed()).toContain(kept);
  expect(await fixture.listed()).not.toContain(orphan);
});

it("ends a sibling that does not listen for the order to stop, as none does in its first moments", async () => {
  const order = new AbortController();
  const running = await start("exec tail -f /dev/null", { signal: order.signal });
  order.abort();
  expect((await result(running)).exitCode).toBe(143); // 137, after a minute, were it the first process of its container
});
