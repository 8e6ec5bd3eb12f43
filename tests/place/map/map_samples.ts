/**
 * Maps for tests: frames whose every byte follows from their number.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  type LoopResult,
  type MapFrame,
  type MapNetworks,
  MemoryFolder,
  type PlaceMap,
} from "../../../src/place/mod.ts";
import { Random } from "../../support/random.ts";

export const WORDS = 500;

export const NETWORKS: MapNetworks = {
  embedding: {
    name: "embed.onnx",
    fingerprint: "00112233aabbccdd",
    width: 224,
    height: 224,
    dimensions: 24,
    type: "f32",
    metric: "inner_product",
  },
  features: { name: "orb", fingerprint: "4455667788990011", kind: "binary", size: 32 },
  vocabulary: { name: "words.fwvoc", fingerprint: "aabbccddeeff0011", words: WORDS, scoring: "l1" },
};

/** Frame `id` with all that a frame has; every seventh closes a loop with the one seventeen before. */
export function sampleFrame(id: number, seed = 1): MapFrame & { readonly descriptor: Float32Array } {
  const random = new Random(seed * 1_000_003 + id);
  const count = random.int(0, 12);
  const words = [...new Set(Array.from({ length: random.int(1, 20) }, () => random.int(0, WORDS - 1)))];
  words.sort((a, b) => a - b);
  const match = id % 7 === 0 && id >= 17 ? id - 17 : undefined;
  const result: LoopResult = match === undefined ? { id, status: "low_score", candidates: [] } : {
    id,
    status: "loop",
    match,
    similarity: random.next(),
    candidates: [{ id: match, score: random.next(), bow: random.next() }],
    geometry: {
      id: match,
      matches: 9,
      inliers: 4,
      model: "essential",
      pairs: Uint32Array.of(id, 1, 2, 3, 4, 5, 6, 7),
      pose: { rotation: [1, 0, 0, 0, 1, 0, 0, 0, 1], translation: [0, 0, 1] },
    },
  };
  return {
    name: `${id}.jpg`,
    timeSeconds: id / 30,
    descriptor: random.normals(NETWORKS.embedding!.dimensions),
    features: {
      points: random.uniforms(count * 2, 0, 640),
      descriptors: random.bytes(count * 32),
      size: 32,
      nodes: {
        nodes: count > 0 ? Uint32Array.of(3) : new Uint32Array(),
        starts: count > 0 ? Uint32Array.of(0, count) : Uint32Array.of(0),
        features: Uint32Array.from({ length: count }, (_, i) => i),
      },
    },
    bag: { words: Uint32Array.from(words), values: Float64Array.from(words, () => 1 / words.length) },
    result,
    covisibility: {
      ids: Uint32Array.from({ length: Math.min(id, 3) }, (_, i) => id - 1 - i),
      weights: Uint32Array.from({ length: Math.min(id, 3) }, (_, i) => 10 + i),
    },
  };
}

/** Compares all that is kept of a frame, through every way to read it. */
export async function assertFrame(map: PlaceMap, id: number, expected: MapFrame, what = ""): Promise<void> {
  const { descriptor, features, ...record } = expected;
  assertEquals({ ...await map.record(id) }, record, `${what} frame ${id}`);
  assertEquals(await map.descriptor(id), descriptor as Float32Array, `${what} descriptor ${id}`);
  assertEquals(await map.features(id), features, `${what} features ${id}`);
  assertEquals([map.entry(id).name, map.entry(id).timeSeconds], [record.name, record.timeSeconds], what);
}

/** A copy of a folder whose files end at random places, or at given ones. */
export async function cutFolder(
  folder: MemoryFolder,
  lengthOf: (name: string, size: number) => number,
): Promise<MemoryFolder> {
  const cut = new MemoryFolder("cut");
  for (const [name, file] of folder.files) {
    const size = await file.size();
    await cut.replace(
      name,
      new Uint8Array(await file.read(0, name === "map.json" ? size : lengthOf(name, size))),
    );
  }
  return cut;
}
