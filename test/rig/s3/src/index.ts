export { allFaults, seeded, startFaultProxy, type Fault, type FaultProxy } from "./fault-proxy.ts";
export { cephRegions, cephRoles, startCeph, startMoto, type Credentials, type S3Server } from "./server.ts";
