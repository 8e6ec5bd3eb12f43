/**
 * Recognises places frame by frame: all that a frame needs is prepared beforehand, and several are under way at once.
 *
 * @module
 */
import type { Device } from "../gpu/mod.ts";
import type { PixelFormat } from "../vision/pixels.ts";
import type { BagDatabase } from "./bags/bag_database.ts";
import { EmbeddingNetwork, type EmbeddingOptions, type FrameForecast } from "./embedding/embedding_stage.ts";
import type { FeatureSource } from "./feature_source.ts";
import { Conclusion, MemoryStore, type PlaceResult } from "./conclusion.ts";
import type { GeometricCheckOptions, PairingOptions } from "./geometry/mod.ts";
import { CovisibilityGraph } from "./loop/covisibility_graph.ts";
import { DescriptorIndex, type DescriptorIndexOptions } from "./index/descriptor_index.ts";
import type { LoopDetectorOptions, LoopMethod } from "./loop/loop_options.ts";
import type { PlaceMap } from "./map/place_map.ts";
import { type PlaceFrame, PlaceSlot, reserveStacks, type SlotParts } from "./place_slot.ts";
import { Recollection } from "./recollection.ts";
import { townPlaces } from "./town_places.ts";
import { Turns } from "./turns.ts";
import type { Vocabulary } from "./vocabulary/vocabulary.ts";
import { VocabularyTree } from "./vocabulary/vocabulary_tree.ts";

/**
 * How places are recognised. Where none of `embed`, `features` and `vocabulary` is given, all three are those that come with
 * Framewise: `town-place`, `town-features` and `town-words`, with the decision that suits them.
 */
export interface PlaceRecogniserOptions extends FrameForecast {
  /** Makes global descriptors; needed for the methods `global` and `both`. */
  embed?: EmbeddingOptions;
  /** Finds local features; needed for a vocabulary, and to verify. Without them nothing is verified. */
  features?: FeatureSource;
  /** Makes bags of words of the features; needed for the methods `bow` and `both`. */
  vocabulary?: Vocabulary;
  /**
   * How far above the words the nodes are that features must share to be compared. Default: so many that the nodes are
   * on the second level, as in ORB-SLAM (4 of 6).
   */
  levelsUp?: number;
  /** What candidates are found with. Default: what there is, `both` if there is both. */
  method?: LoopMethod;
  /** A candidate is at least this many frames old. Default 15. */
  gap?: number;
  /** Earlier descriptors that are looked at. Default 10. */
  candidates?: number;
  /**
   * Frames over which likeness to an earlier frame is taken as a mean: the new one with the match, the one before with the
   * match's neighbour, and so on, along or against the earlier way; see {@linkcode SequenceSimilarity}. For cameras that go a
   * way again at about the same speed. Default 1: the new frame alone. Descriptors are then kept on the host, too.
   */
  sequence?: number;
  /**
   * Frames that such a mean is over at least, at most `sequence`: an earlier frame with less is no candidate by its descriptor,
   * so the first frames of a revisit, of which a mean says little, close no loop. Default: none is left out.
   */
  leastSequence?: number;
  /** Further settings of the decision. */
  decision?: Omit<
    LoopDetectorOptions,
    "method" | "gap" | "firstId" | "database" | "candidates" | "covisibility"
  >;
  /** Whether features are followed from frame to frame, to know which frames see the same. Default: with a vocabulary. */
  covisibility?: boolean;
  /** Settings of the geometric check, the camera's intrinsics among them. */
  geometry?: GeometricCheckOptions;
  /** Which features are compared: those that passed the same node of the vocabulary, where there is one (default), or all. */
  matching?: "nodes" | "all";
  /** Which of them are paired. */
  pairing?: PairingOptions;
  /**
   * A map that frames are compared with and added to. Its networks must be those that are given here: `PlaceMap.open`
   * compares them. It stays the caller's to close.
   */
  map?: PlaceMap;
  /**
   * Frames that a map has forgotten of which so many are read for a frame that closes no loop, to recall what is more like
   * it than all that is remembered; 0: none. Default 256.
   */
  recollect?: number;
  /** Frames are compared with the map and not added to it. Default false. */
  relocaliseOnly?: boolean;
  /** How descriptors are kept in the index, where there is no map that says so. */
  index?: Pick<DescriptorIndexOptions, "type" | "storage" | "chunkRows">;
  /**
   * Frames that there is room for from the start, those of the map included. With more of them, memory is made a chunk at a time, which is told once,
   * and which a strict loop refuses. Default: one chunk.
   */
  capacity?: number;
  /** Frames under way at once; default 4. Each takes memory for all activations. */
  slots?: number;
  /** Told once when the index grows, and when the networks that come with Framewise are used. */
  onWarning?: (message: string) => void;
}

