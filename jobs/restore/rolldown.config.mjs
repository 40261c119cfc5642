import { defineConfig } from "rolldown";

/** Two entries, the job and its worker threads. koffi and the optional natives of ssh2 stay outside: they hold machine code. */
export default defineConfig({
  input: { restore: "src/main.ts", worker: "src/worker.ts" },
  platform: "node",
  external: ["koffi", "cpu-features", /\.node$/],
  output: { dir: "dist", format: "esm", entryFileNames: "[name].mjs", chunkFileNames: "[name].mjs", sourcemap: false },
});
