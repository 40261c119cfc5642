/** Captures a node and stops reading in the middle of a stream: whoever started this then kills it. Prints `streaming`. */
import { Buffer } from "node:buffer";
import { openEngine } from "@erlmcp/docker";
import { captureErlang } from "../src/capture.ts";
import { memorySpill } from "../src/testing.ts";
import { agentFiles, Sinks, stalled } from "./lab.ts";

const [container = "", megabytes = "1"] = process.argv.slice(2);
const engine = stalled(await openEngine(), Number(megabytes) * 1024 * 1024, async () => {
  process.stdout.write("streaming\n");
  await new Promise(() => setInterval(() => Buffer.alloc(0), 1000)); // for ever, and the process stays
});
await captureErlang({
  engine,
  agent: await agentFiles(),
  nodes: [{ container, settings: { node: undefined, cookieFile: undefined, ets: "none", etsSuspend: [], dets: [] } }],
  components: ["mnesia"],
  openSink: new Sinks().open,
  spill: memorySpill(),
  signal: new AbortController().signal,
});
