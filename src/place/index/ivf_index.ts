/**
 * Very many descriptors, of which only a part is compared with a query.
 *
 * @module
 */
import { type BufferRange, type Device, GpuError, type Stream } from "../../gpu/mod.ts";
import { Random } from "../../tensor/random.ts";
import { DescriptorIndex } from "./descriptor_index.ts";
import type { SearchOptions } from "./descriptor_search.ts";
import { InvertedLists } from "./inverted_lists.ts";
import { type IvfParts, IvfSearch } from "./ivf_search.ts";
import { mostLists, nearestCentres, trainCentres } from "./ivf_training.ts";
import {
  type DescriptorMetric,
  type DescriptorType,
  type PackedRows,
  packRows,
  refusePacked,
  unpackRows,
} from "./packing.ts";
import type { RowStorage } from "./row_kernels.ts";
import { queriesAtOnce, queryInParts } from "./query_parts.ts";
import { MAX_NEIGHBOURS, type Neighbours } from "./row_search.ts";

/** How an {@linkcode IvfIndex} is made. */
export interface IvfOptions {
  /** How elements are kept; default `f32`. */
  type?: DescriptorType;
  /** What is compared; default `inner_product`. */
  metric?: DescriptorMetric;
  /** Lists that are looked through; default a sixteenth of all, at least 1. See {@linkcode IvfIndex.calibrate}. */
  probes?: number;
  /** Rows in no list for which memory is made at the start. Default 0. */
  tailCapacity?: number;
  /** Rows of a chunk, a multiple of 256. Default: about 32 MiB. */
  chunkRows?: number;
  /** What holds the rows; default as that of a `DescriptorIndex`. */
  storage?: RowStorage;
}

/** How the centres of lists are found. */
export interface IvfTraining extends IvfOptions {
  /** Elements of a descriptor. */
  dimensions: number;
  /** How many lists; about the square root of the rows to come is usual. */
  lists: number;
  /** Rounds of k-means; default 10, as in FAISS's `IndexIVF`. */
  iterations?: number;
  /** Default 1. */
  seed?: number;
}

/** How much of the exact answer is found. */
export interface Recall {
  /** Lists that were looked through. */
  readonly probes: number;
  /** The part of the exact search's k nearest that was found, on average over the queries. */
  readonly recall: number;
}

/** What {@linkcode IvfIndex.calibrate} measured. */
export interface Calibration extends Recall {
  /** Neighbours asked for. */
  readonly k: number;
  /** How many queries it was measured with. */
  readonly queries: number;
  /** All that was tried, fewest lists first. */
  readonly tried: readonly Recall[];
}

/**
 * Descriptors in lists, each list those nearest to one centre (inverted file: Sivic and Zisserman, 2003; Jegou, Douze and
 * Schmid, 2011). A search compares a query with the centres, then with the rows of the nearest lists alone: their number,
 * `probes`, trades answers for time, and {@linkcode calibrate} says what recall it gives. With all lists the answer is
 * that of a `DescriptorIndex`, to the bit.
 *
 * To keep it, keep {@linkcode centres}, and the rows in an `IndexFile`, from which `loadIndex` takes them again.
 *
 * Rows that are appended on the GPU, frame by frame, stay in no list until {@linkcode sort}; all of them are compared.
 */
export class IvfIndex implements Disposable {
  /** Elements of a descriptor. */
  readonly dimensions: number;
  /** How elements are kept. */
  readonly type: DescriptorType;
  /** What is compared. */
  readonly metric: DescriptorMetric;
  /** How many lists there are. */
  readonly lists: number;
  /** The lists' centres, one after the other. */
  readonly centres: Float32Array<ArrayBuffer>;
  readonly #device: Device;
  readonly #lists: InvertedLists;
  readonly #tail: DescriptorIndex;
  readonly #centres: DescriptorIndex;
  readonly #parts: IvfParts;
  #probes: number;
  #sorted = 0;
  #sorting = false;

