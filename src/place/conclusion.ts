/**
 * What is concluded on the host from what came back of a frame: bags, the decision, matching and the geometric check.
 *
 * @module
 */
import { BagDatabase } from "./bags/bag_database.ts";
import { featureNodes } from "./bags/bag_direct_index.ts";
import type { LightNumbers } from "./embedding/light_numbers.ts";
import { countKept, keepFeatures, type KeptFeatures } from "./features/kept_features.ts";
import {
  type FeaturePairs,
  GeometricCheck,
  type GeometricCheckOptions,
  matchAll,
  matchByNodes,
  type PairingOptions,
} from "./geometry/mod.ts";
import type { CovisibilityGraph } from "./loop/covisibility_graph.ts";
import { LoopDetector } from "./loop/loop_detector.ts";
import type { LoopDetectorOptions } from "./loop/loop_options.ts";
import type { GeometricMatch, LoopResult } from "./loop/result.ts";
import { inner, SequenceSimilarity } from "./loop/sequence_similarity.ts";
import type { MapFrame } from "./map/map_frame.ts";
import type { SeenFrame } from "./place_slot.ts";
import type { Recollection } from "./recollection.ts";
import type { Vocabulary } from "./vocabulary/vocabulary.ts";

/** What is told of a frame. */
export interface PlaceResult extends LoopResult {
  /** Its name and time, as given. */
  readonly name?: string;
  readonly timeSeconds?: number;
  /** Its global descriptor, of unit length. */
  readonly descriptor?: Float32Array<ArrayBuffer>;
  /** Its local features, and those of the frame `geometry` is about: what `geometry.pairs` counts. */
  readonly features?: KeptFeatures;
  readonly matchFeatures?: KeptFeatures;
  /** Milliseconds of the GPU for the whole frame, and for the search in the index alone, where the adapter can tell. */
  readonly gpuMs?: number;
  readonly searchMs?: number;
}

/** Where frames are kept: in memory, or in a map. */
export interface FrameStore {
  /** The frames in it, those of earlier sessions too. */
  readonly size: number;
  /** Their bags of words, where there is a vocabulary. */
  readonly bags: BagDatabase | undefined;
  /** Keeps a frame, whose number is `size`. */
  append(frame: MapFrame): unknown;
  /** A frame's global descriptor; `undefined` if it is not kept. */
  descriptor(id: number): Float32Array | undefined | Promise<Float32Array | undefined>;
  /** A frame's local features; `undefined` if they are gone. */
  features(id: number): KeptFeatures | undefined | Promise<KeptFeatures | undefined>;
}

/** How conclusions are reached. */
export interface ConclusionOptions {
  /** Where frames are kept. */
  store: FrameStore;
  /** Whether new frames are kept; else they are only compared. */
  keep: boolean;
  /** Bytes of a descriptor that is kept: numbers of one, if they are floats. */
  size: number;
  /** Of the decision. */
  decision: LoopDetectorOptions & { gap: number; firstId: number };
  /** Frames over which likeness to an earlier frame is the mean. Default 1: the new frame alone. */
  sequence?: number;
  /** Frames that such a mean is over at least; see {@linkcode SequenceSimilarity}. */
  leastSequence?: number;
  /** What descriptors tell of the light: it counts over sequences; see {@linkcode SequenceSimilarity}. */
  light?: LightNumbers;
  /** What makes bags of words, where the store has them. */
  vocabulary?: Vocabulary;
  /** The frames that see the same, by their tracks. */
  covisibility?: CovisibilityGraph;
  /** Finds again what the store has forgotten. */
  recollection?: Recollection;
  /** Whether only features are compared that passed the same node. Default: where there is a vocabulary. */
  byNodes?: boolean;
  geometry?: GeometricCheckOptions;
  pairing?: PairingOptions;
}

/** Concludes about frames, one at a time and in the order of their numbers. */
export class Conclusion {
  readonly #options: ConclusionOptions;
  readonly #detector: LoopDetector;
  readonly #check: GeometricCheck;
  readonly #sequence: SequenceSimilarity | undefined;
  #last: { id: number; descriptor: Float32Array | undefined; features: KeptFeatures | undefined } | undefined;