/** Formats that decoders give: video, and images. */
const USUAL_FORMATS: readonly PixelFormat[] = ["i420", "rgb24"];
/** Nodes of this level divide features well and words of the same feature seldom. */
const DIRECT_LEVEL = 2;

/**
 * Says of every frame whether the camera has been there before. After {@linkcode PlaceRecogniser.create}, a frame creates
 * nothing on the GPU as long as the capacity lasts.
 *
 * @example
 * ```ts ignore
 * using places = await PlaceRecogniser.create(device, { embed: { session, treatment }, capacity: 10_000 });
 * await runLoop({ device, source, slots: places.slots, sinks, strict: true });
 * ```
 *
 * @example The networks that come with Framewise, which were trained on drawn scenes
 * ```ts ignore
 * using places = await PlaceRecogniser.create(device, { capacity: 10_000 });
 * ```
 */
export class PlaceRecogniser implements Disposable {
  /** One for each frame in flight; a frame loop takes them as they are. */
  readonly slots: readonly PlaceSlot<PlaceResult>[];
  /** Bytes of GPU memory for each frame in flight. */
  readonly bytesPerSlot: number;
  /** The global descriptors of all frames, if there are such. */
  readonly index: DescriptorIndex | undefined;
  /** The bags of words of all frames, if there is a vocabulary; with a map, of those that are remembered. */
  readonly bags: BagDatabase | undefined;
  readonly #owned: readonly Disposable[];

  /**
   * Plans the networks, sizes the device's stacks where they are free, and makes everything that frames will need.
   *
   * @throws {RangeError} if the options do not go together.
   * @throws {GraphError}, {GpuError}, {VocabularyError} if a network, the adapter or the vocabulary do not fit.
   * @throws {EmbeddedNetworkError} if the networks that come with Framewise are to be used and cannot be read.
   */
  static async create(device: Device, options: PlaceRecogniserOptions = {}): Promise<PlaceRecogniser> {
    const owned: Disposable[] = [];
    try {
      const complete = await withNetworks(device, options, owned);
      const method = methodOf(complete);
      checkMap(complete);
      return await PlaceRecogniser.#make(device, complete, method, owned);
    } catch (error) {
      for (const part of owned.reverse()) part[Symbol.dispose]();
      throw error;
    }
  }

