import type { DescriptorMatch } from "../features/matcher.ts";
import type { KeptFeatures } from "../features/kept_features.ts";

/** Features of two frames that look alike. */
export interface FeaturePairs {
  /** Feature of the first frame and of the second, by turns, ascending in the first. */
  readonly pairs: Uint32Array<ArrayBuffer>;
  /** How far the descriptors of each pair are apart: bits, or Euclidean distance. */
  readonly distances: Float32Array<ArrayBuffer>;
}

/** Which features are paired. */
export interface PairingOptions {
  /**
   * The nearest must be nearer than this part of the distance to the second nearest; 1 asks for nothing. Bits: 0.75, as
   * ORB-SLAM's loop closing (Mur-Artal, Montiel and Tardós, 2015; DLoopDetector, Gálvez-López and Tardós, 2012, takes
   * 0.6). Floats: 1, since learned descriptors are matched without it (XFeat, Potje et al., 2024).
   */
  readonly ratio?: number;
  /** Whether each must be the other's nearest; yes unless given. */
  readonly mutual?: boolean;
  /**
   * Farthest that two may be apart. Bits: 50 of 256, as ORB-SLAM, and the same part of other lengths. Floats: 0.6, the
   * distance of unit vectors with a cosine of 0.82, as XFeat.
   */
  readonly maxDistance?: number;
}

/** All of {@linkcode PairingOptions}, with what stands for those not given. */
export type Pairing = Required<PairingOptions>;

/** The defaults of {@linkcode PairingOptions} for descriptors of a kind and size. */
export function defaultPairing({ descriptors, size }: Pick<KeptFeatures, "descriptors" | "size">): Pairing {
  return descriptors instanceof Int8Array
    ? { ratio: 1, mutual: true, maxDistance: 0.6 }
    : { ratio: 0.75, mutual: true, maxDistance: 50 / 32 * size };
}

/** What `DescriptorMatcher` found on the GPU, as pairs. */
export function pairsOfMatches(matches: readonly DescriptorMatch[]): FeaturePairs {
  return {
    pairs: Uint32Array.from(matches.flatMap(({ first, second }) => [first, second])),
    distances: Float32Array.from(matches, ({ distance }) => distance),
  };
}

/** How many pairs there are. */
export function countPairs({ distances }: Pick<FeaturePairs, "distances">): number {
  return distances.length;
}
