import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { featureNodes } from "../../../src/place/bags/bag_direct_index.ts";
import { keepFeatures, type KeptFeatures } from "../../../src/place/features/kept_features.ts";
import {
  defaultPairing,
  matchAll,
  matchByNodes,
  type Pairing,
  type PairingOptions,
  pairsOfMatches,
} from "../../../src/place/geometry/mod.ts";
import { Random } from "../../support/random.ts";

interface Draw {
  readonly kind: "floats" | "bits";
  readonly count: number;
  readonly size: number;
  readonly nodes?: number;
  /** Floats are of this length rather than 1. */
  readonly length?: number;
}

/** Features of few different values, so that distances are often equal. */
function draw(random: Random, { kind, count, size, nodes, length = 1 }: Draw): KeptFeatures {
  const descriptors = kind === "bits"
    ? new Uint8Array(count * size).map(() => random.int(0, 3))
    : new Float32Array(count * size).map(() => random.int(-3, 3));
  for (let row = 0; row < count && kind === "floats"; row++) {
    const part = descriptors.subarray(row * size, (row + 1) * size);
    const scale = length / Math.max(Math.hypot(...part), 1);
    part.set(part.map((x) => x * scale));
  }
  return keepFeatures(
    { points: random.uniforms(2 * count, 0, 640), scores: new Float32Array(count), descriptors },
    size,
    nodes === undefined
      ? undefined
      : featureNodes(Uint32Array.from({ length: count }, () => random.int(0, nodes - 1))),
  );
}

/** Whole numbers: bits, or squares of 127 times the distance. */
function distanceOf(a: KeptFeatures, i: number, b: KeptFeatures, j: number): number {
  let sum = 0;
  for (let k = 0; k < a.size; k++) {
    const x = a.descriptors[i * a.size + k]!, y = b.descriptors[j * a.size + k]!;
    sum += a.descriptors instanceof Int8Array ? (x - y) ** 2 : (x ^ y).toString(2).replaceAll("0", "").length;
  }
  return sum;
}

/** The plain definition of a pairing: lists of candidates, sorted. */
function expectedPairs(a: KeptFeatures, b: KeptFeatures, options: Pairing, byNodes: boolean): number[][] {
  const squared = a.descriptors instanceof Int8Array;
  const nodesOf = (kept: KeptFeatures): Map<number, number> =>
    new Map(
      Array.from(kept.nodes?.nodes ?? []).flatMap((node, n) =>
        Array.from(kept.nodes!.features.subarray(kept.nodes!.starts[n], kept.nodes!.starts[n + 1])).map((
          f,
        ) => [f, node])
      ),
    );
  const ofA = nodesOf(a), ofB = nodesOf(b);
  const [countA, countB] = [a.points.length / 2, b.points.length / 2];
  const sorted = (count: number, order: (n: number) => [number, number]): number[][] =>
    Array.from({ length: count }, (_, n) => n)
      .filter((n) => !byNodes || ofA.get(order(n)[0]) === ofB.get(order(n)[1]))
      .map((n) => [distanceOf(a, order(n)[0], b, order(n)[1]), n])
      .sort((x, y) => x[0]! - y[0]! || x[1]! - y[1]!);
  const pairs: number[][] = [];
  for (let i = 0; i < countA; i++) {
    const list = sorted(countB, (j) => [i, j]);
    const [nearest, second] = list;
    if (!nearest) continue;
    const scale = (whole: number): number => squared ? Math.sqrt(whole) / 127 : whole;
    if (scale(nearest[0]!) > options.maxDistance) continue;
    if (options.ratio < 1 && second && !(scale(nearest[0]!) < options.ratio * scale(second[0]!))) continue;
    if (options.mutual && sorted(countA, (k) => [k, nearest[1]!])[0]![1] !== i) continue;
    pairs.push([i, nearest[1]!, scale(nearest[0]!)]);
  }
  return pairs;
}

Deno.test("keepFeatures() keeps points and bits, and floats as whole parts of 127", () => {
  const points = Float32Array.of(1, 2, 3, 4), scores = new Float32Array(2);
  const bits = keepFeatures({ points, scores, descriptors: Uint8Array.of(1, 2, 3, 255) }, 2);
  assertEquals(bits, { points, descriptors: Uint8Array.of(1, 2, 3, 255), size: 2 });
  const nodes = featureNodes(Uint32Array.of(5, 4));
  const floats = keepFeatures({ points, scores, descriptors: Float32Array.of(0.6, -0.8, 1.5, -2) }, 2, nodes);
  assertEquals(floats, { points, descriptors: Int8Array.of(76, -102, 127, -127), size: 2, nodes });
  points[0] = 9;
  assertEquals(floats.points[0], 1);
});

Deno.test("keepFeatures() refuses numbers that do not fit, and names them", () => {
  const good = { points: new Float32Array(4), scores: new Float32Array(2), descriptors: new Float32Array(8) };
  for (
    const [features, size] of [[good, 3], [good, 0], [{ ...good, points: new Float32Array(2) }, 4]] as const
  ) {
    assertThrows(() => keepFeatures(features, size), RangeError, "Cannot keep features: 2 scores");
  }
});

