export {
  checkBody,
  checkRange,
  piecesOf,
  rangeReaderOf,
  readObject,
  refuseAttributes,
  type RangeReader,
} from "./bytes.ts";
export { describeObjectStore, objectStoreContract, type ContractCase, type Runner } from "./contract.ts";
export { createFaultyStore, type Fault, type FaultyStore, type Method } from "./faulty.ts";
export { checkKey, compareKeys } from "./key.ts";
export { createMemoryStore } from "./memory.ts";
export type { Attributes, Body, ObjectInfo, ObjectStore, PutOptions, Range } from "./object-store.ts";
export { createRetry, isFinal, withRetry, type Retry, type RetryOptions } from "./retry.ts";
