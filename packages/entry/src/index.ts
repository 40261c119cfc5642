export { bytesOf, ByteString, compareByteStrings, comparePaths, nameOf } from "./byte-string.ts";
export {
  Component,
  ContentRef,
  DumpEntry,
  Entry,
  FileEntry,
  LinkEntry,
  NodeEntry,
  TableEntry,
  type ContentKind,
} from "./entry.ts";
export { namesIn } from "./plain-path.ts";
export { Grade, LedgerLine, Verdict, weakestGrade } from "./ledger.ts";
export type { CaptureSink, FileRequest, FileResult, FileSink, FileXattrs, SourceResult } from "./sink.ts";
