import { sharedNodes } from "../bags/bag_direct_index.ts";
import { countKept, type KeptFeatures } from "../features/kept_features.ts";
import { defaultPairing, type FeaturePairs, type Pairing, type PairingOptions } from "./feature_pairs.ts";
import { NearestFeatures } from "./nearest_features.ts";

/**
 * Pairs features of two frames, of which only those are compared that passed the same node of the vocabulary: the direct
 * index of D. Gálvez-López and J. D. Tardós, Bags of binary words for fast place recognition in image sequences, 2012.
 *
 * @throws {RangeError} if a frame was kept without nodes, the descriptors are of two kinds, or an option is out of range.
 */
export function matchByNodes(a: KeptFeatures, b: KeptFeatures, options: PairingOptions = {}): FeaturePairs {
  const pairing = checked(a, b, options);
  if (!a.nodes || !b.nodes) {
    throw new RangeError(
      `Cannot match by nodes: the ${
        a.nodes ? "second" : "first"
      } frame was kept without them; give keepFeatures() the ` +
        `nodes, or take matchAll()`,
    );
  }
  const nearest = new NearestFeatures(countKept(a), countKept(b));
  const bits = a.descriptors instanceof Uint8Array;
  const distance = bits ? bitDistances(a, b) : byteDistances(a, b);
  for (const [ofA, ofB] of sharedNodes(a.nodes, b.nodes)) {
    for (let i = 0; i < ofA.length; i++) {
      const first = ofA[i]!;
      for (let j = 0; j < ofB.length; j++) nearest.add(first, ofB[j]!, distance(first, ofB[j]!));
    }
  }
  return nearest.pairs(!bits, pairing);
}

/**
 * Pairs features of two frames, of which each is compared with each.
 *
 * @throws {RangeError} if the descriptors are of two kinds, or an option is out of range.
 */
export function matchAll(a: KeptFeatures, b: KeptFeatures, options: PairingOptions = {}): FeaturePairs {
  const pairing = checked(a, b, options);
  const countA = countKept(a), countB = countKept(b);
  const nearest = new NearestFeatures(countA, countB);
  if (a.descriptors instanceof Uint8Array) {
    const distance = bitDistances(a, b);
    for (let i = 0; i < countA; i++) {
      for (let j = 0; j < countB; j++) nearest.add(i, j, distance(i, j));
    }
    return nearest.pairs(false, pairing);
  }
  addAllBytes(a, b, nearest);
  return nearest.pairs(true, pairing);
}

function checked(a: KeptFeatures, b: KeptFeatures, options: PairingOptions): Pairing {
  for (const features of [a, b]) {
    const { descriptors, size } = features;
    if (descriptors.length !== countKept(features) * size) {
      throw new RangeError(
        `Cannot match: ${features.points.length} coordinates and ${descriptors.length} bytes of descriptors of ${size} do ` +
          `not tell of the same number of features; make them with keepFeatures()`,
      );
    }
  }
  const kind = ({ descriptors }: KeptFeatures): string =>
    descriptors instanceof Int8Array ? "floats" : "bits";
  if (a.size !== b.size || kind(a) !== kind(b)) {
    throw new RangeError(
      `Cannot match: the first frame's descriptors are ${kind(a)} in ${a.size} bytes, the second's ${
        kind(b)
      } in ` +
        `${b.size}; both must be of the same features`,
    );
  }
  const pairing = { ...defaultPairing(a), ...options };
  const { ratio, maxDistance } = pairing;
  if (!(ratio > 0 && ratio <= 1)) {
    throw new RangeError(`Cannot match: ratio is ${ratio}; it must be over 0 and at most 1`);
  }
  if (!(maxDistance >= 0)) {
    throw new RangeError(`Cannot match: maxDistance is ${maxDistance}; it must be 0 or more`);
  }
  return pairing;
}

