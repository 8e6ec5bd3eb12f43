import { EdgeLists } from "./edge_lists.ts";
import { FeatureTrack, type FrameCount, framesOf, trackWeights } from "./feature_track.ts";
import { LoopDetectionError } from "./loop_detection_error.ts";

/** How a {@linkcode CovisibilityGraph} is made. */
export interface CovisibilityOptions {
  /** Tracks in common from which on two frames are connected. Default 15 (ORB-SLAM: Mur-Artal et al., 2015). */
  minWeight?: number;
  /** Neighbours kept of each frame, those with the most tracks in common. Default 20. */
  maxNeighbours?: number;
  /** How many of the newest frames keep the tracks of their features. Default 100. */
  trackedFrames?: number;
}

/** A graph as plain data, for a file. Edges of all frames follow each other. */
export interface CovisibilityData {
  /** Edges of each frame. */
  readonly counts: Uint16Array<ArrayBuffer>;
  /** The frame at the other end of each edge; of each frame the most tracks in common first. */
  readonly ids: Uint32Array<ArrayBuffer>;
  /** Tracks in common. */
  readonly weights: Uint32Array<ArrayBuffer>;
}

/** The frames that see the same as another. */
export interface CovisibleFrames {
  /** Numbers of frames, most tracks in common first. */
  readonly ids: Uint32Array<ArrayBuffer>;
  /** Tracks in common with each. */
  readonly weights: Uint32Array<ArrayBuffer>;
}

/**
 * Which frames see the same, in the manner of ORB-SLAM (Mur-Artal, Montiel and Tardós, T-RO 2015), with tracks of features
 * in the place of map points: a feature has the track of the feature of the previous frame that it was matched with, a loop
 * joins the tracks of its inliers, and frames with enough tracks in common are connected.
 *
 * Memory: 8 bytes an edge, at most `maxNeighbours` a frame, and the tracks of the newest `trackedFrames`. A loop to a frame
 * that keeps no tracks joins this frame alone to the new tracks, not those that see the same as it.
 *
 * @example Three frames, the features 0 to 19 in all
 * ```ts
 * import { CovisibilityGraph } from "@framewise/framewise";
 *
 * const pairs = Uint32Array.from({ length: 40 }, (_, i) => i >> 1);
 * const graph = new CovisibilityGraph();
 * graph.addFrame(0, 30);
 * graph.addFrame(1, 30, pairs);
 * graph.addFrame(2, 30, pairs);
 * console.assert(graph.weight(0, 2) === 20 && graph.neighbours(2).ids.join() === "1,0");
 * ```
 */
export class CovisibilityGraph {
  readonly #minWeight: number;
  readonly #trackedFrames: number;
  readonly #edges: EdgeLists;
  /** Tracks of each feature of the newest frames. */
  readonly #tracks = new Map<number, FeatureTrack[]>();
  #newest: number | undefined;
  /** Tracks in common of the newest frame with all others. */
  #shared: readonly FrameCount[] = [];

  /** @throws {LoopDetectionError} if an option is no whole number from 1 on, or `maxNeighbours` above 65,535. */
  constructor(options: CovisibilityOptions = {}) {
    const { minWeight = 15, maxNeighbours = 20, trackedFrames = 100 } = options;
    for (const [name, value] of Object.entries({ minWeight, maxNeighbours, trackedFrames })) {
      if (!(Number.isSafeInteger(value) && value >= 1)) {
        throw new LoopDetectionError(
          `Cannot make a covisibility graph: ${name} is ${value}; give a whole number, 1 or more`,
        );
      }
    }
    if (maxNeighbours > 0xffff) {
      throw new LoopDetectionError(
        `Cannot make a covisibility graph: maxNeighbours is ${maxNeighbours}; at most 65,535 are counted`,
      );
    }
    this.#minWeight = minWeight;
    this.#trackedFrames = trackedFrames;
    this.#edges = new EdgeLists(maxNeighbours);
  }

  /** Frames, with those whose numbers were left out: one more than the newest frame's number. */
  get size(): number {
    return this.#edges.size;
  }

