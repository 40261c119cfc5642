import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { createReceipt, parseReceipt, proofOf, receiptName, serializeReceipt } from "./index.ts";
import { draft, hash } from "./samples.ts";

const proven =
  `["0123456789abcdef0123456789abcdef01234567",null,"backup",["full","--only=ets"],0,` +
  `"${hash("e")}","${hash("f")}"]`;

/** SHA-256 by another program than the one under test. */
function sha256sum(text: string): string {
  return execFileSync("sha256sum", { input: text, encoding: "utf8" }).slice(0, 64);
}

it("proves exactly the documented text", () => {
  expect(proofOf(draft)).toBe(sha256sum(proven));
  expect(createReceipt(draft).proof).toBe(sha256sum(proven));
});

it.for([
  { exit_code: 3 },
  { service: "restore" },
  { command: ["full --only=ets"] },
  { git_sha: null },
  { image_digest: "sha256:1" },
  { stdout_sha256: hash("0") },
  { stderr_sha256: hash("0") },
])("changes the proof with %j", (change) => {
  expect(proofOf({ ...draft, ...change })).not.toBe(proofOf(draft));
});

it("reads back what it wrote", () => {
  const receipt = createReceipt(draft);
  expect(parseReceipt(serializeReceipt(receipt))).toEqual(receipt);
});

it("carries a failure", () => {
  const failed = createReceipt({
    ...draft,
    exit_code: 6,
    error: { code: "LOCKED", message: "the repository is locked", hint: null },
    backup_id: null,
    backup_path: null,
    checksum_hash: null,
    sizes: null,
    components: null,
    ledger: null,
    grades: null,
    grade: null,
    capture: null,
    complete: null,
  });
  expect(parseReceipt(serializeReceipt(failed)).error?.code).toBe("LOCKED");
});

it.for([
  { name: "a proof that does not fit", from: '"exit_code": 0', to: '"exit_code": 3', code: "CORRUPT", says: "proof" },
  {
    name: "an unknown field",
    from: '"service"',
    to: '"servant": 1, "service"',
    code: "FORMAT_UNKNOWN",
    says: "servant",
  },
  {
    name: "an exit code out of range",
    from: '"exit_code": 0',
    to: '"exit_code": 256',
    code: "CORRUPT",
    says: "exit_code",
  },
  { name: "what is no JSON", from: "{", to: "", code: "CORRUPT", says: "not JSON" },
])("refuses $name", ({ from, to, code, says }) => {
  const bytes = Buffer.from(serializeReceipt(createReceipt(draft)).toString().replace(from, to));
  expect(() => parseReceipt(bytes)).toThrow(expect.objectContaining({ code }));
  expect(() => parseReceipt(bytes)).toThrow(says);
});

it.for([
  { backup_id: draft.backup_id, service: "backup", name: "20260202T120100Z_backup_erlmcp_full_20260202_120000.json" },
  { backup_id: null, service: "backup", name: "20260202T120100Z_backup_run.json" },
  { backup_id: null, service: "../x", name: "20260202T120100Z_---x_run.json" },
])("is called $name", ({ backup_id, service, name }) => {
  expect(receiptName({ timestamp: draft.timestamp, backup_id, service })).toBe(name);
});
