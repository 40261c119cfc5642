import type { Engine } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";
import { z } from "zod";
import type { Place } from "./recorded.ts";

/** The image that stands for a captured container. */
export const ChosenImage = z.strictObject({
  container: z.string(),
  image: z.string(),
  id: z.string(),
  recorded: z.boolean(), // the very one that the restore point names
});
export type ChosenImage = z.infer<typeof ChosenImage>;

/**
 * The recorded image, by its ID, or the one that the operator gives. Nothing is pulled, and an image that only has the
 * recorded one's name is not taken for it.
 *
 * @param setting its name, and what it is set to
 * @throws BackupError NOT_FOUND
 */
export async function chooseImage(
  engine: Pick<Engine, "image">,
  place: Place,
  setting: { readonly name: string; readonly value: string | undefined },
): Promise<ChosenImage> {
  const container = place.name;
  if (setting.value !== undefined) {
    const given = await idOf(engine, setting.value);
    if (given === undefined) {
      throw missing(
        `the image ${setting.value} (${setting.name}) is not here`,
        `Get it: docker pull ${setting.value}.`,
      );
    }
    return { container, image: setting.value, id: given, recorded: given === place.image_id };
  }
  const image = place.image ?? "an unknown image";
  if (place.image_id === null) {
    throw missing(`the restore point does not say which image ${container} had`, `Name one in ${setting.name}.`);
  }
  if ((await idOf(engine, place.image_id)) !== undefined)
    return { container, image, id: place.image_id, recorded: true };
  const named = place.image === null ? undefined : await idOf(engine, place.image);
  if (named !== undefined) {
    throw missing(
      `${image} is another image here (${brief(named)}) than that of ${container} in the restore point (${brief(place.image_id)})`,
      `Get the recorded one, or take this one by ${setting.name}=${image}.`,
    );
  }
  throw missing(
    `the image ${image} (${brief(place.image_id)}) of ${container} is not here`,
    `Get it: docker pull ${image}; or name another one in ${setting.name}.`,
  );
}

async function idOf(engine: Pick<Engine, "image">, image: string): Promise<string | undefined> {
  try {
    return (await engine.image(image)).id;
  } catch (error) {
    if (error instanceof BackupError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}

function brief(id: string): string {
  return id.replace("sha256:", "").slice(0, 12);
}

function missing(message: string, hint: string): BackupError {
  return new BackupError("NOT_FOUND", message, { hint });
}
