import { Component, type LedgerLine } from "@erlmcp/entry";
import { canonicalJson, createLedgerSummary, type Manifest, type ManifestSource, type Receipt } from "@erlmcp/manifest";
import type { SourceCounts } from "./contents.ts";
import { finding, type Finding } from "./finding.ts";

export interface Tallied {
  readonly manifest: Manifest;
  readonly receipt: Receipt | undefined;
  /** Of the sources whose entry streams could be read to their end. */
  readonly counts: ReadonlyMap<ManifestSource, SourceCounts>;
  /** Undefined when the ledger could not be read to its end. */
  readonly ledger: LedgerTally | undefined;
  /** Plain bytes in its own packs; undefined when not all of them could be opened. */
  readonly packedBytes: number | undefined;
}

/** The ledger, added up. */
export interface LedgerTally {
  readonly lines: number;
  readonly summary: ReturnType<ReturnType<typeof createLedgerSummary>["result"]>;
  readonly captured: ReadonlyMap<Component, { rows: number; bytes: number; treeRows: number; treeBytes: number }>;
}

/** Adds the ledger up, line by line. */
export function createLedgerTally() {
  const summary = createLedgerSummary();
  const captured = new Map<Component, { rows: number; bytes: number; treeRows: number; treeBytes: number }>();
  let lines = 0;
  return {
    add(line: LedgerLine): void {
      lines += 1;
      summary.add(line);
      if (line.verdict !== "captured") return;
      const sum = captured.get(line.component) ?? { rows: 0, bytes: 0, treeRows: 0, treeBytes: 0 };
      captured.set(line.component, sum);
      sum.rows += line.rows ?? 0;
      sum.bytes += line.bytes ?? 0;
      if (line.name !== ".") return; // of a tree, whose other lines tell of single files
      sum.treeRows += line.rows ?? 0;
      sum.treeBytes += line.bytes ?? 0;
    },
    result: (): LedgerTally => ({ lines, summary: summary.result(), captured }),
  };
}

/** Compares what was counted with what manifest, ledger and receipt say. */
export function compareCounts(tallied: Tallied): Finding[] {
  const { head, contents } = tallied.manifest;
  const found: Finding[] = [];
  const wrong = (object: string, what: string) => found.push(finding(head.id, { object }, what));
  for (const [source, counts] of tallied.counts) found.push(...compareSource(head.id, source, counts));
  const sum = contents.sources.reduce((total, { bytes }) => total + bytes, 0);
  const stored = head.packs.reduce((total, { bytes }) => total + bytes, head.index.bytes);
  const { sizes } = head;
  if (sizes.source_bytes !== sum)
    wrong("manifest.json", `source_bytes is ${sizes.source_bytes}, its sources have ${sum}`);
  if (sizes.stored_bytes !== stored)
    wrong("manifest.json", `stored_bytes is ${sizes.stored_bytes}, its objects have ${stored}`);
  if (tallied.packedBytes !== undefined && sizes.new_bytes !== tallied.packedBytes) {
    wrong("manifest.json", `new_bytes is ${sizes.new_bytes}, its packs hold ${tallied.packedBytes}`);
  }
  if (tallied.ledger !== undefined) found.push(...compareLedger(tallied, tallied.ledger));
  return found;
}

function compareSource(id: string, source: ManifestSource, counts: SourceCounts): Finding[] {
  const pairs = [
    ["entries", source.entry_count, counts.entries],
    ["rows", source.rows, counts.rows],
    ["bytes", source.bytes, counts.bytes],
  ] as const;
  return pairs
    .filter(([, told, counted]) => told !== counted)
    .map(([name, told, counted]) =>
      finding(
        id,
        { component: source.component, source: source.name },
        `the manifest says ${told} ${name}, its entries have ${counted}`,
      ),
    );
}

function compareLedger(tallied: Tallied, ledger: LedgerTally): Finding[] {
  const { manifest, receipt } = tallied;
  const { head, contents } = manifest;
  const { summary } = ledger;
  const found: Finding[] = [];
  const wrong = (object: string, what: string) => found.push(finding(head.id, { object }, what));
  if (contents.ledger_lines !== ledger.lines) {
    wrong("manifest.json", `ledger_lines is ${contents.ledger_lines}, the ledger has ${ledger.lines}`);
  }
  if (head.complete !== summary.complete)
    wrong("manifest.json", `complete is ${head.complete}, the ledger says otherwise`);
  if (contents.grade !== summary.grade)
    wrong("manifest.json", `grade is ${contents.grade}, the ledger says ${summary.grade}`);
  for (const name of ["components", "ledger", "grades", "grade"] as const) {
    if (receipt === undefined || canonicalJson(receipt[name]) === canonicalJson(summary[name])) continue;
    wrong("receipt.json", `its ${name} is not what the ledger adds up to`);
  }
  if (tallied.counts.size === contents.sources.length) found.push(...compareComponents(tallied, ledger));
  return found;
}

/** The ledger's captured lines of a component against the entries of its sources. */
function compareComponents({ manifest, counts }: Tallied, { captured }: LedgerTally): Finding[] {
  const { id } = manifest.head;
  const found: Finding[] = [];
  for (const component of Component.options) {
    const sum = { rows: 0, bytes: 0, files: 0, fileBytes: 0 };
    for (const [source, counted] of counts) {
      if (source.component !== component) continue;
      sum.rows += counted.rows;
      sum.bytes += counted.bytes;
      sum.files += counted.files;
      sum.fileBytes += counted.fileBytes;
    }
    const told = captured.get(component) ?? { rows: 0, bytes: 0, treeRows: 0, treeBytes: 0 };
    const pairs: (readonly [string, number, number])[] = pairsOf(component, told, sum);
    for (const [name, ledger, counted] of pairs) {
      if (ledger === counted) continue;
      found.push(finding(id, { component }, `the ledger says ${ledger} ${name}, the entries have ${counted}`));
    }
  }
  return found;
}

function pairsOf(
  component: Component,
  told: { rows: number; bytes: number; treeRows: number; treeBytes: number },
  sum: { rows: number; bytes: number; files: number; fileBytes: number },
): (readonly [string, number, number])[] {
  if (component === "postgres") return [["bytes", told.bytes, sum.bytes]]; // its rows are the server's own count
  if (component === "volumes" || component === "config") {
    return [
      ["files", told.treeRows, sum.files],
      ["bytes", told.treeBytes, sum.fileBytes],
    ];
  }
  return [
    ["rows", told.rows, sum.rows],
    ["bytes", told.bytes, sum.bytes],
  ];
}
