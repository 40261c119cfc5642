import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { createOutput, readableOn } from "./output.ts";
import { createProgress } from "./progress.ts";
import { createLog } from "./log.ts";

/** What reached the stream. */
function terminal(isTTY: boolean) {
  const stream = Object.assign(new PassThrough({ encoding: "utf8" }), { isTTY });
  return { output: createOutput(stream), seen: () => String(stream.read() ?? "") };
}

const hostile = "a\u001b[2Jb\u009bc\u202egnp.exe\r";

it("shows names on a terminal without obeying them", () => {
  const { output, seen } = terminal(true);
  readableOn(output).write(`volumes ${hostile}\n`);
  expect(seen()).toBe("volumes a [2Jb c gnp.exe \n");
});

it("passes bytes, and everything where there is no terminal, as they are", () => {
  const { output, seen } = terminal(false);
  readableOn(output).write(hostile);
  readableOn(output).write(Buffer.from("é"));
  expect(seen()).toBe(`${hostile}é`);
});

it("logs and shows progress of what has such a name", async () => {
  const { output, seen } = terminal(true);
  const log = createLog(output, { service: "restore", level: "info" });
  log.info({ source: hostile }, hostile);
  expect(seen()).toBe("a [2Jb c gnp.exe   source=a [2Jb c gnp.exe \n");
  const progress = createProgress(output, log, { quiet: false, monotonicMs: () => 0 });
  progress.step(hostile);
  await expect.poll(seen, { timeout: 5000 }).toContain("a [2Jb c gnp.exe ");
  progress.stop();
});
