import type { TableEntry } from "@erlmcp/entry";
import { compareSchema, planMnesiaPut, type Member } from "@erlmcp/erlang";
import { nodesOf } from "@erlmcp/host";
import type { RestorePoint } from "@erlmcp/restore-point";
import { takes, type Part } from "./parts.ts";
import type { Problem } from "./plan.ts";

/** What decides whether Mnesia's tables may be changed as a restore would. */
export interface MnesiaTerms {
  readonly members: readonly Member[]; // the nodes that run
  readonly renames: ReadonlyMap<string, string>;
  readonly acceptSchema: boolean;
  readonly ramTables: boolean;
}

/** What stands in the way of Mnesia: single tables go into running nodes, all of it replaces their schema too. */
export async function mnesiaProblems(point: RestorePoint, part: Part, terms: MnesiaTerms): Promise<Problem[]> {
  const entries = await mnesiaTables(point, part);
  return part.tables === undefined ? schemaProblems(entries, terms) : tableProblems(entries, part, terms);
}

/** The tables of a part, without the schema where single ones are wanted. */
export async function mnesiaTables(point: Pick<RestorePoint, "entries">, part: Part): Promise<TableEntry[]> {
  const entries: TableEntry[] = [];
  for await (const entry of point.entries(part.source)) {
    if (entry.kind === "table" && takes(part, entry)) entries.push(entry);
  }
  return entries;
}

function schemaProblems(entries: readonly TableEntry[], { members, renames, acceptSchema }: MnesiaTerms): Problem[] {
  const inventories = members.map(({ inventory }) => inventory);
  return compareSchema(entries, { inventories, renames }).map((message) => ({
    severity: acceptSchema ? "warn" : "refuse",
    message,
    hint: acceptSchema ? undefined : "Say --accept-schema-change to have Mnesia's tables as they were then.",
  }));
}

function tableProblems(entries: readonly TableEntry[], { source }: Part, terms: MnesiaTerms): Problem[] {
  const running = new Set(terms.members.map(({ recorded }) => recorded));
  const down = nodesOf(source).filter(({ node }) => !running.has(node));
  const { refused, warnings } = planMnesiaPut(entries, terms);
  const whole = "Leave --table out and say --only=mnesia to have all of Mnesia back, its nodes stopped meanwhile.";
  return [
    ...down.map(({ node }) =>
      refuse(`the node that was ${node} does not run: single tables need it`, "Start it first."),
    ),
    ...refused.map((message) =>
      refuse(message, message.includes("in memory alone") ? "Say --accept-ram-tables if it is what you want." : whole),
    ),
    ...warnings.map((message) => ({ severity: "warn" as const, message, hint: undefined })),
  ];
}

function refuse(message: string, hint: string): Problem {
  return { severity: "refuse", message, hint };
}