  /**
   * Adds a frame.
   *
   * @param id its number, above those before.
   * @param features how many it has.
   * @param pairs its features and those of the frame added before that they match, by turns. Of two pairs with a feature in
   * common the first counts.
   * @throws {LoopDetectionError} if the number is not above those before, or a pair names a feature that a frame does not have.
   */
  addFrame(id: number, features: number, pairs: Uint32Array = new Uint32Array()): void {
    const what = `Cannot add frame ${id} to the covisibility graph`;
    this.#checkNext(what, id);
    const before = this.size - 1;
    const earlier = this.#tracks.get(before);
    if (pairs.length > 0 && before < 0) {
      throw new LoopDetectionError(`${what}: it is the first, and has pairs`);
    }
    checkPairs(what, pairs, features, earlier?.length);
    const tracks: FeatureTrack[] = new Array(features);
    const taken = new Set<number>();
    for (let i = 0; i < pairs.length; i += 2) {
      const [feature, other] = [pairs[i]!, pairs[i + 1]!];
      if (tracks[feature] || taken.has(other)) continue;
      taken.add(other);
      // Without the tracks of the frame before (a graph that was loaded) the pair is all that is known of them.
      const track = earlier?.[other]?.found() ?? new FeatureTrack(before);
      track.extend(id);
      tracks[feature] = track;
    }
    for (let i = 0; i < features; i++) tracks[i] ??= new FeatureTrack(id);
    this.#tracks.set(id, tracks);
    for (const old of this.#tracks.keys()) {
      if (this.#tracks.size <= this.#trackedFrames) break;
      this.#tracks.delete(old);
    }
    this.#newest = id;
    this.#edges.grow(id + 1);
    this.#connect(id, tracks);
  }

  /**
   * Joins the tracks of a loop's inliers.
   *
   * @param id the newer frame. Must keep its tracks: be one of the newest.
   * @param earlier the earlier frame.
   * @param pairs features of the newer frame and of the earlier one, by turns, as in `GeometricMatch`.
   * @throws {LoopDetectionError} if a frame is not there, the newer one keeps no tracks, or a pair names a feature that a frame does
   * not have.
   */
  join(id: number, earlier: number, pairs: Uint32Array): void {
    const what = `Cannot join frame ${id} to frame ${earlier} in the covisibility graph`;
    const tracks = this.#tracks.get(id);
    if (!tracks) {
      throw new LoopDetectionError(
        `${what}: frame ${id} is not one of the ${this.#trackedFrames} newest; join loops soon`,
      );
    }
    if (!(Number.isSafeInteger(earlier) && earlier >= 0 && earlier < id)) {
      throw new LoopDetectionError(`${what}: there is no such earlier frame`);
    }
    const others = this.#tracks.get(earlier);
    checkPairs(what, pairs, tracks.length, others?.length);
    for (let i = 0; i < pairs.length; i += 2) {
      tracks[pairs[i]!]!.join(others?.[pairs[i + 1]!] ?? new FeatureTrack(earlier));
    }
    this.#connect(id, tracks);
    // Frames after it share its tracks.
    if (this.#newest !== undefined && this.#newest !== id) {
      this.#connect(this.#newest, this.#tracks.get(this.#newest)!);
    }
  }

  /** Tracks in common; 0 if fewer than `minWeight`, or neither frame has kept the other as one of its neighbours. */
  weight(a: number, b: number): number {
    const [low, high] = a < b ? [a, b] : [b, a];
    if (high === this.#newest && low !== high) {
      const count = this.#shared.find(({ first, last }) => first <= low && low <= last)?.count ?? 0;
      return count >= this.#minWeight ? count : 0;
    }
    return this.#edges.weight(a, b) || this.#edges.weight(b, a);
  }

  /** Whether two frames see the same. For the newest frame all others are known, for others the neighbours that were kept. */
  connected(a: number, b: number): boolean {
    return this.weight(a, b) > 0;
  }

  /** The frames that see most of the same as a frame; none if there is no such frame. @param limit how many at most. */
  neighbours(id: number, limit?: number): CovisibleFrames {
    return this.#edges.of(id, limit);
  }

  /**
   * Adds a frame from what {@linkcode neighbours} gave for it when it was the newest, or later: for a file with a record a frame.
   *
   * @param id its number, above those before.
   * @throws {LoopDetectionError} if the number is not above those before, or a neighbour's is not below it.
   */
  restoreFrame(id: number, { ids, weights }: CovisibleFrames): void {
    const what = `Cannot restore frame ${id} of a covisibility graph`;
    this.#checkNext(what, id);
    if (ids.length !== weights.length) {
      throw new LoopDetectionError(`${what}: ${ids.length} neighbours and ${weights.length} weights`);
    }
    const wrong = ids.find((other) => other >= id);
    if (wrong !== undefined) {
      throw new LoopDetectionError(`${what}: its neighbour ${wrong} does not come before it`);
    }
    this.#edges.grow(id + 1);
    this.#newest = undefined;
    for (const [i, other] of ids.entries()) {
      this.#edges.set(id, other, weights[i]!);
      this.#edges.set(other, id, weights[i]!);
    }
  }

  /** The edges, for a file. Tracks are not kept: after loading, features start new ones. */
  data(): CovisibilityData {
    return this.#edges.data();
  }

  /** A graph from what {@linkcode data} gave. @throws {LoopDetectionError} if the data do not fit together. */
  static load(data: CovisibilityData, options: CovisibilityOptions = {}): CovisibilityGraph {
    const graph = new CovisibilityGraph(options);
    graph.#edges.load(data);
    return graph;
  }

  #checkNext(what: string, id: number): void {
    if (!(Number.isSafeInteger(id) && id >= this.size)) {
      throw new LoopDetectionError(
        `${what}: numbers are whole and rise, and the next is ${this.size} or more`,
      );
    }
  }

  #connect(id: number, tracks: readonly FeatureTrack[]): void {
    const counts = trackWeights(tracks, id);
    if (id === this.#newest) this.#shared = counts.toSorted((a, b) => a.first - b.first);
    const best = framesOf(counts, this.#minWeight, this.#edges.limit);
    for (const { frame, count } of best) {
      this.#edges.set(id, frame, count);
      this.#edges.set(frame, id, count);
    }
  }
}

function checkPairs(what: string, pairs: Uint32Array, features: number, others: number | undefined): void {
  if (pairs.length % 2 === 1) throw new LoopDetectionError(`${what}: ${pairs.length} numbers are no pairs`);
  for (let i = 0; i < pairs.length; i += 2) {
    const [feature, other] = [pairs[i]!, pairs[i + 1]!];
    if (feature >= features || (others !== undefined && other >= others)) {
      throw new LoopDetectionError(
        `${what}: pair ${i / 2} is of features ${feature} and ${other}, and there are ${features} and ${
          others ?? "unknown"
        }`,
      );
    }
  }
}
