import { randomBytes } from "node:crypto";
import { BackupError } from "@erlmcp/errors";
import { accessTo, openLocal, runInSibling } from "@erlmcp/host";
import type { Repository } from "@erlmcp/fs";
import type { JobOutcome } from "@erlmcp/job";
import { openRestorePoint, type RestorePoint } from "@erlmcp/restore-point";
import { chooseRestorePoint } from "./choose.ts";
import { lookAround } from "./here.ts";
import { estimate, readTimings, type Estimate } from "./estimate.ts";
import { askHealthUrl } from "./health-url.ts";
import { openJournal, rebound, type Journal } from "./journal.ts";
import { placeNodes } from "./nodes.ts";
import { askServers } from "./put-postgres.ts";
import { selectParts } from "./parts.ts";
import { asleep, describePlan, planAsData, planRestore, type Plan } from "./plan.ts";
import { verifyFirst } from "./preflight.ts";
import { assessRoom } from "./room.ts";
import type { Run } from "./run.ts";
import { takeSafetyBackup } from "./safety.ts";
import { selectionIn, selectionOf } from "./selection.ts";
import { targetFolder } from "./targets.ts";

/** In the worker: the journal to begin with, as JSON. */
export const intentVariable = "ERLMCP_RESTORE_INTENT";

/** Decides everything before anything is touched, then has a worker do it that has the volumes mounted. */
export async function launch(run: Run): Promise<JobOutcome> {
  const { context, request, settings } = run;
  const repository = await openLocal(settings);
  const unfinished = await openJournal(repository.root).read();
  if (request.action === "resume" || request.action === "abort") return goOn(run, repository, unfinished);
  if (unfinished !== undefined && !request.dryRun) throw cutOff(unfinished);
  const { id, warning } = await chooseRestorePoint(repository.store, request);
  if (warning !== undefined) context.log.warn({ hint: "Name the one that is meant." }, warning);
  const tag = randomBytes(6).toString("hex");
  const { plan, nodes } = await prepare(run, { repository, id, tag });
  const timing = estimate(plan.guessedSeconds, await readTimings(repository.store));
  if (request.dryRun) return showPlan(run, plan, { id, estimate: timing });
  context.log.info({ seconds: timing.seconds, basis: timing.basis }, "how long it will probably take");
  if (request.verify) await verifyAll(run, repository, id);
  const safety = request.safetyBackup ? await takeSafetyBackup(run, plan) : null;
  const intent: Journal = {
    version: 1,
    tag,
    id,
    safety,
    state: "staging",
    begun_at: context.now().toISOString(),
    ...selectionOf(request),
    nodes,
    stopped: plan.stop.map(({ id: container, name }) => ({ id: container, name })),
  };
  return startWorker(run, plan, intent);
}

async function goOn(run: Run, repository: Repository, intent: Journal | undefined): Promise<JobOutcome> {
  const { request } = run;
  if (intent === undefined) {
    throw new BackupError("NOT_FOUND", `there is no restore to ${request.action}: none was cut off`, {
      hint: "restore --list shows the restore points.",
    });
  }
  const { id, safety } = intent;
  if (request.action === "abort" && intent.state === "finishing") {
    throw new BackupError("USAGE", `the restore of ${id} cannot be undone: it is complete but for tidying up`, {
      hint: `Finish it with restore --resume; then restore ${safety ?? "another restore point"} to go back.`,
    });
  }
  const untouched = intent.state === "staging" || intent.state === "unstaging";
  if (request.action === "abort" && safety === null && !untouched) {
    throw new BackupError("USAGE", `the restore of ${id} cannot be undone: it was begun without a safety backup`, {
      hint: "Finish it with restore --resume.",
    });
  }
  const { containers } = await lookAround(run.host, run.settings);
  const { plan } = await withPoint(run, { repository, id }, (point) =>
    planFor(run, { point, tag: intent.tag, intent }),
  );
  refuse(plan);
  const back = untouched ? "unstaging" : "undoing";
  return startWorker(run, plan, {
    ...rebound(intent, containers),
    state: request.action === "abort" ? back : intent.state,
  });
}

/** What is damaged so that not even a plan can be made is named all the same, and all of it. */
async function prepare(
  run: Run,
  { repository, id, tag }: { repository: Repository; id: string; tag: string },
): Promise<Prepared> {
  const { request, context } = run;
  try {
    return await withPoint(run, { repository, id }, async (point) => {
      const made = await planFor(run, { point, tag });
      if (request.dryRun) return made;
      refuse(made.plan);
      for (const { message, hint } of made.plan.problems) context.log.warn({ hint }, message);
      return made;
    });
  } catch (error) {
    const isDamage = error instanceof BackupError && error.code === "CORRUPT";
    if (isDamage && request.verify && !request.dryRun) await verifyAll(run, repository, id);
    throw error;
  }
}

