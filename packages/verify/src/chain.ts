import { sameBytes } from "@erlmcp/crypto";
import { compareIds } from "@erlmcp/manifest";
import type { OpenManifest } from "./documents.ts";
import { finding, type Finding } from "./finding.ts";

/** Whether what an incremental depends on is of its generation, and older. */
export function compareChain(manifest: OpenManifest, bases: ReadonlyMap<string, OpenManifest>): Finding[] {
  const { id, base, cipher } = manifest.head;
  const found: Finding[] = [];
  const wrong = (what: string) => found.push(finding(id, { object: "manifest.json" }, what));
  for (const [other, { head, key }] of bases) {
    if (compareIds(other, id) >= 0) wrong(`it depends on ${other}, which is younger`);
    if (other !== base && head.base !== base)
      wrong(`it depends on ${other}, which is not of the generation of ${base ?? "none"}`);
    if (other === base && head.type === "incremental") wrong(`its base ${other} is an incremental`);
    if (head.cipher !== cipher) wrong(`it has cipher ${cipher}, ${other} has ${head.cipher}`);
    const secrets = [key, manifest.key].map((one) => one?.secret.generationKey);
    const [theirs, ours] = secrets;
    if (theirs !== undefined && ours !== undefined && !sameBytes(theirs, ours)) {
      wrong(`${other} names chunks with another key`);
    }
  }
  return found;
}
