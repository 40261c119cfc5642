import { statfs } from "node:fs/promises";
import type { Engine } from "@erlmcp/docker";
import type { Component } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import { nodesOf } from "@erlmcp/host";
import { roomNeeded } from "@erlmcp/volumes";
import type { Applying } from "./apply.ts";
import type { NodePlace } from "./nodes.ts";
import type { Placed, Problem } from "./plan.ts";
import type { Run } from "./run.ts";
import { targetFolder } from "./targets.ts";

/** Bytes that a file of Erlang's own formats takes for a byte of its rows as we keep them, at most. */
const growth: Partial<Record<Component, number>> = {
  mnesia: 1.2, // a log with a header for each batch of rows
  dets: 2, // blocks of sizes that are powers of two
};

/**
 * Whether there is room for what is built before it is put in its place, and for that in the containers. PostgreSQL is asked
 * with the rest of it, volumes in the worker that has them mounted.
 */
export async function assessRoom(
  run: Run,
  { placed, nodes }: { placed: readonly Placed[]; nodes: readonly NodePlace[] },
): Promise<Problem[]> {
  const problems: Problem[] = [];
  const root = run.settings.values.BACKUP_ROOT;
  const scratch = placed.reduce((sum, { part }) => Math.max(sum, grown(part)), 0);
  const free = await freeIn(root);
  if (scratch > free) problems.push(tooLittle(`${root}, where tables' files are built,`, { needed: scratch, free }));
  for (const { container, directory, recorded } of nodes) {
    const of = placed.find(
      ({ part }) => part.source.component === "mnesia" && nodesOf(part.source).some(({ node }) => node === recorded),
    );
    if (directory === null || of === undefined) continue;
    const there = await freeInContainer(run, container, directory);
    const needed = grown(of.part);
    if (there !== undefined && needed > there) {
      problems.push(tooLittle(`${directory} of node ${recorded}`, { needed, free: there }));
    }
  }
  return problems;
}

function grown({ source, tables }: Placed["part"]): number {
  return tables === undefined ? Math.ceil(source.bytes * (growth[source.component] ?? 0)) : 0;
}

function tooLittle(where: string, { needed, free }: { needed: number; free: number }): Problem {
  return {
    severity: "refuse",
    code: "DISK_FULL",
    message: `${where} needs ${mebibytes(needed)} and has ${mebibytes(free)}`,
    hint: "Make room there first.",
  };
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 / 1024).toLocaleString("en-US")} MiB`;
}

async function freeIn(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Undefined when it cannot be told: the container stands still, has no df, or not yet the folder. */
async function freeInContainer(
  { host, context }: { host: { engine: Pick<Engine, "container" | "run"> }; context: Run["context"] },
  container: string,
  folder: string,
): Promise<number | undefined> {
  if ((await host.engine.container(container)).state !== "running") return undefined;
  const options = { cmd: ["df", "-Pk", folder], stdin: "guard" as const, signal: context.signal };
  const { exitCode, stdout } = await host.engine.run(container, options);
  const kibibytes = /^\S+ +\d+ +\d+ +(\d+) /m.exec(stdout.toString("utf8").split("\n").at(1) ?? "")?.[1];
  return exitCode === 0 && kibibytes !== undefined ? Number(kibibytes) * 1024 : undefined;
}

/** @throws BackupError DISK_FULL naming every volume that cannot hold what is to be put there: before anything is stopped */
export async function requireRoom(run: Applying): Promise<void> {
  const lacking: string[] = [];
  for (const { part, target } of run.placed) {
    if (target.kind !== "volume") continue;
    const folder = targetFolder(target.volume.name);
    const needed = await roomNeeded(run.point.entries(part.source), { target: folder, paths: part.paths });
    const free = await freeIn(folder);
    if (needed > free)
      lacking.push(`volume ${target.volume.name} needs ${mebibytes(needed)} and has ${mebibytes(free)}`);
  }
  if (lacking.length === 0) return;
  throw new BackupError("DISK_FULL", lacking.join("; "), { hint: "Nothing was touched. Make room there first." });
}
