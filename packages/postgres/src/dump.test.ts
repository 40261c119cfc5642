import { Buffer } from "node:buffer";
import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import { expect, it } from "vitest";
import type { Exec } from "@erlmcp/docker";
import { completeOutput } from "./dump.ts";

/** A program that has written this and ended so. */
function ended(stdout: string[], exitCode: number, stderr = ""): Exec {
  const output = async function* (): AsyncGenerator<Buffer> {
    for (const piece of stdout) yield Buffer.from(piece);
  };
  return { stdin: new PassThrough(), stdout: output(), stderr: () => stderr, exitCode: Promise.resolve(exitCode) };
}

const read = (exec: Exec, warnings: string[] = []): Promise<Buffer> =>
  buffer(completeOutput(exec, { what: "pg_dump of database app", archive: true, warn: (line) => warnings.push(line) }));

it("passes a whole dump on, with what the program warned of", async () => {
  const warnings: string[] = [];
  const exec = ended(["PG", "DMP", "data"], 0, "pg_dump: warning: there are circular foreign-key constraints\n");
  expect((await read(exec, warnings)).toString()).toBe("PGDMPdata");
  expect(warnings).toEqual(["pg_dump: warning: there are circular foreign-key constraints"]);
});

it.for([
  {
    name: "a failed program",
    exec: () => ended(["PGDMP"], 1, "pg_dump: error: connection lost\n"),
    says: "pg_dump: error: connection lost",
  },
  {
    name: "an error message in spite of exit code 0",
    exec: () => ended(["PGDMP"], 0, "pg_dump: error: no\n"),
    says: "pg_dump: error: no",
  },
  { name: "a program that was killed", exec: () => ended(["PGDMP"], 137), says: "exit code 137" },
  { name: "no output at all", exec: () => ended([], 0), says: "its output is no dump" },
  { name: "output of another kind", exec: () => ended(["-- PostgreSQL"], 0), says: "its output is no dump" },
])("refuses $name", async ({ exec, says }) => {
  await expect(read(exec())).rejects.toThrow(`pg_dump of database app: ${says}`);
});

it("tells once, at the first byte, that the dump has begun", async () => {
  let begun = 0;
  const checks = { what: "x", archive: true, warn: () => undefined, begun: () => void begun++ };
  await buffer(completeOutput(ended(["PGDMP", "more", "more"], 0), checks));
  expect(begun).toBe(1);
});
