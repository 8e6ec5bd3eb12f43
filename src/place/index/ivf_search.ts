/**
 * The search of an {@linkcode IvfIndex}: in the lists nearest to a query, and among all rows that are in no list yet.
 *
 * @module
 */
import {
  type BufferRange,
  type Device,
  type Dispatch,
  foldWorkgroups,
  GpuError,
  type Recording,
  type Stream,
} from "../../gpu/mod.ts";
import markText from "../../../shaders/place/mark_lists.wgsl" with { type: "text" };
import { storageBuffer } from "./descriptor_chunk.ts";
import type { DescriptorIndex } from "./descriptor_index.ts";
import { type DescriptorSearch, liveRows, type SearchOptions } from "./descriptor_search.ts";
import type { InvertedLists } from "./inverted_lists.ts";
import { type Neighbours, RowSearch } from "./row_search.ts";

/** What an {@linkcode IvfSearch} looks through; the index's own parts. */
export interface IvfParts {
  readonly device: Device;
  /** The lists' centres. */
  readonly centres: DescriptorIndex;
  /** Rows 0 to `sorted`. */
  readonly lists: InvertedLists;
  /** The rows after those. */
  readonly tail: DescriptorIndex;
  /** Rows in lists now. */
  readonly sorted: () => number;
  /** Lists to look through now. */
  readonly probes: () => number;
}

interface Probing {
  readonly probes: number;
  /** The lists' memory of numbers that it was made for. */
  readonly listed: BufferRange;
  readonly nearest: DescriptorSearch | undefined;
  readonly search: RowSearch;
  readonly mark: Dispatch;
}

/** A search with all that it needs made once, until the number of probed lists changes or the lists grow. Made by `index.search()`. */
export class IvfSearch implements Disposable {
  /** Rows found for each query. */
  readonly k: number;
  /** Descriptors searched for at once. */
  readonly queries: number;
  /** Where the result lies after the work ran; see {@linkcode decode}. */
  readonly result: BufferRange;
  readonly #parts: IvfParts;
  readonly #sought: BufferRange;
  readonly #tail: DescriptorSearch;
  #probing: Probing | undefined;
  #recording: Readonly<Recording> | undefined;
  #base = 0;

  /** See `index.search()`. */
  constructor(parts: IvfParts, k: number, queries: number) {
    this.k = k;
    this.queries = queries;
    this.#parts = parts;
    this.#tail = parts.tail.search({ k, queries });
    this.result = storageBuffer(parts.device, this.resultBytes, "nearest descriptors");
    this.#sought = storageBuffer(parts.device, queries * parts.lists.lists * 4, "sought lists");
    this.#prepare();
  }

  /** Bytes of {@linkcode result}, for a `Readback`. */
  get resultBytes(): number {
    return 2 * this.queries * this.k * 8;
  }

