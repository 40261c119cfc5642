import { createDocumentSealer, hmac, manifestMacKey, type Cipher, type Random, type RunSecret } from "@erlmcp/crypto";

/** What the key of a run does to its manifest. */
export interface ManifestKeys {
  seal(plain: Uint8Array): Uint8Array;
  /** Undefined when it is damaged, forged or for another key. */
  open(sealed: Uint8Array): Uint8Array | undefined;
  /** 32 bytes. */
  mac(document: Uint8Array): Uint8Array;
}

/** @param random for sealing only */
export function manifestKeys(secret: RunSecret, cipher: Cipher, random: Random): ManifestKeys {
  const sealer = createDocumentSealer({ dataKey: secret.dataKey, cipher, random });
  const macKey = manifestMacKey(secret);
  const at = { kind: "manifest", number: 0, offset: 0 } as const;
  return {
    seal: (plain) => Buffer.concat(sealer.seal(at, plain)),
    open: (sealed) => sealer.open(at, sealed),
    mac: (document) => hmac(macKey, document),
  };
}
