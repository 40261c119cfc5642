import { canonicalJson, compareIds, formatVersion, type Chunking, type Cipher } from "@erlmcp/manifest";
import type { CatalogLine } from "./line.ts";

export interface BaseRequirements {
  cipher: Cipher;
  keyIds: readonly string[] | undefined; // of the key in force, one for each salt in use; undefined when there is no key
  chunking: Chunking;
  /** Why a candidate cannot be read after all (manifest damaged, pack missing, wrong key); undefined when it can. */
  unreadable: (id: string) => Promise<string | undefined>;
}

export type BaseChoice =
  | { base: CatalogLine; generation: CatalogLine[]; reason: string } // generation: the base, then its incrementals, oldest first
  | { base: undefined; reason: string };

/**
 * The base for an incremental: the newest restore point that stores everything (a full, or a compliance one, which is
 * a full that lives longer) and was made with what is in force now. An incomplete one will do: an incremental lists everything itself,
 * and needs its base for chunks only.
 */
export async function chooseBase(points: readonly CatalogLine[], needs: BaseRequirements): Promise<BaseChoice> {
  const candidates = points
    .filter((point) => point.type !== "incremental")
    .toSorted((a, b) => compareIds(b.backup_id, a.backup_id));
  if (candidates.length === 0) return { base: undefined, reason: "there is no full yet" };
  const rejected: string[] = [];
  for (const base of candidates) {
    const reason = misfit(base, needs) ?? (await needs.unreadable(base.backup_id));
    if (reason === undefined) {
      const passed = rejected.length === 0 ? "" : `; newer ones do not fit: ${shortList(rejected)}`;
      return {
        base,
        generation: generationOf(points, base),
        reason: `${base.backup_id} is the newest usable full${passed}`,
      };
    }
    rejected.push(`${base.backup_id} ${reason}`);
  }
  return { base: undefined, reason: `no full can be the base: ${shortList(rejected)}` };
}

function misfit(base: CatalogLine, needs: BaseRequirements): string | undefined {
  if (base.format !== formatVersion) return `has format version ${base.format}`;
  if (base.cipher !== needs.cipher) return `has cipher ${base.cipher}, not ${needs.cipher}`;
  if (needs.keyIds !== undefined && !base.key_ids.some((id) => needs.keyIds?.includes(id))) return "has another key";
  if (base.chunking !== canonicalJson(needs.chunking)) return "cuts chunks in another way";
  return undefined;
}

/** The base and its incrementals, oldest first. */
export function generationOf<Point extends CatalogLine>(points: readonly Point[], base: Point): Point[] {
  const incrementals = points.filter((point) => point.base === base.backup_id);
  return [base, ...incrementals.toSorted((a, b) => compareIds(a.backup_id, b.backup_id))];
}

function shortList(reasons: readonly string[]): string {
  const shown = reasons.slice(0, 3).join(", ");
  return reasons.length > 3 ? `${shown} and ${reasons.length - 3} more` : shown;
}
