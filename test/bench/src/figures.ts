import { writeFile } from "node:fs/promises";
import { cpus } from "node:os";

/** What was measured: `title` says what, `tool` who did it. Seconds, bytes, per cent, transactions a second. */
export type Figure = { readonly title: string; readonly tool: string } & Readonly<Record<string, string | number>>;

const figures: Figure[] = [];
const begun = new Date().toISOString();

export function record(figure: Figure): void {
  figures.push(figure);
}

/** All that was recorded, also by a run that failed half-way, to bench.json in the working directory. NaN becomes null. */
export async function writeFigures(): Promise<void> {
  const document = { begun, ended: new Date().toISOString(), cores: cpus().length, figures };
  await writeFile("bench.json", `${JSON.stringify(document, undefined, 2)}\n`);
}
