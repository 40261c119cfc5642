import { z } from "zod";
import { quoteIdentifier, quoteLiteral } from "./access.ts";
import type { TableName } from "./recorded.ts";

/** A table as a database describes it, as far as its rows have to fit. */
export const TableDefinition = z.object({
  kind: z.string(), // r: an ordinary table
  columns: z.array(z.object({ name: z.string(), definition: z.string(), generated: z.boolean() })),
  constraints: z.array(z.object({ name: z.string(), definition: z.string() })),
  referencedBy: z.array(z.string()), // tables whose foreign keys point to it
  triggers: z.array(z.object({ name: z.string(), enabled: z.string() })), // of users; O, A or R
  sequences: z.array(z.object({ column: z.string(), sequence: z.string() })), // ascending ones that it owns
});
export type TableDefinition = z.infer<typeof TableDefinition>;

/** Names in what the server prints are whole only without a search path. */
const plainPath = `SELECT pg_catalog.set_config('search_path', '', false) \\g /dev/null\n`;

/** Prints one line of JSON, or none when there is no such table. */
export function definitionSql({ schema, name }: Pick<TableName, "schema" | "name">): string {
  return `${plainPath}SELECT replace(json_build_object(
  'kind', c.relkind,
  'columns', (SELECT coalesce(json_agg(json_build_object('name', a.attname, 'generated', a.attgenerated <> '',
      'definition', concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
        'COLLATE ' || (SELECT l.collname::text FROM pg_collation l WHERE l.oid = a.attcollation),
        CASE WHEN a.attidentity <> '' THEN 'IDENTITY ' || a.attidentity::text END,
        CASE WHEN a.attgenerated <> '' THEN 'GENERATED' WHEN d.oid IS NOT NULL THEN 'DEFAULT' END,
        pg_get_expr(d.adbin, d.adrelid))) ORDER BY a.attnum), '[]')
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  'constraints', (SELECT coalesce(json_agg(json_build_object('name', k.conname, 'definition', pg_get_constraintdef(k.oid))
    ORDER BY k.conname), '[]') FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype <> 't'),
  'referencedBy', (SELECT coalesce(json_agg(DISTINCT k.conrelid::regclass::text), '[]') FROM pg_constraint k
    WHERE k.confrelid = c.oid AND k.conrelid <> c.oid AND k.contype = 'f'),
  'triggers', (SELECT coalesce(json_agg(json_build_object('name', t.tgname, 'enabled', t.tgenabled) ORDER BY t.tgname), '[]')
    FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'),
  'sequences', (SELECT coalesce(json_agg(json_build_object('column', a.attname, 'sequence', d.objid::regclass::text)), '[]')
    FROM pg_depend d JOIN pg_sequence s ON s.seqrelid = d.objid AND s.seqincrement > 0
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
      AND d.deptype IN ('a', 'i')))::text, chr(10), ' ')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ${quoteLiteral(schema)} AND c.relname = ${quoteLiteral(name)};
`;
}

/** Why rows of a table that was captured can't replace those of the one that is there. */
export function definitionProblems(live: TableDefinition, captured: TableDefinition): string[] {
  return [
    ...liveProblems(live),
    ...compareNamed("column", live.columns, captured.columns),
    ...compareNamed("constraint", live.constraints, captured.constraints),
  ];
}

/** What can be said without the captured one. */
export function liveProblems({ kind, referencedBy }: TableDefinition): string[] {
  if (kind === "p") return ["it is partitioned, and its rows lie in its partitions: name one of those"];
  if (kind !== "r") return ["it is no table with rows of its own"];
  const others = referencedBy.join(", ");
  return others === "" ? [] : [`foreign keys of ${others} point to it: restore the whole database`];
}

interface Named {
  name: string;
  definition: string;
}

function compareNamed(what: string, live: readonly Named[], captured: readonly Named[]): string[] {
  const there = new Map(live.map(({ name, definition }) => [name, definition]));
  const wanted = new Map(captured.map(({ name, definition }) => [name, definition]));
  const problems: string[] = [];
  for (const [name, definition] of wanted) {
    const other = there.get(name);
    if (other === undefined) problems.push(`it has no ${what} ${name}`);
    else if (other !== definition) problems.push(`${what} ${name} is ${other}, and was ${definition}`);
  }
  for (const name of there.keys()) if (!wanted.has(name)) problems.push(`${what} ${name} is new`);
  return problems;
}

export function qualified({ schema, name }: Pick<TableName, "schema" | "name">): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}
