import type { Log } from "./log.ts";
import { printable, type Output } from "./output.ts";

/** What a long job tells of itself while it works: one repainted line on a terminal, a log line every 10 s elsewhere. */
export interface Progress {
  step(name: string): void;
  add(bytes: number): void;
  expect(totalBytes: number): void;
  stop(): void;
}

const units = ["B", "KiB", "MiB", "GiB", "TiB"];

/** 1536 becomes "1.5 KiB". */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${units[unit] ?? "B"}`;
}

export function createProgress(
  stderr: Output,
  log: Log,
  options: { quiet: boolean; monotonicMs: () => number },
): Progress {
  const begun = options.monotonicMs();
  let name = "starting";
  let done = 0;
  let total = 0;
  let painted = false;

  const facts = () => {
    const seconds = Math.max((options.monotonicMs() - begun) / 1000, 0.001);
    const rate = done / seconds;
    const left = total > done && rate > 0 ? Math.ceil((total - done) / rate) : undefined;
    return { rate, left };
  };
  const paint = () => {
    const { rate, left } = facts();
    const eta = left === undefined ? "" : `  ETA ${left} s`;
    const line = `${name}  ${formatBytes(done)}  ${formatBytes(rate)}/s${eta}`;
    stderr.write(`\r\u001b[2K${line.slice(0, stderr.columns - 1)}`);
    painted = true;
  };
  const report = () => {
    const { rate, left } = facts();
    log.info({ step: name, bytes: done, bytesPerSecond: Math.round(rate), etaSeconds: left }, "working");
  };
  const timer = options.quiet ? undefined : setInterval(stderr.isTTY ? paint : report, stderr.isTTY ? 500 : 10_000);
  timer?.unref();

  return {
    step(next) {
      name = printable(next);
    },
    add(bytes) {
      done += bytes;
    },
    expect(bytes) {
      total += bytes;
    },
    stop() {
      clearInterval(timer);
      if (painted) stderr.write("\r\u001b[2K");
      painted = false;
    },
  };
}