  /**
   * An index without rows.
   *
   * @param centres the lists' centres, as {@linkcode train} finds them: `lists * dimensions` elements.
   * @throws {RangeError} if a size is no whole number in its range.
   * @throws {GpuError} as `device.createBuffer` does.
   */
  constructor(
    device: Device,
    centres: Float32Array<ArrayBuffer>,
    options: IvfOptions & { dimensions: number },
  ) {
    const { dimensions, type = "f32", metric = "inner_product", tailCapacity: capacity = 0 } = options;
    const lists = centres.length / dimensions;
    refuseLists(lists, dimensions);
    this.#device = device;
    this.dimensions = dimensions;
    this.type = type;
    this.metric = metric;
    this.lists = lists;
    this.centres = centres;
    const { chunkRows, storage } = options;
    this.#tail = new DescriptorIndex(device, {
      dimensions,
      type,
      metric,
      capacity,
      ...(chunkRows && { chunkRows }),
      ...(storage && { storage }),
    });
    this.#centres = new DescriptorIndex(device, { dimensions, metric, capacity: lists });
    this.#centres.add(centres);
    this.#lists = new InvertedLists(device, {
      dimensions,
      type,
      metric,
      storage: this.#tail.storage,
      chunkRows: this.#tail.chunkRows,
      lists,
    });
    this.#probes = 0;
    this.probes = options.probes ?? Math.max(1, Math.round(lists / 16));
    this.#parts = {
      device,
      centres: this.#centres,
      lists: this.#lists,
      tail: this.#tail,
      sorted: () => this.#sorted,
      probes: () => this.#probes,
    };
  }

  /**
   * Finds centres for descriptors like those of `sample`, of which there should be some forty a list or more.
   *
   * @throws {RangeError} if there are fewer descriptors than lists, or a size is no whole number in its range.
   */
  static async train(
    device: Device,
    sample: Float32Array<ArrayBuffer>,
    options: IvfTraining,
  ): Promise<IvfIndex> {
    const { dimensions, lists, metric = "inner_product", iterations = 10, seed = 1 } = options;
    refuseLists(lists, dimensions);
    const rows = sample.length / dimensions;
    if (!Number.isInteger(rows) || rows < lists) {
      throw new RangeError(
        `Cannot find ${lists} centres in ${sample.length} elements of descriptors of ${dimensions}: give whole ` +
          `descriptors, at least as many as lists`,
      );
    }
    const numbers = new Random(seed), random = (): number => numbers.next();
    const centres = await trainCentres(device, sample, { dimensions, lists, metric, iterations, random });
    return new IvfIndex(device, centres, options);
  }

  /** Descriptors in it. */
  get rows(): number {
    return this.#sorted + this.#tail.rows;
  }

  /** Descriptors that are in a list; the others are compared with every query. */
  get sorted(): number {
    return this.#sorted;
  }

  /** Lists that are looked through; a search makes what it needs anew after a change. */
  get probes(): number {
    return this.#probes;
  }

  /** @throws {RangeError} if it is not from 1 to 1,024, nor the number of lists. */
  set probes(probes: number) {
    const most = Math.min(MAX_NEIGHBOURS, this.lists);
    if (!Number.isInteger(probes) || probes < 1 || (probes > most && probes !== this.lists)) {
      throw new RangeError(
        `Cannot look through ${probes} of ${this.lists} lists: give 1 to ${most}, or ${this.lists}`,
      );
    }
    this.#probes = probes;
  }

  /**
   * Adds descriptors from the host to their lists, `n * dimensions` elements, after {@linkcode sort}; gives the first one's row.
   *
   * @throws {RangeError} if they are no whole descriptors.
   * @throws {GpuError} while rows are being sorted.
   */
  async add(rows: Float32Array<ArrayBuffer>): Promise<number> {
    if (rows.length % this.dimensions !== 0) {
      throw new RangeError(
        `Cannot add ${rows.length} elements to an index of ${this.dimensions} dimensions: give whole descriptors`,
      );
    }
    return await this.addPacked(packRows(rows, this.dimensions, this.type));
  }

  /** Adds rows that were packed for an index of the same dimensions and type, as {@linkcode add} does. */
  async addPacked(packed: PackedRows): Promise<number> {
    refusePacked(packed, this.dimensions, this.type);
    await this.sort();
    return await this.#whileSorting(async () => {
      const first = this.#sorted;
      await this.#addToLists(packed);
      return first;
    });
  }

  /**
   * Records the addition of descriptors that lie on the GPU one after the other as 32-bit floats; gives the first one's
   * row. See `DescriptorIndex.append`.
   *
   * @throws {GpuError} while rows are being sorted.
   */
  append(
    stream: Stream,
    descriptors: BufferRange,
    count: number = descriptors.bytes / 4 / this.dimensions,
  ): number {
    this.#refuseSorting();
    return this.#sorted + this.#tail.append(stream, descriptors, count);
  }

  /** Makes what {@linkcode append} needs for descriptors that lie there. See `DescriptorIndex.prepare`. */
  prepare(descriptors: BufferRange, count = 1): void {
    this.#tail.prepare(descriptors, count);
  }

  /**
   * Moves all rows that are in no list to theirs, through the host: to be called now and then, when so many were appended
   * that comparing with them all takes long. All recorded work must be submitted.
   *
   * @throws {GpuError} while rows are being sorted.
   */
  async sort(): Promise<void> {
    const count = this.#tail.rows;
    this.#refuseSorting();
    if (count === 0) return;
    await this.#whileSorting(async () => {
      const packed = await this.#tail.readPacked(0, count);
      await this.#addToLists(packed);
      this.#tail.clear();
    });
  }

  /**
   * All that a search for the `k` best rows of `queries` descriptors at once needs; made once for each frame that is
   * under way at the same time.
   *
   * @throws {RangeError} if k is not from 1 to 1,024, or queries are not from 1 on.
   */
  search(options: { k: number; queries?: number }): IvfSearch {
    return new IvfSearch(this.#parts, options.k, options.queries ?? 1);
  }

  /**
   * Searches and waits: for scripts. Very many queries go in parts, so that their keys take 64 MiB at most.
   *
   * @param queries `n * dimensions` elements.
   * @returns for each query its nearest rows, best first.
   */
  query(
    queries: Float32Array<ArrayBuffer>,
    options: SearchOptions & { k: number },
  ): Promise<Neighbours[]> {
    const atOnce = queriesAtOnce(this.#device, Math.max(this.#lists.capacity, this.#tail.capacity));
    return queryInParts(queries, this.dimensions, atOnce, async (part, count) => {
      using search = this.search({ k: options.k, queries: count });
      using stream = this.#device.stream({ label: "query" });
      const range = this.#device.upload(part, "queries");
      try {
        search.record(stream, range, options);
        stream.submit();
        return search.decode(await this.#device.read(search.result));
      } finally {
        range.buffer.destroy();
      }
    });
  }

  /**
   * Chooses the least number of lists that gives the recall asked for: measures it, with descriptors that are to be like
   * those of later queries, against the exact search of the rows that are in it now. The index uses what it finds.
   *
   * @param queries `n * dimensions` elements.
   * @param options `k`: neighbours; default 10. `recall`: the part of the exact search's neighbours to be found; default 0.95.
   */
  async calibrate(
    queries: Float32Array<ArrayBuffer>,
    options: { k?: number; recall?: number } = {},
  ): Promise<Calibration> {
    const { k = 10, recall: wanted = 0.95 } = options;
    const count = queries.length / this.dimensions;
    if (!(wanted > 0 && wanted <= 1) || !Number.isInteger(count) || count < 1 || this.rows === 0) {
      throw new RangeError(
        `Cannot calibrate for a recall of ${wanted} with ${count} queries and ${this.rows} rows: give a recall above 0 up ` +
          `to 1, whole descriptors, and rows`,
      );
    }
    const before = this.#probes;
    const tried = new Map<number, number>();
    try {
      this.probes = this.lists;
      const exact = await this.query(queries, { k });
      tried.set(this.lists, 1);
      const measure = async (probes: number): Promise<number> => {
        const known = tried.get(probes);
        if (known !== undefined) return known;
        this.probes = probes;
        const found = await this.query(queries, { k });
        const recall = found.reduce((sum, { ids }, q) => sum + overlap(ids, exact[q]!.ids), 0) / count;
        tried.set(probes, recall);
        return recall;
      };
      const most = Math.min(MAX_NEIGHBOURS, this.lists);
      let [low, high] = [0, 1];
      while (high < most && await measure(high) < wanted) [low, high] = [high, Math.min(high * 2, most)];
      if (await measure(high) < wanted) [low, high] = [this.lists, this.lists];
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (await measure(middle) >= wanted) high = middle;
        else low = middle;
      }
      this.probes = high;
    } catch (error) {
      this.#probes = before;
      throw error;
    }
    const list = [...tried].map(([probes, recall]) => ({ probes, recall }))
      .sort((a, b) => a.probes - b.probes);
    return { probes: this.#probes, recall: tried.get(this.#probes)!, k, queries: count, tried: list };
  }

  /** Ends its memory. Searches of it are the caller's to end. */
  [Symbol.dispose](): void {
    this.#tail[Symbol.dispose]();
    this.#centres[Symbol.dispose]();
    this.#lists[Symbol.dispose]();
  }

  async #addToLists(packed: PackedRows): Promise<void> {
    const rows = unpackRows(packed, this.dimensions, this.type);
    const nearest = await nearestCentres(this.#device, rows, this.centres, this.dimensions);
    this.#lists.add(packed, nearest, this.#sorted);
    this.#sorted += packed.count;
  }

  #refuseSorting(): void {
    if (this.#sorting) {
      throw new GpuError("Cannot add to an index whose rows are being sorted: wait for that first");
    }
  }

  async #whileSorting<T>(body: () => Promise<T>): Promise<T> {
    this.#refuseSorting();
    this.#sorting = true;
    try {
      return await body();
    } finally {
      this.#sorting = false;
    }
  }
}

/** The part of `exact` that is in `found`. */
function overlap(found: Int32Array, exact: Int32Array): number {
  const known = new Set(found);
  return exact.length === 0 ? 1 : exact.reduce((sum, id) => sum + (known.has(id) ? 1 : 0), 0) / exact.length;
}

function refuseLists(lists: number, dimensions: number): void {
  const most = mostLists(dimensions);
  if (!Number.isInteger(lists) || lists < 1 || lists > most) {
    throw new RangeError(
      `Cannot make ${lists} lists of descriptors of ${dimensions} elements: give a whole number from 1 to ${most}`,
    );
  }
}
