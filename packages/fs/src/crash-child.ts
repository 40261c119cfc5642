import { makeRestorePoint, newerId } from "./commit-scenario.ts";
import { createDyingIo } from "./dying-io.ts";
import { realIo } from "./io.ts";

// Run by crash.test.ts: node crash-child.ts ROOT STEP TORN. Makes a restore point and is killed before that step.
const [root, step, torn] = process.argv.slice(2);
if (root === undefined) throw new Error("usage: crash-child.ts ROOT STEP TORN");

function killed(): never {
  process.kill(process.pid, "SIGKILL");
  for (;;); // the signal takes the thread wherever it is
}

const io = createDyingIo(realIo, { dieAt: Number(step), torn: torn === "torn", die: killed });
await makeRestorePoint(root, newerId, io);
