/** How much was looked at; in a full verification all of it was opened and compared. */
export interface Proven {
  objects: number; // whose length and SHA-256 were compared
  bytes: number; // of these
  packs: number; // opened
  segments: number;
  chunks: number; // whose ID was computed again
  plainBytes: number; // in them
  sources: number;
  entries: number; // files, folders, tables, dumps …
  contentBytes: number; // that the chunks of all entries give
  ledgerLines: number;
}

export function nothingProven(): Proven {
  return {
    objects: 0,
    bytes: 0,
    packs: 0,
    segments: 0,
    chunks: 0,
    plainBytes: 0,
    sources: 0,
    entries: 0,
    contentBytes: 0,
    ledgerLines: 0,
  };
}
