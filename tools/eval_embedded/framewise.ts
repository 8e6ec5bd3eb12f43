/**
 * The embedded networks through Framewise: its frame loop and pipelines, as programs use them.
 *
 * @module
 */
import { Detector, recogniseHead } from "../../src/detect/mod.ts";
import { type FrameSlot, type FrameSource, runLoop } from "../../src/frame/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { Session } from "../../src/graph/mod.ts";
import {
  DescriptorIndex,
  DescriptorMatcher,
  FeatureExtractor,
  type FeatureSource,
  type LocalFeatures,
  type LoopResult,
  networkFeatures,
  orbFeatures,
  PlaceRecogniser,
  type PlaceRecogniserOptions,
  recogniseKeyPoints,
} from "../../src/place/mod.ts";
import { KINDS } from "../../src/world/mod.ts";
import { type DrawnPicture, PICTURE } from "./draw.ts";
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

/** Frames in flight. */
const SLOTS = 4;
const FORECAST = { frame: PICTURE, formats: ["rgb24"] } as const;

/** Runs pictures through the slots of a pipeline, in a strict loop. */
async function runPictures<Result>(
  device: Device,
  slots: readonly FrameSlot<Result>[],
  pictures: readonly DrawnPicture[],
): Promise<Result[]> {
  const results: Result[] = [];
  const source: FrameSource = {
    info: { name: "drawn pictures", frameCount: pictures.length },
    async *[Symbol.asyncIterator]() {
      for (const [index, { frame }] of pictures.entries()) yield { ...frame, index, release() {} };
    },
    close: () => Promise.resolve(),
  };
  const sink = {
    write: (_: unknown, result: Result) => Promise.resolve(void results.push(result)),
    close: () => Promise.resolve(),
  };
  await runLoop({ device, source, slots, sinks: [sink], strict: true });
  return results;
}

/** Makes a thing when it is first asked for, and ends what was made. */
class Kept {
  readonly #stack = new DisposableStack();
  readonly #made = new Map<string, Promise<unknown>>();

  get<Thing>(name: string, make: (own: DisposableStack) => Promise<Thing>): Promise<Thing> {
    let thing = this.#made.get(name);
    if (!thing) this.#made.set(name, thing = make(this.#stack));
    return thing as Promise<Thing>;
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

/** Runs the embedded networks on a GPU. */
export class FramewiseEngine implements Engine {
  readonly name = "Framewise";
  readonly #networks: EmbeddedNetworks;
  readonly #kept = new Kept();

  constructor(networks: EmbeddedNetworks) {
    this.#networks = networks;
  }

  async detect(pictures: readonly DrawnPicture[]): Promise<FoundObject[][]> {
    const { device, detector } = await this.#kept.get("detector", async (own) => {
      const { bytes, input, treatment } = this.#networks.detector!;
      const device = own.use(await Device.request());
      const session = own.use(await Session.load(device, bytes));
      const shapes = shapesOf(session, this.#networks.detector!);
      const { head, ...refused } = recogniseHead(shapes, input);
      if (!head) throw new Error(`Cannot detect: ${"reason" in refused ? refused.reason : ""}`);
      const detector = own.use(
        await Detector.create(device, {
          session,
          head,
          input,
          treatment,
          labels: KINDS,
          slots: SLOTS,
          ...FORECAST,
          scoreThreshold: SCORE_THRESHOLD,
          iouThreshold: IOU_THRESHOLD,
        }),
      );
      return { device, detector };
    });
    const found = await runPictures(device, detector.slots, pictures);
    return found.map((objects) =>
      objects.map(({ class_id: classId, score, box }) => ({ classId, score, box }))
    );
  }

  async describe(pictures: readonly DrawnPicture[]): Promise<Float32Array[]> {
    const results = await this.#recognise(pictures, "place", async (device, own) => ({
      embed: await embedding(device, own, this.#networks.place!),
    }));
    return results.map(({ descriptor }) => descriptor!);
  }

  async nearest(rows: readonly Float32Array[], queries: readonly Float32Array[]): Promise<Nearest[]> {
    const device = await this.#kept.get("index", async (own) => own.use(await Device.request()));
    const dimensions = rows[0]!.length;
    using index = new DescriptorIndex(device, { dimensions, capacity: rows.length });
    index.add(joined(rows));
    const found = await index.query(joined(queries), { k: 1 });
    return found.map(({ ids, scores }) => ({ row: ids[0]!, similarity: scores[0]! }));
  }

  features(most: number): FeatureFinder {
    return new FramewiseFeatures(
      this.name,
      this.#kept,
      most,
      async (device, own) =>
        await localFeatures(device, own, this.#networks.features!, { maxFeatures: most }),
    );
  }

  /** Framewise's own ORB, which needs no network. */
  orb(most: number): FeatureFinder {
    return new FramewiseFeatures(
      "our ORB",
      this.#kept,
      most,
      () => Promise.resolve(orbFeatures({ maxFeatures: most })),
    );
  }

  async recognise(pictures: readonly DrawnPicture[]): Promise<LoopResult[]> {
    const { place, features, vocabulary, decision, sequence, leastSequence, matching, byDefault } =
      this.#networks;
    // What a program gets that names no network.
    if (byDefault) return await this.#recognise(pictures, "loops", () => Promise.resolve({}));
    return await this.#recognise(pictures, "loops", async (device, own) => ({
      embed: await embedding(device, own, place!),
      features: await localFeatures(device, own, features!),
      vocabulary: vocabulary!,
      decision,
      sequence,
      leastSequence,
      matching,
    }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#kept[Symbol.dispose]();
    return Promise.resolve();
  }

  /** Each call is a drive of its own: what was seen before is forgotten. */
  async #recognise(
    pictures: readonly DrawnPicture[],
    what: string,
    make: (device: Device, own: DisposableStack) => Promise<PlaceRecogniserOptions>,
  ) {
    const { device, options } = await this.#kept.get(what, async (own) => {
      const device = own.use(await Device.request());
      return { device, options: await make(device, own) };
    });
    using places = await PlaceRecogniser.create(device, {
      ...options,
      ...FORECAST,
      slots: SLOTS,
      capacity: pictures.length,
    });
    return await runPictures(device, places.slots, pictures);
  }
}

