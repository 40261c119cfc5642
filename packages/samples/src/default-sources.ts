import { file, folder, noise, source, table, type SampleSource } from "./source.ts";

const rows = (count: number, seed: string) => Array.from({ length: count }, (_, row) => noise(76, `${seed} ${row}`));

/** Two tables, of whose larger one some rows are those of the version; a file of many chunks, one that changes, a small one. */
export function defaultSources(version: number): SampleSource[] {
  return [
    source("ets", "app@db1", [
      table("accounts", [...rows(4000, "accounts"), ...rows(40, `accounts ${version}`)], { name: "accounts" }),
      table("sessions", rows(12, `sessions ${version}`), { name: "sessions" }),
    ]),
    source("volumes", "data", [
      folder(""),
      file("large", noise(600_000, "large")),
      file("log", noise(9000, `log ${version}`)),
      file("readme", Buffer.from("read me")),
    ]),
  ];
}