async function verifyAll({ context, request, encryption }: Run, repository: Repository, id: string): Promise<void> {
  const access = accessTo(repository, encryption);
  const worker = new URL("./worker.mjs", import.meta.url);
  await verifyFirst({ context, quiet: request.quiet, access, id, worker });
}

async function withPoint<T>(
  { settings, encryption }: Run,
  { repository, id }: { repository: Repository; id: string },
  use: (point: RestorePoint) => Promise<T>,
): Promise<T> {
  try {
    const point = await openRestorePoint(accessTo(repository, encryption), id);
    try {
      return await use(point);
    } finally {
      await point.close();
    }
  } catch (error) {
    if (error instanceof BackupError && error.code === "CORRUPT") throw damaged(error, settings.values.BACKUP_ROOT);
    throw error;
  }
}

function damaged(error: BackupError, root: string): BackupError {
  return new BackupError("CORRUPT", error.message, {
    hint: `Nothing was touched. Run verify, and restore another one (restore --list) of ${root}.`,
    cause: error.cause,
  });
}

interface Prepared {
  readonly plan: Plan;
  readonly nodes: Journal["nodes"];
}

async function planFor(
  run: Run,
  { point, tag, intent }: { point: RestorePoint; tag: string; intent?: Journal },
): Promise<Prepared> {
  const renames = intent === undefined ? run.request.renames : new Map(Object.entries(intent.renames));
  const parts = await selectParts(point, intent === undefined ? run.request.select : selectionIn(intent));
  const { here, containers } = await lookAround(run.host, run.settings);
  const plan = planRestore(parts, { here, containers, renames });
  if (intent !== undefined) return { plan, nodes: intent.nodes }; // the nodes may stand still, and were asked then
  const { nodes, problems } = await placeNodes(run, { point, placed: plan.placed, here, renames });
  const { signal } = run.context;
  problems.push(...asleep(plan), ...(await askServers({ run, point, tag, signal }, plan.placed)));
  problems.push(...(await assessRoom(run, { placed: plan.placed, nodes })), ...(await askHealthUrl(run)));
  return { plan: { ...plan, problems: [...plan.problems, ...problems] }, nodes };
}

/** Everything that stands in the way, in one error: the first decides its code. */
function refuse({ problems }: Plan): void {
  const refused = problems.filter(({ severity }) => severity === "refuse");
  const [first] = refused;
  if (first === undefined) return;
  const all = refused.map(({ message, hint }) =>
    hint === undefined || refused.length === 1 ? message : `${message} (${hint.replace(/\.$/, "")})`,
  );
  const named = all.length === 1 ? all : all.map((text, at) => `${at + 1}. ${text}`);
  const hint = refused.length === 1 ? first.hint : undefined;
  throw new BackupError(first.code ?? "NOT_FOUND", named.join("; "), {
    hint: `Nothing was touched. ${hint ?? "restore ID --dry-run shows the plan."}`,
  });
}

function showPlan({ context, request }: Run, plan: Plan, told: { id: string; estimate: Estimate }): JobOutcome {
  const text = request.json
    ? JSON.stringify(planAsData(plan, told), undefined, 2)
    : describePlan(plan, told).join("\n");
  context.stdout.write(`${text}\n`);
  return { exitCode: 0 };
}

function cutOff({ id, begun_at, safety, state }: Journal): BackupError {
  const undo =
    safety === null && state !== "staging" && state !== "unstaging" ? "" : ", or undo it with restore --abort";
  return new BackupError("LOCKED", `a restore of ${id}, begun at ${begun_at}, was cut off`, {
    hint: `Finish it with restore --resume${undo}.`,
  });
}

function startWorker({ context, host, settings }: Run, plan: Plan, intent: Journal): Promise<JobOutcome> {
  const volumes = plan.placed.flatMap(({ target }) => (target.kind === "volume" ? [target.volume.name] : []));
  return runInSibling(context, host, {
    service: "restore",
    mounts: [...new Set(volumes)].map((volume) => ({ volume, target: targetFolder(volume), readOnly: false })),
    env: { [intentVariable]: JSON.stringify(intent) },
    afterKill: async () => {
      if ((await openJournal(settings.values.BACKUP_ROOT).read()) === undefined) return; // it had not begun
      throw new BackupError("FAILED", `the restore of ${intent.id} was killed half-way`, {
        hint: "Finish it with restore --resume, or undo it with restore --abort.",
      });
    },
  });
}
