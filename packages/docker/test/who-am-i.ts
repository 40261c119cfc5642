import { insideContainer, openEngine } from "../src/index.ts";

// Says, in a container, what the job would find itself to be.
const engine = await openEngine();
const { container, image } = await engine.self();
process.stdout.write(JSON.stringify({ inside: await insideContainer(), id: container.id, image: image.id }));
