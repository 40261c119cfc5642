export {
  abilitiesOf,
  problemsOf,
  type Capabilities,
  type Capability,
  type Problem,
  type Wishes,
} from "./capabilities.ts";
export {
  assumedRole,
  credentialsFromFiles,
  type Credentials,
  type CredentialSource,
  type RoleOptions,
} from "./credentials.ts";
export type { UnfinishedUpload } from "./list.ts";
export { noAbilities, type Abilities, type Encryption, type LockMode, type S3StoreOptions } from "./options.ts";
export { nameOf, type S3Place } from "./place.ts";
export { probeBucket, type ProbeOptions } from "./probe.ts";
export { createS3Store, type ObjectFacts, type S3Store } from "./s3-store.ts";
