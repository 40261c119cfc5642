import { describe, expect, it } from "vitest";
import { createMemoryStore, describeObjectStore } from "./index.ts";

describeObjectStore("memory", () => Promise.resolve(createMemoryStore()), { describe, it });

it("refuses attributes instead of dropping them", async () => {
  const put = createMemoryStore("here").put("k", Buffer.from("x"), { attributes: { tags: { a: "b" } } });
  await expect(put).rejects.toThrow("here cannot keep tags of an object");
});
