import { join } from "node:path";

/** Where things lie below BACKUP_ROOT. */
export interface Layout {
  root: string;
  staging: string; // restore points in the making, and everything else that is worthless after a crash
  catalogFolder: string;
  catalog: string;
  receipts: string;
  reports: string;
  locks: string;
  lock: string;
}

export function layoutOf(root: string): Layout {
  return {
    root,
    staging: join(root, ".staging"),
    catalogFolder: join(root, "catalog"),
    catalog: join(root, "catalog", "backups.jsonl"),
    receipts: join(root, "receipts"),
    reports: join(root, "reports"),
    locks: join(root, "locks"),
    lock: join(root, "locks", "repository.lock"),
  };
}

/** Permissions of what the repository creates. Backups hold secrets: nothing is ever open to everyone. */
export interface Modes {
  folder: number;
  file: number;
}

const setgid = 0o2000;

/** 0700 and 0600, or readable for the group too when BACKUP_ROOT is set-group-ID, which is how an operator shares a folder. */
export function modesFor(rootMode: number | undefined): Modes {
  const shared = rootMode !== undefined && (rootMode & setgid) !== 0;
  return shared ? { folder: 0o750, file: 0o640 } : { folder: 0o700, file: 0o600 };
}
