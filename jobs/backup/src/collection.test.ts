import type { ContentRef, LedgerLine } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import { createLog, createOutput, type JobContext } from "@erlmcp/job";
import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { createCollection } from "./collection.ts";
import type { Storage } from "./source-sink.ts";

const content: ContentRef = { bytes: 3, depth: 0, chunks: ["0".repeat(64)] };

/** Reads every stream to its end and stores nothing. */
const storage: Storage = {
  async stream(bytes) {
    let total = 0;
    for await (const piece of bytes) total += piece.byteLength;
    return { bytes: total, depth: 0, chunks: [] };
  },
  file: () => Promise.reject(new Error("no files here")),
  reuse: () => Promise.resolve(false),
};

function contextWith(signal: AbortSignal): JobContext {
  const output = createOutput(new PassThrough());
  let second = 0;
  return {
    argv: [],
    env: {},
    now: () => new Date(Date.UTC(2026, 1, 2, 12, 0, (second += 1))),
    monotonicMs: () => 0,
    signal,
    stdout: output,
    stderr: output,
    log: createLog(output, { service: "backup", level: "info" }),
    facts: () => {
      throw new Error("not asked for here");
    },
    terminate: () => undefined,
  };
}

const line = (name: string): LedgerLine => ({
  component: "ets",
  source: "node",
  name,
  verdict: "captured",
  grade: "fuzzy",
});
const table = (path: string) => ({ kind: "table" as const, path, rows: 2, facts: {}, content });

it("lists a source with its counts, and when the first and last entry came", async () => {
  const collection = createCollection(contextWith(new AbortController().signal), storage);
  await collection.attempt("ets", "node", async (sink) => {
    await sink.entry(table("a"));
    await sink.entry(table("b"));
    sink.ledger(line("a"));
    return { otp: "27" };
  });
  const { sources, ledger, span } = collection.result();
  expect(sources).toMatchObject([
    { component: "ets", name: "node", entry_count: 2, rows: 4, bytes: 6, grade: "fuzzy", facts: { otp: "27" } },
  ]);
  expect(ledger).toEqual([line("a")]);
  expect(span?.first.toISOString()).toBe("2026-02-02T12:00:01.000Z");
  expect(span?.last.toISOString()).toBe("2026-02-02T12:00:02.000Z");
});

it("drops a failed source whole, with its captured lines, and goes on", async () => {
  const collection = createCollection(contextWith(new AbortController().signal), storage);
  await collection.attempt("ets", "node", async (sink) => {
    await sink.entry(table("a"));
    sink.ledger(line("a"));
    throw new BackupError("SOURCE_FAILED", "the node went away");
  });
  await collection.attempt("config", "other", async () => ({}));
  const { sources, ledger } = collection.result();
  expect(sources.map(({ name }) => name)).toEqual(["other"]);
  expect(ledger).toEqual([
    { component: "ets", source: "node", name: "node", verdict: "failed", reason: "the node went away" },
  ]);
});

it.for(["DISK_FULL", "STORE_FAILED", "ENGINE_UNREACHABLE"] as const)("ends the run with %s", async (code) => {
  const collection = createCollection(contextWith(new AbortController().signal), storage);
  const failing = collection.attempt("ets", "node", async () => {
    throw new BackupError(code, "no more room");
  });
  await expect(failing).rejects.toMatchObject({ code });
});

it("ends the run with the signal's reason, whatever the source makes of it", async () => {
  const abort = new AbortController();
  const collection = createCollection(contextWith(abort.signal), storage);
  const failing = collection.attempt("ets", "node", async () => {
    abort.abort(new BackupError("INTERRUPTED", "stopped"));
    throw new Error("socket closed");
  });
  await expect(failing).rejects.toMatchObject({ code: "INTERRUPTED" });
});

it("refuses entries that are out of order", async () => {
  const collection = createCollection(contextWith(new AbortController().signal), storage);
  await collection.attempt("ets", "node", async (sink) => {
    await sink.entry(table("b"));
    await sink.entry(table("a"));
    return {};
  });
  expect(collection.result().ledger).toMatchObject([{ verdict: "failed" }]);
});
