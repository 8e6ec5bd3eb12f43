/**
 * Earlier descriptors on the GPU, and the exact search for those most like new ones.
 *
 * @module
 */
import { type BufferRange, type Device, MAX_WORKGROUPS, type Stream } from "../../gpu/mod.ts";
import { DescriptorChunk, type RowLayout } from "./descriptor_chunk.ts";
import { DescriptorSearch, type SearchOptions } from "./descriptor_search.ts";
import {
  type DescriptorMetric,
  type DescriptorType,
  type PackedRows,
  packRows,
  refusePacked,
  rowBytesOf,
  unpackRows,
} from "./packing.ts";
import { Packing, type Run } from "./row_packing.ts";
import { PANEL_ROWS, type RowStorage } from "./row_kernels.ts";
import { queriesAtOnce, queryInParts } from "./query_parts.ts";
import type { Neighbours } from "./row_search.ts";

/** How an index is made. */
export interface DescriptorIndexOptions {
  /** Elements of a descriptor. */
  dimensions: number;
  /** How elements are kept; default `f32`. Queries are always 32-bit floats. */
  type?: DescriptorType;
  /** What is compared; default `inner_product`. */
  metric?: DescriptorMetric;
  /** Rows for which memory is made at the start; more come chunk by chunk. Default 0. */
  capacity?: number;
  /** Rows of a chunk, a multiple of 256. Default: about 32 MiB. */
  chunkRows?: number;
  /** What holds the rows; default a texture on software Vulkan, where that is faster, else a buffer. */
  storage?: RowStorage;
}

/** Chunks are multiples of so many rows: the selection takes the maxima of four panels at once. */
const GROUP_ROWS = 4 * PANEL_ROWS;
const CHUNK_BYTES = 32 << 20;
/** Searches of `query()` that stay for the next one. */
const KEPT_SEARCHES = 4;

/**
 * All earlier descriptors, in chunks on the GPU. Adding one takes the same time however many there are, and nothing is
 * moved; a chunk is made when the last is full. Searching is exact: every row is compared.
 *
 * @example The two nearest of three
 * ```ts
 * import { DescriptorIndex, Device } from "@framewise/framewise";
 *
 * using device = await Device.request();
 * using index = new DescriptorIndex(device, { dimensions: 2 });
 * index.add(new Float32Array([1, 0, 0, 1, 0.8, 0.6]));
 * const [found] = await index.query(new Float32Array([1, 0]), { k: 2 });
 * console.assert(found!.ids[0] === 0 && found!.ids[1] === 2);
 * ```
 */
export class DescriptorIndex implements Disposable {
  /** Elements of a descriptor. */
  readonly dimensions: number;
  /** How elements are kept. */
  readonly type: DescriptorType;
  /** What is compared. */
  readonly metric: DescriptorMetric;
  /** What holds the rows. */
  readonly storage: RowStorage;
  /** Rows of a chunk. */
  readonly chunkRows: number;
  /** Where it is. */
  readonly device: Device;
  readonly #layout: RowLayout;
  readonly #chunks: DescriptorChunk[] = [];
  readonly #packing: Packing;
  #rows = 0;
  readonly #searches = new Map<string, DescriptorSearch>();
  #disposed = false;

