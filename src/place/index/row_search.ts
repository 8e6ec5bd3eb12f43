/**
 * The search of rows in chunks, recorded into a stream: every row gets a sortable key, and every panel of 64 rows the best
 * of its rows' keys, in one dispatch a chunk; one more chooses the k best, and puts them in order.
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
import chooseBest from "../../../shaders/place/choose_best.wgsl" with { type: "text" };
import compareRows from "../../../shaders/place/compare_rows.wgsl" with { type: "text" };
import { type DescriptorChunk, storageBuffer } from "./descriptor_chunk.ts";
import { blocksOf, type DescriptorMetric, type DescriptorType } from "./packing.ts";
import { chooseOptions, compareOptions, PANEL_ROWS, type RowStorage } from "./row_kernels.ts";

/** The rows most like a query, best first; of equal scores the lower row first. */
export interface Neighbours {
  /** Numbers of rows. */
  ids: Int32Array<ArrayBuffer>;
  /** Inner products, or squared distances. */
  scores: Float32Array<ArrayBuffer>;
}

/** The most that a search finds. */
export const MAX_NEIGHBOURS = 1024;

/** What is searched. */
export interface SearchedRows {
  readonly device: Device;
  readonly dimensions: number;
  readonly type: DescriptorType;
  readonly metric: DescriptorMetric;
  readonly storage: RowStorage;
  readonly chunkRows: number;
  /** Rows that there is memory for. */
  readonly capacity: number;
  readonly chunks: readonly DescriptorChunk[];
}

/** What sets rows apart that do not lie in the order of their numbers. */
export interface NumberedRows {
  /** Injected into `place/compare_rows`, with the memory that it binds. */
  readonly compare: { readonly text: string; readonly bindings: Readonly<Record<string, BufferRange>> };
  /** Injected into `place/choose_best`, with the memory that it binds. */
  readonly choose: { readonly text: string; readonly bindings: Readonly<Record<string, BufferRange>> };
}

/** One search: of `slots` places, the numbers below `live`, and of those the ones in the mask. */
export interface SearchScope {
  readonly slots: number;
  readonly live: number;
  readonly mask?: Uint32Array<ArrayBuffer> | undefined;
}

/** Bytes of what `place/choose_best` keeps of a query while it runs. */
const SCRATCH_BYTES = 2 * MAX_NEIGHBOURS * 8;
/** Queries that are compared in one pass. */
const BATCH = 8;

interface Batch {
  readonly uniforms: BufferRange;
  readonly header: Uint32Array<ArrayBuffer>;
  readonly first: number;
  readonly queries: number;
  readonly compare: Dispatch[];
}

/** What depends on how many rows there is room for. */
interface Room {
  readonly rows: number;
  readonly keys: BufferRange;
  readonly maxima: BufferRange;
  readonly allowed: BufferRange;
  readonly scratch: BufferRange;
  readonly parameters: BufferRange;
  readonly header: Uint32Array<ArrayBuffer>;
  readonly choose: Dispatch;
}

/** A search with all that it needs made once. */
export class RowSearch implements Disposable {
  /** Rows found for each query. */
  readonly k: number;
  /** Descriptors searched for at once. */
  readonly queries: number;
  /** Where the result lies after the work ran; see {@linkcode decode}. */
  readonly result: BufferRange;
  readonly #rows: SearchedRows;
  readonly #numbered: NumberedRows | undefined;
  readonly #device: Device;
  readonly #batches: readonly Batch[];
  #room: Room | undefined;
  #recording: Readonly<Recording> | undefined;

