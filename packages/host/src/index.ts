export { say, showConfig } from "./answer.ts";
export { openEncryption } from "./encryption.ts";
export { awaitHealth } from "./health.ts";
export { openHost, readBuild, version, type Build, type Host } from "./host.ts";
export { draftReceiptOf, errorPart, knownBuild, recordFailure, runPart } from "./receipt.ts";
export { createRecord, refuseHalfRestored, restoreRecord, type FlushedRecord } from "./record.ts";
export { showList } from "./list.ts";
export { accessTo, lockFor, openLocal } from "./repository.ts";
export { runInSibling, stopWithLauncher, takenForVariable, workerVariable, type SiblingWork } from "./sibling.ts";
