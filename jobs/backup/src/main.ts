import { catchSignals } from "@erlmcp/job/signals";

const signals = catchSignals("backup"); // first of all: loading the rest takes a moment
const [{ runHostJob }, { backup }] = await Promise.all([import("@erlmcp/host"), import("./backup.ts")]);
await runHostJob({ service: "backup", main: backup, signals });
