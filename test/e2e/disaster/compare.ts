import { expect } from "vitest";
import type { SystemRecord } from "../sample/record.ts";
import type { UnderLoad } from "./moved.ts";

type Kind = keyof SystemRecord;
const kinds: readonly Kind[] = ["tables", "paths", "config", "databases"];

/**
 * What did not change while the restore point was made must be back as it was. What did is bounded elsewhere.
 *
 * @returns how many things of each kind were changing: without any there was no load
 */
export function expectUntouched(restored: SystemRecord, { before, after }: UnderLoad): Record<Kind, number> {
  const changing: Record<Kind, number> = { tables: 0, paths: 0, config: 0, databases: 0 };
  for (const kind of kinds) {
    const [were, are, found] = [before, after, restored].map((one) => new Map(Object.entries(one[kind])));
    if (were === undefined || are === undefined || found === undefined) throw new Error("three records");
    expect([...found.keys()].toSorted()).toEqual([...were.keys()].toSorted());
    for (const [name, fact] of were) {
      if (JSON.stringify(fact) === JSON.stringify(are.get(name)))
        expect({ [name]: found.get(name) }).toEqual({ [name]: fact });
      else changing[kind] += 1;
    }
  }
  return changing;
}
