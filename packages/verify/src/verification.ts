import { BackupError } from "@erlmcp/errors";
import { tryParseId } from "@erlmcp/manifest";
import { createExaminer } from "@erlmcp/pack";
import type { RestorePointAccess } from "@erlmcp/restore-point";
import type { Documents } from "./documents.ts";
import { createFindings, finding, type Finding } from "./finding.ts";
import { verifyContents } from "./full.ts";
import { nothingProven, type Proven } from "./proven.ts";
import { share, type Shared, type VerifyMode, type VerifyOptions } from "./shared.ts";

/** What was found out about one restore point. */
export interface Verdict {
  readonly restorePoint: string;
  readonly mode: VerifyMode;
  readonly dependsOn: readonly string[];
  readonly findings: readonly Finding[];
  readonly omitted: number; // findings beyond those listed
  readonly notes: readonly string[];
  readonly proven: Proven;
}

/** Verifies restore points of one repository, whatever they share just once. `close` it on every way out. */
export interface Verification {
  /**
   * What is damaged is in the findings.
   *
   * @throws BackupError NOT_FOUND when there is no such folder; KEY_MISSING, KEY_WRONG; FORMAT_UNKNOWN; what the store fails with
   */
  verify(id: string): Promise<Verdict>;
  close(): Promise<void>;
}

export function createVerification(options: VerifyOptions): Verification {
  const examiner = createExaminer({ threads: options.threads ?? 0, worker: options.worker });
  const shared = share(options, examiner);
  return {
    verify: async (id) => verify(shared, id),
    close: async () => examiner.close(),
  };
}

/** Verifies one restore point and all that it depends on. */
export async function verifyRestorePoint(id: string, options: VerifyOptions): Promise<Verdict> {
  const verification = createVerification(options);
  try {
    return await verification.verify(id);
  } finally {
    await verification.close();
  }
}

async function verify(shared: Shared, id: string): Promise<Verdict> {
  const { options } = shared;
  options.progress?.step(`verifying ${id}`);
  const present = await namesIn(options.access, id);
  if (tryParseId(id) === undefined || present.length === 0) {
    throw new BackupError("NOT_FOUND", `there is no restore point ${id}`, { hint: "See backup --list." });
  }
  const findings = createFindings();
  const proven = nothingProven();
  const documents = await shared.documentsOf(id);
  findings.add(...documents.findings);
  count(proven, documents.read);
  const dependsOn = documents.manifest?.head.depends_on ?? [];
  for (const other of dependsOn) {
    findings.add(...(await documentsOfBase(shared, { id, other, proven })));
  }
  const contents = documents.manifest?.contents;
  if (options.mode === "full" && documents.manifest !== undefined && contents !== undefined) {
    await verifyContents(shared, { documents, manifest: { ...documents.manifest, contents }, findings, proven });
  } else {
    for (const one of [id, ...dependsOn]) {
      const checked = await shared.checkObjects(one, () => true);
      findings.add(...checked.findings);
      count(proven, checked);
    }
  }
  return {
    restorePoint: id,
    mode: options.mode,
    dependsOn,
    findings: findings.list,
    omitted: findings.omitted,
    notes: strangers(documents, present),
    proven,
  };
}

function count(proven: Proven, { objects, bytes }: { objects: number; bytes: number }): void {
  proven.objects += objects;
  proven.bytes += bytes;
}

async function documentsOfBase(
  shared: Shared,
  { id, other, proven }: { id: string; other: string; proven: Proven },
): Promise<readonly Finding[]> {
  if ((await namesIn(shared.options.access, other)).length === 0) {
    return [finding(other, {}, `it is missing, and ${id} depends on it`)];
  }
  const documents = await shared.documentsOf(other);
  count(proven, documents.read);
  return documents.findings;
}

/** What lies in the folder of a restore point. */
async function namesIn({ store }: RestorePointAccess, id: string): Promise<string[]> {
  if (tryParseId(id) === undefined) return [];
  const names: string[] = [];
  for await (const { key } of store.list(`${id}/`)) names.push(key.slice(id.length + 1));
  return names;
}

/** Whatever else lies there does no harm, and an operator may want to know. */
function strangers({ objects }: Documents, present: readonly string[]): string[] {
  const known = new Set([
    "manifest.json",
    "checksums.sha256",
    "receipt.json",
    "chunks.idx",
    ...objects.map(({ name }) => name),
  ]);
  const strange = present.filter((name) => !known.has(name));
  if (strange.length === 0) return [];
  const more = strange.length > 5 ? ` and ${strange.length - 5} more` : "";
  return [`it also holds ${strange.slice(0, 5).join(", ")}${more}, which its manifest does not name`];
}
