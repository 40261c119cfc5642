import { catchSignals } from "@erlmcp/job/signals";

const signals = catchSignals("verify"); // first of all: loading the rest takes a moment
const [{ runHostJob }, { verify }] = await Promise.all([import("@erlmcp/host"), import("./verify.ts")]);
await runHostJob({ service: "verify", main: verify, signals, receipts: "launcher" }); // of a drill, the launcher tells
