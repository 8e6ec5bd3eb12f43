/**
 * Places: has the camera been here before?
 *
 * @module
 */
export * from "./bag_database.ts";
export * from "./bag_database_file.ts";
export * from "./bag_direct_index.ts";
export * from "./vocabulary/mod.ts";
export { DescriptorIndex, type DescriptorIndexOptions } from "./descriptor_index.ts";
export {
  DescriptorSearch,
  MAX_NEIGHBOURS,
  type Neighbours,
  type SearchOptions,
} from "./descriptor_search.ts";
export { DescriptorChunk } from "./descriptor_chunk.ts";
export {
  type DescriptorMetric,
  type DescriptorType,
  type PackedRows,
  packRows,
  unpackRows,
} from "./packing.ts";
export type { RowStorage } from "./row_kernels.ts";
export * from "./matcher.ts";
export {
  IndexFile,
  IndexFileError,
  type IndexFileLayout,
  loadIndex,
  type RandomAccessFile,
  saveIndex,
} from "./index_file.ts";
export { type FeatureMap, normalizeDispatch, type Pooling, poolingDispatches } from "./pooling.ts";
export { Whitening, WhiteningStep } from "./whitening.ts";
export * from "./orb.ts";
