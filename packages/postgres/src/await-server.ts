import { setTimeout as delay } from "node:timers/promises";
import { BackupError } from "@erlmcp/errors";
import { openTarget, type PostgresTarget } from "./target.ts";

const attempts = 120;
const betweenMs = 500;

/**
 * Waits until a server that was reached before lets us in again: after its start, or while it recovers because one of its
 * processes was killed. A minute at most.
 *
 * @throws BackupError SOURCE_FAILED with the server's words
 */
export async function awaitPostgres(target: PostgresTarget): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await openTarget(target);
      return;
    } catch (error) {
      const notYet = error instanceof BackupError && error.code === "SOURCE_FAILED";
      if (!notYet || attempt === attempts) throw error;
    }
    await delay(betweenMs, undefined, { signal: target.signal });
  }
}
