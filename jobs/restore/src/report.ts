import type { Applied } from "./apply.ts";
import type { Journal } from "./journal.ts";
import type { Told } from "./receipt.ts";

/** What was done, for people and for the receipt. */
export function report(
  { id, safety, stopped }: Journal,
  applied: readonly Applied[],
): Pick<Told, "text" | "details"> & { notes: string[] } {
  const lines = [`${id} is restored`, ""];
  for (const { component, targets, counts } of applied) {
    const told = Object.entries(counts)
      .filter(([name, count]) => count > 0 && name !== "bytes")
      .map(([name, count]) => `${count.toLocaleString("en-US")} ${name}`);
    lines.push(`${component.padEnd(10)}${targets.join(", ")}`, `          ${told.join(", ") || "nothing to do"}`);
  }
  if (stopped.length > 0) lines.push("", `restarted and well: ${stopped.map(({ name }) => name).join(", ")}`);
  lines.push("", safety === null ? "nothing was kept of what was there before" : `before it: ${safety}`);
  const details = {
    parts: applied.map((one) => ({ ...one, targets: [...one.targets], notes: [...one.notes] })),
    restarted: stopped.map(({ name }) => name),
    safety_backup: safety,
  };
  return { text: `${lines.join("\n")}\n`, details, notes: applied.flatMap(({ notes }) => notes) };
}
