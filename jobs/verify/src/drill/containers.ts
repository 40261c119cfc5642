import type { HeldContainer } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";
import { aliasesOf, type Drilling } from "./drilling.ts";
import { workFolder } from "./intent.ts";
import type { Place } from "./recorded.ts";

export interface Holding {
  readonly key: string;
  readonly place: Place;
  readonly node?: string | undefined; // the Erlang node that runs in it
  readonly user: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** A throwaway container of a captured container's image that waits for what is run in it, with the drill's own volume. */
export async function holdContainer({ host, intent }: Drilling, wanted: Holding): Promise<HeldContainer> {
  const { key, place, node, user, env } = wanted;
  const image = intent.images.find(({ container }) => container === place.name);
  if (image === undefined) throw new BackupError("FAILED", `no image was chosen for ${place.name}`);
  return host.engine.throwaways.hold(
    {
      name: `erlmcp-drill-${intent.tag}-${key}`,
      image: image.id,
      hostname: node?.split("@")[1] ?? place.hostname ?? undefined,
      network: { name: intent.network, aliases: aliasesOf(place, node) },
      mounts: [{ volume: intent.work, target: workFolder, fromImage: false }],
      env,
      run: { kind: "held", user },
    },
    intent.label,
  );
}
