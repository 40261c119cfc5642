import { compareTree, unpackTree, type TreeComparison } from "@erlmcp/volumes";
import type { Applied, Applying } from "./apply.ts";
import type { Compared, Difference } from "./compare.ts";
import type { Placed } from "./plan.ts";
import { targetFolder } from "./targets.ts";

/** Changes a volume in place into what was captured, or some paths of it, and compares it then: nobody else writes there yet. */
export async function putVolume(run: Applying, { part }: Placed, volume: string): Promise<Applied> {
  const { source, paths } = part;
  const target = targetFolder(volume);
  const { unread, ...counts } = await unpackTree({
    entries: run.point.entries(source),
    read: (content) => run.point.read(content),
    target,
    mode: "in-place",
    paths,
    others: run.undoing === true ? "remove" : undefined,
    tag: run.intent.tag,
    signal: run.signal,
    onBytes: (bytes) => run.progress.add(bytes),
  });
  const comparison = await compareTree({ entries: run.point.entries(source), target, paths, signal: run.signal });
  const trusted = unread === 0 ? "" : `; ${unread.toLocaleString("en-US")} not read again: inode and times as captured`;
  return {
    component: source.component,
    source: source.name,
    targets: [volume],
    counts: { ...counts, unread },
    notes: [],
    compared: comparedTree(part, comparison, `name, kind, size, owner, mode, time; content as written${trusted}`),
  };
}

/** What comparing a tree gave, in the words of all comparisons. Nothing accounts for a difference in files that nobody uses. */
export function comparedTree(
  { source }: Placed["part"],
  { equal, differences }: TreeComparison,
  how: string,
): Compared {
  const { component, name } = source;
  const failed: Difference[] = differences.map(({ path, ...one }) => ({ ...one, name: path, weight: "fails" }));
  return { component, source: name, things: "files, folders and links", equal, differences: failed, how };
}
