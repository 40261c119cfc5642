import { compareChain } from "./chain.ts";
import { attempt } from "./attempt.ts";
import { createContentWalk, type ContentWalk, type Damage } from "./contents.ts";
import { compareCounts, createLedgerTally, type LedgerTally } from "./counts.ts";
import type { Documents, OpenManifest } from "./documents.ts";
import { finding, objectOf, type Findings } from "./finding.ts";
import { openIndexes, type IndexedPoint, type IndexSet } from "./index-set.ts";
import { checkPack, groupByPack, idOf, packKey, type PackVerdict } from "./packs.ts";
import { inParallel } from "./parallel.ts";
import type { Proven } from "./proven.ts";
import type { Shared } from "./shared.ts";
import { decodeLedger, type Manifest } from "@erlmcp/manifest";
import { indexName, packName, PackError } from "@erlmcp/pack";

export interface FullRequest {
  readonly documents: Documents;
  readonly manifest: OpenManifest & Manifest;
  readonly findings: Findings;
  readonly proven: Proven;
}

/** Opens and compares all that a restore point holds and needs. Its documents have been read. */
export async function verifyContents(shared: Shared, request: FullRequest): Promise<void> {
  const { manifest, findings, proven } = request;
  const { id, depends_on } = manifest.head;
  const bases = new Map<string, OpenManifest>();
  for (const other of depends_on) {
    const opened = (await shared.documentsOf(other)).manifest;
    if (opened !== undefined) bases.set(other, opened);
  }
  findings.add(...compareChain(manifest, bases));
  const points: IndexedPoint[] = [];
  for (const [one, { head, key }] of [[id, manifest] as const, ...bases]) {
    const checked = await shared.checkObjects(one, (name) => name === indexName);
    findings.add(...checked.findings);
    proven.objects += checked.objects;
    proven.bytes += checked.bytes;
    points.push({ id: one, key, packs: head.packs.length, damaged: checked.findings.length > 0 });
  }
  const set = await openIndexes(shared.objects, points);
  try {
    for (const { id: of, what } of set.problems) findings.add(finding(of, { object: indexName }, what));
    await walkAndOpen(shared, request, { set, bases });
  } finally {
    await set.reader.close();
  }
}

interface Opened {
  readonly set: IndexSet;
  readonly bases: ReadonlyMap<string, OpenManifest>;
}

async function walkAndOpen(shared: Shared, request: FullRequest, opened: Opened): Promise<void> {
  const { manifest, findings, proven } = request;
  const { signal } = shared.options;
  const { index, reader } = opened.set;
  const { sources, ledger } = manifest.contents;
  const walk = createContentWalk({ id: manifest.head.id, index, reader, signal, add: (found) => findings.add(found) });
  for (const source of sources) await walk.source(source, proven);
  await walk.content(ledger, {});
  const tally = await readLedger(request, opened.set);
  const { damage, packedBytes } = await openPacks(shared, request, { opened, walk });
  if (damage.size > 0) for (const source of sources) await walk.nameDamaged(source, damage);
  if (tally !== undefined) proven.ledgerLines += tally.lines;
  const { receipt } = request.documents;
  findings.add(...compareCounts({ manifest, receipt, counts: walk.counts(), ledger: tally, packedBytes }));
}

/** More lines than any ledger has: it is held in memory while it is made. */
const ledgerLimit = 50_000_000;

async function readLedger({ manifest, findings }: FullRequest, { reader }: IndexSet): Promise<LedgerTally | undefined> {
  const { id } = manifest.head;
  const tally = createLedgerTally();
  let lines = 0;
  const read = await attempt(async () => {
    try {
      for await (const line of decodeLedger(reader.read(manifest.contents.ledger), "the ledger")) {
        lines += 1;
        if (lines > ledgerLimit) return "it has more lines than a ledger can have";
        tally.add(line);
      }
      return undefined;
    } catch (error) {
      if (error instanceof PackError) return error;
      throw error;
    }
  });
  const problem = "problem" in read ? read.problem : read.value;
  if (problem === undefined) return tally.result();
  if (problem instanceof PackError) {
    const { restorePoint, number, offset, chunk } = problem.place;
    const object = objectOf(id, restorePoint, packName(number));
    findings.add(finding(id, { object, offset, chunk: chunk ?? null }, `the ledger: ${problem.what}`));
  } else findings.add(finding(id, {}, `the ledger: ${problem}`));
  return undefined;
}

