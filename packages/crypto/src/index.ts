export { parseKeyFile, type KeySource } from "./key-file.ts";
export { Kdf, KeySlot } from "./key-slot.ts";
export { createKeyring, type Keyring } from "./keyring.ts";
export { deriveKey, hmac, sameBytes, type Random } from "./primitives.ts";
export { chunkIdKey, manifestMacKey, newRunSecret, type RunSecret } from "./run-secret.ts";
export {
  ciphers,
  createDocumentSealer,
  createPackSealer,
  plainSealer,
  type Cipher,
  type Position,
  type Sealer,
  type SealKind,
} from "./sealer.ts";
