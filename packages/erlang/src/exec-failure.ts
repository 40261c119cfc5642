import { BackupError } from "@erlmcp/errors";

const maxText = 64 * 1024;

/** All of a small text stream; what is beyond the limit is read and dropped. */
export async function collect(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) if (text.length < maxText) text += decoder.decode(chunk, { stream: true });
  return text;
}

const hints: Record<string, string> = {
  no_distribution: "Start the node with -sname or -name: without distribution nobody can look into it.",
  no_cookie: "Set the label erlmcp.backup.cookie-file to the file that holds the node's cookie.",
  cannot_connect: "Check the cookie (label erlmcp.backup.cookie-file) and the node's name.",
  busy: "Wait for the other job to end; a killed one leaves the node within seconds.",
  no_tls: "Add a shell to the image (busybox is enough): then the client runs inside, where the certificates are.",
  no_erlexec: "The VM's own erts must be readable for its user.",
};

/** True when the container has no shell to run connect.sh with, or one without its tools. */
export function lacksShell(end: { exitCode: number; text: string }): boolean {
  if (/^erlmcp: /m.test(end.text)) return false;
  return end.exitCode === 126 || end.exitCode === 127 || /executable file not found|no such file/i.test(end.text);
}

/** What the end of an exec means: our own failure line (`erlmcp: CODE TEXT`), or whatever it said last. */
export function execFailure(container: string, end: { exitCode: number; text: string }): BackupError {
  const own = /^erlmcp: (\w+) (.*)$/m.exec(end.text);
  if (own !== null) {
    const [, code = "", text = ""] = own;
    const hint = hints[code];
    return new BackupError(
      "SOURCE_FAILED",
      `cannot reach the node in ${container}: ${text}`,
      hint === undefined ? {} : { hint },
    );
  }
  const last = end.text.trim().split("\n").at(-1) ?? "";
  return new BackupError(
    "SOURCE_FAILED",
    `the client in ${container} ended with status ${end.exitCode}: ${printable(last)}`,
  );
}

/** Text from elsewhere, without control characters, on one line. */
export function printable(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ")
    .trim()
    .slice(0, 500);
}
