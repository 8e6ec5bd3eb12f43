import type { RecordFile } from "../files/record_file.ts";
import type { Neighbours } from "../index/descriptor_search.ts";
import type { IndexFile } from "../index/index_file.ts";
import { unpackRows } from "../index/packing.ts";
import type { Bag } from "../vocabulary/bag.ts";
import { lowerIsBetter, scoreBags, type Scoring } from "../vocabulary/score.ts";
import { MapError } from "./errors.ts";
import { bagOf } from "./load.ts";
import type { WorkingMemory } from "./working_memory.ts";

/**
 * Compares a query with rows: for each the inner product, or the squared distance, as the map's metric says.
 *
 * @param rows `count * dimensions` elements.
 */
export type CompareRows = (
  query: Float32Array<ArrayBuffer>,
  rows: Float32Array<ArrayBuffer>,
) => Float32Array | Promise<Float32Array>;

/** How the forgotten are searched. */
export interface ForgottenSearchOptions {
  /** Compares descriptors: on a GPU, say. Default: on the host. */
  compare?: CompareRows;
}

/** Where forgotten frames are read and compared with a query. */
export interface ForgottenSource {
  /** Whether the lower score is the better one. */
  readonly lowerIsBetter: boolean;
  /** The scores of frames that lie together, numbers ascending. */
  scores(ids: readonly number[]): Promise<ArrayLike<number>>;
}

/**
 * The search through the file for the frames most like a query that are forgotten: a bounded number of frames a step, so that a
 * frame loop can go through it over many frames. Made by `map.searchForgotten()`.
 */
export class ForgottenSearch {
  /** Frames to find. */
  readonly k: number;
  readonly #source: ForgottenSource;
  readonly #memory: WorkingMemory;
  readonly #end: number;
  readonly #found: { id: number; score: number }[] = [];
  #next = 0;

  /** See `map.searchForgotten()`. @throws {MapError} if k is no whole number from 1 on. */
  constructor(source: ForgottenSource, memory: WorkingMemory, k: number) {
    if (!Number.isInteger(k) || k < 1) {
      throw new MapError(`Cannot search for the ${k} nearest: give a whole number from 1 on`);
    }
    this.k = k;
    this.#source = source;
    this.#memory = memory;
    this.#end = memory.size;
  }

  /** Whether all were looked through. */
  get done(): boolean {
    return this.#next >= this.#end;
  }

  /** The best so far: best first, of equal scores the lower number first. */
  get neighbours(): Neighbours {
    return {
      ids: Int32Array.from(this.#found, ({ id }) => id),
      scores: Float32Array.from(this.#found, ({ score }) => score),
    };
  }

  /**
   * Looks through the next forgotten frames that lie together.
   *
   * @param frames frames that are read at most.
   * @returns whether all were looked through.
   */
  async step(frames = 1024): Promise<boolean> {
    while (!this.done && this.#memory.has(this.#next)) this.#next++;
    const ids: number[] = [];
    const end = Math.min(this.#next + Math.max(1, frames), this.#end);
    for (; this.#next < end; this.#next++) if (!this.#memory.has(this.#next)) ids.push(this.#next);
    if (ids.length > 0) {
      const scores = await this.#source.scores(ids);
      for (const [i, id] of ids.entries()) this.#offer(id, scores[i]!);
    }
    return this.done;
  }

  /** Looks through all. */
  async all(): Promise<Neighbours> {
    while (!await this.step());
    return this.neighbours;
  }

  #offer(id: number, score: number): void {
    const sign = this.#source.lowerIsBetter ? 1 : -1;
    const better = (a: number, b: number): boolean => sign * (a - b) < 0;
    if (this.#found.length === this.k && !better(score, this.#found.at(-1)!.score)) return;
    // Frames come in the order of their numbers, so that of equals the lower one stands first.
    let at = this.#found.length;
    while (at > 0 && better(score, this.#found[at - 1]!.score)) at--;
    this.#found.splice(at, 0, { id, score });
    if (this.#found.length > this.k) this.#found.pop();
  }
}

/** Compares global descriptors. @throws {MapError} if the query is of other dimensions. */
export function forgottenDescriptors(
  file: IndexFile,
  query: Float32Array,
  { compare }: ForgottenSearchOptions = {},
): ForgottenSource {
  const { dimensions, type, metric } = file.layout;
  if (query.length !== dimensions) {
    throw new MapError(
      `Cannot search for a descriptor of ${query.length} elements: the map's have ${dimensions}`,
    );
  }
  const own = new Float32Array(query);
  const compareRows = compare ?? (metric === "l2" ? squaredDistances : innerProducts);
  return {
    lowerIsBetter: metric === "l2",
    scores: async (ids) => {
      const first = ids[0]!, count = ids.at(-1)! - first + 1;
      const rows = unpackRows(await file.read(first, count), dimensions, type);
      for (const [i, id] of ids.entries()) {
        rows.copyWithin(i * dimensions, (id - first) * dimensions, (id - first + 1) * dimensions);
      }
      return await compareRows(own, rows.subarray(0, ids.length * dimensions));
    },
  };
}

/** Compares bags of words. */
export function forgottenBags(frames: RecordFile, scoring: Scoring, query: Bag): ForgottenSource {
  return {
    lowerIsBetter: lowerIsBetter(scoring),
    scores: async (ids) => {
      const scores: number[] = [];
      for (const id of ids) scores.push(scoreBags(scoring, query, bagOf(await frames.read(id))));
      return scores;
    },
  };
}

function innerProducts(query: Float32Array, rows: Float32Array): Float32Array {
  const size = query.length, scores = new Float32Array(rows.length / size);
  for (let row = 0; row < scores.length; row++) {
    let sum = 0;
    for (let i = 0; i < size; i++) sum += query[i]! * rows[row * size + i]!;
    scores[row] = sum;
  }
  return scores;
}

function squaredDistances(query: Float32Array, rows: Float32Array): Float32Array {
  const size = query.length, scores = new Float32Array(rows.length / size);
  for (let row = 0; row < scores.length; row++) {
    let sum = 0;
    for (let i = 0; i < size; i++) sum += (query[i]! - rows[row * size + i]!) ** 2;
    scores[row] = sum;
  }
  return scores;
}