  static async #make(
    device: Device,
    options: PlaceRecogniserOptions,
    method: LoopMethod,
    owned: Disposable[],
  ): Promise<PlaceRecogniser> {
    const { embed, features, vocabulary, map, slots: count = 4, gap = 15, frame } = options;
    const { candidates = 10, formats = USUAL_FORMATS, relocaliseOnly = false } = options;
    const own = <T extends Disposable>(part: T): T => (owned.push(part), part);
    const embedding = embed && own(new EmbeddingNetwork(device, embed));
    const tree = vocabulary && own(new VocabularyTree(device, vocabulary));
    const bytes = reserveStacks(device, count, [...embedding?.sizes ?? [], features?.measure(device) ?? 0]);
    const index = embedding && own(indexFor(device, embedding, options));
    if (index && map) await map.load(index);
    const firstId = map?.size ?? 0;
    const store = map ??
      new MemoryStore(vocabulary, options.sequence !== undefined && options.sequence > 1);
    const followed = features && (options.covisibility ?? vocabulary !== undefined);
    const covisibility = followed ? await map?.covisibility() ?? new CovisibilityGraph() : undefined;
    const conclusion = new Conclusion({
      store,
      ...(map && options.recollect !== 0 && { recollection: new Recollection(map, options.recollect) }),
      keep: !relocaliseOnly,
      size: features?.form.size ?? 0,
      decision: { ...options.decision, method, gap, candidates, firstId },
      ...(options.sequence !== undefined && { sequence: options.sequence }),
      ...(options.leastSequence !== undefined && { leastSequence: options.leastSequence }),
      ...(embed?.light && { light: embed.light }),
      ...(vocabulary && { vocabulary }),
      ...(covisibility && { covisibility }),
      ...(options.geometry && { geometry: options.geometry }),
      ...(options.pairing && { pairing: options.pairing }),
      byNodes: options.matching !== "all",
    });
    const parts: SlotParts<PlaceResult> = {
      embedding,
      index,
      features,
      tree,
      levelsUp: options.levelsUp ?? Math.max((vocabulary?.levels ?? 0) - DIRECT_LEVEL, 0),
      neighbours: candidates,
      append: !relocaliseOnly,
      newest: (id) => conclusion.newestCandidate(id),
      mask: () => map?.mask,
      forecast: { formats, ...(frame && { frame }) },
      turns: new Turns(firstId),
      conclude: (seen) => conclusion.reach(seen),
      onGrowth: growthWarning(options.onWarning),
    };
    const slots: PlaceSlot<PlaceResult>[] = [];
    for (let i = 0; i < count; i++) slots.push(own(await PlaceSlot.create(device, parts, i)));
    for (const format of formats) await slots[0]!.warmUp(format);
    return new PlaceRecogniser({ slots, bytes, index, bags: store.bags, owned });
  }

  private constructor(made: {
    slots: readonly PlaceSlot<PlaceResult>[];
    bytes: number;
    index: DescriptorIndex | undefined;
    bags: BagDatabase | undefined;
    owned: readonly Disposable[];
  }) {
    this.slots = made.slots;
    this.bytesPerSlot = made.bytes;
    this.index = made.index;
    this.bags = made.bags;
    this.#owned = made.owned;
  }

  /** Recognises the place of a single frame. */
  async recognise(frame: PlaceFrame): Promise<PlaceResult> {
    const slot = this.slots[0]!;
    slot.submit(frame);
    return (await slot.collect()).result;
  }

  /** Frees everything but the sessions that were given. */
  [Symbol.dispose](): void {
    for (const part of [...this.#owned].reverse()) part[Symbol.dispose]();
  }
}

/** The options, with the networks that come with Framewise where none are given. */
async function withNetworks(
  device: Device,
  options: PlaceRecogniserOptions,
  owned: Disposable[],
): Promise<PlaceRecogniserOptions> {
  if (options.embed || options.features || options.vocabulary) return options;
  const town = await townPlaces(device, (part) => (owned.push(part), part));
  options.onWarning?.(
    "Places: no networks were given, so they are town-place and town-features with town-words, which come with Framewise " +
      "and were trained on drawn scenes alone; give `embed`, `features` and `vocabulary` for others",
  );
  const sequence = options.sequence ?? town.sequence;
  return {
    ...options,
    ...town,
    sequence,
    matching: options.matching ?? town.matching,
    leastSequence: options.leastSequence ?? Math.min(town.leastSequence, sequence),
    decision: { ...town.decision, ...options.decision },
  };
}

/** An index with room for the frames of the map and those to come. */
function indexFor(
  device: Device,
  { dimensions }: EmbeddingNetwork,
  { map, capacity = 0, index }: PlaceRecogniserOptions,
): DescriptorIndex {
  const { embedding } = map?.networks ?? {};
  if (embedding && embedding.dimensions !== dimensions) {
    throw new RangeError(
      `Cannot use the map "${
        map!.label
      }": its descriptors have ${embedding.dimensions} elements, and the network gives ` +
        `${dimensions}; give the network that it was made with`,
    );
  }
  if (embedding && embedding.metric !== "inner_product") {
    throw new RangeError(
      `Cannot use the map "${
        map!.label
      }": its descriptors are compared by "${embedding.metric}", and places are ` +
        `recognised by their inner product; begin another map`,
    );
  }
  return new DescriptorIndex(device, {
    ...index,
    dimensions,
    capacity: Math.max(capacity, (map?.size ?? 0) + 1),
    ...(embedding && { type: embedding.type, metric: embedding.metric }),
  });
}

/** Refuses a map of which the frames have other parts, or that cannot be added to. */
function checkMap({ map, embed, features, vocabulary, relocaliseOnly }: PlaceRecogniserOptions): void {
  const refuse = (what: string): never => {
    throw new RangeError(`Cannot recognise places: ${what}`);
  };
  if (relocaliseOnly && !map) refuse("`relocaliseOnly` compares frames with a map; give one as `map`");
  if (!map) return;
  if (map.readOnly && !relocaliseOnly) {
    refuse(`the map "${map.label}" was opened read-only; give \`relocaliseOnly\`, or open it to write`);
  }
  const { networks } = map;
  const wanted = { embedding: embed, features, vocabulary };
  for (const part of ["embedding", "features", "vocabulary"] as const) {
    const what = { embedding: "global descriptors", features: "local features", vocabulary: "words" }[part];
    if (!networks[part] === !wanted[part]) continue;
    refuse(
      networks[part]
        ? `the frames of the map "${map.label}" have ${what}; give what they are made with`
        : `the frames of the map "${map.label}" have no ${what}, and the new ones would; begin another map`,
    );
  }
  if (vocabulary && networks.vocabulary!.words !== vocabulary.wordCount) {
    refuse(
      `the map "${map.label}" was made with a vocabulary of ${
        networks.vocabulary!.words
      } words, and this one has ` +
        `${vocabulary.wordCount}`,
    );
  }
}

function growthWarning(warn: ((message: string) => void) | undefined): (index: DescriptorIndex) => void {
  let told = false;
  return ({ rows, chunkRows }) => {
    if (!told) {
      warn?.(
        `Places: there was room for ${rows} frames, and there are more; memory is made for ${chunkRows} at a time from ` +
          `now on, which a strict loop refuses; give \`capacity\`, the number of frames to come`,
      );
    }
    told = true;
  };
}

/** The method that is asked for, or what there is; refuses what does not go together. */
function methodOf({ embed, features, vocabulary, method }: PlaceRecogniserOptions): LoopMethod {
  const refuse = (what: string): never => {
    throw new RangeError(`Cannot recognise places: ${what}`);
  };
  if (vocabulary && !features) {
    refuse("words are made of local features; give `features` beside the vocabulary");
  }
  if (vocabulary && features) {
    const [a, b] = [vocabulary.form, features.form];
    if (a.kind !== b.kind || a.size !== b.size) {
      refuse(
        `the vocabulary is for ${a.kind} descriptors of ${a.size}, and the features' are ${b.kind} of ${b.size}; ` +
          `train a vocabulary on such features`,
      );
    }
  }
  const there = embed ? (vocabulary ? "both" : "global") : vocabulary ? "bow" : undefined;
  if (!there) {
    return refuse("give `embed`, a network for global descriptors, or `features` and a `vocabulary`, or all");
  }
  if (method !== undefined && method !== there && there !== "both") {
    refuse(
      method === "bow" || there === "global"
        ? `the method "${method}" needs \`features\` and a \`vocabulary\``
        : `the method "${method}" needs \`embed\`, a network for global descriptors`,
    );
  }
  return method ?? there;
}
