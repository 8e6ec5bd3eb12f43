/**
 * Whether one motion of the camera explains what two frames have in common.
 *
 * @module
 */
export {
  countPairs,
  defaultPairing,
  type FeaturePairs,
  type Pairing,
  type PairingOptions,
  pairsOfMatches,
} from "./feature_pairs.ts";
export { matchAll, matchByNodes } from "./match_features.ts";
export { GeometricCheck, type GeometricCheckOptions } from "./geometric_check.ts";
export type { Intrinsics } from "./intrinsics.ts";
