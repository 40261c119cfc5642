export { chooseBase, generationOf, type BaseChoice, type BaseRequirements } from "./choose-base.ts";
export {
  CatalogLine,
  catalogLineOf,
  formatCatalogLine,
  parseCatalog,
  type KnownComponents,
  type ParsedCatalog,
  type Verified,
} from "./line.ts";
export { formatListing, listingData, type ListingOptions } from "./listing.ts";
export type { ListedPoint } from "./facts.ts";
export { formatAge, formatBytes } from "./units.ts";
export {
  findRestorePoint,
  formatCatalog,
  listRestorePoints,
  rebuildCatalog,
  reconcileCatalog,
  type Reconciled,
  type RestorePoints,
  type Unusable,
} from "./restore-points.ts";
