import { join } from "node:path";
import { mkdir } from "node:fs/promises";
import { unpackTree } from "@erlmcp/volumes";
import type { Drilling } from "./drilling.ts";
import { volumeFolder, workFolder } from "./intent.ts";
import type { DrilledTree } from "./plan.ts";
import type { Subject } from "./record.ts";
import { compareTrees, sampleFiles, summarize } from "./tree-counts.ts";
import { findTree, hashFiles } from "./tree-tools.ts";

/** Where a tree is unpacked to: a volume of its own, or a folder. */
export function treeFolder({ key, source }: DrilledTree): string {
  return source.component === "volumes" ? volumeFolder(key) : join(workFolder, key);
}

/** Unpacks every volume and configuration, and has other tools say what is there. */
export async function drillTrees(drilling: Drilling): Promise<void> {
  for (const tree of drilling.plan.trees) {
    drilling.signal.throwIfAborted();
    const subject = { component: tree.source.component, source: tree.source.name };
    drilling.progress.step(`${subject.component} ${subject.source}`);
    drilling.context.log.info(subject, "restoring");
    await drilling.record.attempt(subject, () => drillTree(drilling, tree, subject));
  }
}

async function drillTree(drilling: Drilling, tree: DrilledTree, subject: Subject): Promise<void> {
  const { record, point, signal, progress } = drilling;
  const folder = treeFolder(tree);
  await record.time("load", subject, async () => {
    await mkdir(folder, { recursive: true });
    await unpackTree({
      entries: point.entries(tree.source),
      read: (content) => point.read(content),
      target: folder,
      mode: "fresh",
      signal,
      onBytes: (bytes) => progress.add(bytes),
    });
  });
  await record.time("check", subject, () => checkTree(drilling, tree, subject));
}

async function checkTree({ record, point, signal }: Drilling, tree: DrilledTree, subject: Subject): Promise<void> {
  const folder = treeFolder(tree);
  const wanted = await summarize(point.entries(tree.source));
  const found = await findTree(folder, signal);
  const problems = compareTrees(wanted, found);
  for (const what of problems) record.wrong(subject, what);
  const sample = await sampleFiles(point, tree.source);
  const hashes = await hashFiles(
    folder,
    sample.map(({ path }) => path),
    signal,
  );
  let compared = 0;
  for (const [at, { path, sha256 }] of sample.entries()) {
    if (hashes[at] === sha256) compared += 1;
    else record.wrong(subject, "its content is another one after unpacking", path.toString("utf8"));
  }
  if (problems.length > 0 || compared < sample.length) return;
  const { folders, files, links, others, bytes } = found;
  record.proven.push({
    component: tree.source.component,
    source: tree.source.name,
    counts: { files, folders, links, others, bytes, "contents compared": compared },
  });
}
