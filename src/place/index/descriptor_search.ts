/**
 * The exact search of a {@linkcode DescriptorIndex}.
 *
 * @module
 */
import type { BufferRange, Stream } from "../../gpu/mod.ts";
import type { DescriptorIndex } from "./descriptor_index.ts";
import { type Neighbours, RowSearch } from "./row_search.ts";

export { MAX_NEIGHBOURS, type Neighbours } from "./row_search.ts";

/** Which rows may be found. */
export interface SearchOptions {
  /** The newest rows are left out: how many. Default 0. */
  exceptNewest?: number;
  /** A bit a row, lowest first: 1 may be found; rows beyond its end may not. Default: all. */
  mask?: Uint32Array<ArrayBuffer>;
}

/** How many rows may be found, of the first ones. @throws {RangeError} for options that make no sense. */
export function liveRows(rows: number, { exceptNewest = 0, mask }: SearchOptions): number {
  if (!Number.isInteger(exceptNewest) || exceptNewest < 0) {
    throw new RangeError(
      `Cannot leave out the newest ${exceptNewest} rows: give a whole number, 0 or more`,
    );
  }
  return Math.min(Math.max(rows - exceptNewest, 0), mask ? mask.length * 32 : rows);
}

/** A search with all that it needs made once. Made by `index.search()`. */
export class DescriptorSearch implements Disposable {
  /** Rows found for each query. */
  readonly k: number;
  /** Descriptors searched for at once. */
  readonly queries: number;
  /** Where the result lies after the work ran; see {@linkcode decode}. */
  readonly result: BufferRange;
  readonly #index: DescriptorIndex;
  readonly #search: RowSearch;

  /** See `index.search()`. */
  constructor(index: DescriptorIndex, k: number, queries: number) {
    this.k = k;
    this.queries = queries;
    this.#index = index;
    this.#search = new RowSearch(index, k, queries);
    this.result = this.#search.result;
  }

  /** Bytes of {@linkcode result}, for a `Readback`. */
  get resultBytes(): number {
    return this.#search.resultBytes;
  }

  /**
   * Records the search of all rows that the index has now, those just appended included.
   *
   * @param descriptors what to search for: `queries * dimensions` 32-bit floats.
   * @throws {RangeError} for a range that is too short, or options that make no sense.
   * @throws {GpuError} if the search was recorded before and that work was not submitted yet.
   */
  record(stream: Stream, descriptors: BufferRange, options: SearchOptions = {}): void {
    const live = liveRows(this.#index.rows, options);
    this.#search.record(stream, descriptors, { slots: live, live, mask: options.mask });
  }

  /** The result out of the bytes of {@linkcode result}; for each query as many rows as there were, at most k. */
  decode(bytes: ArrayBuffer, offset = 0): Neighbours[] {
    return this.#search.decode(bytes, offset);
  }

  /** Ends its memory. */
  [Symbol.dispose](): void {
    this.#search[Symbol.dispose]();
  }
}
