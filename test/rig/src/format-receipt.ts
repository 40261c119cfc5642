import type { Receipt } from "@erlmcp/manifest";

const width = 80;
const labelWidth = 18;

/** The receipt of a backup for a reader with a terminal of 80 columns; the file itself is the record. */
export function formatReceipt(receipt: Receipt): string {
  return [outcome(receipt), components(receipt), findings(receipt), proof(receipt)]
    .filter((part) => part !== "")
    .join("\n");
}

function outcome(receipt: Receipt): string {
  const seconds = (Date.parse(receipt.finished_at) - Date.parse(receipt.started_at)) / 1000;
  const complete = receipt.complete === false ? "saved, not complete" : receipt.exit_code === 0 ? "complete" : "failed";
  return block([
    ["restore point", receipt.backup_id ?? "none"],
    ["outcome", `${complete} (exit status ${receipt.exit_code}), ${seconds.toFixed(1)} s`],
    ["finished", receipt.finished_at],
    ["error", receipt.error && [receipt.error.message, receipt.error.hint].filter((text) => text !== null).join(". ")],
    ["base", receipt.base],
    ["size", receipt.sizes && sizes(receipt.sizes)],
    ["encryption", receipt.cipher],
  ]);
}

function sizes(of: NonNullable<Receipt["sizes"]>): string {
  return `${bytes(of.source_bytes)} at the source, ${bytes(of.new_bytes)} new, ${bytes(of.stored_bytes)} stored`;
}

function components(receipt: Receipt): string {
  if (receipt.components === null) return "";
  const rows = Object.entries(receipt.components).map(([name, one]) => [
    name,
    one.sources.toLocaleString("en"),
    one.captured.toLocaleString("en"),
    one.rows.toLocaleString("en"),
    bytes(one.bytes),
    one.grade ?? "-",
  ]);
  return table([["component", "sources", "captured", "rows", "bytes", "weakest grade"], ...rows]);
}

function findings({ ledger, capture, remote, notes }: Receipt): string {
  const notRead = ledger?.not_read.map((line) => `${line.component} ${line.source} ${line.name}: ${line.reason ?? ""}`);
  const counts =
    ledger &&
    `${ledger.captured} captured, ${ledger.excluded} excluded, ${ledger.ephemeral} ephemeral, ` +
      `${ledger.unreadable} unreadable, ${ledger.failed} failed`;
  return block([
    ["ledger", counts],
    ...(notRead ?? []).map((line): Line => ["not read", line]),
    ["captured within", capture && `${capture.spread_seconds.toFixed(1)} s, first to last`],
    ["remote copy", remote && `${remote.state}${remote.detail === "" ? "" : `: ${remote.detail}`}`],
    ...notes.map((note): Line => ["note", note]),
  ]);
}

function proof(receipt: Receipt): string {
  return block([
    ["git revision", receipt.git_sha],
    ["image", receipt.image_digest],
    ["checksums", receipt.checksum_hash],
    ["proof", receipt.proof],
  ]);
}

type Line = readonly [label: string, text: string | null];

/** Labelled lines; what is null is left out, what is long is folded under itself. */
function block(lines: readonly Line[]): string {
  return lines
    .flatMap(([label, text]) => (text === null ? [] : [label.padEnd(labelWidth) + fold(text)]))
    .map((line) => `  ${line}\n`)
    .join("");
}

function fold(text: string): string {
  const room = width - 2 - labelWidth;
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join(`\n${" ".repeat(2 + labelWidth)}`);
}

/** Columns as wide as they need be: the first and the last to the left, numbers to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const columns = rows[0]?.length ?? 0;
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const cell = (text: string, column: number) =>
    column === 0 || column === columns - 1 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
  return rows.map((row) => `  ${row.map(cell).join("   ").trimEnd()}\n`).join("");
}

/** "999 B", "1.5 kB", "3.0 GB". */
export function bytes(count: number): string {
  const units = ["kB", "MB", "GB", "TB", "PB"];
  let value = count;
  let unit = "B";
  for (const next of units) {
    if (value < 999.5) break;
    value /= 1000;
    unit = next;
  }
  return unit === "B" ? `${value} B` : `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)} ${unit}`;
}