/** Opens all packs of the restore point, and of those it depends on the packs that it needs. */
async function openPacks(
  shared: Shared,
  request: FullRequest,
  { opened, walk }: { opened: Opened; walk: ContentWalk },
): Promise<{ damage: Damage; packedBytes: number | undefined }> {
  const { manifest, findings, proven } = request;
  const { set } = opened;
  const groups = groupByPack(set.index);
  const todo = packsToOpen(manifest, { opened, walk });
  const known = new Set(todo.map(({ key }) => key));
  shared.options.progress?.expect(
    todo.filter(({ name }) => !shared.packs.has(name)).reduce((sum, { expected }) => sum + expected.bytes, 0),
  );
  const verdicts = await inParallel(todo, shared.examiner.threads + 1, async (pack) => {
    const before = shared.packs.get(pack.name);
    if (before !== undefined) return before;
    const chunks = groups.get(pack.key) ?? new Uint32Array(0);
    const tools = { objects: shared.objects, examiner: shared.examiner, reader: set.reader };
    const verdict = await checkPack(tools, { ...pack, index: set.index, chunks, key: pack.secret });
    shared.packs.set(pack.name, verdict);
    return verdict;
  });
  const damage = new Map<number, ReadonlySet<string>>();
  let packedBytes: number | undefined = 0;
  verdicts.forEach((verdict, at) => {
    const pack = todo[at];
    if (pack === undefined) return;
    findings.add(...verdict.findings);
    addCounts(proven, verdict);
    if (verdict.damaged.size > 0) damage.set(pack.key, verdict.damaged);
    if (pack.id !== manifest.head.id) return;
    const whole = verdict.findings.length === 0 ? verdict.counts?.plainBytes : undefined;
    packedBytes = packedBytes === undefined || whole === undefined ? undefined : packedBytes + whole;
  });
  const strays = [...groups].filter(([key]) => !known.has(key) && walk.needed.has(key));
  for (const [key, chunks] of strays) {
    const first = chunks[0] ?? 0;
    const { restorePoint, segment } = set.index.place(first);
    damage.set(key, new Set(Array.from(chunks, (chunk) => idOf(set.index, chunk))));
    findings.add(
      finding(restorePoint, { object: indexName }, `it names ${packName(segment.pack)}, which the manifest does not`),
    );
  }
  return { damage, packedBytes };
}

function addCounts(proven: Proven, { counts }: PackVerdict): void {
  if (counts === undefined) return;
  proven.objects += 1;
  proven.bytes += counts.storedBytes;
  proven.packs += 1;
  proven.segments += counts.segments;
  proven.chunks += counts.chunks;
  proven.plainBytes += counts.plainBytes;
}

function packsToOpen(manifest: OpenManifest, { opened, walk }: { opened: Opened; walk: ContentWalk }) {
  const owners = opened.set.index.restorePoints();
  return owners.flatMap((id, owner) => {
    const own = id === manifest.head.id;
    const point = own ? manifest : opened.bases.get(id);
    return (point?.head.packs ?? []).flatMap(({ bytes, sha256 }, at) => {
      const number = at + 1;
      const key = packKey(owner, number);
      if (!own && !walk.needed.has(key)) return [];
      const expected = { name: packName(number), bytes, sha256 };
      return [{ id, number, key, expected, secret: point?.key, name: `${id}/${packName(number)}` }];
    });
  });
}
