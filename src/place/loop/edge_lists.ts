import type { CovisibilityData, CovisibleFrames } from "./covisibility_graph.ts";
import { LoopDetectionError } from "./loop_detection_error.ts";

/** The heaviest edges of each frame, in typed arrays that grow by doubling: heaviest first, of equal ones the older entry. */
export class EdgeLists {
  /** Edges of a frame, at most. */
  readonly limit: number;
  #size = 0;
  #counts = new Uint16Array(64);
  #ids: Uint32Array<ArrayBuffer>;
  #weights: Uint32Array<ArrayBuffer>;

  constructor(limit: number) {
    this.limit = limit;
    this.#ids = new Uint32Array(64 * limit);
    this.#weights = new Uint32Array(64 * limit);
  }

  /** Frames. */
  get size(): number {
    return this.#size;
  }

  /** Makes room. */
  grow(size: number): void {
    if (size > this.#counts.length) {
      const length = Math.max(size, this.#counts.length * 2);
      const [counts, ids, weights] = [this.#counts, this.#ids, this.#weights];
      this.#counts = new Uint16Array(length);
      this.#ids = new Uint32Array(length * this.limit);
      this.#weights = new Uint32Array(length * this.limit);
      this.#counts.set(counts);
      this.#ids.set(ids);
      this.#weights.set(weights);
    }
    this.#size = Math.max(this.#size, size);
  }

  /** Sets an edge's weight, if it is among the frame's heaviest. */
  set(owner: number, to: number, weight: number): void {
    const base = owner * this.limit;
    let count = this.#counts[owner]!;
    let at = this.#ids.subarray(base, base + count).indexOf(to);
    if (at < 0) {
      if (count === this.limit) {
        if (this.#weights[base + count - 1]! >= weight) return;
        count--;
      }
      at = count;
      this.#counts[owner] = count + 1;
    }
    // The others close up; the edge goes behind those that are as heavy.
    const rest = this.#counts[owner]! - 1;
    this.#ids.copyWithin(base + at, base + at + 1, base + rest + 1);
    this.#weights.copyWithin(base + at, base + at + 1, base + rest + 1);
    let place = rest;
    while (place > 0 && this.#weights[base + place - 1]! < weight) place--;
    this.#ids.copyWithin(base + place + 1, base + place, base + rest);
    this.#weights.copyWithin(base + place + 1, base + place, base + rest);
    this.#ids[base + place] = to;
    this.#weights[base + place] = weight;
  }

  /** An edge's weight; 0 if there is none. */
  weight(owner: number, to: number): number {
    if (!(owner >= 0 && owner < this.#size)) return 0;
    const base = owner * this.limit;
    const at = this.#ids.subarray(base, base + this.#counts[owner]!).indexOf(to);
    return at < 0 ? 0 : this.#weights[base + at]!;
  }

  /** A copy of a frame's edges; none if there is no such frame. */
  of(frame: number, limit = this.limit): CovisibleFrames {
    const known = frame >= 0 && frame < this.#size;
    const base = known ? frame * this.limit : 0;
    const end = known ? base + Math.min(limit, this.#counts[frame]!) : 0;
    return { ids: this.#ids.slice(base, end), weights: this.#weights.slice(base, end) };
  }

  /** All edges, without the room between them. */
  data(): CovisibilityData {
    const counts = this.#counts.slice(0, this.#size);
    const edges = counts.reduce((sum, count) => sum + count, 0);
    const ids = new Uint32Array(edges);
    const weights = new Uint32Array(edges);
    let at = 0;
    for (let frame = 0; frame < this.#size; frame++) {
      const list = this.of(frame);
      ids.set(list.ids, at);
      weights.set(list.weights, at);
      at += list.ids.length;
    }
    return { counts, ids, weights };
  }

  /** Takes over what `data` gave; of more than `limit` edges a frame the heaviest. @throws {LoopDetectionError} */
  load({ counts, ids, weights }: CovisibilityData): void {
    const edges = counts.reduce((sum, count) => sum + count, 0);
    if (ids.length !== edges || weights.length !== edges) {
      throw new LoopDetectionError(
        `Cannot load a covisibility graph: ${counts.length} frames have ${edges} edges, and there are ${ids.length} ends ` +
          `and ${weights.length} weights`,
      );
    }
    this.grow(counts.length);
    let at = 0;
    for (const [frame, count] of counts.entries()) {
      for (let i = 0; i < count; i++, at++) {
        if (ids[at]! >= counts.length || ids[at] === frame) {
          throw new LoopDetectionError(
            `Cannot load a covisibility graph: frame ${frame} of ${counts.length} has an edge to frame ${
              ids[at]
            }`,
          );
        }
        this.set(frame, ids[at]!, weights[at]!);
      }
    }
  }
}
