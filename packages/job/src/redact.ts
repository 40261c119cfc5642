import { printable } from "./output.ts";

/**
 * Makes text from outside fit for a log, an error or a receipt: URLs lose their credentials, values that look like
 * `password=…` lose what follows, control characters (a terminal would obey them) become spaces.
 */
export function redact(text: string): string {
  return printable(
    text
      .replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, "$1***@")
      .replaceAll(
        /(password|passwd|secret|token|cookie|access_?key(?:_?id)?)(["']?\s*[=:]\s*)("[^"]*"|'[^']*'|\S+)/gi,
        "$1$2***",
      ),
  );
}
