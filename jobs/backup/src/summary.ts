import { formatBytes } from "@erlmcp/catalog";
import { Component } from "@erlmcp/entry";
import { serializeReceipt, type Receipt } from "@erlmcp/manifest";
import type { LockedRun } from "./run.ts";

/** Shows the receipt: with --json the document itself, otherwise what an operator wants to know first. */
export function printOutcome({ context, request }: LockedRun, receipt: Receipt): void {
  if (request.json) context.stdout.write(serializeReceipt(receipt).toString());
  else if (!request.quiet) context.stdout.write(`${summarise(receipt).join("\n")}\n`);
}

/** The receipt in at most 80 columns. */
export function summarise(receipt: Receipt): string[] {
  const { sizes, capture } = receipt;
  const lines = [
    "",
    field("restore point", `${receipt.backup_id ?? "none"}${receipt.complete === false ? "  INCOMPLETE" : ""}`),
    field("path", receipt.backup_path ?? "none"),
    ...(receipt.base === null ? [] : [field("base", receipt.base)]),
    "",
    row(["component", "sources", "captured", "rows", "size", "grade"]),
  ];
  for (const component of Component.options) {
    const part = receipt.components?.[component];
    if (part === undefined) continue;
    const numbers = [part.sources, part.captured, part.rows].map((count) => count.toLocaleString("en-US"));
    lines.push(row([component, ...numbers, formatBytes(part.bytes), part.grade ?? "-"]));
  }
  lines.push("");
  if (receipt.ledger !== null) {
    const { captured, excluded, ephemeral, unreadable, failed } = receipt.ledger;
    const lost = `${unreadable} unreadable, ${failed} failed`;
    lines.push(field("ledger", `${captured} captured, ${excluded} excluded by rule, ${ephemeral} ephemeral, ${lost}`));
    for (const { component, source, name, reason } of receipt.ledger.not_read.slice(0, 10)) {
      lines.push(field("NOT READ", `${component} ${name === source ? name : `${source} ${name}`}: ${reason ?? "?"}`));
    }
  }
  if (sizes !== null) {
    lines.push(field("stored", `${formatBytes(sizes.stored_bytes)} for ${formatBytes(sizes.source_bytes)} of data`));
  }
  lines.push(field("encryption", receipt.cipher === "none" || receipt.cipher === null ? "NONE" : receipt.cipher));
  const seconds = (Date.parse(receipt.finished_at) - Date.parse(receipt.started_at)) / 1000;
  const spread = capture === null ? "" : `, captures within ${capture.spread_seconds.toFixed(1)} s`;
  lines.push(field("time", `${seconds.toFixed(1)} s${spread}`));
  if (receipt.remote !== null) lines.push(field("remote", receipt.remote.detail));
  for (const note of receipt.notes) lines.push(field("note", note));
  return lines;
}

const nameWidth = 15;
const valueWidth = 80 - nameWidth;

/** A name and its value, which goes on below itself where a line is full. */
function field(name: string, value: string): string {
  const filled = [""];
  for (const word of value.split(" ")) {
    const last = filled.at(-1) ?? "";
    if (last === "") filled.splice(-1, 1, word);
    else if (last.length + 1 + word.length <= valueWidth) filled.splice(-1, 1, `${last} ${word}`);
    else filled.push(word);
  }
  return filled.map((text, index) => (index === 0 ? name : "").padEnd(nameWidth) + text).join("\n");
}

function row([first = "", ...rest]: string[]): string {
  const widths = [9, 11, 15, 11, 16];
  return first.padEnd(11) + rest.map((cell, index) => cell.padStart(widths[index] ?? 10)).join("");
}