  /** @throws {RangeError} if k is not from 1 to 1,024, or queries are not from 1 on. */
  constructor(rows: SearchedRows, k: number, queries: number, numbered?: NumberedRows) {
    const whole = (value: number, most: number): boolean =>
      Number.isInteger(value) && value >= 1 && value <= most;
    if (!whole(k, MAX_NEIGHBOURS) || !whole(queries, 65535)) {
      throw new RangeError(
        `Cannot search for the ${k} nearest of ${queries} queries: give k from 1 to ${MAX_NEIGHBOURS} and queries from 1 on`,
      );
    }
    this.k = k;
    this.queries = queries;
    this.#rows = rows;
    this.#numbered = numbered;
    this.#device = rows.device;
    this.result = storageBuffer(this.#device, queries * k * 8, "nearest descriptors");
    const bytes = blocksOf(rows.dimensions) * 64;
    const fit = Math.floor((this.#device.limits.maxUniformBufferBindingSize - 16) / bytes);
    const size = Math.max(1, Math.min(BATCH, fit));
    this.#batches = Array.from({ length: Math.ceil(queries / size) }, (_, i) => {
      const first = i * size, count = Math.min(size, queries - first);
      return {
        uniforms: this.#device.uploadUniforms(new Uint8Array(16 + count * bytes), "search"),
        header: new Uint32Array(4),
        first,
        queries: count,
        compare: [],
      };
    });
    this.#prepare();
  }

  /** Bytes of {@linkcode result}, for a `Readback`. */
  get resultBytes(): number {
    return this.queries * this.k * 8;
  }

  /**
   * Records the search.
   *
   * @param descriptors what to search for: `queries * dimensions` 32-bit floats.
   * @throws {RangeError} for a range that is too short.
   * @throws {GpuError} if the search was recorded before and that work was not submitted yet.
   */
  record(stream: Stream, descriptors: BufferRange, { slots, live, mask }: SearchScope): void {
    const { dimensions } = this.#rows;
    if (descriptors.bytes < this.queries * dimensions * 4) {
      throw new RangeError(
        `Cannot search for ${this.queries} descriptors of ${dimensions} elements in ${descriptors.bytes} bytes: give ` +
          `${this.queries * dimensions * 4}`,
      );
    }
    if (this.#recording?.state === "recorded") {
      throw new GpuError(
        "Cannot record this search again: its work was not submitted yet; submit, or make a search for each frame under way",
      );
    }
    const room = this.#prepare();
    const { queue } = this.#device.gpu;
    if (mask && live > 0) {
      queue.writeBuffer(room.allowed.buffer, 0, mask.subarray(0, Math.ceil(live / 32)));
    }
    for (const batch of this.#batches) {
      batch.header.set([live, mask ? 1 : 0, room.rows, batch.first]);
      queue.writeBuffer(batch.uniforms.buffer, 0, batch.header);
    }
    room.header[0] = slots;
    queue.writeBuffer(room.parameters.buffer, 0, room.header);
    const { buffer, offset, bytes } = room.maxima;
    stream.record((encoder) => encoder.clearBuffer(buffer, offset, bytes));
    const rowBytes = dimensions * 4, pitch = blocksOf(dimensions) * 64;
    for (const { uniforms, first, queries } of this.#batches) {
      for (let q = 0; q < queries; q++) {
        const from = descriptors.offset + (first + q) * rowBytes;
        stream.copy(descriptors.buffer, from, uniforms.buffer, 16 + q * pitch, rowBytes);
      }
    }
    stream.run(this.#dispatches(room, slots));
    this.#recording = stream.recording;
  }

  /** The result out of the bytes of {@linkcode result}; for each query as many rows as there were, at most k. */
  decode(bytes: ArrayBuffer, offset = 0): Neighbours[] {
    return Array.from({ length: this.queries }, (_, q) => {
      const at = offset + q * this.k * 8;
      const ids = new Int32Array(bytes, at, this.k);
      const none = ids.indexOf(-1), count = none < 0 ? this.k : none;
      return {
        ids: ids.slice(0, count),
        scores: new Float32Array(bytes, at + this.k * 4, this.k).slice(0, count),
      };
    });
  }

  /** Ends its memory. */
  [Symbol.dispose](): void {
    for (const { uniforms } of this.#batches) uniforms.buffer.destroy();
    this.result.buffer.destroy();
    for (const { buffer } of buffersOf(this.#room)) buffer.destroy();
  }

  #dispatches(room: Room, slots: number): Dispatch[] {
    const list: Dispatch[] = [];
    const { chunkRows } = this.#rows;
    for (let first = 0; first < slots; first += chunkRows) {
      const workgroups = foldWorkgroups(Math.ceil(Math.min(chunkRows, slots - first) / PANEL_ROWS));
      for (const { compare } of this.#batches) list.push({ ...compare[first / chunkRows]!, workgroups });
    }
    return [...list, room.choose];
  }

  /** Makes what is missing for the rows that the index has memory for. */
  #prepare(): Room {
    const { capacity, chunks } = this.#rows;
    if (!this.#room || this.#room.rows < capacity) {
      for (const { buffer } of buffersOf(this.#room)) this.#device.recordings.destroyAfter(buffer);
      for (const { compare } of this.#batches) compare.length = 0;
      // Room is doubled, so that an index that grows chunk by chunk seldom comes here.
      this.#room = this.#makeRoom(Math.max(capacity, 2 * (this.#room?.rows ?? 0), 4 * PANEL_ROWS));
    }
    const room = this.#room;
    for (const batch of this.#batches) {
      if (batch.compare.length === chunks.length) continue;
      const { dimensions, type, metric, storage } = this.#rows;
      const kernel = this.#device.kernel(
        { name: "place/compare_rows", wgsl: compareRows },
        compareOptions(
          { dimensions, type, metric, storage, queries: batch.queries },
          this.#device.target,
          this.#numbered?.compare.text,
        ),
      );
      while (batch.compare.length < chunks.length) {
        const { rows, scales, place } = chunks[batch.compare.length]!;
        batch.compare.push(this.#device.dispatch(kernel, {
          bindings: {
            place,
            allowed: room.allowed,
            keys: room.keys,
            maxima: room.maxima,
            rows,
            ...(scales && { scales }),
            ...this.#numbered?.compare.bindings,
          },
          uniforms: batch.uniforms,
          workgroups: [1, 1, 1],
        }));
      }
    }
    return room;
  }

  #makeRoom(rows: number): Room {
    const { queries, k } = this;
    const device = this.#device;
    const keys = storageBuffer(device, queries * rows * 4, "keys");
    const maxima = storageBuffer(device, queries * rows / PANEL_ROWS * 4, "best of panels");
    const allowed = storageBuffer(device, Math.ceil(rows / 8), "mask");
    const scratch = storageBuffer(device, queries * SCRATCH_BYTES, "selection");
    const l2 = this.#rows.metric === "l2";
    // Rows, stride, k; what was done to the order of keys; the score of nothing.
    const header = new Uint32Array([0, rows, k, l2 ? 0xffffffff : 0, l2 ? 0x7f7fffff : 0xff7fffff, 0, 0, 0]);
    const parameters = device.uploadUniforms(header, "selection");
    const kernel = device.kernel(
      { name: "place/choose_best", wgsl: chooseBest },
      chooseOptions(device.target, this.#numbered?.choose.text),
    );
    const choose = device.dispatch(kernel, {
      bindings: { maxima, keys, scratch, results: this.result, ...this.#numbered?.choose.bindings },
      uniforms: parameters,
      workgroups: foldWorkgroups(queries),
    });
    return { rows, keys, maxima, allowed, scratch, parameters, header, choose };
  }
}

function buffersOf(room: Room | undefined): BufferRange[] {
  return room ? [room.keys, room.maxima, room.allowed, room.scratch, room.parameters] : [];
}
