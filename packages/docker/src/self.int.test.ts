import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Fixture } from "../test/fixture.ts";
import { insideContainer, openEngine, type Engine } from "./index.ts";

const fixture = new Fixture();
let engine: Engine;

beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => fixture.remove());

const root = fileURLToPath(new URL("../../..", import.meta.url));
const socket = "/var/run/docker.sock";

const image = process.env["ERLMCP_NODE_IMAGE"] ?? "node:26-trixie-slim";

/** A container with Node.js and this workspace, at the same path. */
async function withWorkspace(binds: string[]): Promise<string> {
  return fixture.container({ Image: image, HostConfig: { Binds: [`${root}:${root}:ro`, ...binds] } });
}

const whoAmI = ["node", fileURLToPath(new URL("../test/who-am-i.ts", import.meta.url))];

it("finds its own container and image", async ({ skip }) => {
  const host = engine.facts.address.replace(/^unix:\/\//, "");
  skip(!host.startsWith("/"), "the engine has no socket to mount");
  const id = await withWorkspace([`${host}:${socket}`]);
  const { stdout, stderr } = await engine.run(id, { cmd: whoAmI });
  expect(stderr).toBe("");
  const { imageId } = await engine.container(id);
  expect(JSON.parse(stdout.toString())).toEqual({ inside: true, id, image: imageId });
});

it("says which socket it lacks", async () => {
  const id = await withWorkspace([]);
  const { exitCode, stderr } = await engine.run(id, { cmd: whoAmI });
  expect(exitCode).toBe(1);
  expect(stderr).toContain("no Docker engine answers at unix:///var/run/docker.sock");
});

it("knows from here that it is in none, or in one", async () => {
  const machine = await fixture.container();
  const mounts = await engine.run(machine, { cmd: ["cat", "/proc/self/mountinfo"] });
  expect(mounts.stdout.toString()).toContain("/etc/hostname");
  expect(await insideContainer("/dev/null")).toBe(false);
});
