import { createReceipt, formatChecksums, serializeManifest, serializeReceipt, sha256Hex } from "@erlmcp/manifest";
import type { Manifest, Receipt, ReceiptDraft } from "@erlmcp/manifest";
import { catalogLineOf, formatCatalogLine } from "@erlmcp/catalog";
import type { BackupError } from "@erlmcp/errors";
import type { Staging } from "@erlmcp/fs";
import type { RestorePointKey } from "@erlmcp/pack";
import { manifestKeys } from "@erlmcp/restore-point";
import { Component } from "@erlmcp/entry";

/** A restore point that is all on disk but for its manifest. */
export interface Finished {
  readonly staging: Staging;
  readonly manifest: Manifest;
  readonly key: RestorePointKey | undefined;
  /** The receipt, given the SHA-256 of checksums.sha256. */
  readonly receipt: (checksumHash: string) => ReceiptDraft;
}

export interface Committed {
  readonly receipt: Receipt;
  readonly unlisted: BackupError | undefined; // why the catalog has no line of it
}

/**
 * Writes manifest, checksums and receipt, in this order, and renames the whole into place. From then on it is a restore
 * point, whatever happens next.
 */
export async function commit({ staging, manifest, key, receipt }: Finished): Promise<Committed> {
  const { head } = manifest;
  const bytes = serializeManifest(manifest, key && manifestKeys(key));
  await staging.writeFile("manifest.json", bytes);
  const checksums = Buffer.from(
    formatChecksums([
      ...head.packs.map(({ name, sha256 }) => ({ name: `packs/${name}`, sha256 })),
      { name: head.index.name, sha256: head.index.sha256 },
      { name: "manifest.json", sha256: sha256Hex(bytes) },
    ]),
  );
  await staging.writeFile("checksums.sha256", checksums);
  const made = createReceipt(receipt(sha256Hex(checksums)));
  await staging.writeFile("receipt.json", serializeReceipt(made));
  const components = Component.options.filter((component) => made.components?.[component] !== undefined);
  const unlisted = await staging.commit(formatCatalogLine(catalogLineOf(head, { components, grade: made.grade })));
  return { receipt: made, unlisted };
}
