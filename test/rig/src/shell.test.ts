import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const rig = join(import.meta.dirname, "..");
const functions = `set -euo pipefail; . ${rig}/lib.sh; . ${rig}/setup.sh\n`;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rig-test-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function environment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { DOCKER_HOST: _engine, ...inherited } = process.env;
  return { ...inherited, ERLMCP_RIG_CACHE: join(folder, "cache"), ERLMCP_RIG_RUN: folder, ...more };
}

/** Runs a script with the rig's functions at hand. */
function bash(script: string, more?: NodeJS.ProcessEnv): { status: number | null; stdout: string; stderr: string } {
  return spawnSync("bash", ["-c", functions + script], { env: environment(more), encoding: "utf8" });
}

/** A `docker` for PATH that answers for one address only. */
function fakeDocker(address: string): string {
  const docker = join(folder, "docker");
  writeFileSync(
    docker,
    `#!/bin/sh\n[ "$1" != context ] || { echo ${address}; exit; }\n[ "$DOCKER_HOST" = ${address} ]\n`,
  );
  chmodSync(docker, 0o755);
  return `${folder}:${process.env["PATH"] ?? ""}`;
}

describe("our engine's pid", () => {
  it.for([
    { name: "no pid file", content: undefined },
    { name: "an empty one", content: "" },
    { name: "a number nobody has", content: "4194305" },
    { name: "somebody else's number, as after a reboot", content: `${process.pid}` },
  ])("is not taken from $name", ({ content }) => {
    if (content !== undefined) writeFileSync(join(folder, "docker.pid"), content);
    expect(bash("our_pid").status).toBe(1);
  });

  it("is found when the process is our dockerd, which engine_down ends", async () => {
    const daemon = standIn();
    const ended = once(daemon, "exit");
    expect(bash("our_pid")).toMatchObject({ status: 0, stdout: `${daemon.pid}` });
    const down = spawn("bash", ["-c", `${functions} engine_down`], { env: environment() });
    expect(await once(down, "exit")).toEqual([0, null]);
    expect(await ended).toEqual([null, "SIGTERM"]);
  });

  it("makes engine_down do nothing when there is none", () => {
    expect(bash("engine_down")).toEqual(expect.objectContaining({ status: 0, stdout: "", stderr: "" }));
  });
});

/** A process with the command line of our dockerd: bash ignores the arguments that follow its script. */
function standIn(): ChildProcess {
  const pidFile = join(folder, "docker.pid");
  const daemon = spawn("bash", ["-c", "read -r", "dockerd", "--pidfile", pidFile, ""], {
    argv0: "dockerd",
    stdio: ["pipe", "ignore", "ignore"],
  });
  writeFileSync(pidFile, `${daemon.pid}`);
  return daemon;
}

describe("the engine that is there", () => {
  it("is the one DOCKER_HOST names", () => {
    const PATH = fakeDocker("tcp://engine:2375");
    expect(bash("foreign_host", { PATH, DOCKER_HOST: "tcp://engine:2375" }).stdout).toBe("tcp://engine:2375");
  });

  it("is the one of the current docker context", () => {
    expect(bash("foreign_host", { PATH: fakeDocker("tcp://context:2375") }).stdout).toBe("tcp://context:2375");
  });

  it("is none when nothing answers", () => {
    const PATH = fakeDocker("tcp://other:2375");
    expect(bash("foreign_host", { PATH, DOCKER_HOST: "tcp://engine:2375" }).status).toBe(1);
  });

  it("is not our own, which a shell may still have in DOCKER_HOST", () => {
    const ours = `unix://${folder}/docker.sock`;
    const PATH = fakeDocker("unix:///nowhere/docker.sock");
    expect(bash("foreign_host", { PATH, DOCKER_HOST: ours }).status).toBe(1);
  });
});