  /**
   * @throws {RangeError} if a size is no whole number in its range.
   * @throws {GpuError} as `device.createBuffer` does.
   */
  constructor(device: Device, options: DescriptorIndexOptions) {
    const { dimensions, type = "f32", metric = "inner_product", capacity = 0 } = options;
    const most = Math.floor((device.limits.maxUniformBufferBindingSize - 16) / 64) * 16;
    if (!Number.isInteger(dimensions) || dimensions < 1 || dimensions > most) {
      throw new RangeError(
        `Cannot index descriptors of ${dimensions} elements: give a whole number from 1 to ${most}`,
      );
    }
    const { limits, target } = device;
    const rowBytes = rowBytesOf(dimensions, type);
    // A texture holds 16 bytes of each row of a panel in a line.
    const inTexture = Math.floor(limits.maxTextureDimension2D / (rowBytes / 16)) * PANEL_ROWS;
    const textures = inTexture >= GROUP_ROWS;
    const storage = options.storage ?? (target.software && textures ? "texture" : "buffer");
    const limit = storage === "texture"
      ? inTexture
      : Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize) / rowBytes;
    // A workgroup takes a panel.
    const largest = Math.floor(Math.min(limit, MAX_WORKGROUPS * PANEL_ROWS) / GROUP_ROWS) * GROUP_ROWS;
    const usual = Math.max(Math.floor(CHUNK_BYTES / rowBytes / GROUP_ROWS) * GROUP_ROWS, GROUP_ROWS);
    const chunkRows = options.chunkRows ?? Math.min(usual, largest);
    if (storage === "texture" && !textures) {
      throw new RangeError(
        `Cannot keep descriptors of ${dimensions} elements in a texture: ${GROUP_ROWS} rows do not fit into one of ` +
          `${limits.maxTextureDimension2D} lines, the most of this adapter; use storage "buffer"`,
      );
    }
    if (!Number.isInteger(chunkRows) || chunkRows < 1 || chunkRows % GROUP_ROWS > 0 || chunkRows > largest) {
      throw new RangeError(
        `Cannot make chunks of ${chunkRows} rows: give a multiple of ${GROUP_ROWS}, at most ${largest}`,
      );
    }
    if (!Number.isInteger(capacity) || capacity < 0) {
      throw new RangeError(`Cannot reserve ${capacity} rows: give a whole number, 0 or more`);
    }
    this.device = device;
    this.dimensions = dimensions;
    this.type = type;
    this.metric = metric;
    this.storage = storage;
    this.chunkRows = chunkRows;
    this.#layout = { dimensions, type, storage };
    this.#packing = new Packing(device, this.#layout, chunkRows, this.#chunks);
    this.#reserve(capacity);
  }

  /** Descriptors in it, those whose work is only recorded too. */
  get rows(): number {
    return this.#rows;
  }

  /** Rows that there is memory for. */
  get capacity(): number {
    return this.#chunks.length * this.chunkRows;
  }

  /** Its memory, in order; for the search. */
  get chunks(): readonly DescriptorChunk[] {
    return this.#chunks;
  }

  /**
   * Adds descriptors from the host, `n * dimensions` elements; gives the first one's row.
   *
   * @throws {RangeError} if they are no whole descriptors.
   */
  add(rows: Float32Array): number {
    // A piece at a time, so that no packed copy of all of them is made.
    const piece = this.chunkRows * this.dimensions;
    if (rows.length % this.dimensions !== 0) {
      throw new RangeError(
        `Cannot add ${rows.length} elements to an index of ${this.dimensions} dimensions: give whole descriptors`,
      );
    }
    const first = this.#rows;
    for (let at = 0; at < rows.length; at += piece) {
      this.addPacked(packRows(rows.subarray(at, at + piece), this.dimensions, this.type));
    }
    return first;
  }

  /** Adds rows that were packed for an index of the same dimensions and type; gives the first one's row. */
  addPacked(packed: PackedRows): number {
    refusePacked(packed, this.dimensions, this.type);
    const bytes = rowBytesOf(this.dimensions, this.type);
    const first = this.#rows;
    for (const { chunk, row, start, count } of this.#place(packed.count)) {
      this.#chunks[chunk]!.write(row, {
        count,
        bytes: packed.bytes.subarray(start * bytes, (start + count) * bytes),
        scales: packed.scales?.subarray(start, start + count),
      });
    }
    return first;
  }

  /**
   * Records the addition of descriptors that lie on the GPU one after the other as 32-bit floats; gives the first one's
   * row. Searches that are recorded later see them. If the stream drops its work the rows stay, with zeros in them.
   *
   * @throws {RangeError} if the range holds no whole descriptors.
   */
  append(
    stream: Stream,
    descriptors: BufferRange,
    count: number = descriptors.bytes / 4 / this.dimensions,
  ): number {
    if (!Number.isInteger(count) || count < 1 || count * this.dimensions * 4 > descriptors.bytes) {
      throw new RangeError(
        `Cannot append ${count} descriptors of ${this.dimensions} elements from ${descriptors.bytes} bytes: ` +
          `give the range of whole descriptors, or their number`,
      );
    }
    const first = this.#rows;
    for (const { chunk, row, start, count: rows } of this.#place(count)) {
      this.#packing.record(stream, descriptors, { chunk, row, start, count: rows });
    }
    return first;
  }

  /**
   * Makes what {@linkcode append} needs for descriptors that lie there, so that no call of it makes anything as long as
   * there is memory for rows. What was prepared stays prepared when memory grows.
   */
  prepare(descriptors: BufferRange, count = 1): void {
    this.#packing.prepare(descriptors, count);
  }

  /**
   * All that a search for the `k` best rows of `queries` descriptors at once needs; made once for each frame that is
   * under way at the same time.
   *
   * @throws {RangeError} if k is not from 1 to 1,024, or queries are not from 1 on.
   */
  search(options: { k: number; queries?: number }): DescriptorSearch {
    return new DescriptorSearch(this, options.k, options.queries ?? 1);
  }

  /**
   * Searches and waits: for scripts. Very many queries go in parts, so that their keys take 64 MiB at most. The last few
   * searches are kept for the next queries of the same k and number.
   *
   * @param queries `n * dimensions` elements.
   * @returns for each query its nearest rows, best first; fewer than k if there are not as many.
   */
  query(queries: Float32Array, options: SearchOptions & { k: number }): Promise<Neighbours[]> {
    const atOnce = queriesAtOnce(this.device, this.capacity);
    return queryInParts(queries, this.dimensions, atOnce, async (part, count) => {
      const search = this.#keptSearch(options.k, count);
      const range = this.device.upload(part, "queries");
      using stream = this.device.stream({ label: "query" });
      try {
        search.record(stream, range, options);
        stream.submit();
        return search.decode(await this.device.read(search.result));
      } finally {
        range.buffer.destroy();
      }
    });
  }

  /** Reads rows back as they are kept. @throws {RangeError} for rows that are not there. */
  async readPacked(first: number, count: number): Promise<PackedRows> {
    if (
      !Number.isInteger(first) || !Number.isInteger(count) || first < 0 || count < 0 ||
      first + count > this.#rows
    ) {
      throw new RangeError(`Cannot read rows ${first} to ${first + count}: there are ${this.#rows}`);
    }
    const bytes = rowBytesOf(this.dimensions, this.type);
    const all = {
      count,
      bytes: new Uint8Array(count * bytes),
      scales: this.type === "i8" ? new Float32Array(count) : undefined,
    };
    for (let done = 0; done < count;) {
      const row = (first + done) % this.chunkRows;
      const rows = Math.min(count - done, this.chunkRows - row);
      const part = await this.#chunks[Math.floor((first + done) / this.chunkRows)]!.read(row, rows);
      all.bytes.set(part.bytes, done * bytes);
      if (part.scales) all.scales!.set(part.scales, done);
      done += rows;
    }
    return all;
  }

  /** Reads rows back as 32-bit floats. @throws {RangeError} for rows that are not there. */
  async read(first: number, count: number): Promise<Float32Array<ArrayBuffer>> {
    return unpackRows(await this.readPacked(first, count), this.dimensions, this.type);
  }

  /** Forgets all rows; their memory stays for those to come. What was recorded before sees them still. */
  clear(): void {
    this.#rows = 0;
  }

  /** Ends its memory. Searches of it are the caller's to end, except those of {@linkcode query}. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const chunk of this.#chunks) chunk[Symbol.dispose]();
    for (const search of this.#searches.values()) search[Symbol.dispose]();
    this.#packing[Symbol.dispose]();
  }

  #reserve(rows: number): void {
    while (this.capacity < rows) {
      this.#chunks.push(
        this.device.allOrNothing(() =>
          new DescriptorChunk(this.device, this.#layout, this.chunkRows, this.capacity)
        ),
      );
      this.#packing.grow();
    }
  }

  /** Takes the next rows, and says where they lie. */
  #place(count: number): Run[] {
    this.#reserve(this.#rows + count);
    const runs: Run[] = [];
    for (let start = 0; start < count;) {
      const row = this.#rows % this.chunkRows;
      const rows = Math.min(count - start, this.chunkRows - row);
      runs.push({ chunk: Math.floor(this.#rows / this.chunkRows), row, start, count: rows });
      this.#rows += rows;
      start += rows;
    }
    return runs;
  }

  #keptSearch(k: number, queries: number): DescriptorSearch {
    const key = `${k} ${queries}`;
    let search = this.#searches.get(key);
    if (!search) {
      search = this.search({ k, queries });
      this.#searches.set(key, search);
      const [oldest] = this.#searches;
      if (this.#searches.size > KEPT_SEARCHES && oldest) {
        oldest[1][Symbol.dispose]();
        this.#searches.delete(oldest[0]);
      }
    }
    return search;
  }
}
