export { requireFreeBytes } from "./errors.ts";
export { createFsStore, type FsStoreOptions } from "./fs-store.ts";
export { freeBytesAt, realIo, type Io, type OutputFile } from "./io.ts";
export { layoutOf, modesFor, type Layout, type Modes } from "./layout.ts";
export type { Flock, LockHolder, RepositoryLock } from "./lock.ts";
export { openRepository, type Recovered, type Repository, type RepositoryOptions } from "./repository.ts";
export type { StagedFile, Staging } from "./staging.ts";