describe("step", () => {
  it("passes the exit status on and shows the end of the output", () => {
    const { status, stderr } = bash(`step "Trying" eval 'echo reason >&2; exit 7'`);
    expect(status).toBe(7);
    expect(stderr).toMatch(/^Trying +failed after \d+ s\n    reason\n/);
  });

  it("stops at the first command that fails", () => {
    expect(bash(`two() { false; touch ${folder}/late; }; step "Trying" two`).status).toBe(1);
    expect(existsSync(join(folder, "late"))).toBe(false);
  });

  it("says nothing but the time when all is well", () => {
    const { status, stdout, stderr } = bash(`step "Trying" echo noise`);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(stderr).toMatch(/^Trying {50,52} *\d+ s\n$/);
  });
});

it("locked lets one shell at a time in", () => {
  const turn = `turn() { mkdir ${folder}/inside; echo in >>${folder}/turns; rmdir ${folder}/inside; }`;
  const { status } = bash(
    `${turn}; for i in 1 2 3 4; do locked test turn & pids+=($!); done; for p in "\${pids[@]}"; do wait "$p"; done`,
  );
  expect(status).toBe(0);
  expect(readFileSync(join(folder, "turns"), "utf8")).toBe("in\n".repeat(4));
});

it("pinned_pnpm is the version of package.json", () => {
  expect(bash("pinned_pnpm").stdout).toMatch(/^pnpm@\d+\.\d+\.\d+\n$/);
});

/** A `docker` that has images, notes what is removed, and has nothing else. */
function imagesDocker(images: readonly string[]): string {
  const docker = join(folder, "docker");
  const matches = images.map((image) => `case ${image} in $reference) echo ${image} ;; esac`).join("\n    ");
  const script = `#!/bin/sh
case "$1 $2" in
"image ls")
  for word; do
    case $word in reference=*) reference=\${word#reference=} ;; *) continue ;; esac
    ${matches}
  done ;;
"image rm") shift 3; echo "$@" >>${folder}/removed ;;
esac
`;
  writeFileSync(docker, script);
  chmodSync(docker, 0o755);
  return `${folder}:${process.env["PATH"] ?? ""}`;
}

it("demo:down --all removes the images of all jobs, and none but the rig's and the demo's", () => {
  const jobs = ["erlmcp/backup:local", "erlmcp/restore:local", "erlmcp/verify:local"];
  const PATH = imagesDocker([...jobs, "erlmcp-rig/debian:13", "erlmcp/backup:1.0", "postgres:17"]);
  const source = readFileSync(join(rig, "demo-down.sh"), "utf8");
  const [definition] = /^remove_images\(\) \{\n[\s\S]*?^\}$/m.exec(source) ?? [];
  expect(bash(`${definition}\nremove_images`, { PATH }).status).toBe(0);
  const removed = readFileSync(join(folder, "removed"), "utf8").trim().split(" ").toSorted();
  expect(removed).toEqual(["erlmcp-rig/debian:13", ...jobs].toSorted());
});

describe("an engine that is given by DOCKER_HOST", () => {
  it("is used as it is, and never called ours", () => {
    const PATH = fakeDocker("tcp://elsewhere:2376");
    const script = 'engine_up; compose_variables; printf %s "$DOCKER_HOST"; engine_is_ours && echo " ours" || :';
    const plugins = "has_plugins() { :; }; "; // the stand-in has none, and fetching ours is not what is tested
    expect(bash(plugins + script, { PATH, DOCKER_HOST: "tcp://elsewhere:2376" })).toMatchObject({
      status: 0,
      stdout: "tcp://elsewhere:2376",
    });
  });

  it("is neither restarted nor stopped by test/rig/engine", () => {
    const PATH = fakeDocker("tcp://elsewhere:2376");
    const run = spawnSync("bash", [join(rig, "engine"), "restart"], {
      env: environment({ PATH, DOCKER_HOST: "tcp://elsewhere:2376" }),
      encoding: "utf8",
    });
    expect(run.status).not.toBe(0);
    expect(run.stderr).toContain("the engine is not the rig's");
  });
});
