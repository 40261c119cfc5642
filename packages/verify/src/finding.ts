import type { Component } from "@erlmcp/entry";

/** One thing that is wrong. What is not known, or does not apply, is null. */
export interface Finding {
  readonly restorePoint: string; // whose object or contents it is
  readonly object: string | null; // the stored object: "packs/000001.pack"; of a base with its ID: "erlmcp_full_…/packs/000001.pack"
  readonly offset: number | null; // in the object, bytes
  readonly chunk: string | null; // ID
  readonly component: Component | null;
  readonly source: string | null; // the node, server, volume or container
  readonly path: string | null; // of the table, dump or file in its source
  readonly what: string;
}

/** An object as a finding about `restorePoint` names it. */
export function objectOf(restorePoint: string, owner: string, name: string): string {
  return owner === restorePoint ? name : `${owner}/${name}`;
}

export type Place = Partial<Omit<Finding, "restorePoint" | "what">>;

export function finding(restorePoint: string, place: Place, what: string): Finding {
  const nowhere = { object: null, offset: null, chunk: null, component: null, source: null, path: null };
  return { restorePoint, ...nowhere, ...place, what };
}

/** A report that nobody can read helps nobody: of more findings only the number is kept. */
export const findingLimit = 10_000;

export interface Findings {
  add(...found: readonly Finding[]): void;
  readonly list: readonly Finding[];
  readonly omitted: number;
}

export function createFindings(): Findings {
  const list: Finding[] = [];
  let omitted = 0;
  return {
    list,
    get omitted() {
      return omitted;
    },
    add(...found) {
      for (const one of found) {
        if (list.length < findingLimit) list.push(one);
        else omitted += 1;
      }
    },
  };
}

/** In one line: `packs/000001.pack at offset 16: volumes data etc/app.conf: chunk 1234…: what`. */
export function describeFinding({
  restorePoint,
  object,
  offset,
  chunk,
  component,
  source,
  path,
  what,
}: Finding): string {
  const stored = object === null ? undefined : offset === null ? object : `${object} at offset ${offset}`;
  const captured = [component, source, path].filter((part) => part !== null).join(" ");
  const named = chunk === null || what.includes(chunk) ? undefined : `chunk ${chunk}`;
  return [restorePoint, stored, captured === "" ? undefined : captured, named, what]
    .filter((part) => part !== undefined)
    .join(": ")
    .replaceAll(/\p{Cc}/gu, "?");
}
