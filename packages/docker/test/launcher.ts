import { connect } from "../src/connection.ts";
import { openEngine } from "../src/index.ts";
import { startSibling } from "../src/sibling.ts";

// A launcher to be killed: starts a sibling of the container given first that waits for the end of its input, then
// writes to the file given second in the volume given third.
const [own = "", file = "", volume = ""] = process.argv.slice(2);
const engine = await openEngine();
const container = await engine.container(own);
const self = { container, image: await engine.image(container.imageId) };
const sibling = await startSibling(connect(undefined).docker, self, {
  cmd: ["sh", "-c", `echo up; cat; echo stopped > ${file}`],
  mounts: [{ volume, target: "/out", readOnly: false }],
  labels: { "erlmcp.test.run": container.labels["erlmcp.test.run"] ?? "" },
  stdout: process.stdout,
  stderr: process.stderr,
});
process.exitCode = await sibling.exitCode;
