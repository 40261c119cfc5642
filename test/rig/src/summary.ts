import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isGood, type Step, summaryLine, tally } from "./tally.ts";

/** `node summary.ts FOLDER`: sums the steps that test.sh left there as NAME.exit and, from vitest, NAME.json. */
function readSteps(folder: string): Step[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".exit"))
    .map((file) => {
      const name = file.slice(0, -".exit".length);
      const report = join(folder, `${name}.json`);
      return {
        name,
        exitStatus: Number(readFileSync(join(folder, file), "utf8")),
        report: existsSync(report) ? readFileSync(report, "utf8") : undefined,
      };
    });
}

const total = tally(readSteps(process.argv[2] ?? "."));
const details = total.failures.map((failure) => `failed: ${failure}\n`).join("");
process.stdout.write(`${details}${summaryLine(total)}\n`);
process.exitCode = isGood(total) ? 0 : 1;
