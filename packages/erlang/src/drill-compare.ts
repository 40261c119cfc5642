import type { TableEntry } from "@erlmcp/entry";
import { z } from "zod";
import { nameOf, type DrillTable } from "./drill-plan.ts";
import type { RowSum } from "./row-sum.ts";

/** Something that a restored table lacks, or has otherwise. */
export interface TableProblem {
  readonly path: string;
  readonly what: string;
}

/** What was compared, and what was wrong. */
export interface Compared {
  readonly tables: number; // that are as they were captured
  readonly rows: number; // in them
  readonly problems: readonly TableProblem[];
  readonly notes: readonly string[];
}

const words = z.tuple([z.int(), z.int(), z.int(), z.int()]);
const Sums = z.object({ rows: z.int().optional(), sum: words.optional(), open_sum: words.optional() });
const LoadedTable = z.looseObject({ path: z.string(), error: z.string().optional(), ...Sums.shape });
const MnesiaTable = z.looseObject({ name: z.string(), storage: z.string(), ...Sums.shape });

/** The facts that a table must have as they were captured. */
const comparedFacts = {
  ets: ["name", "named", "type", "keypos", "protection", "compressed"],
  dets: ["type", "keypos"],
  mnesia: [
    "type",
    "record_name",
    "attributes",
    "index",
    "ram_copies",
    "disc_copies",
    "disc_only_copies",
    "local_content",
    "majority",
    "load_order",
  ],
} as const;

/** Compares ETS or DETS tables with what a node says it has loaded. Pure. */
export function compareLoaded(
  component: "ets" | "dets",
  wanted: readonly DrillTable[],
  answers: readonly unknown[],
): Compared {
  const found = new Map(answers.map((answer) => LoadedTable.parse(answer)).map((table) => [table.path, table]));
  const gathered = new Gathered();
  for (const { path, entry, sum } of wanted) {
    const table = found.get(path);
    if (table === undefined) gathered.wrong(path, ["the table is missing"]);
    else if (table.error !== undefined) gathered.wrong(path, [`OTP does not load it: ${table.error}`]);
    else gathered.compared({ path, entry, sum }, [...factsOf(component, entry, table), ...rowsOf(sum, entry, table)]);
    if (table !== undefined) gathered.note(path, sum, table);
  }
  return gathered.result();
}

/** One node of a cluster, with what it says of its Mnesia tables. */
export interface MnesiaNode {
  readonly node: string;
  readonly answers: readonly unknown[];
}

/** A captured table: `node` when it is one node's own content. */
export interface MnesiaWanted {
  readonly path: string;
  readonly entry: TableEntry;
  readonly sum: RowSum;
  readonly node: string | undefined;
}

/** @param known names of tables that are defined without having been captured, with the ledger's reason */
export function compareMnesia(
  wanted: readonly MnesiaWanted[],
  nodes: readonly MnesiaNode[],
  known: ReadonlyMap<string, string>,
): Compared {
  const gathered = new Gathered();
  const found = nodes.map(({ node, answers }) => ({ node, tables: answers.map((one) => MnesiaTable.parse(one)) }));
  for (const { path, entry, sum, node } of wanted) {
    const holders = found
      .filter((one) => node === undefined || one.node === node)
      .flatMap((one) => one.tables.filter(({ name }) => name === nameOf(entry)).map((table) => ({ ...one, table })));
    const problems: string[] = [];
    if (holders.length === 0) problems.push("the table is missing");
    else if (holders.every(({ table }) => table.storage === "unknown")) problems.push("no node has a copy of it");
    for (const { node: at, table } of holders) {
      const storage = storageOf(entry, at);
      const differs = [...factsOf("mnesia", entry, table)];
      if (table.storage !== storage) differs.push(`its storage is ${table.storage}, not ${storage}`);
      if (table.storage !== "unknown") differs.push(...rowsOf(sum, entry, table));
      problems.push(...differs.map((what) => `on ${at}: ${what}`));
      gathered.note(path, sum, table);
    }
    gathered.compared({ path, entry, sum }, [...new Set(problems)]);
  }
  const names = new Set(wanted.map(({ entry }) => nameOf(entry)));
  for (const name of new Set(found.flatMap(({ tables }) => tables.map((table) => table.name)))) {
    if (names.has(name)) continue;
    const reason = known.get(name);
    if (reason === undefined) gathered.wrong(name, ["it is defined, and its rows are not in the restore point"]);
    else gathered.say(`mnesia ${name} is empty: it was not captured (${reason})`);
  }
  return gathered.result();
}

/** Of a table on one node, as its definition says. */
function storageOf({ facts }: TableEntry, node: string): string {
  const kinds = ["ram_copies", "disc_copies", "disc_only_copies"] as const;
  const has = (kind: (typeof kinds)[number]): boolean => {
    const nodes = facts[kind];
    return Array.isArray(nodes) && nodes.includes(node);
  };
  return kinds.find(has) ?? "unknown";
}

function factsOf(
  component: keyof typeof comparedFacts,
  { facts }: TableEntry,
  table: Readonly<Record<string, unknown>>,
): string[] {
  return comparedFacts[component].flatMap((fact) => {
    const [wanted, there] = [plain(facts[fact], fact), plain(table[fact], fact)];
    return wanted === there || facts[fact] === undefined ? [] : [`its ${fact} is ${there}, not ${wanted}`];
  });
}

/** `true` and `"true"` are the same word. Nodes and positions have no order of their own; attributes do. */
function plain(value: unknown, fact: string): string {
  if (!Array.isArray(value)) return String(value);
  const texts = value.map(String);
  return `[${(fact === "attributes" ? texts : texts.toSorted((a, b) => (a < b ? -1 : 1))).join(",")}]`;
}

function rowsOf(wanted: RowSum, { rows }: TableEntry, table: z.infer<typeof Sums>): string[] {
  const problems: string[] = [];
  if (wanted.rows !== rows) problems.push(`the restore point holds ${wanted.rows} rows of it, and says ${rows}`);
  if (table.rows !== wanted.rows) problems.push(`it has ${table.rows ?? "no"} rows, not ${wanted.rows}`);
  else if (!sameRows(wanted, table)) problems.push("its rows are others: their checksum differs");
  return problems;
}

function sameRows({ sum, openSum, closures }: RowSum, table: z.infer<typeof Sums>): boolean {
  if (String(table.sum) === String(sum)) return true;
  return closures > 0 && String(table.open_sum) === String(openSum);
}

class Gathered {
  #tables = 0;
  #rows = 0;
  readonly #problems: TableProblem[] = [];
  readonly #notes = new Set<string>();

  compared({ path, entry }: { path: string; entry: TableEntry; sum: RowSum }, problems: readonly string[]): void {
    this.wrong(path, problems);
    if (problems.length > 0) return;
    this.#tables += 1;
    this.#rows += entry.rows;
  }

  wrong(path: string, problems: readonly string[]): void {
    this.#problems.push(...problems.map((what) => ({ path, what })));
  }

  /** A checksum that leaves rows out is no proof of them. */
  note(path: string, { sum, closures }: RowSum, table: z.infer<typeof Sums>): void {
    if (closures > 0 && String(table.sum) !== String(sum)) {
      this.say(`${path}: ${closures} rows hold closures, which are counted and not compared`);
    }
  }

  say(note: string): void {
    this.#notes.add(note);
  }

  result(): Compared {
    return { tables: this.#tables, rows: this.#rows, problems: this.#problems, notes: [...this.#notes] };
  }
}
