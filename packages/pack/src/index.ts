export { createChunkIndex, wordsOf, wordsOfHex, type ChunkIndex, type ChunkPlace } from "./chunk-index.ts";
export type { StoreStats } from "./chunk-store.ts";
export { Chunking, ChunkSizes, defaultChunking } from "./chunking.ts";
export { encodeIndex, indexName, loadIndex } from "./index-file.ts";
export { chunkRecordBytes, packName } from "./layout.ts";
export type { RangeReader } from "./range-reader.ts";
export { examineFile, examRecordBytes, type PackExam, type PackProblem } from "./exam.ts";
export { createExaminer, type Examiner, type ExaminerOptions, type OwnBytes } from "./examiner.ts";
export { PackError } from "./pack-footer.ts";
export { createPackReader, type PackReader, type PackReaderOptions, type RestorePointKey } from "./reader.ts";
export type { PackFile, PackTarget } from "./target.ts";
export {
  createPackWriter,
  type PackResult,
  type PackWriter,
  type PackWriterOptions,
  type StoredPack,
} from "./writer.ts";
export { rebuildIndex, verifyPacks, type Expected, type PackReport, type PackWalk } from "./verify-packs.ts";
