export { documentSealer, manifestKeys, unlock, type Encryption } from "./keys.ts";
export {
  openManifest,
  openRestorePoint,
  whyUnusable,
  type OpenedManifest,
  type RestorePoint,
  type RestorePointAccess,
} from "./restore-point.ts";
export { openGeneration, type Generation } from "./generation.ts";
