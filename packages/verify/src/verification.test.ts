import { expect, it, describe } from "vitest";
import { verifyRestorePoint, type VerifyMode } from "./index.ts";
import { sampleRepository, withDamage } from "@erlmcp/samples";
import { readObject } from "@erlmcp/store";

const full = "erlmcp_full_20260202_120000";
const first = "erlmcp_incremental_20260202_121500";
const second = "erlmcp_incremental_20260202_123000";

describe.each([undefined, "aes-256-gcm", "aes-256-cbc"] as const)("with cipher %s", (cipher) => {
  it.for(["quick", "full"] as const)("finds nothing wrong with what is whole (%s)", async (mode: VerifyMode) => {
    const repository = sampleRepository(cipher);
    await repository.add(full, 0);
    await repository.add(first, 1, [full]);
    await repository.add(second, 2, [full, first]);
    const { access } = repository;
    for (const id of [full, first, second]) {
      const verdict = await verifyRestorePoint(id, { access, mode, signal: new AbortController().signal });
      expect(verdict.findings).toEqual([]);
      expect(verdict.notes).toEqual([]);
    }
  });
});

it("blames the manifest alone when it says something else than its receipt, and the checksums are on the receipt's side", async () => {
  const repository = sampleRepository("aes-256-gcm");
  await repository.add(full, 0);
  const { access, store } = repository;
  const key = `${full}/manifest.json`;
  const text = (await readObject(store, key, 2 ** 20)).toString("latin1");
  const changed = text.replace('"version": "0.1.0"', '"version": "0.1.1"');
  expect(changed).not.toBe(text);
  await withDamage(store, key, Buffer.from(changed, "latin1"), async () => {
    const { findings } = await verifyRestorePoint(full, {
      access,
      mode: "quick",
      signal: new AbortController().signal,
    });
    expect(findings.map(({ object }) => object)).toEqual(["manifest.json"]);
  });
});
