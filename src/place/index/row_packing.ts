/**
 * Descriptors that lie on the GPU as floats, packed into an index's chunks by kernels.
 *
 * @module
 */
import { type BufferRange, type Device, type Dispatch, foldWorkgroups, type Stream } from "../../gpu/mod.ts";
import packText from "../../../shaders/place/pack_rows.wgsl" with { type: "text" };
import { type DescriptorChunk, type RowLayout, storageBuffer } from "./descriptor_chunk.ts";
import { blocksOf, rowBytesOf } from "./packing.ts";
import { packOptions, PANEL_ROWS } from "./row_kernels.ts";

/** Rows that go to one place: `count` from the `start`-th of what is added on, to a chunk from `row` on. */
export interface Run {
  readonly chunk: number;
  readonly row: number;
  readonly start: number;
  readonly count: number;
}

interface Source {
  readonly descriptors: BufferRange;
  readonly start: number;
  readonly count: number;
  /** A dispatch a chunk, or one where kernels pack for a copy. */
  readonly dispatches: (Dispatch | undefined)[];
  /** For all chunks, those to come too. */
  prepared: boolean;
}

/** Packs rows into chunks. Where these are textures, into memory of its own first, from which they are copied. */
export class Packing implements Disposable {
  readonly #device: Device;
  readonly #layout: RowLayout;
  readonly #chunkRows: number;
  readonly #chunks: readonly DescriptorChunk[];
  readonly #sources = new Map<GPUBuffer, Map<string, Source>>();
  #staging: { rows: number; packed: BufferRange; scales: BufferRange | undefined } | undefined;
  #first: { numbers: BufferRange; first: BufferRange } | undefined;

  /** `chunks` is the index's own list, which grows. */
  constructor(device: Device, layout: RowLayout, chunkRows: number, chunks: readonly DescriptorChunk[]) {
    this.#device = device;
    this.#layout = layout;
    this.#chunkRows = chunkRows;
    this.#chunks = chunks;
  }

  /** Makes all that adding `count` rows from there will need. */
  prepare(descriptors: BufferRange, count: number): void {
    const source = this.#source(descriptors, 0, count);
    source.prepared = true;
    this.#complete(source);
  }

  /** A chunk was added. */
  grow(): void {
    for (const known of this.#sources.values()) {
      for (const source of known.values()) if (source.prepared) this.#complete(source);
    }
  }

  /** Records the addition of some of the descriptors. */
  record(stream: Stream, descriptors: BufferRange, { chunk, row, start, count }: Run): void {
    const source = this.#source(descriptors, start, count);
    // Single rows are what a frame adds, again and again.
    if (count === 1 && start === 0 && !source.prepared) {
      source.prepared = true;
      this.#complete(source);
    }
    const textures = this.#layout.storage === "texture";
    const { numbers, first } = this.#places();
    const at = textures ? row % PANEL_ROWS : row;
    // A copy, since it is in its order among the recorded work; a write from the host would come before all of it.
    stream.copy(numbers.buffer, at * 4, first.buffer, 0, 4);
    stream.run(this.#dispatch(source, textures ? 0 : chunk));
    if (textures) this.#chunks[chunk]!.copy(stream, row, count, this.#staging!.packed, this.#staging!.scales);
  }

  /** Ends its memory. */
  [Symbol.dispose](): void {
    this.#staging?.packed.buffer.destroy();
    this.#staging?.scales?.buffer.destroy();
    this.#first?.numbers.buffer.destroy();
    this.#first?.first.buffer.destroy();
  }

  #complete(source: Source): void {
    const count = this.#layout.storage === "texture" ? 1 : this.#chunks.length;
    for (let chunk = 0; chunk < count; chunk++) this.#dispatch(source, chunk);
  }

  #source(descriptors: BufferRange, start: number, count: number): Source {
    const { buffer, offset, bytes } = descriptors;
    let known = this.#sources.get(buffer);
    if (!known) this.#sources.set(buffer, known = new Map());
    const key = `${offset} ${bytes} ${start} ${count}`;
    let source = known.get(key);
    if (!source) known.set(key, source = { descriptors, start, count, dispatches: [], prepared: false });
    return source;
  }

  #dispatch(source: Source, chunk: number): Dispatch {
    if (this.#layout.storage === "texture") this.#stage(source.count);
    return source.dispatches[chunk] ??= this.#makeDispatch(source, chunk);
  }

  #makeDispatch({ descriptors, start, count }: Source, chunk: number): Dispatch {
    const { dimensions, type, storage } = this.#layout;
    const blocks = blocksOf(dimensions);
    const { first } = this.#places();
    const { packed, scales } = storage === "texture"
      ? this.#staging!
      : { packed: this.#chunks[chunk]!.rows as BufferRange, scales: this.#chunks[chunk]!.scales };
    return this.#device.dispatch(
      this.#device.kernel({ name: "place/pack_rows", wgsl: packText }, packOptions(type)),
      {
        bindings: { source: descriptors, first, packed, ...(scales && { scales }) },
        uniforms: { rows: count, start, dimensions, blocks, row16s: rowBytesOf(dimensions, type) / 16 },
        workgroups: foldWorkgroups(Math.ceil(count * blocks / 64)),
      },
    );
  }

  /** The numbers of a chunk's rows, and where the one that is meant is copied to. */
  #places(): { numbers: BufferRange; first: BufferRange } {
    if (!this.#first) {
      const rows = this.#layout.storage === "texture" ? PANEL_ROWS : this.#chunkRows;
      this.#first = {
        numbers: this.#device.upload(Uint32Array.from({ length: rows }, (_, i) => i), "numbers of rows"),
        first: this.#device.upload(new Uint32Array(1), "first row"),
      };
    }
    return this.#first;
  }

  #stage(rows: number): void {
    if (this.#staging && this.#staging.rows >= rows) return;
    if (this.#staging) {
      const { recordings } = this.#device;
      recordings.destroyAfter(this.#staging.packed.buffer);
      if (this.#staging.scales) recordings.destroyAfter(this.#staging.scales.buffer);
    }
    for (const known of this.#sources.values()) {
      for (const source of known.values()) source.dispatches.length = 0;
    }
    const { dimensions, type } = this.#layout;
    // They begin anywhere in a panel.
    const places = Math.ceil((rows + PANEL_ROWS - 1) / PANEL_ROWS) * PANEL_ROWS;
    this.#staging = {
      rows,
      packed: storageBuffer(this.#device, places * rowBytesOf(dimensions, type), "packed descriptors"),
      scales: type === "i8" ? storageBuffer(this.#device, places * 4, "packed factors") : undefined,
    };
    this.grow();
  }
}
