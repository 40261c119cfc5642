import { imageOf } from "./image.ts";

// What `npm test` runs before the suites: a first build takes longer than a test may.
for (const kind of ["moto", "ceph"] as const) process.stdout.write(`${await imageOf(kind)}\n`);
