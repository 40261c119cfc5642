import type { Build, Host } from "@erlmcp/host";
import type { JobContext, Settings } from "@erlmcp/job";
import type { Encryption } from "@erlmcp/restore-point";
import type { Request } from "./cli.ts";

/** Everything that the steps of one run share. */
export interface Run {
  readonly context: JobContext;
  readonly request: Request;
  readonly settings: Settings;
  readonly encryption: Encryption | undefined;
  readonly host: Host;
  readonly build: Build;
}
