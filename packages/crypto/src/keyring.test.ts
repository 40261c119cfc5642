import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { KeySlot } from "./key-slot.ts";
import { createKeyring } from "./keyring.ts";
import { newRunSecret } from "./run-secret.ts";

const key = (fill: number) => createKeyring({ kind: "key", secret: Buffer.alloc(32, fill) });
const passphrase = (text: string) => createKeyring({ kind: "passphrase", secret: Buffer.from(text) });

it("wraps and unwraps under a key", async () => {
  const ring = key(1);
  const secret = newRunSecret(randomBytes);
  const slot = await ring.wrap(secret, ring.newDerivation(randomBytes), randomBytes);
  expect(KeySlot.parse(JSON.parse(JSON.stringify(slot)))).toEqual(slot);
  expect(await key(1).unwrap([slot], "erlmcp_full_20260202_120000")).toEqual(secret);
});

it("finds its own among several slots", async () => {
  const secret = newRunSecret(randomBytes);
  const slots = [];
  for (const ring of [key(1), passphrase("p"), key(2)]) {
    slots.push(await ring.wrap(secret, ring.newDerivation(randomBytes), randomBytes));
  }
  expect(await key(2).unwrap(slots, "x")).toEqual(secret);
  expect(await passphrase("p").unwrap(slots, "x")).toEqual(secret);
});

it("names both keys when the key is wrong", async () => {
  const secret = newRunSecret(randomBytes);
  const slot = await key(1).wrap(secret, { kdf: "hkdf-sha256" }, randomBytes);
  const other = await key(2).wrap(secret, { kdf: "hkdf-sha256" }, randomBytes);
  await expect(key(2).unwrap([slot], "erlmcp_full_20260202_120000")).rejects.toMatchObject({
    code: "KEY_WRONG",
    message: `erlmcp_full_20260202_120000 is sealed for 32-byte key ${slot.key_id}, the key file holds 32-byte key ${other.key_id}`,
  });
});

it("names both kinds when a passphrase is given for a key", async () => {
  const slot = await key(1).wrap(newRunSecret(randomBytes), { kdf: "hkdf-sha256" }, randomBytes);
  await expect(passphrase("p").unwrap([slot], "x")).rejects.toMatchObject({
    code: "KEY_WRONG",
    message: `x is sealed for 32-byte key ${slot.key_id}, the key file holds a passphrase`,
  });
});

it("finds every flipped bit of what is wrapped", async () => {
  const slot = await key(1).wrap(newRunSecret(randomBytes), { kdf: "hkdf-sha256" }, randomBytes);
  const wrapped = Buffer.from(slot.wrapped, "base64");
  for (let bit = 0; bit < wrapped.length * 8; bit += 1) {
    const forged = Buffer.from(wrapped);
    forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    await expect(key(1).unwrap([{ ...slot, wrapped: forged.toString("base64") }], "x")).rejects.toMatchObject({
      code: "CORRUPT",
    });
  }
});

it("carries the generation key of the base, under a data key of its own", () => {
  const full = newRunSecret(randomBytes);
  const incremental = newRunSecret(randomBytes, full.generationKey);
  expect(incremental.generationKey).toEqual(full.generationKey);
  expect(incremental.dataKey).not.toEqual(full.dataKey);
});
