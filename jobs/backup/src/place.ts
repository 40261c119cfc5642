import type { Container, Source } from "@erlmcp/docker";

/** What a restore needs to know of a container to find the one that stands in its place, maybe on another host. */
export function placeOf(container: Container): Record<string, unknown> {
  const { name, project, service, image, imageId, hostname, mounts } = container;
  return {
    name,
    project: project ?? null,
    service: service ?? null,
    image,
    image_id: imageId,
    hostname,
    mounts: mounts.flatMap(({ volume, target }) => (volume === undefined ? [] : [{ volume, target }])),
  };
}

/** Where a source was found; goes into the sealed part of the manifest. */
export function placesOf(sources: readonly Source[]): Record<string, unknown> {
  const containers = sources.flatMap((source) => (source.kind === "volume" ? [] : [placeOf(source.container)]));
  const volumes = sources.flatMap((source) => {
    if (source.kind !== "volume" || source.volume === undefined) return [];
    const { name, project, shortName } = source.volume;
    return [{ name, project: project ?? null, short_name: shortName ?? null }];
  });
  return { ...(containers.length > 0 && { containers }), ...(volumes.length > 0 && { volumes }) };
}
