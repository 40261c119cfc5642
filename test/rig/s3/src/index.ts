export { cephRegions, cephRoles, startCeph, startMoto, type Credentials, type S3Server } from "./server.ts";
