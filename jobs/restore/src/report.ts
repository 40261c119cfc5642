import type { Applied } from "./apply.ts";
import { differencesOf, type Compared } from "./compare.ts";
import type { Journal } from "./journal.ts";
import type { Told } from "./receipt.ts";

/** What was done, for people and for the receipt. */
export function report(
  { id, safety, stopped }: Journal,
  applied: readonly Applied[],
  compared: readonly Compared[],
): Omit<Told, "id"> {
  const lines = [`${id} is restored`, ""];
  for (const { component, targets, counts } of applied) {
    const told = Object.entries(counts)
      .filter(([name, count]) => count > 0 && name !== "bytes")
      .map(([name, count]) => `${count.toLocaleString("en-US")} ${name}`);
    lines.push(`${component.padEnd(10)}${targets.join(", ")}`, `          ${told.join(", ") || "nothing to do"}`);
  }
  if (stopped.length > 0) lines.push("", `restarted and well: ${stopped.map(({ name }) => name).join(", ")}`);
  lines.push(...comparedLines(compared));
  const lost = [...applied.flatMap((one) => one.lost ?? []), ...differencesOf(compared, "incomplete")];
  if (lost.length > 0) lines.push("", "NOT RESTORED", ...lost.map((line) => `  ${line}`));
  lines.push("", safety === null ? "nothing was kept of what was there before" : `before it: ${safety}`);
  const details = {
    parts: applied.map(({ component, source, targets, counts, notes, lost: parts = [] }) => ({
      component,
      source,
      targets: [...targets],
      counts: { ...counts },
      notes: [...notes],
      lost: [...parts],
    })),
    compared: compared.map(({ how = null, ...one }) => ({
      ...one,
      how,
      differences: one.differences.map(({ reason = null, ...difference }) => ({ ...difference, reason })),
    })),
    restarted: stopped.map(({ name }) => name),
    safety_backup: safety,
  };
  return {
    exitCode: lost.length === 0 ? 0 : 3,
    error: lost.length === 0 ? null : incomplete(lost),
    text: `${lines.join("\n")}\n`,
    details,
    notes: [...applied.flatMap(({ notes }) => notes), ...differencesOf(compared, "note")],
  };
}

/** What was compared, one line a source, and what is otherwise without anything being lost. */
function comparedLines(compared: readonly Compared[]): string[] {
  if (compared.length === 0) return [];
  const lines = compared.flatMap(({ component, source, things, equal, differences, how }) => {
    const others = differences.length === 0 ? "" : `, ${differences.length} differences`;
    const line = `  ${component} ${source}: ${equal.toLocaleString("en-US")} ${things} as in the restore point${others}`;
    return how === undefined ? [line] : [line, `    ${how}`];
  });
  return ["", "compared", ...lines, ...differencesOf(compared, "note").map((line) => `  ${line}`)];
}

function incomplete(lost: readonly string[]): NonNullable<Told["error"]> {
  return {
    code: "INCOMPLETE",
    message: lost.slice(0, 5).join("; "),
    hint: "The rest is restored. Unpack these with --to, and see what the application can do with them.",
  };
}
