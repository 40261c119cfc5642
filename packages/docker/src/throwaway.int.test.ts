import { randomUUID } from "node:crypto";
import { afterAll, expect, it } from "vitest";
import { Fixture, image, until } from "../test/fixture.ts";
import { openEngine } from "./engine.ts";
import { throwawayLabel } from "./throwaway-spec.ts";

const fixture = new Fixture();
const label = `test-${randomUUID()}`;
const name = (what: string): string => `${label}-${what}`;
const engine = await openEngine();
const { throwaways } = engine;

afterAll(async () => {
  await throwaways.removeAll(label);
  await fixture.remove();
});

async function held(what: string) {
  const network = { name: name("net"), aliases: [what] };
  const mounts = [{ volume: name("volume"), target: "/drill", fromImage: false }];
  const { id } = await engine.image(image);
  return throwaways.hold({ name: name(what), image: id, network, mounts, run: { kind: "held", user: "0" } }, label);
}

it("holds containers that see each other, and nothing outside", async () => {
  await throwaways.network(name("net"), label);
  await throwaways.volume(name("volume"), label);
  const [one, other] = [await held("one"), await held("other")];
  const run = async (script: string) => engine.run(one.id, { cmd: ["sh", "-c", script] });
  expect((await run("getent hosts other")).exitCode).toBe(0);
  expect((await run("cat /proc/net/route")).stdout.toString()).not.toMatch(/^\S+\t00000000\t/m); // no default route
  const [net] = await fixture.docker.listNetworks({ filters: { name: [name("net")] } });
  const host = net?.IPAM?.Config?.[0]?.Gateway ?? "";
  expect(host).toMatch(/^[\d.]+$/);
  const refused = await run(`timeout 5 bash -c '</dev/tcp/${host}/1'`);
  expect(refused.exitCode).not.toBe(0);
  expect(refused.stderr).not.toContain("refused"); // nobody is there who could refuse
  expect((await run("echo kept >/drill/file")).exitCode).toBe(0);
  expect((await engine.run(other.id, { cmd: ["cat", "/drill/file"] })).stdout.toString()).toBe("kept\n");
  await one.end();
  await expect(engine.container(one.id)).rejects.toMatchObject({ code: "NOT_FOUND" });
});

it("removes all of it, and nothing that is another's", async () => {
  const own = await fixture.container({ Labels: { [throwawayLabel]: `${label}-other` } });
  await throwaways.removeAll(label);
  const filters = { label: [`${throwawayLabel}=${label}`] };
  expect(await fixture.docker.listContainers({ all: true, filters })).toEqual([]);
  expect(await fixture.docker.listNetworks({ filters })).toEqual([]);
  expect((await fixture.docker.listVolumes({ filters })).Volumes ?? []).toEqual([]);
  expect((await engine.container(own)).state).toBe("running");
});

it("removes what belongs to a container that is gone, and nothing of one that runs", async () => {
  const owner = await fixture.container();
  const kept = await fixture.container({ Labels: { [throwawayLabel]: owner } });
  const abandoned = await fixture.container({ Labels: { [throwawayLabel]: "0".repeat(64) } });
  await throwaways.removeAbandoned();
  expect((await engine.container(kept)).state).toBe("running");
  await until(async () => !(await fixture.listed()).includes(abandoned));
});
