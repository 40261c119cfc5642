import { BackupError } from "@erlmcp/errors";
import { expect, it } from "vitest";
import { chooseImage } from "./images.ts";

const recorded = `sha256:${"a".repeat(64)}`;
const other = `sha256:${"b".repeat(64)}`;

/** An engine with these images, by name and ID. */
function engineWith(images: Record<string, string>) {
  return {
    async image(name: string) {
      const id = images[name];
      if (id === undefined) throw new BackupError("NOT_FOUND", `no such image: ${name}`);
      return { id, digest: undefined, revision: undefined };
    },
  };
}

const place = { name: "app-1", service: "app", hostname: "app", image: "app:1", image_id: recorded, mounts: [] };
const unset = { name: "DRILL_ERLANG_IMAGE", value: undefined };

it("takes the recorded image by its ID, whatever has its name now", async () => {
  const engine = engineWith({ [recorded]: recorded, "app:1": other });
  const chosen = await chooseImage(engine, place, unset);
  expect(chosen).toEqual({ container: "app-1", image: "app:1", id: recorded, recorded: true });
});

it("takes the one that is given, and knows that it is another one", async () => {
  const engine = engineWith({ "app:2": other });
  const chosen = await chooseImage(engine, place, { ...unset, value: "app:2" });
  expect(chosen).toEqual({ container: "app-1", image: "app:2", id: other, recorded: false });
});

it.for([
  ["another image has its name", { "app:1": other }, unset, /app:1 is another image here \(b{12}\) than .* \(a{12}\)/],
  ["it is not here", {}, unset, /the image app:1 \(a{12}\) of app-1 is not here/],
  [
    "the given one is not here",
    { [recorded]: recorded },
    { ...unset, value: "app:9" },
    /app:9 \(DRILL_ERLANG_IMAGE\) is not here/,
  ],
] as const)("refuses when %s", async ([, images, setting, message]) => {
  await expect(chooseImage(engineWith(images), place, setting)).rejects.toThrow(message);
  await expect(chooseImage(engineWith(images), place, setting)).rejects.toMatchObject({ code: "NOT_FOUND" });
});

it("refuses a restore point that does not name one", async () => {
  const none = { ...place, image: null, image_id: null };
  await expect(chooseImage(engineWith({}), none, unset)).rejects.toThrow(/does not say which image app-1 had/);
});
