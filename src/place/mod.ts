/**
 * Places: has the camera been here before?
 *
 * @module
 */
export * from "./bags/bag_database.ts";
export * from "./bags/bag_database_file.ts";
export * from "./bags/bag_direct_index.ts";
export * from "./vocabulary/mod.ts";
export { DescriptorIndex, type DescriptorIndexOptions } from "./index/descriptor_index.ts";
export {
  DescriptorSearch,
  MAX_NEIGHBOURS,
  type Neighbours,
  type SearchOptions,
} from "./index/descriptor_search.ts";
export {
  type Calibration,
  IvfIndex,
  type IvfOptions,
  type IvfTraining,
  type Recall,
} from "./index/ivf_index.ts";
export { IvfSearch } from "./index/ivf_search.ts";
export { DescriptorChunk } from "./index/descriptor_chunk.ts";
export {
  type DescriptorMetric,
  type DescriptorType,
  type PackedRows,
  packRows,
  unpackRows,
} from "./index/packing.ts";
export type { RowStorage } from "./index/row_kernels.ts";
export * from "./features/matcher.ts";
export { IndexFile, IndexFileError, type IndexFileLayout, loadIndex, saveIndex } from "./index/index_file.ts";
export type { RandomAccessFile } from "./files/random_access_file.ts";
export { type FeatureMap, normalizeDispatch, type Pooling, poolingDispatches } from "./embedding/pooling.ts";
export * from "./embedding/embedding_stage.ts";
export type { LightNumbers } from "./embedding/light_numbers.ts";
export { Whitening, WhiteningStep } from "./embedding/whitening.ts";
export * from "./features/orb.ts";
export * from "./features/local_features.ts";
export * from "./loop/result.ts";
export { LoopDetector, type LoopEvidence } from "./loop/loop_detector.ts";
export type { LoopConsistency, LoopDetectorOptions, LoopMethod } from "./loop/loop_options.ts";
export { type DescriptorOf, type SequenceOptions, SequenceSimilarity } from "./loop/sequence_similarity.ts";
export { LoopDetectionError } from "./loop/loop_detection_error.ts";
export type { Verify } from "./loop/verification.ts";
export * from "./loop/covisibility_graph.ts";
export * from "./evaluation.ts";
export { countKept, keepFeatures, KEPT_SCALE, type KeptFeatures } from "./features/kept_features.ts";
export * from "./geometry/mod.ts";
export * from "./files/record_file.ts";
export { MapError } from "./map/errors.ts";
export { type MapFile, type MapFolder, MemoryFolder } from "./map/map_folder.ts";
export type { FeatureStage } from "./features/feature_stage.ts";
export * from "./features/heads/mod.ts";
export * from "./features/key_points.ts";
export { type NetworkFeatureOptions, NetworkFeatureStage } from "./features/network_feature_stage.ts";
export { ORB_BYTES, type OrbFeatureOptions, OrbFeatureStage } from "./features/orb_feature_stage.ts";
export * from "./feature_extractor.ts";
export { type FeatureSource, networkFeatures, orbFeatures } from "./feature_source.ts";
export { type PlaceResult } from "./conclusion.ts";
export { type PlaceFrame, PlaceSlot } from "./place_slot.ts";
export * from "./places.ts";
export {
  type CompareRows,
  ForgottenSearch,
  type ForgottenSearchOptions,
  type ForgottenSource,
} from "./map/forgotten_search.ts";
export { describeLoss, type MapOpened } from "./map/map_files.ts";
export type { MapFrame, MapFrameInfo } from "./map/map_frame.ts";
export {
  fingerprint,
  fingerprintVocabulary,
  type MapEmbedding,
  type MapFeatures,
  type MapNetworks,
  type MapVocabulary,
} from "./map/map_networks.ts";
export { mergeMaps, type MergeOptions } from "./map/merge_maps.ts";
export * from "./map/place_map.ts";
export * from "./map/place_map_options.ts";
export type { MemoryChange, WorkingMemoryOptions } from "./map/working_memory.ts";
