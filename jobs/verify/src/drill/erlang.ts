import type { HeldContainer } from "@erlmcp/docker";
import { compareLoaded, compareMnesia, openDrillNode, type Compared, type DrillNode } from "@erlmcp/erlang";
import { BackupError } from "@erlmcp/errors";
import type { ManifestSource } from "@erlmcp/manifest";
import { evaluateChecks } from "./erlang-checks.ts";
import { holdContainer } from "./containers.ts";
import type { Drilling } from "./drilling.ts";
import { newCookie, writeNodeFiles, writeNodePlan, type MnesiaTable, type NodeFiles } from "./erlang-files.ts";
import type { DrilledNode } from "./plan.ts";
import type { Subject } from "./record.ts";

/** A node that is up. */
export interface UpNode {
  readonly files: NodeFiles;
  readonly session: DrillNode;
}

/**
 * Has bare nodes, of the recorded release and name, load Mnesia, ETS and DETS by OTP's own functions; the nodes of a cluster
 * together. @returns the files, for the application
 */
export async function drillNodes(drilling: Drilling): Promise<NodeFiles[]> {
  const { plan, record } = drilling;
  const held: HeldContainer[] = [];
  const up: UpNode[] = [];
  const written: NodeFiles[] = [];
  const cookie = newCookie();
  const checks = drilling.checks.flatMap((check) => ("erlang" in check ? [check] : []));
  try {
    for (const node of plan.nodes) {
      drilling.signal.throwIfAborted();
      drilling.progress.step(`node ${node.node}`);
      drilling.context.log.info({ node: node.node }, "restoring");
      const subject = subjectOf(node);
      const files = await record.attempt(subject, () =>
        record.time("load", subject, () => writeNodeFiles(drilling, node)),
      );
      if (files === undefined) continue;
      written.push(files);
      await writeNodePlan(files, { checks, cookie });
      const session = await record.attempt(subject, () =>
        record.time("prepare", subject, () => startNode(drilling, files, held)),
      );
      if (session !== undefined) up.push({ files, session });
    }
    await loadMnesia(drilling, up);
    for (const one of up) await loadTables(drilling, one);
    await evaluateChecks(drilling, up, checks);
    for (const { session } of up) await session.close();
  } finally {
    for (const container of held) await container.end();
  }
  return written;
}

/** Of what belongs to a node as a whole. */
function subjectOf({ mnesia, ets, dets }: DrilledNode): Subject {
  const source = mnesia ?? ets ?? dets;
  return { component: source?.component ?? null, source: source?.name ?? null };
}

async function startNode(drilling: Drilling, files: NodeFiles, held: HeldContainer[]): Promise<DrillNode> {
  const { node, folder } = files;
  const { engine } = drilling.host;
  const container = await holdContainer(drilling, { key: node.key, place: node.place, node: node.node, user: "0" });
  held.push(container);
  const session = await openDrillNode({
    engine,
    container: container.id,
    node: node.node,
    folder,
    signal: drilling.signal,
  });
  if (session.otp !== node.otp) {
    throw new BackupError(
      "CONFIG_INVALID",
      `the image for ${node.place.name} has OTP ${session.otp}, and ${node.node} was captured from OTP ${node.otp}`,
      { hint: "Name an image with that release in DRILL_ERLANG_IMAGE." },
    );
  }
  return session;
}

/** Each Mnesia with all of its nodes at the same time: they decide together which copy of a table counts. */
async function loadMnesia(drilling: Drilling, up: readonly UpNode[]): Promise<void> {
  const { record } = drilling;
  for (const source of new Set(up.flatMap(({ files }) => files.node.mnesia ?? []))) {
    const subject = { component: source.component, source: source.name };
    const members = up.filter(({ files }) => files.node.mnesia === source && files.fallback !== undefined);
    if (members.length === 0) continue; // why, is among the findings
    await record.attempt(subject, async () => {
      const loaded = await record.time("load", subject, () =>
        Promise.all(members.map(({ session }) => session.ask("mnesia"))),
      );
      for (const answer of loaded.flat()) noteLate(drilling, subject, answer);
      const compared = await record.time("check", subject, () => checkMnesia(drilling, source, members));
      take(drilling, subject, compared);
    });
    for (const { files } of members) {
      if (!files.node.alone) continue;
      record.notes.push(
        `mnesia ${source.name}: nodes of its cluster are not in the restore point; loaded without them`,
      );
    }
  }
}

function noteLate({ record }: Drilling, subject: Subject, answer: unknown): void {
  if (typeof answer !== "object" || answer === null || !("late" in answer) || !Array.isArray(answer.late)) return;
  for (const table of answer.late) record.wrong(subject, "Mnesia does not load it", String(table));
}

async function checkMnesia(drilling: Drilling, source: ManifestSource, members: readonly UpNode[]): Promise<Compared> {
  const wanted = new Map<string, MnesiaTable>();
  const nodes: { node: string; answers: unknown[] }[] = [];
  for (const { files, session } of members) {
    for (const table of files.mnesia) wanted.set(table.path, table);
    nodes.push({ node: files.node.node, answers: await session.ask("mnesia_check") });
  }
  return compareMnesia([...wanted.values()], nodes, await leftOut(drilling, source));
}

/** Mnesia tables that the ledger says were not captured, with the reason. */
async function leftOut({ point }: Drilling, { name }: ManifestSource): Promise<Map<string, string>> {
  const known = new Map<string, string>();
  for await (const line of point.ledger()) {
    if (line.component !== "mnesia" || line.source !== name || line.verdict === "captured") continue;
    known.set(line.name.split(" on ")[0] ?? line.name, line.reason ?? line.verdict);
  }
  return known;
}

async function loadTables(drilling: Drilling, { files, session }: UpNode): Promise<void> {
  const { record } = drilling;
  for (const component of ["ets", "dets"] as const) {
    const source = files.node[component];
    if (source === undefined) continue;
    const subject: Subject = { component, source: source.name };
    drilling.progress.step(`${component} ${source.name}`);
    await record.attempt(subject, async () => {
      const errors = await record.time("load", subject, () => session.ask(component));
      const found = await record.time("check", subject, () => session.ask(`${component}_check`));
      take(drilling, subject, compareLoaded(component, files[component], [...errors, ...found]));
    });
  }
}

function take({ record }: Drilling, { component, source }: Subject, compared: Compared): void {
  for (const { path, what } of compared.problems) record.wrong({ component, source }, what, path);
  record.notes.push(...compared.notes.map((note) => `${component} ${source}: ${note}`));
  if (component === null || source === null || compared.problems.length > 0) return;
  record.proven.push({ component, source, counts: { tables: compared.tables, rows: compared.rows } });
}
