export { documentSealer, manifestKeys, unlock, type Encryption } from "./keys.ts";
export { openRestorePoint, whyUnusable, type RestorePoint, type RestorePointAccess } from "./restore-point.ts";
export { openGeneration, type Generation } from "./generation.ts";
