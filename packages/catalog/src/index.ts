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
export { formatAge, formatBytes, formatListing } from "./listing.ts";
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
