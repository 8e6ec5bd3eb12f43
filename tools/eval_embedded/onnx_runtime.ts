/**
 * The embedded networks through ONNX Runtime, with everything around them written plainly: what Framewise's kernels do is
 * done here by loops. Only the decision about loops is the library's own; what it decides on is not.
 *
 * @module
 */
import { recogniseHead } from "../../src/detect/mod.ts";
import { Conclusion, MemoryStore } from "../../src/place/conclusion.ts";
import { CovisibilityGraph } from "../../src/place/loop/covisibility_graph.ts";
import {
  KEY_POINT_CUSTOMS,
  type KeyPointHead,
  type LocalFeatures,
  type LoopResult,
  recogniseKeyPoints,
} from "../../src/place/mod.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { suppressReference, yoloxReference } from "../../tests/detect/head_reference.ts";
import { heatOf, type Planes, referencePoints } from "../../tests/place/features/key_point_reference.ts";
import { OrtSession } from "../../tests/support/ort.ts";
import type { DrawnPicture } from "./draw.ts";
import {
  type Engine,
  type FeatureFinder,
  type FeaturePair,
  type FoundObject,
  IOU_THRESHOLD,
  type Nearest,
  SCORE_THRESHOLD,
} from "./engine.ts";
import { FARTHEST_MATCH } from "./features_part.ts";
import type { EmbeddedNetworks, NetworkFile } from "./networks.ts";
import { plainInput, toPicture } from "./plain_input.ts";

/** Key points of a picture where nothing is said, and pixels at its edges without any: the library's defaults. */
const MOST_FEATURES = 1000;
const BORDER = 4;
/** Candidates of a frame, frames that are too recent to be any, and the level of the tree by which features are compared. */
const CANDIDATES = 10;
const GAP = 15;
const DIRECT_LEVEL = 2;

type Outputs = Readonly<Record<string, Planes & { readonly shape: readonly number[] }>>;

/** Runs the embedded networks on the CPU. */
export class OnnxRuntimeEngine implements Engine {
  readonly name = "ONNX Runtime";
  readonly #networks: EmbeddedNetworks;
  readonly #sessions = new Map<NetworkFile, Promise<OrtSession>>();

  constructor(networks: EmbeddedNetworks) {
    this.#networks = networks;
  }

  async detect(pictures: readonly DrawnPicture[]): Promise<FoundObject[][]> {
    const file = this.#networks.detector!;
    const found: FoundObject[][] = [];
    for (const { frame } of pictures) {
      const outputs = await this.#run(file, frame);
      const { head } = recogniseHead(shapesOf(outputs), file.input);
      if (head?.family !== "yolox") {
        throw new Error(`Cannot detect: the head is ${head?.family ?? "unknown"}`);
      }
      const { data, shape } = Object.values(outputs)[0]!;
      const { width, height } = file.input;
      const all = yoloxReference(data as Float32Array, shape[2]! - 5, width, height);
      const kept = suppressReference(all, { score: SCORE_THRESHOLD, iou: IOU_THRESHOLD });
      found.push(kept.map(({ box, score, classId }) => {
        const [x1, y1] = toPicture(frame, file, box[0], box[1]);
        const [x2, y2] = toPicture(frame, file, box[2], box[3]);
        return { classId, score, box: [x1, y1, x2, y2] };
      }));
    }
    return found;
  }

  async describe(pictures: readonly DrawnPicture[]): Promise<Float32Array[]> {
    const descriptors: Float32Array[] = [];
    for (const { frame } of pictures) {
      const [output] = Object.values(await this.#run(this.#networks.place!, frame));
      const length = Math.hypot(...output!.data);
      descriptors.push(Float32Array.from(output!.data, (value) => value / length));
    }
    return descriptors;
  }

  nearest(rows: readonly Float32Array[], queries: readonly Float32Array[]): Promise<Nearest[]> {
    return Promise.resolve(queries.map((query) => best(rows, query, rows.length, 1)[0]!));
  }

  features(most: number): FeatureFinder {
    return {
      name: this.name,
      find: async (pictures) => {
        const found: LocalFeatures[] = [];
        for (const picture of pictures) found.push(await this.#features(picture, most));
        return found;
      },
      match: (a, b) => Promise.resolve(mutualNearest(a, b)),
    };
  }

  async recognise(pictures: readonly DrawnPicture[]): Promise<LoopResult[]> {
    const { place, vocabulary, decision, sequence, leastSequence, matching } = this.#networks;
    const conclusion = new Conclusion({
      store: new MemoryStore(vocabulary, true),
      keep: true,
      size: vocabulary!.form.size,
      decision: { ...decision, method: "both", gap: GAP, firstId: 0, candidates: CANDIDATES },
      sequence,
      leastSequence,
      ...(place!.light && { light: place!.light }),
      byNodes: matching !== "all",
      vocabulary: vocabulary!,
      covisibility: new CovisibilityGraph(),
    });
    const levelsUp = Math.max(vocabulary!.levels - DIRECT_LEVEL, 0);
    const descriptors = await this.describe(pictures);
    const results: LoopResult[] = [];
    for (const [id, picture] of pictures.entries()) {
      const features = await this.#features(picture, MOST_FEATURES);
      const near = best(descriptors, descriptors[id]!, conclusion.newestCandidate(id) + 1, CANDIDATES);
      results.push(
        await conclusion.reach({
          id,
          descriptor: descriptors[id]!.slice(),
          neighbours: {
            ids: Int32Array.from(near, ({ row }) => row),
            scores: Float32Array.from(near, ({ similarity }) => similarity),
          },
          features,
          words: vocabulary!.find(features.descriptors, levelsUp),
        }),
      );
    }
    return results;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions.values()) await (await session)[Symbol.asyncDispose]();
  }

  async #features({ frame }: DrawnPicture, most: number): Promise<LocalFeatures> {
    const file = this.#networks.features!;
    const outputs = await this.#run(file, frame);
    const recognised = recogniseKeyPoints(shapesOf(outputs), file.input);
    if (!recognised.head) throw new Error(`Cannot find local features: ${recognised.reason}`);
    return plainFeatures(outputs, recognised.head, file, frame, most);
  }