  /**
   * @throws {LoopDetectionError} for settings of the decision that make no sense. @throws {RangeError} for those of the check and of
   * the sequence.
   */
  constructor(options: ConclusionOptions) {
    this.#options = options;
    this.#detector = new LoopDetector({
      ...options.decision,
      ...(options.vocabulary && { database: options.store.bags! }),
      ...(options.covisibility && { covisibility: options.covisibility }),
    });
    this.#check = new GeometricCheck(options.geometry);
    const { sequence: length = 1, leastSequence: least, light, decision: { gap, firstId } } = options;
    if (length !== 1 || least !== undefined) {
      this.#sequence = new SequenceSimilarity({
        length,
        ...(least !== undefined && { least }),
        ...(light && { light }),
        gap,
        firstId,
      });
    }
  }

  /** The newest frame that may be found for frame `id`. */
  newestCandidate(id: number): number {
    return this.#detector.newestCandidate(id);
  }

  /** Decides about a frame, and keeps what later ones need. */
  async reach(seen: SeenFrame): Promise<PlaceResult> {
    const { id, name, timeSeconds, descriptor, neighbours, words, gpuMs, searchMs } = seen;
    const features = this.#kept(seen);
    const bag = words && this.#options.vocabulary?.bag(words.words);
    const before = this.#last?.id === id - 1 ? this.#last : undefined;
    this.#last = { id, descriptor, features };
    const previousSimilarity = descriptor && before?.descriptor && inner(descriptor, before.descriptor);
    this.#track(id, features, before?.features);
    const alike = neighbours && descriptor && this.#sequence
      ? await this.#sequence.rescore(id, descriptor, neighbours, (it) => this.#options.store.descriptor(it))
      : neighbours;
    const evidence = {
      id,
      ...(alike && { neighbours: alike }),
      ...(previousSimilarity !== undefined && { previousSimilarity }),
      ...(bag && { bag }),
    };
    const compared = new Map<number, KeptFeatures>();
    const result = await this.#detector.decide(
      evidence,
      features && ((ids) => this.#verify(features, ids, compared)),
    );
    const { geometry } = result;
    const about = {
      ...(name !== undefined && { name }),
      ...(timeSeconds !== undefined && { timeSeconds }),
      ...(descriptor && { descriptor }),
      ...(features && { features }),
    };
    if (this.#options.keep) {
      const covisibility = features && this.#join(result);
      await this.#options.store.append({
        ...about,
        ...(bag && { bag }),
        ...(covisibility && { covisibility }),
        result,
      });
    }
    const query = descriptor ?? bag;
    if (query) await this.#options.recollection?.follow(query, result);
    const matchFeatures = geometry && compared.get(geometry.id);
    return {
      ...result,
      ...about,
      ...(matchFeatures && { matchFeatures }),
      ...(gpuMs !== undefined && { gpuMs }),
      ...(searchMs !== undefined && { searchMs }),
    };
  }

  #kept({ features, words }: SeenFrame): KeptFeatures | undefined {
    return features && keepFeatures(features, this.#options.size, words && featureNodes(words.nodes));
  }

  /** Puts a frame into the covisibility graph: its features have the tracks of those of the frame before. */
  #track(id: number, features: KeptFeatures | undefined, before: KeptFeatures | undefined): void {
    const { covisibility, keep } = this.#options;
    if (!covisibility || !features || !keep) return;
    covisibility.addFrame(id, countKept(features), before && this.#match(features, before).pairs);
  }

  /** Joins the tracks of a loop; gives the frames that see the same as the new one, as they are kept. */
  #join({ id, status, geometry }: LoopResult): MapFrame["covisibility"] {
    const { covisibility } = this.#options;
    if (!covisibility) return undefined;
    if (status === "loop" && geometry) covisibility.join(id, geometry.id, geometry.pairs);
    return covisibility.neighbours(id);
  }

  async #verify(
    features: KeptFeatures,
    ids: readonly number[],
    compared: Map<number, KeptFeatures>,
  ): Promise<GeometricMatch[]> {
    const matches: GeometricMatch[] = [];
    for (const earlier of ids) {
      const others = await this.#options.store.features(earlier);
      if (!others) continue;
      compared.set(earlier, others);
      matches.push(this.#check.check(earlier, features, others, this.#match(features, others)));
    }
    return matches;
  }

  #match(a: KeptFeatures, b: KeptFeatures): FeaturePairs {
    const { byNodes = true, pairing } = this.#options;
    return byNodes && a.nodes && b.nodes ? matchByNodes(a, b, pairing) : matchAll(a, b, pairing);
  }
}

/** Frames in memory, of which only what later frames are compared with is kept. */
export class MemoryStore implements FrameStore {
  readonly bags: BagDatabase | undefined;
  readonly #features: (KeptFeatures | undefined)[] = [];
  readonly #descriptors: (Float32Array | undefined)[] | undefined;

  /** @param vocabulary what the bags are made with. @param descriptors whether global descriptors are kept on the host, too. */
  constructor(vocabulary?: Vocabulary, descriptors = false) {
    this.bags = vocabulary && new BagDatabase(vocabulary);
    if (descriptors) this.#descriptors = [];
  }

  /** See {@linkcode FrameStore}. */
  get size(): number {
    return this.#features.length;
  }

  /** See {@linkcode FrameStore}. */
  append({ features, bag, descriptor }: MapFrame): void {
    this.#features.push(features);
    this.#descriptors?.push(descriptor instanceof Float32Array ? descriptor : undefined);
    if (bag) this.bags?.add(bag);
  }

  /** See {@linkcode FrameStore}. */
  descriptor(id: number): Float32Array | undefined {
    return this.#descriptors?.[id];
  }

  /** See {@linkcode FrameStore}. */
  features(id: number): KeptFeatures | undefined {
    return this.#features[id];
  }
}
