export type { Base } from "./base-cursor.ts";
export { type CaptureLimits, captureTree, type CaptureTreeOptions } from "./capture-tree.ts";
export type { TreeCounts } from "./outcome.ts";
export { captureConfig, type CaptureConfigOptions } from "./capture-config.ts";
export { unpackTree, type Unpacked, type UnpackTreeOptions } from "./unpack-tree.ts";
export type { ReadContent } from "./write-file.ts";
export { namesOf as plainPath } from "./safe-path.ts";
export { archiveTree, type ArchiveTreeOptions } from "./archive-tree.ts";
export { roomNeeded } from "./room.ts";
