import { catchSignals } from "@erlmcp/job/signals";

const signals = catchSignals("restore"); // first of all: loading the rest takes a moment
const [{ runHostJob }, { restore }] = await Promise.all([import("@erlmcp/host"), import("./restore.ts")]);
await runHostJob({ service: "restore", main: restore, signals });