/** Local features on a GPU, and their matcher. */
class FramewiseFeatures implements FeatureFinder {
  readonly name: string;
  readonly #kept: Kept;
  readonly #most: number;
  readonly #make: (device: Device, own: DisposableStack) => Promise<FeatureSource>;

  constructor(
    name: string,
    kept: Kept,
    most: number,
    make: (device: Device, own: DisposableStack) => Promise<FeatureSource>,
  ) {
    this.name = name;
    this.#kept = kept;
    this.#most = most;
    this.#make = make;
  }

  async find(pictures: readonly DrawnPicture[]): Promise<LocalFeatures[]> {
    const { device, extractor } = await this.#prepared();
    return await runPictures(device, extractor.slots, pictures);
  }

  async match(a: LocalFeatures, b: LocalFeatures): Promise<FeaturePair[]> {
    const { device, dimensions } = await this.#prepared();
    return await matchOn(device, this.#kept, this.name, { dimensions, most: this.#most }, a, b);
  }

  #prepared() {
    return this.#kept.get(`features: ${this.name}`, async (own) => {
      const device = own.use(await Device.request());
      const features = await this.#make(device, own);
      const extractor = own.use(
        await FeatureExtractor.create(device, { features, slots: SLOTS, ...FORECAST }),
      );
      const dimensions = features.form.kind === "float" ? features.form.size : undefined;
      return { device, extractor, dimensions };
    });
  }
}

/** Matches by the GPU's matcher, which is made once for each name. */
async function matchOn(
  device: Device,
  kept: Kept,
  name: string,
  { dimensions, most }: { dimensions: number | undefined; most: number },
  a: LocalFeatures,
  b: LocalFeatures,
): Promise<FeaturePair[]> {
  const { matcher, stream } = await kept.get(`matcher: ${name}`, (own) => {
    const sizes = { maxFirst: most, maxSecond: most };
    const matcher = own.use(
      new DescriptorMatcher(device, {
        ...sizes,
        ...(dimensions === undefined
          ? { metric: "hamming" }
          : { metric: "inner", dimensions, maxDistance: FARTHEST_MATCH }),
      }),
    );
    return Promise.resolve({ matcher, stream: own.use(device.stream({ label: "matcher" })) });
  });
  const matches = await matcher.matchHost(stream, rowsOf(a), rowsOf(b));
  return matches.map(({ first, second }) => [first, second]);
}

/** Descriptors as the matcher takes them: floats, or words of bits. */
function rowsOf({ descriptors }: LocalFeatures): Float32Array | Uint32Array {
  return descriptors instanceof Float32Array ? descriptors : new Uint32Array(descriptors.slice().buffer);
}

function joined(rows: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(rows.length * rows[0]!.length);
  for (const [i, row] of rows.entries()) all.set(row, i * row.length);
  return all;
}

function shapesOf(session: Session, { input }: NetworkFile): Record<string, readonly number[]> {
  const plan = session.plan({ [session.inputs[0]!.name]: [1, 3, input.height, input.width] });
  return Object.fromEntries(plan.outputs.map(({ name, type }) => [name, type.shape]));
}

async function embedding(device: Device, own: DisposableStack, { bytes, ...how }: NetworkFile) {
  return { session: own.use(await Session.load(device, bytes)), ...how };
}

async function localFeatures(
  device: Device,
  own: DisposableStack,
  file: NetworkFile,
  settings: { maxFeatures?: number } = {},
): Promise<FeatureSource> {
  const { bytes, input, treatment } = file;
  const session = own.use(await Session.load(device, bytes));
  const recognised = recogniseKeyPoints(shapesOf(session, file), input);
  if (!recognised.head) throw new Error(`Cannot find local features: ${recognised.reason}`);
  return networkFeatures({ session, head: recognised.head, input, treatment, ...settings });
}
