/**
 * Descriptors on the GPU, in chunks of fixed size, and the search for the one most like a new one.
 *
 * @module
 */
import {
  type BufferRange,
  type Device,
  type Dispatch,
  foldWorkgroups,
  type KernelSource,
  type Stream,
} from "../../src/gpu/mod.ts";
import innerProducts from "../../shaders/place/inner_products.wgsl" with { type: "text" };
import bestRow from "../../shaders/place/best_row.wgsl" with { type: "text" };

/** Compares one descriptor with the rows of a chunk. */
export const INNER_PRODUCTS: KernelSource = { name: "place/inner_products", wgsl: innerProducts };
/** Takes the best of what {@linkcode INNER_PRODUCTS} kept. */
export const BEST_ROW: KernelSource = { name: "place/best_row", wgsl: bestRow };

const LANES = 64;
/** Rows that a workgroup compares; chunks are a multiple of it, so that their partial results join without a gap. */
export const GROUP_ROWS = LANES * 4;
/** Bytes of a search's result. */
export const RESULT_BYTES = 8;

/** The most similar descriptor: its row and the inner product. */
export interface Match {
  row: number;
  score: number;
}

/** How many partial results `rows` rows of a chunk leave. */
export function partialCount(rows: number): number {
  return Math.floor(rows / GROUP_ROWS) * LANES + Math.min(rows % GROUP_ROWS, LANES);
}

/** The grid that compares `rows` rows of a chunk. */
export function searchGroups(rows: number): Dispatch["workgroups"] {
  return foldWorkgroups(Math.ceil(rows / GROUP_ROWS));
}

/** Reads a result; `undefined` if there was nothing to compare with. */
export function readMatch(bytes: ArrayBuffer, offset = 0): Match | undefined {
  const view = new DataView(bytes, offset, RESULT_BYTES);
  const row = view.getUint32(0, true);
  return row === 0xffffffff ? undefined : { row, score: view.getFloat32(4, true) };
}

/** Rows of descriptors, all memory made at the start. */
export class DescriptorStore implements Disposable {
  readonly dimensions: number;
  readonly capacity: number;
  readonly chunkRows: number;
  readonly chunks: readonly BufferRange[];
  #rows = 0;

  /**
   * @param options `capacity` rows of `dimensions` elements, in chunks of `chunkRows`.
   * @throws {RangeError} if dimensions are no multiple of 4 or chunk rows none of 256.
   * @throws {GpuError} if the adapter has no buffers of that size.
   */
  constructor(device: Device, options: { dimensions: number; capacity: number; chunkRows?: number }) {
    const { dimensions, capacity, chunkRows = 1024 } = options;
    const multiple = (value: number, of: number): boolean =>
      Number.isInteger(value) && value > 0 && value % of === 0;
    if (!multiple(dimensions, 4) || !multiple(chunkRows, GROUP_ROWS) || !multiple(capacity, 1)) {
      throw new RangeError(
        `Cannot store ${capacity} descriptors of ${dimensions} elements in chunks of ${chunkRows}: give a count from 1 on, ` +
          `a multiple of 4, and a multiple of ${GROUP_ROWS}`,
      );
    }
    this.dimensions = dimensions;
    this.capacity = capacity;
    this.chunkRows = chunkRows;
    this.chunks = Array.from({ length: Math.ceil(capacity / chunkRows) }, (_, i) => {
      const size = chunkRows * this.rowBytes, label = `descriptors ${i}`;
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
      return { buffer: device.createBuffer({ size, label, usage }), offset: 0, bytes: size, label };
    });
  }

  /** Bytes of one descriptor. */
  get rowBytes(): number {
    return this.dimensions * 4;
  }

  /** Descriptors stored. */
  get rows(): number {
    return this.#rows;
  }

  /** Records the copy of a descriptor to the end; gives its row. @throws {RangeError} if the store is full. */
  append(stream: Stream, descriptor: BufferRange): number {
    if (this.#rows === this.capacity) {
      throw new RangeError(`Cannot store descriptor ${this.#rows}: there is room for ${this.capacity}`);
    }
    const row = this.#rows++;
    const { buffer } = this.chunks[Math.floor(row / this.chunkRows)]!;
    stream.copy(
      descriptor.buffer,
      descriptor.offset,
      buffer,
      row % this.chunkRows * this.rowBytes,
      this.rowBytes,
    );
    return row;
  }

  /** Ends the chunks. */
  [Symbol.dispose](): void {
    for (const { buffer } of this.chunks) buffer.destroy();
  }
}

/** The search of a store for what is most like one query, with all that it needs made once. */
export class DescriptorSearch implements Disposable {
  /** Where the result lies after the dispatches ran; see {@linkcode readMatch}. */
  readonly result: BufferRange;
  readonly #device: Device;
  readonly #store: DescriptorStore;
  readonly #parameters: readonly BufferRange[];
  readonly #count: BufferRange;
  readonly #compare: readonly Dispatch[];
  readonly #best: Dispatch;

  /** @param allocate gives memory for partial results and the result, at most 32 bytes for 4 rows. */
  constructor(
    device: Device,
    store: DescriptorStore,
    query: BufferRange,
    allocate: (bytes: number, label: string) => BufferRange,
  ) {
    this.#device = device;
    this.#store = store;
    const partials = allocate(store.chunks.length * partialCount(store.chunkRows) * 8, "partial matches");
    const { buffer, offset } = allocate(RESULT_BYTES, "best match");
    this.result = { buffer, offset, bytes: RESULT_BYTES, label: "best match" };
    this.#parameters = store.chunks.map((_, i) => device.uploadUniforms(new Uint32Array(4), `search ${i}`));
    this.#count = device.uploadUniforms(new Uint32Array(4), "search");
    const kernel = device.kernel(INNER_PRODUCTS);
    this.#compare = store.chunks.map((rows, i) =>
      device.dispatch(kernel, {
        bindings: { query, rows, partials },
        uniforms: this.#parameters[i]!,
        workgroups: [1, 1, 1],
        label: `compare with ${rows.label}`,
      })
    );
    this.#best = device.dispatch(device.kernel(BEST_ROW), {
      bindings: { partials, result: this.result },
      uniforms: this.#count,
      workgroups: [1, 1, 1],
    });
  }

  /** What finds the best of the first `rows` rows. No recorded, unsubmitted work may be the dispatches of a call before. */
  dispatches(rows: number): Dispatch[] {
    const { queue } = this.#device.gpu;
    const { chunkRows, dimensions } = this.#store;
    const list: Dispatch[] = [];
    let partials = 0;
    for (let chunk = 0; chunk * chunkRows < rows; chunk++) {
      const first = chunk * chunkRows, count = Math.min(chunkRows, rows - first);
      queue.writeBuffer(
        this.#parameters[chunk]!.buffer,
        0,
        new Uint32Array([count, dimensions / 4, first, partials]),
      );
      partials += partialCount(count);
      list.push({ ...this.#compare[chunk]!, workgroups: searchGroups(count) });
    }
    queue.writeBuffer(this.#count.buffer, 0, new Uint32Array([partials, 0, 0, 0]));
    return [...list, this.#best];
  }

  /** Ends the parameters. */
  [Symbol.dispose](): void {
    for (const { buffer } of [...this.#parameters, this.#count]) buffer.destroy();
  }
}