/** How many bits of a word are set (H. Warren, Hacker's Delight, 5-1). */
function bitsOf(word: number): number {
  word -= (word >>> 1) & 0x55555555;
  word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
  return Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Hamming distance of two features. */
function bitDistances(a: KeptFeatures, b: KeptFeatures): (i: number, j: number) => number {
  const width = Math.ceil(a.size / 4);
  const wordsA = words(a, width), wordsB = words(b, width);
  return (i, j) => {
    let sum = 0;
    for (let k = 0, p = i * width, q = j * width; k < width; k++) {
      sum += bitsOf(wordsA[p + k]! ^ wordsB[q + k]!);
    }
    return sum;
  };
}

/** Descriptors as words of 32 bits; the last of each is filled up with zeros. */
function words({ descriptors, size }: KeptFeatures, width: number): Int32Array {
  if (size === 4 * width && descriptors.byteOffset % 4 === 0) {
    return new Int32Array(descriptors.buffer, descriptors.byteOffset, descriptors.length / 4);
  }
  const padded = new Uint8Array(descriptors.length / size * width * 4);
  for (let row = 0, at = 0; at < descriptors.length; row++, at += size) {
    padded.set(descriptors.subarray(at, at + size), row * width * 4);
  }
  return new Int32Array(padded.buffer);
}

/** Squared Euclidean distance of two features' bytes. */
function byteDistances(a: KeptFeatures, b: KeptFeatures): (i: number, j: number) => number {
  const { descriptors: bytesA, size } = a, { descriptors: bytesB } = b;
  return (i, j) => {
    let sum = 0;
    for (let k = 0, p = i * size, q = j * size; k < size; k++) {
      const difference = bytesA[p + k]! - bytesB[q + k]!;
      sum += Math.imul(difference, difference);
    }
    return sum;
  };
}

/** Bits of a field; see {@linkcode addAllBytes}. */
const FIELD = 17;

/**
 * Tells the squared Euclidean distances of all features to all: |a|^2 + |b|^2 - 2 a.b.
 *
 * Three features of the second frame share a float of 64 bits, `b0 + 2^17 b1 + 2^34 b2`, so that one multiplication serves
 * three inner products. It is exact while each inner product, and so each sum on the way to it, is below 2^16: for that
 * |a| |b| must be (Cauchy and Schwarz), and that of unit vectors times 127 is 2^14. Longer ones are multiplied singly.
 */
function addAllBytes(a: KeptFeatures, b: KeptFeatures, nearest: NearestFeatures): void {
  const { size } = a;
  const countA = countKept(a), countB = countKept(b);
  const squaresA = squares(a), squaresB = squares(b);
  const longest = Math.sqrt(
    squaresA.reduce((m, x) => Math.max(m, x), 0) * squaresB.reduce((m, x) => Math.max(m, x), 0),
  );
  const fields = longest < 2 ** (FIELD - 1) ? 3 : 1;
  const groups = Math.ceil(countB / fields);
  // Four groups go side by side: the last ones may be empty.
  const together = Math.ceil(groups / 4) * 4;
  const rowsA = Float64Array.from(a.descriptors);
  const packed = new Float64Array(together * size);
  for (let j = 0; j < countB; j++) {
    const group = Math.floor(j / fields), scale = 2 ** (FIELD * (j % fields));
    // Numbers of four groups by turns.
    const start = Math.floor(group / 4) * 4 * size + group % 4;
    for (let k = 0; k < size; k++) packed[start + 4 * k]! += b.descriptors[j * size + k]! * scale;
  }
  const sums = new Float64Array(4);
  for (let i = 0; i < countA; i++) {
    const row = i * size, square = squaresA[i]!;
    for (let group = 0; group < together; group += 4) {
      let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
      for (let k = row, q = group * size, end = row + size; k < end; k++, q += 4) {
        const x = rowsA[k]!;
        s0 += x * packed[q]!;
        s1 += x * packed[q + 1]!;
        s2 += x * packed[q + 2]!;
        s3 += x * packed[q + 3]!;
      }
      sums[0] = s0;
      sums[1] = s1;
      sums[2] = s2;
      sums[3] = s3;
      let j = group * fields;
      for (let lane = 0; lane < 4; lane++) {
        let rest = sums[lane]!;
        for (let field = 0; field < fields && j < countB; field++, j++) {
          // The lowest field; what is above it is a multiple of 2^17.
          const above = field + 1 < fields ? Math.round(rest * 2 ** -FIELD) : 0;
          const inner = rest - above * 2 ** FIELD;
          nearest.add(i, j, square + squaresB[j]! - 2 * inner);
          rest = above;
        }
      }
    }
  }
}

function squares({ descriptors, size }: KeptFeatures): Int32Array {
  const sums = new Int32Array(descriptors.length / size);
  for (let i = 0; i < descriptors.length; i++) sums[Math.floor(i / size)]! += descriptors[i]! ** 2;
  return sums;
}
