export { dataExtents } from "./extents.ts";
export { errorCode, SystemError } from "./libc.ts";
export { flock } from "./lock.ts";
export { makeFifo, makeNode, type NodeFacts } from "./node.ts";
export { openRegularFile } from "./open.ts";
export { setTimes, type Times } from "./times.ts";
export { listXattrs, removeXattr, setXattr } from "./xattr.ts";