  /**
   * Records the search of the lists that the index probes now, and of all rows that are in none.
   *
   * @param descriptors what to search for: `queries * dimensions` 32-bit floats.
   * @throws {RangeError} for a range that is too short, or options that make no sense.
   * @throws {GpuError} if the search was recorded before and that work was not submitted yet.
   */
  record(stream: Stream, descriptors: BufferRange, options: SearchOptions = {}): void {
    if (this.#recording?.state === "recorded") {
      throw new GpuError(
        "Cannot record this search again: its work was not submitted yet; submit, or make a search for each frame under way",
      );
    }
    const { lists, tail } = this.#parts;
    const sorted = this.#parts.sorted();
    const live = liveRows(sorted + tail.rows, options);
    const { nearest, search, mark } = this.#prepare();
    const inLists = Math.min(live, sorted), slots = inLists > 0 ? lists.slots : 0;
    if (slots > 0) {
      nearest?.record(stream, descriptors);
      const { buffer, bytes } = this.#sought;
      stream.record((encoder) => encoder.clearBuffer(buffer, 0, bytes));
      stream.run(mark);
    }
    search.record(stream, descriptors, { slots, live: inLists, mask: options.mask });
    this.#tail.record(stream, descriptors, {
      exceptNewest: tail.rows - Math.max(live - sorted, 0),
      ...(options.mask && { mask: shiftMask(options.mask, sorted, tail.rows) }),
    });
    const half = this.resultBytes / 2;
    stream.copy(search.result.buffer, 0, this.result.buffer, 0, half);
    stream.copy(this.#tail.result.buffer, 0, this.result.buffer, half, half);
    this.#base = sorted;
    this.#recording = stream.recording;
  }

  /** The result out of the bytes of {@linkcode result}; for each query as many rows as were found, at most k. */
  decode(bytes: ArrayBuffer, offset = 0): Neighbours[] {
    const inLists = this.#probing!.search.decode(bytes, offset);
    const inTail = this.#tail.decode(bytes, offset + this.resultBytes / 2);
    const least = this.#parts.centres.metric === "l2";
    return inLists.map((one, q) => merge(one, inTail[q]!, this.#base, this.k, least));
  }

  /** Ends its memory. */
  [Symbol.dispose](): void {
    this.#probing?.nearest?.[Symbol.dispose]();
    this.#probing?.search[Symbol.dispose]();
    this.#tail[Symbol.dispose]();
    this.#sought.buffer.destroy();
    this.result.buffer.destroy();
  }

  #prepare(): Probing {
    const { device, centres, lists } = this.#parts;
    const probes = this.#parts.probes();
    const before = this.#probing;
    if (before && before.probes === probes && before.listed === lists.listed) return before;
    before?.nearest?.[Symbol.dispose]();
    before?.search[Symbol.dispose]();
    const every = probes >= lists.lists;
    const nearest = every ? undefined : centres.search({ k: probes, queries: this.queries });
    const search = new RowSearch(lists, this.k, this.queries, lists.numbered(this.#sought));
    const mark = device.dispatch(device.kernel({ name: "place/mark_lists", wgsl: markText }), {
      // Where all lists are looked through, nothing is read of what was found.
      bindings: { found: nearest?.result ?? search.result, sought: this.#sought },
      uniforms: { lists: lists.lists, probes, every: every ? 1 : 0 },
      workgroups: [...foldWorkgroups(Math.ceil((every ? lists.lists : probes) / 64))].with(
        1,
        this.queries,
      ) as [number, number, number],
    });
    return this.#probing = { probes, listed: lists.listed, nearest, search, mark };
  }
}

/** Of two results the k best; those of the second have the higher numbers, from `base` on. */
function merge(a: Neighbours, b: Neighbours, base: number, k: number, least: boolean): Neighbours {
  const count = Math.min(k, a.ids.length + b.ids.length);
  const ids = new Int32Array(count), scores = new Float32Array(count);
  for (let i = 0, inA = 0, inB = 0; i < count; i++) {
    const x = a.scores[inA]!, y = b.scores[inB]!;
    // What is no number comes last.
    const second = inA === a.ids.length ||
      (inB < b.ids.length && ((least ? y < x : y > x) || (Number.isNaN(x) && !Number.isNaN(y))));
    ids[i] = second ? b.ids[inB]! + base : a.ids[inA]!;
    scores[i] = second ? y : x;
    if (second) inB++;
    else inA++;
  }
  return { ids, scores };
}

/** The bits from the `first`-th on, `count` of them as far as there are so many. */
function shiftMask(mask: Uint32Array, first: number, count: number): Uint32Array<ArrayBuffer> {
  const bits = Math.max(0, Math.min(mask.length * 32 - first, count));
  const from = Math.floor(first / 32), by = first % 32;
  return Uint32Array.from({ length: Math.ceil(bits / 32) }, (_, i) => {
    const low = mask[from + i]! >>> by;
    return by === 0 ? low : low | (mask[from + i + 1] ?? 0) << (32 - by);
  });
}
