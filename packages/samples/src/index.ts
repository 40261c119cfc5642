export { sampleRepository, type SampleOptions, type SampleRepository } from "./sample-repository.ts";
export { defaultSources } from "./default-sources.ts";
export type { Deviation } from "./make.ts";
export { dump, file, folder, frame, link, noise, source, table, type SampleItem, type SampleSource } from "./source.ts";
export { damagedCopy, damages, drawn, flipped, objectsOf, withDamage, type Damage } from "./damages.ts";
export { craft, type Craft, type CraftedSegment } from "./craft.ts";
