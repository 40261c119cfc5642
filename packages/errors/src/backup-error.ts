/** Every failure an operator can meet. The number is the process's exit status and never changes its meaning. */
export const exitStatus = {
  FAILED: 1, // anything without a code of its own
  SOURCE_FAILED: 1, // a source could not be captured and nothing was saved
  DISK_FULL: 1,
  STORE_FAILED: 1,
  USAGE: 2,
  CONFIG_INVALID: 2,
  NOT_IN_CONTAINER: 2,
  ENGINE_UNREACHABLE: 2,
  FORMAT_UNKNOWN: 2,
  INCOMPLETE: 3,
  CORRUPT: 4,
  NOT_FOUND: 5,
  LOCKED: 6,
  KEY_MISSING: 7,
  KEY_WRONG: 7,
  INTERRUPTED: 130,
  TERMINATED: 143,
} as const;
export type Code = keyof typeof exitStatus;

/**
 * A failure with a code, a message in lower case without a final full stop that names the thing,
 * and a hint: a sentence that tells the operator what to check or run next.
 */
export class BackupError extends Error {
  override readonly name = "BackupError";
  readonly code: Code;
  readonly hint: string | undefined;

  constructor(code: Code, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}

/** The exit status for anything that was thrown: what we don't know is a failure. */
export function statusOf(error: unknown): number {
  return error instanceof BackupError ? exitStatus[error.code] : exitStatus.FAILED;
}
