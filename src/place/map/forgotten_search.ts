import type { Neighbours } from "../index/descriptor_search.ts";
import type { IndexFile } from "../index/index_file.ts";
import { unpackRows } from "../index/packing.ts";
import { MapError } from "./errors.ts";
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
  /** Compares rows: on a GPU, say. Default: on the host. */
  compare?: CompareRows;
}

/**
 * The search through the file for the frames most like a query that are forgotten: a bounded number of rows a step, so that a frame
 * loop can go through it over many frames. Made by `map.searchForgotten()`.
 */
export class ForgottenSearch {
  /** Frames to find. */
  readonly k: number;
  readonly #query: Float32Array<ArrayBuffer>;
  readonly #file: IndexFile;
  readonly #memory: WorkingMemory;
  readonly #compare: CompareRows;
  readonly #end: number;
  readonly #found: { id: number; score: number }[] = [];
  #next = 0;

  /** See `map.searchForgotten()`. */
  constructor(
    file: IndexFile,
    memory: WorkingMemory,
    query: Float32Array,
    k: number,
    options: ForgottenSearchOptions = {},
  ) {
    const { dimensions, metric } = file.layout;
    if (query.length !== dimensions || !Number.isInteger(k) || k < 1) {
      throw new MapError(
        `Cannot search for the ${k} nearest of ${query.length} elements: give a descriptor of ${dimensions} and k from 1 on`,
      );
    }
    this.k = k;
    this.#query = new Float32Array(query);
    this.#file = file;
    this.#memory = memory;
    this.#compare = options.compare ?? (metric === "l2" ? squaredDistances : innerProducts);
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
   * @param rows frames that are read at most.
   * @returns whether all were looked through.
   */
  async step(rows = 1024): Promise<boolean> {
    const forgotten = (id: number): boolean => !this.#memory.has(id);
    while (!this.done && !forgotten(this.#next)) this.#next++;
    let end = Math.min(this.#next + Math.max(1, rows), this.#end);
    while (end > this.#next && !forgotten(end - 1)) end--;
    if (end > this.#next) {
      const first = this.#next;
      this.#next = end;
      const ids: number[] = [];
      for (let id = first; id < end; id++) if (forgotten(id)) ids.push(id);
      const { dimensions, type } = this.#file.layout;
      const read = unpackRows(await this.#file.read(first, end - first), dimensions, type);
      for (const [i, id] of ids.entries()) {
        read.copyWithin(i * dimensions, (id - first) * dimensions, (id - first + 1) * dimensions);
      }
      const scores = await this.#compare(this.#query, read.subarray(0, ids.length * dimensions));
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
    const sign = this.#file.layout.metric === "l2" ? 1 : -1;
    const better = (a: number, b: number): boolean => sign * (a - b) < 0;
    if (this.#found.length === this.k && !better(score, this.#found.at(-1)!.score)) return;
    // Frames come in the order of their numbers, so that of equals the lower one stands first.
    let at = this.#found.length;
    while (at > 0 && better(score, this.#found[at - 1]!.score)) at--;
    this.#found.splice(at, 0, { id, score });
    if (this.#found.length > this.k) this.#found.pop();
  }
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
