import { pino, type Logger } from "pino";
import { z } from "zod";
import type { Output } from "./output.ts";
import { redact } from "./redact.ts";

export type Log = Logger;

const Line = z.looseObject({ level: z.number(), msg: z.string().default("") });
const labels: Record<number, string> = { 10: "trace", 20: "debug", 30: "", 40: "warning", 50: "error", 60: "fatal" };

/** JSON lines when stderr is no terminal; on a terminal one readable line an event. */
export function createLog(stderr: Output, options: { service: string; level: "debug" | "info" | "error" }): Log {
  return pino(
    { level: options.level, base: { service: options.service }, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => stderr.write(stderr.isTTY ? readable(line) : redact(line)) },
  );
}

/** `{"level":30,"msg":"captured","table":"users"}` becomes `captured  table=users`. */
function readable(line: string): string {
  const { level, time: _time, service: _service, msg, ...rest } = Line.parse(JSON.parse(line));
  const label = labels[level] ?? "";
  const facts = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return redact(`${label === "" ? "" : `${label}: `}${msg}${facts.length === 0 ? "" : `  ${facts.join(" ")}`}`) + "\n";
}
