/**
 * The exact search of a {@linkcode DescriptorIndex}, recorded into a stream.
 *
 * Every row gets a sortable key. The best keys of blocks of 16 rows are found; the k best blocks (by key, then by
 * number) hold all of the k best rows, because each block that is better than another has a row that is better than all of the
 * other's. Of their rows the k best are chosen in the same way, and put in order.
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
import blockBest from "../../../shaders/place/block_best.wgsl" with { type: "text" };
import compareRows from "../../../shaders/place/compare_rows.wgsl" with { type: "text" };
import histogramText from "../../../shaders/place/digit_histogram.wgsl" with { type: "text" };
import pickText from "../../../shaders/place/digit_pick.wgsl" with { type: "text" };
import keepText from "../../../shaders/place/keep_best.wgsl" with { type: "text" };
import openBlocks from "../../../shaders/place/open_blocks.wgsl" with { type: "text" };
import orderBest from "../../../shaders/place/order_best.wgsl" with { type: "text" };
import { storageBuffer } from "./descriptor_chunk.ts";
import type { DescriptorIndex } from "./descriptor_index.ts";
import { blocksOf } from "./packing.ts";
import { compareText } from "./row_kernels.ts";

/** Which rows may be found. */
export interface SearchOptions {
  /** The newest rows are left out: how many. Default 0. */
  exceptNewest?: number;
  /** A bit a row, lowest first: 1 may be found; rows beyond its end may not. Default: all. */
  mask?: Uint32Array<ArrayBuffer>;
}

/** The rows most like a query, best first; of equal scores the lower row first. */
export interface Neighbours {
  /** Numbers of rows. */
  ids: Int32Array<ArrayBuffer>;
  /** Inner products, or squared distances. */
  scores: Float32Array<ArrayBuffer>;
}

/** The most that a search finds. */
export const MAX_NEIGHBOURS = 1024;

