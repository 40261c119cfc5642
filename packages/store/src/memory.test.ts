import { describe, it } from "vitest";
import { createMemoryStore, describeObjectStore } from "./index.ts";

describeObjectStore("memory", () => Promise.resolve(createMemoryStore()), { describe, it });