  async #run(file: NetworkFile, frame: DrawnPicture["frame"]): Promise<Outputs> {
    let session = this.#sessions.get(file);
    if (!session) this.#sessions.set(file, session = OrtSession.create(file.bytes));
    const ready = await session;
    const { width, height } = file.input;
    const input = hostTensor("f32", [1, 3, height, width], plainInput(frame, file));
    const outputs = await ready.run({ [ready.inputNames[0]!]: input });
    return Object.fromEntries(
      Object.entries(outputs).map(([name, { shape, data }]) => {
        const [, channels = 1, height = 1, width = 1] = shape;
        return [name, { shape, data: data as Float32Array, channels, height, width }];
      }),
    );
  }
}

function shapesOf(outputs: Outputs): Record<string, readonly number[]> {
  return Object.fromEntries(Object.entries(outputs).map(([name, { shape }]) => [name, shape]));
}

function plainFeatures(
  outputs: Outputs,
  head: KeyPointHead,
  file: NetworkFile,
  frame: DrawnPicture["frame"],
  most: number,
): LocalFeatures {
  const { radius, threshold, sampling } = KEY_POINT_CUSTOMS[head.family];
  const { width, height } = file.input;
  const scores = outputs[head.scores]!;
  const points = referencePoints(
    head.family === "heat" ? scores : heatOf(scores),
    outputs[head.descriptors]!,
    head.reliability === undefined ? undefined : outputs[head.reliability]!,
    {
      radius,
      threshold,
      maxFeatures: most,
      area: [BORDER, BORDER, width - BORDER, height - BORDER],
      refine: true,
      cubic: sampling === "bicubic",
      stretched: head.family === "xfeat",
    },
  );
  const placed = points.flatMap(({ x, y }) => {
    // Here the middle of a pixel is a whole number; there its edges are.
    const [u, v] = toPicture(frame, file, x + 0.5, y + 0.5);
    return [u - 0.5, v - 0.5];
  });
  return {
    points: Float32Array.from(placed),
    scores: Float32Array.from(points, ({ score }) => score),
    descriptors: Float32Array.from(points.flatMap(({ descriptor }) => descriptor)),
  };
}

function inner(a: Float32Array, b: Float32Array, atA: number, atB: number, size: number): number {
  let sum = 0;
  for (let i = 0; i < size; i++) sum += a[atA + i]! * b[atB + i]!;
  return sum;
}

/** The rows below `live` most like a query, best first; of equal ones the lower row first. */
function best(rows: readonly Float32Array[], query: Float32Array, live: number, count: number): Nearest[] {
  return Array.from({ length: Math.max(live, 0) }, (_, row) => ({
    row,
    similarity: inner(rows[row]!, query, 0, 0, query.length),
  })).sort((a, b) => b.similarity - a.similarity || a.row - b.row).slice(0, count);
}

/** Pairs of float descriptors of length 1 of which each is the other's nearest, and near enough. */
function mutualNearest(a: LocalFeatures, b: LocalFeatures): FeaturePair[] {
  const [x, y] = [a.descriptors as Float32Array, b.descriptors as Float32Array];
  const [rows, columns] = [a.scores.length, b.scores.length];
  const size = rows > 0 ? x.length / rows : 0;
  const forward = new Int32Array(rows).fill(-1), backward = new Int32Array(columns).fill(-1);
  const bestOfRow = new Float64Array(rows).fill(-Infinity),
    bestOfColumn = new Float64Array(columns).fill(-Infinity);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const likeness = inner(x, y, i * size, j * size, size);
      if (likeness > bestOfRow[i]!) [bestOfRow[i], forward[i]] = [likeness, j];
      if (likeness > bestOfColumn[j]!) [bestOfColumn[j], backward[j]] = [likeness, i];
    }
  }
  const pairs: FeaturePair[] = [];
  const least = 1 - FARTHEST_MATCH ** 2 / 2;
  for (const [i, j] of forward.entries()) {
    if (j >= 0 && backward[j] === i && bestOfRow[i]! >= least) pairs.push([i, j]);
  }
  return pairs;
}
