import type { Buffer } from "node:buffer";
import type { TableEntry } from "@erlmcp/entry";
import { encodeTerm, type Term } from "./etf.ts";
import type { RowSum } from "./row-sum.ts";

/** A table's file in the container, and what its rows add up to. */
export interface DrillTable {
  readonly path: string; // in the entry stream
  readonly file: string;
  readonly entry: TableEntry;
  readonly sum: RowSum;
}

/** What one throwaway node is to load. */
export interface DrillNodePlan {
  readonly mnesia:
    | {
        readonly directory: string; // holds FALLBACK.BUP
        readonly peers: readonly string[]; // the other nodes of its cluster that are here
        readonly alone: boolean; // some of the cluster's nodes are not
        readonly tables: readonly { readonly entry: TableEntry; readonly sum: RowSum }[];
      }
    | undefined;
  readonly ets: readonly DrillTable[];
  readonly dets: readonly DrillTable[];
  readonly checks: readonly { readonly erlang: string; readonly expect: string }[];
}

/** The file `plan` that the node reads. */
export function encodeDrillPlan({ mnesia, ets, dets, checks }: DrillNodePlan): Buffer {
  return encodeTerm({
    ...(mnesia && {
      mnesia: {
        directory: mnesia.directory,
        peers: [...mnesia.peers],
        alone: mnesia.alone,
        tables: Object.fromEntries(mnesia.tables.map(({ entry, sum }) => [nameOf(entry), wanted(sum)])),
      },
    }),
    ets: Object.fromEntries(ets.map(({ path, file, sum }) => [path, { file, ...wanted(sum) }])),
    dets: Object.fromEntries(
      dets.map(({ path, file, entry: { facts }, sum }) => [
        path,
        {
          file,
          name: typeof facts["name"] === "string" ? facts["name"] : "",
          type: typeof facts["type"] === "string" ? facts["type"] : "",
          keypos: typeof facts["keypos"] === "number" ? facts["keypos"] : 0,
          ...wanted(sum),
        },
      ]),
    ),
    checks: checks.map(({ erlang, expect }) => ({ erlang, expect })),
  });
}

function wanted({ sum, closures }: RowSum): { [key: string]: Term } {
  return { sum: [...sum], closures };
}

/** The name of a Mnesia table. */
export function nameOf({ facts }: TableEntry): string {
  return typeof facts["name"] === "string" ? facts["name"] : "";
}