Deno.test("kept descriptors are as far apart as the floats were, but for 0.02", () => {
  const random = new Random(3), size = 64, count = 60;
  const rows = () => {
    const floats = random.normals(count * size);
    for (let i = 0; i < count; i++) {
      const part = floats.subarray(i * size, (i + 1) * size), length = Math.hypot(...part);
      part.set(part.map((x) => x / length));
    }
    return floats;
  };
  const [a, b] = [rows(), rows()];
  const keep = (descriptors: Float32Array<ArrayBuffer>) =>
    keepFeatures({ points: new Float32Array(2 * count), scores: new Float32Array(count), descriptors }, size);
  const { pairs, distances } = matchAll(keep(a), keep(b), { mutual: false, maxDistance: 2 });
  assertEquals(distances.length, count);
  distances.forEach((distance, n) => {
    const [i, j] = [pairs[2 * n]!, pairs[2 * n + 1]!];
    let square = 0;
    for (let k = 0; k < size; k++) square += (a[i * size + k]! - b[j * size + k]!) ** 2;
    assertAlmostEquals(distance, Math.sqrt(square), 0.02);
  });
});

Deno.test("matchAll() and matchByNodes() are the plain definition, ties by the lower feature", () => {
  const random = new Random(41);
  for (let n = 0; n < 300; n++) {
    const kind = random.pick(["floats", "bits"] as const);
    const size = kind === "bits" ? random.pick([1, 3, 4, 8, 32]) : random.pick([1, 2, 3, 7, 16, 64]);
    const shape = { kind, size, nodes: random.pick([1, 2, 5, 40]), length: random.pick([1, 1, 4]) };
    const counts = [random.int(0, 30), random.int(0, 30)] as const;
    const a = draw(random, { ...shape, count: counts[0] }), b = draw(random, { ...shape, count: counts[1] });
    const options: PairingOptions = {
      mutual: random.pick([true, false]),
      ratio: random.pick([1, 0.9, 0.75]),
      maxDistance: random.pick([0.3, 0.9, 4, 20]),
    };
    const told = JSON.stringify({ n, shape, counts, options });
    for (const byNodes of [false, true]) {
      const { pairs, distances } = (byNodes ? matchByNodes : matchAll)(a, b, options);
      const expected = expectedPairs(a, b, { ...defaultPairing(a), ...options }, byNodes);
      assertEquals(Array.from(pairs), expected.flatMap(([i, j]) => [i!, j!]), `${told} by nodes: ${byNodes}`);
      assertEquals(Array.from(distances), expected.map(([, , d]) => Math.fround(d!)), told);
    }
  }
});

Deno.test("the longest descriptors that bytes can hold are compared exactly", () => {
  const size = 128, count = 7;
  const random = new Random(8);
  const longest = (): KeptFeatures => ({
    points: new Float32Array(2 * count),
    descriptors: new Int8Array(size * count).map(() => random.pick([-127, 127])),
    size,
  });
  for (let n = 0; n < 20; n++) {
    const a = longest(), b = longest();
    const options = { ratio: 1, mutual: true, maxDistance: 1e9 };
    const { pairs } = matchAll(a, b, options);
    assertEquals(
      Array.from(pairs),
      expectedPairs(a, b, options, false).flatMap(([i, j]) => [i!, j!]),
      `case ${n}`,
    );
  }
});

Deno.test("the defaults are XFeat's cosine for floats, ORB-SLAM's bits and ratio for bits", () => {
  assertEquals(defaultPairing({ descriptors: new Int8Array(), size: 64 }), {
    ratio: 1,
    mutual: true,
    maxDistance: 0.6,
  });
  assertEquals(defaultPairing({ descriptors: new Uint8Array(), size: 32 }), {
    ratio: 0.75,
    mutual: true,
    maxDistance: 50,
  });
});

Deno.test("pairsOfMatches() takes what the GPU found", () => {
  const { pairs, distances } = pairsOfMatches([{ first: 1, second: 7, distance: 3 }, {
    first: 4,
    second: 2,
    distance: 9,
  }]);
  assertEquals(pairs, Uint32Array.of(1, 7, 4, 2));
  assertEquals(distances, Float32Array.of(3, 9));
});

Deno.test("matching refuses other kinds of features, frames without nodes, and options out of range", () => {
  const random = new Random(2);
  const floats = draw(random, { kind: "floats", count: 4, size: 8 });
  const bits = draw(random, { kind: "bits", count: 4, size: 8, nodes: 2 });
  const short = draw(random, { kind: "bits", count: 4, size: 4, nodes: 2 });
  assertThrows(
    () => matchAll(floats, bits),
    RangeError,
    "the first frame's descriptors are floats in 8 bytes",
  );
  assertThrows(() => matchAll(bits, short), RangeError, "the second's bits in 4");
  assertThrows(() => matchByNodes(floats, floats), RangeError, "the first frame was kept without them");
  assertThrows(() => matchAll({ ...bits, size: 7 }, bits), RangeError, "32 bytes of descriptors of 7");
  assertThrows(() => matchAll(bits, bits, { ratio: 0 }), RangeError, "ratio is 0");
  assertThrows(() => matchAll(bits, bits, { maxDistance: NaN }), RangeError, "maxDistance is NaN");
  assert(matchAll(bits, bits).distances.length <= 4);
});
