import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Fixture } from "../test/fixture.ts";
import { openEngine, requireContainer, type Engine } from "./index.ts";

const fixture = new Fixture();
let engine: Engine;

beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => fixture.remove());

it("tells which engine answers", () => {
  expect(engine.facts).toMatchObject({ os: "linux", version: expect.stringMatching(/^\d+\./) });
});

it.for(["unix:///run/no-such.sock", "tcp://127.0.0.1:1"])("says that no engine answers at %s", async (host) => {
  await expect(openEngine({ host, timeoutMs: 2000 })).rejects.toThrow(
    expect.objectContaining({ code: "ENGINE_UNREACHABLE", hint: expect.stringContaining("/var/run/docker.sock") }),
  );
});

it("refuses an address that is none", async () => {
  await expect(openEngine({ host: "ftp://x" })).rejects.toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
});

it("finds containers and volumes with their labels, mounts and states", async () => {
  const volume = await fixture.volume();
  const id = await fixture.container({
    Labels: { "com.docker.compose.project": "p", "com.docker.compose.service": "s" },
    HostConfig: { Mounts: [{ Type: "volume", Source: volume, Target: "/data", ReadOnly: true }] },
  });
  const found = (await engine.containers()).find((container) => container.id === id);
  expect(found).toMatchObject({
    state: "running",
    project: "p",
    service: "s",
    oneOff: false,
    mounts: [{ type: "volume", volume, target: "/data", readOnly: true }],
    networks: ["bridge"],
  });
  expect((await engine.volumes()).find(({ name }) => name === volume)).toMatchObject({ anonymous: false });
});

it("changes a container's state, and tells when there was nothing to do", async () => {
  const id = await fixture.container();
  const steps = [];
  for (const verb of ["pause", "pause", "unpause", "stop", "stop", "start", "start"] as const) {
    steps.push(`${verb} ${await engine[verb](id)}: ${(await engine.container(id)).state}`);
  }
  expect(steps).toEqual([
    "pause done: paused",
    "pause already: paused",
    "unpause done: running",
    "stop done: exited",
    "stop already: exited",
    "start done: running",
    "start already: running",
  ]);
});

it("waits for a container's end", async () => {
  const id = await fixture.container({ Cmd: ["sh", "-c", "exit 5"] });
  expect(await engine.wait(id)).toBe(5);
});

it("reads files of a container that doesn't run", async () => {
  const id = await fixture.container({ Cmd: ["sh", "-c", "echo hello > /tmp/greeting"] });
  await engine.wait(id);
  const tar = await text(await engine.archive(id, "/tmp/greeting"));
  expect(tar).toContain("hello\n");
  await expect(engine.archive(id, "/tmp/nothing")).rejects.toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
});

it("stops reading an archive when it is aborted", async () => {
  const id = await fixture.container();
  const abort = new AbortController();
  const tar = await engine.archive(id, "/usr", abort.signal);
  const reading = text(tar);
  abort.abort(new Error("enough"));
  await expect(reading).rejects.toThrow("aborted");
});

it("says where to run a job that is in no container", async () => {
  const nowhere = { code: "NOT_IN_CONTAINER", hint: expect.stringContaining("docker compose run --rm") };
  await expect(requireContainer("/dev/null")).rejects.toThrow(expect.objectContaining(nowhere));
  const lost = await openEngine({ mountinfoPath: "/dev/null" });
  await expect(lost.self()).rejects.toThrow(expect.objectContaining(nowhere));
});
