import { expect, it } from "vitest";
import { abilitiesOf, problemsOf, type Capabilities, type Capability, type Wishes } from "./index.ts";

const yes: Capability = { can: "yes", reason: "seen" };
const no: Capability = { can: "no", reason: "seen not to" };
const unknown: Capability = { can: "unknown", reason: "not asked for" };

function found(changes: Partial<Capabilities> = {}): Capabilities {
  return {
    server: "s3.test",
    identity: yes,
    clockSkewSeconds: 0,
    verifiesChecksum: yes,
    verifiesSignedDigest: yes,
    storesChecksum: yes,
    conditionalPut: yes,
    conditionalMultipart: yes,
    versioning: yes,
    objectLock: yes,
    lockOnPut: yes,
    lockOnMultipart: yes,
    storageClasses: { STANDARD_IA: yes },
    encryption: { AES256: yes },
    lifecycle: yes,
    cleanup: yes,
    ...changes,
  };
}

const wishes: Wishes = {
  storageClasses: ["STANDARD_IA"],
  encryption: { kind: "AES256" },
  lockMode: "COMPLIANCE",
};

it.for([
  { name: "nothing when all is honoured", changes: {}, problems: [] },
  { name: "a class", changes: { storageClasses: { STANDARD_IA: no } }, problems: ["S3_STORAGE_CLASS"] },
  { name: "a class that was not tried", changes: { storageClasses: {} }, problems: ["S3_STORAGE_CLASS"] },
  { name: "a kind of encryption", changes: { encryption: { AES256: no } }, problems: ["S3_SSE"] },
  { name: "a bucket without locks", changes: { objectLock: no }, problems: ["S3_OBJECT_LOCK"] },
  { name: "a lock that was not tried", changes: { lockOnPut: unknown }, problems: ["S3_OBJECT_LOCK"] },
  { name: "no lock lost on parts: it is set afterwards", changes: { lockOnMultipart: no }, problems: [] },
])("refuses $name", ({ changes, problems }) => {
  expect(problemsOf(wishes, found(changes)).map(({ setting }) => setting)).toEqual(problems);
});

it("gives the reason", () => {
  const [problem] = problemsOf(wishes, found({ encryption: { AES256: { can: "no", reason: "refused with 400" } } }));
  expect(problem?.message).toBe("s3.test cannot encrypt with AES256: refused with 400");
});

it("asks for nothing that is not wished", () => {
  expect(problemsOf({ storageClasses: [] }, found({ objectLock: no, encryption: {}, storageClasses: {} }))).toEqual([]);
});

it.for([
  { verifiesChecksum: yes, verifiesSignedDigest: no, verifiesPuts: true },
  { verifiesChecksum: no, verifiesSignedDigest: yes, verifiesPuts: true },
  { verifiesChecksum: no, verifiesSignedDigest: unknown, verifiesPuts: false },
])("relies only upon what was seen ($verifiesPuts)", ({ verifiesPuts, ...changes }) => {
  expect(abilitiesOf(found({ ...changes, conditionalPut: unknown }))).toEqual({
    verifiesPuts,
    conditionalPut: false,
    conditionalMultipart: true,
    locksMultipart: true,
  });
});
