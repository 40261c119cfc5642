import type { CatalogLine } from "@erlmcp/catalog";
import type { Repository, RepositoryLock } from "@erlmcp/fs";
import type { Build, Host } from "@erlmcp/host";
import type { JobContext, Settings } from "@erlmcp/job";
import type { Encryption } from "@erlmcp/restore-point";
import type { Request } from "./cli.ts";
import type { Plan } from "./plan.ts";

/** Everything that the steps of one run share. */
export interface Run {
  readonly context: JobContext;
  readonly request: Request;
  readonly settings: Settings;
  readonly host: Host;
  readonly build: Build;
  readonly encryption: Encryption | undefined;
  readonly plan: Plan;
}

/** A run that holds the repository. */
export interface LockedRun extends Run {
  readonly repository: Repository;
  readonly lock: RepositoryLock;
  readonly points: readonly CatalogLine[]; // oldest first
}
