import { expect, it } from "vitest";
import { createKeyring } from "./keyring.ts";
import { deriveKey, hmac } from "./primitives.ts";
import { chunkIdKey, manifestMacKey, newRunSecret } from "./run-secret.ts";

// Expected values computed from FORMAT.md by another implementation: Python's hashlib and hmac.
const dataKey = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
const random = (bytes: number) => Buffer.alloc(bytes);
const secret = newRunSecret(() => dataKey);

it("derives the keys of a run as the format says", () => {
  expect(secret.generationKey.toString("hex")).toBe("04ecf02205ba775f1680b56b321b827166d41566f5efc409f806c0fb4b6ddcf7");
  expect(manifestMacKey(secret).toString("hex")).toBe(
    "cd3045e4b0033ebccb5beb4142b1e7c127afc2b52be62784fc1af92ab7c71184",
  );
  expect(chunkIdKey(secret).toString("hex")).toBe("9cadeb89779ab3d221b0de5390f7469d8ac6c3fb46e2aee8d86477059647a021");
  expect(deriveKey(secret.generationKey, "gear", 1024).toString("hex", 0, 16)).toBe("e5594ba4a04fa2556aea133c6f6dc696");
});

it("authenticates over all parts (RFC 4231, case 2)", () => {
  const mac = hmac(Buffer.from("Jefe"), Buffer.from("what do ya want "), Buffer.from("for nothing?"));
  expect(mac.toString("hex")).toBe("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
});

it("names keys as the format says", async () => {
  const key = createKeyring({ kind: "key", secret: dataKey });
  const passphrase = createKeyring({ kind: "passphrase", secret: Buffer.from("correct horse") });
  expect((await key.wrap(secret, key.newDerivation(random), random)).key_id).toBe("5039689fbcc9c306");
  const slot = await passphrase.wrap(secret, passphrase.newDerivation(random), random);
  expect(slot.key_id).toBe("f05050d2886007e0");
  expect(slot.derivation).toEqual({ kdf: "scrypt", n: 131_072, r: 8, p: 1, salt: "AAAAAAAAAAAAAAAAAAAAAA==" });
});
