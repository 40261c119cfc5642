/** A block of commands of a page, as an operator would type it. */
export interface Block {
  readonly line: number; // of the page, where it begins
  readonly commands: string;
  readonly notRun: string | undefined; // why a test cannot run it
  readonly exits: number; // the status that the page promises
}

/**
 * The blocks marked `sh` of a page in Markdown. A comment before a block says what a test has to know, and readers need not see:
 * `not run: REASON`, or `exits: STATUS` where it is not 0.
 */
export function blocksOf(page: string): Block[] {
  const pattern = /(?:<!-- (not run|exits): ([^>]+?) -->\n+)?^```sh\n([\s\S]*?)^```$/gm;
  return [...page.matchAll(pattern)].map((match) => {
    const [, kind, text, commands = ""] = match;
    const line = page.slice(0, match.index + match[0].indexOf("```sh")).split("\n").length;
    const exits = kind === "exits" ? Number(text) : 0;
    return { line, commands, notRun: kind === "not run" ? text : undefined, exits };
  });
}
