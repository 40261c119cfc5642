import { BackupError } from "@erlmcp/errors";
import { z } from "zod";

const Answer = z.object({ statusCode: z.int(), message: z.string().default("") });
const SystemError = z.object({ code: z.string() });
const lost = new Set(["ECONNREFUSED", "ENOENT", "EACCES", "EPERM", "ENOTFOUND", "ETIMEDOUT", "ECONNRESET", "EPIPE"]);

/** The HTTP status of an engine's answer, if that is what the error is. */
export function answerStatus(error: unknown): number | undefined {
  return Answer.safeParse(error).data?.statusCode;
}

/** A container in a message: its name, or the part of its ID that people know it by. */
export function brief(container: string): string {
  return /^[0-9a-f]{64}$/.test(container) ? container.slice(0, 12) : container;
}

/** The engine's own words, without what the client library puts around them. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text
    .replace(/^\(HTTP code \d+\) [^-]* - /, "")
    .replace(/\b([0-9a-f]{12})[0-9a-f]{52}\b/g, "$1")
    .trim();
}

/**
 * Names what failed: no such thing (NOT_FOUND), no engine (ENGINE_UNREACHABLE) or a refusal (FAILED).
 * An abort's own reason is passed on as it is.
 */
export function engineError(what: string, error: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (error instanceof BackupError) return error;
  const status = answerStatus(error);
  if (status === 404) return new BackupError("NOT_FOUND", `${what}: ${messageOf(error)}`, { cause: error });
  const code = SystemError.safeParse(error).data?.code;
  if (status === undefined && code !== undefined && lost.has(code)) {
    return new BackupError("ENGINE_UNREACHABLE", `${what}: the connection to the Docker engine failed (${code})`, {
      hint: "Check that the engine runs: docker version.",
      cause: error,
    });
  }
  return new BackupError("FAILED", `${what}: ${messageOf(error)}`, { cause: error });
}

/** Runs one request; whatever it throws is named. */
export async function request<T>(what: string, run: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  signal?.throwIfAborted();
  try {
    return await run();
  } catch (error) {
    throw engineError(what, error, signal);
  }
}
