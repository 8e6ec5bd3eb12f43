import type { FeatureNodes } from "../bags/bag_direct_index.ts";
import { countFeatures, type LocalFeatures } from "./local_features.ts";

/** What is kept of a frame's local features to verify later frames against it: a byte for each number of a descriptor. */
export interface KeptFeatures {
  /** Column and row of each, in pixels of the frame. `2 * count` numbers. */
  readonly points: Float32Array<ArrayBuffer>;
  /** One after the other: bits, or floats of unit length times 127. */
  readonly descriptors: Uint8Array<ArrayBuffer> | Int8Array<ArrayBuffer>;
  /** Bytes of one descriptor. */
  readonly size: number;
  /** The nodes of the vocabulary that they passed, where there is one. */
  readonly nodes?: FeatureNodes;
}

/** What the numbers of a unit descriptor are multiplied by before they are rounded to a byte. */
export const KEPT_SCALE = 127;

/** How many features were kept. */
export function countKept({ points }: Pick<KeptFeatures, "points">): number {
  return points.length / 2;
}

/**
 * Copies what later frames are verified against. A float descriptor loses little: rounding moves a distance of unit
 * vectors of 64 numbers by 0.02 at most, and by 0.005 as a rule.
 *
 * @param size numbers of a descriptor if floats, bytes if bits: the bytes of one that is kept.
 * @throws {RangeError} if points, scores and descriptors do not tell of the same number of features.
 */
export function keepFeatures(features: LocalFeatures, size: number, nodes?: FeatureNodes): KeptFeatures {
  const { points, descriptors } = features;
  const count = countFeatures(features);
  if (
    !Number.isInteger(size) || size < 1 || points.length !== 2 * count || descriptors.length !== size * count
  ) {
    throw new RangeError(
      `Cannot keep features: ${count} scores, ${points.length} coordinates and ${descriptors.length} elements of ` +
        `descriptors do not fit; give 2 coordinates and ${size} elements for each feature`,
    );
  }
  return {
    points: points.slice(),
    descriptors: descriptors instanceof Float32Array ? toBytes(descriptors) : descriptors.slice(),
    size,
    ...(nodes && { nodes }),
  };
}

function toBytes(floats: Float32Array): Int8Array<ArrayBuffer> {
  const bytes = new Int8Array(floats.length);
  for (let i = 0; i < floats.length; i++) {
    const scaled = Math.round(floats[i]! * KEPT_SCALE);
    bytes[i] = scaled > 127 ? 127 : scaled < -127 ? -127 : scaled;
  }
  return bytes;
}
