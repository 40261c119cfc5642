export { checkRange, checkSha256, piecesOf, rangeReaderOf, readObject, type RangeReader } from "./bytes.ts";
export { describeObjectStore, objectStoreContract, type ContractCase, type Runner } from "./contract.ts";
export { createFaultyStore, type Fault, type FaultyStore, type Method } from "./faulty.ts";
export { checkKey, compareKeys } from "./key.ts";
export { createMemoryStore } from "./memory.ts";
export type { Body, ObjectInfo, ObjectStore, PutOptions, Range } from "./object-store.ts";
export { isFinal, withRetry, type RetryOptions } from "./retry.ts";
