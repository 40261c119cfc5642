export { BackupError, exitStatus, statusOf, type Code } from "./backup-error.ts";