const BLOCK_ROWS = 16;
const GROUP_ROWS = 256;
/** Rows whose blocks a workgroup of the selection takes. */
const SELECT_ROWS = 8192;
/** Up to this many candidates are put in order without a selection. */
const FEW = 512;
const BINS_BYTES = 2048 * 4;
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
  readonly buffers: readonly GPUBuffer[];
  readonly keys: BufferRange;
  readonly allowed: BufferRange;
  readonly scratch: BufferRange;
  readonly maxima: Dispatch;
  readonly maximaHeader: Uint32Array<ArrayBuffer>;
  readonly maximaUniforms: BufferRange;
  /** Whose grid is that of the rows. */
  readonly blocks: readonly { dispatch: Dispatch; grows: boolean }[];
  readonly last: readonly Dispatch[];
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
  readonly #device: Device;
  readonly #batches: readonly Batch[];
  #room: Room | undefined;
  #recording: Readonly<Recording> | undefined;

  /** See `index.search()`. */
  constructor(index: DescriptorIndex, k: number, queries: number) {
    const whole = (value: number, most: number): boolean =>
      Number.isInteger(value) && value >= 1 && value <= most;
    if (!whole(k, MAX_NEIGHBOURS) || !whole(queries, 65535)) {
      throw new RangeError(
        `Cannot search for the ${k} nearest of ${queries} queries: give k from 1 to ${MAX_NEIGHBOURS} and queries from 1 on`,
      );
    }
    this.k = k;
    this.queries = queries;
    this.#index = index;
    this.#device = index.device;
    this.result = storageBuffer(this.#device, queries * k * 8, "nearest descriptors");
    const bytes = blocksOf(index.dimensions) * 64;
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
   * Records the search of all rows that the index has now, those just appended included.
   *
   * @param descriptors what to search for: `queries * dimensions` 32-bit floats.
   * @throws {RangeError} for a range that is too short, or options that make no sense.
   * @throws {GpuError} if the search was recorded before and that work was not submitted yet.
   */
  record(stream: Stream, descriptors: BufferRange, options: SearchOptions = {}): void {
    const { dimensions, rows } = this.#index;
    const { exceptNewest = 0, mask } = options;
    if (descriptors.bytes < this.queries * dimensions * 4) {
      throw new RangeError(
        `Cannot search for ${this.queries} descriptors of ${dimensions} elements in ${descriptors.bytes} bytes: give ` +
          `${this.queries * dimensions * 4}`,
      );
    }
    if (!Number.isInteger(exceptNewest) || exceptNewest < 0) {
      throw new RangeError(
        `Cannot leave out the newest ${exceptNewest} rows: give a whole number, 0 or more`,
      );
    }
    if (this.#recording?.state === "recorded") {
      throw new GpuError(
        "Cannot record this search again: its work was not submitted yet; submit, or make a search for each frame under way",
      );
    }
    const room = this.#prepare();
    const live = Math.min(Math.max(rows - exceptNewest, 0), mask ? mask.length * 32 : rows);
    const { queue } = this.#device.gpu;
    if (mask && live > 0) {
      queue.writeBuffer(room.allowed.buffer, 0, mask.subarray(0, Math.ceil(live / 32)));
    }
    for (const batch of this.#batches) {
      batch.header.set([live, mask ? 1 : 0, room.rows, batch.first]);
      queue.writeBuffer(batch.uniforms.buffer, 0, batch.header);
    }
    room.maximaHeader[0] = live;
    queue.writeBuffer(room.maximaUniforms.buffer, 0, room.maximaHeader);
    const { buffer, offset, bytes } = room.scratch;
    stream.record((encoder) => encoder.clearBuffer(buffer, offset, bytes));
    const rowBytes = dimensions * 4, pitch = blocksOf(dimensions) * 64;
    for (const { uniforms, first, queries } of this.#batches) {
      for (let q = 0; q < queries; q++) {
        const from = descriptors.offset + (first + q) * rowBytes;
        stream.copy(descriptors.buffer, from, uniforms.buffer, 16 + q * pitch, rowBytes);
      }
    }
    stream.run(this.#dispatches(room, live));
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
    for (const buffer of this.#room?.buffers ?? []) buffer.destroy();
  }

  #dispatches(room: Room, live: number): Dispatch[] {
    const list: Dispatch[] = [];
    const { chunkRows } = this.#index;
    for (let first = 0; first < live; first += chunkRows) {
      const workgroups = foldWorkgroups(Math.ceil(Math.min(chunkRows, live - first) / GROUP_ROWS));
      for (const { compare } of this.#batches) list.push({ ...compare[first / chunkRows]!, workgroups });
    }
    const groups = Math.max(1, Math.ceil(live / SELECT_ROWS));
    const grid = (count: number): Dispatch["workgroups"] => {
      const [x, y] = foldWorkgroups(count);
      return [x, y, this.queries];
    };
    list.push({ ...room.maxima, workgroups: grid(groups * SELECT_ROWS / BLOCK_ROWS / 64) });
    for (const { dispatch, grows } of room.blocks) {
      list.push(grows ? { ...dispatch, workgroups: grid(groups) } : dispatch);
    }
    list.push(...room.last);
    return list;
  }

  /** Makes what is missing for the rows that the index has memory for. */
  #prepare(): Room {
    const { capacity, chunks } = this.#index;
    if (!this.#room || this.#room.rows < capacity) {
      for (const buffer of this.#room?.buffers ?? []) this.#device.recordings.destroyAfter(buffer);
      for (const { compare } of this.#batches) compare.length = 0;
      // Room is doubled, so that an index that grows chunk by chunk seldom comes here.
      this.#room = this.#makeRoom(Math.max(capacity, 2 * (this.#room?.rows ?? 0), GROUP_ROWS));
    }
    const room = this.#room;
    for (const batch of this.#batches) {
      const kernel = this.#device.kernel({ name: "place/compare_rows", wgsl: compareRows }, {
        overrides: { QUERIES: batch.queries },
        inject: compareText({ ...this.#layout, queries: batch.queries }),
      });
      while (batch.compare.length < chunks.length) {
        const { rows, scales, place } = chunks[batch.compare.length]!;
        batch.compare.push(this.#device.dispatch(kernel, {
          bindings: { place, allowed: room.allowed, keys: room.keys, rows, ...(scales && { scales }) },
          uniforms: batch.uniforms,
          workgroups: [1, 1, 1],
        }));
      }
    }
    return room;
  }

  get #layout(): Omit<Parameters<typeof compareText>[0], "queries"> {
    const { dimensions, type, metric, storage } = this.#index;
    return { dimensions, type, metric, storage };
  }

  #makeRoom(rows: number): Room {
    const { queries, k } = this;
    const device = this.#device;
    // Blocks are taken eight at a time.
    const places = k + k % 2;
    const blocks = rows / BLOCK_ROWS, candidates = places * BLOCK_ROWS;
    const keys = storageBuffer(device, queries * rows * 4, "keys");
    const pairs = storageBuffer(device, queries * blocks * 8, "best of blocks");
    const opened = storageBuffer(device, queries * candidates * 8, "rows of blocks");
    const allowed = storageBuffer(device, Math.ceil(rows / 8), "mask");
    const select = candidates > FEW;
    const stages = [...digits(blocks), ...(select ? digits(rows) : [])];
    const parts: number[] = [];
    let bytes = 0;
    const part = (size: number): number => {
      parts.push(bytes);
      bytes += Math.ceil(size / 256) * 256;
      return parts.length - 1;
    };
    const bins = stages.map(() => part(queries * BINS_BYTES));
    const states = [part(queries * 16), part(queries * 16)];
    const kept = [part(queries * places * 8), part(queries * places * 8)];
    const scratch = storageBuffer(device, bytes, "selection");
    const at = (index: number, size: number): BufferRange => ({
      ...scratch,
      offset: parts[index]!,
      bytes: Math.ceil(size / 16) * 16,
    });
    const maximaHeader = new Uint32Array([0, rows, blocks, 0]);
    const maximaUniforms = device.uploadUniforms(maximaHeader, "best of blocks");
    const maxima = device.dispatch(device.kernel({ name: "place/block_best", wgsl: blockBest }), {
      bindings: { keys, pairs },
      uniforms: maximaUniforms,
      workgroups: [1, 1, queries],
    });
    let stage = 0;
    const selection = (level: number, source: BufferRange, stride: number, most: number) => {
      const state = at(states[level]!, queries * 16);
      const grid = foldWorkgroups(Math.ceil(stride / 512));
      const made: { dispatch: Dispatch; grows: boolean }[] = [];
      for (const digit of digits(most)) {
        const histogram = at(bins[stage++]!, queries * BINS_BYTES);
        const { kind, shift, mask, decided } = digit;
        made.push({
          grows: level === 0,
          dispatch: device.dispatch(
            device.kernel({ name: "place/digit_histogram", wgsl: histogramText }, {
              overrides: { KIND: kind },
            }),
            {
              bindings: { pairs: source, state, histogram },
              uniforms: {
                pair_stride: stride,
                shift,
                digit_mask: mask,
                decided,
                number_mask: numberMask(most),
              },
              workgroups: [grid[0], grid[1], queries],
            },
          ),
        }, {
          grows: false,
          dispatch: device.dispatch(
            device.kernel({ name: "place/digit_pick", wgsl: pickText }, { overrides: { KIND: kind } }),
            {
              bindings: { histogram, state },
              uniforms: { shift, places: kind === 0 && decided === 0 ? k : 0 },
              workgroups: [queries, 1, 1],
            },
          ),
        });
      }
      made.push({
        grows: level === 0,
        dispatch: device.dispatch(device.kernel({ name: "place/keep_best", wgsl: keepText }), {
          bindings: { pairs: source, state, kept: at(kept[level]!, queries * places * 8) },
          uniforms: { pair_stride: stride, number_mask: numberMask(most), places },
          workgroups: [grid[0], grid[1], queries],
        }),
      });
      return made;
    };
    const first = selection(0, pairs, blocks, blocks);
    const open = device.dispatch(device.kernel({ name: "place/open_blocks", wgsl: openBlocks }), {
      bindings: { kept: at(kept[0]!, queries * places * 8), keys, pairs: opened },
      uniforms: { places, stride: rows },
      workgroups: [Math.ceil(places * 4 / 64), 1, queries],
    });
    const second = select ? selection(1, opened, candidates, rows) : [];
    const count = select ? places : candidates;
    const order = device.dispatch(
      device.kernel({ name: "place/order_best", wgsl: orderBest }, { overrides: { COUNT: count } }),
      {
        bindings: { pairs: select ? at(kept[1]!, queries * places * 8) : opened, results: this.result },
        uniforms: {
          k,
          flip: this.#index.metric === "l2" ? 0xffffffff : 0,
          nothing: this.#index.metric === "l2" ? 0x7f7fffff : 0xff7fffff,
        },
        workgroups: [Math.ceil(count / 64), 1, queries],
      },
    );
    return {
      rows,
      buffers: [keys, pairs, opened, allowed, scratch, maximaUniforms].map(({ buffer }) => buffer),
      keys,
      allowed,
      scratch,
      maxima,
      maximaHeader,
      maximaUniforms,
      blocks: first,
      last: [open, ...second.map(({ dispatch }) => dispatch), order],
    };
  }
}

/** Bits that numbers below `most` can have: whole digits. */
function numberBits(most: number): number {
  return most <= 2 ** 11 ? 11 : most <= 2 ** 22 ? 22 : 32;
}

function numberMask(most: number): number {
  return 2 ** numberBits(most) - 1;
}

/** The digits of a selection, in turn: those of the key, then those of numbers below `most`. */
function digits(most: number): { kind: number; shift: number; mask: number; decided: number }[] {
  const of = (kind: number, bits: number): ReturnType<typeof digits> => {
    const list: ReturnType<typeof digits> = [];
    for (let left = bits; left > 0;) {
      const width = Math.min(11, left);
      const decided = 2 ** bits - 2 ** left;
      left -= width;
      list.push({ kind, shift: left, mask: 2 ** width - 1, decided });
    }
    return list;
  };
  return [...of(0, 32), ...of(1, numberBits(most))];
}
