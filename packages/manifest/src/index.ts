export { KeySlot } from "@erlmcp/crypto";
export { canonicalJson } from "./canonical.ts";
export { formatChecksums, parseChecksums, type Checksum } from "./checksums.ts";
export {
  manifestLimitBytes,
  packNameOf,
  parseManifest,
  parseManifestHead,
  serializeManifest,
  sha256Hex,
  type ManifestKeys,
} from "./codec.ts";
export {
  BackupId,
  BackupType,
  compareIds,
  newId,
  nextFreeId,
  parseId,
  stampOf,
  tryParseId,
  type ParsedId,
} from "./id.ts";
export { createLedgerSummary, notReadLimit, type ComponentSummary, type LedgerSummary } from "./ledger-summary.ts";
export { createEntryEncoder, decodeEntries, decodeLedger, encodeLine, lineLimitBytes } from "./lines.ts";
export {
  createReceipt,
  parseReceipt,
  proofOf,
  Receipt,
  receiptName,
  serializeReceipt,
  type Proven,
  type ReceiptDraft,
} from "./receipt.ts";
export {
  Chunking,
  ChunkSizes,
  Cipher,
  formatVersion,
  ManifestContents,
  ManifestHead,
  ManifestSource,
  Sha256,
  StoredFile,
  Timestamp,
  type Manifest,
} from "./schema.ts";
