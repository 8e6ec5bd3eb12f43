import {
  type BufferRange,
  type Device,
  type Dispatch,
  foldWorkgroups,
  type Kernel,
  type KernelSource,
  packUniforms,
  Readback,
  type Stream,
  texelDispatch,
  type TexelScratch,
  texelScratch,
} from "../../gpu/mod.ts";
import assignWgsl from "../../../shaders/place/assign.wgsl" with { type: "text" };
import type { DescriptorForm, Descriptors } from "./descriptors.ts";
import { VocabularyError } from "./errors.ts";
import { elementsOf, METRIC, packDescriptors } from "./metric.ts";

const ASSIGN: KernelSource = { name: "place/assign", wgsl: assignWgsl };
const LANES = 64;
/** Descriptors of one dispatch at most: none takes so long that a display waits for it. */
const MAX_ROWS = 2 ** 18;

/** The group of descriptors that are in none. */
export const NO_GROUP = 0xffffffff;

/** What descriptors are compared with. */
export interface Centres {
  /** k descriptors for each group. */
  readonly rows: Descriptors;
  /** How many of them each group has. */
  readonly sizes: Uint32Array<ArrayBuffer>;
}

/** Finds the nearest centre of many descriptors. */
export interface Assigner {
  /** Says which group each descriptor is in, from now on. */
  setGroups(groups: Uint32Array<ArrayBuffer>): void;
  /**
   * Compares with the centres from `first` on, `count` of them; without `fresh`, what earlier calls found stays where it is
   * nearer. Afterwards {@linkcode nearest} and {@linkcode distances} hold, for each descriptor with a group, its centre,
   * counted within the group, and its distance.
   */
  assign(centres: Centres, first: number, count: number, fresh: boolean): Promise<void>;
  /** Each descriptor's centre. */
  readonly nearest: Uint32Array<ArrayBuffer>;
  /** Each descriptor's distance from it: squared Euclidean, or Hamming. */
  readonly distances: Float64Array<ArrayBuffer>;
  /** Groups that `centres` can hold. */
  readonly maxGroups: number;
}

interface Chunk {
  from: number;
  rows: number;
  descriptors: BufferRange;
  groups: BufferRange;
  best: BufferRange;
  uniforms: BufferRange;
  readback: Readback;
  dispatch: Dispatch | undefined;
}

/** Finds the nearest centres on the GPU, which holds the descriptors from the start. */
export class GpuAssigner implements Assigner, Disposable {
  readonly nearest: Uint32Array<ArrayBuffer>;
  readonly distances: Float64Array<ArrayBuffer>;
  readonly maxGroups: number;
  readonly #device: Device;
  readonly #stream: Stream;
  readonly #kernel: Kernel;
  readonly #form: DescriptorForm;
  readonly #k: number;
  readonly #width: number;
  readonly #chunks: Chunk[] = [];
  readonly #texels: TexelScratch | undefined;
  #centres: BufferRange | undefined;
  #sizes: BufferRange | undefined;

  /**
   * Uploads the descriptors.
   *
   * @throws {VocabularyError} if one has too many centres or numbers to be compared in one go.
   * @throws {GpuError} as `Device.createBuffer` does.
   */
  constructor(device: Device, descriptors: Descriptors, form: DescriptorForm, k: number) {
    const width = elementsOf(form);
    const limit = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
    this.maxGroups = Math.floor(limit / (k * width * 16));
    if (k * (width + 1) >= 65535 || this.maxGroups < 1) {
      throw new VocabularyError(
        `Cannot train: ${k} centres with descriptors of ${form.size} are too much for one step; take a smaller k`,
      );
    }
    this.#device = device;
    this.#texels = texelScratch(device);
    this.#form = form;
    this.#k = k;
    this.#width = width;
    const rows = descriptors.length / form.size;
    this.nearest = new Uint32Array(rows);
    this.distances = new Float64Array(rows);
    this.#kernel = device.kernel(ASSIGN, { inject: METRIC[form.kind] });
    this.#stream = device.stream({ label: "vocabulary: training", allocator: device.defaultAllocator });
    const most = Math.min(MAX_ROWS, Math.floor(limit / (width * 16)));
    try {
      for (let from = 0; from < rows; from += most) {
        const to = Math.min(from + most, rows);
        const part = descriptors.subarray(from * form.size, to * form.size);
        this.#chunks.push(this.#chunk(from, to - from, packDescriptors(part, form)));
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  #chunk(from: number, rows: number, packed: Uint8Array<ArrayBuffer>): Chunk {
    const device = this.#device;
    return device.allOrNothing(() => ({
      from,
      rows,
      descriptors: device.upload(packed, "vocabulary: descriptors"),
      groups: device.upload(new Uint32Array(rows), "vocabulary: groups"),
      best: device.upload(new Uint32Array(rows * 2), "vocabulary: nearest"),
      uniforms: device.uploadUniforms(new Uint8Array(this.#kernel.uniforms!.bytes), "vocabulary: parameters"),
      readback: new Readback(device, rows * 8, "vocabulary: nearest"),
      dispatch: undefined,
    }));
  }

  setGroups(groups: Uint32Array<ArrayBuffer>): void {
    for (const chunk of this.#chunks) {
      const part = groups.subarray(chunk.from, chunk.from + chunk.rows);
      this.#device.gpu.queue.writeBuffer(chunk.groups.buffer, 0, part);
    }
  }

  async assign({ rows, sizes }: Centres, first: number, count: number, fresh: boolean): Promise<void> {
    const { queue } = this.#device.gpu;
    const packed = packDescriptors(rows, this.#form);
    this.#makeRoom(packed.length, sizes.length);
    queue.writeBuffer(this.#centres!.buffer, 0, packed);
    queue.writeBuffer(this.#sizes!.buffer, 0, sizes);
    for (const chunk of this.#chunks) {
      const uniforms = {
        rows: chunk.rows,
        width: this.#width,
        k: this.#k,
        first,
        count,
        fresh: Number(fresh),
      };
      const values = packUniforms(this.#kernel.uniforms!, uniforms, "vocabulary: parameters");
      queue.writeBuffer(chunk.uniforms.buffer, 0, values);
      this.#stream.run(chunk.dispatch ??= this.#dispatch(chunk));
      chunk.readback.record(this.#stream, { ...chunk.best, bytes: chunk.rows * 8 });
      // A submit each: a dispatch that takes long stands alone.
      this.#stream.submit();
    }
    for (const chunk of this.#chunks) await chunk.readback.take((bytes) => this.#keep(chunk, bytes));
  }

  #keep({ from, rows }: Chunk, bytes: ArrayBuffer): void {
    const words = new Uint32Array(bytes, 0, rows * 2);
    const measures = this.#form.kind === "float" ? new Float32Array(bytes, 0, rows * 2) : words;
    for (let i = 0; i < rows; i++) {
      this.nearest[from + i] = words[i * 2]!;
      this.distances[from + i] = measures[i * 2 + 1]!;
    }
  }

  #dispatch({ rows, descriptors, groups, best, uniforms }: Chunk): Dispatch {
    return texelDispatch(this.#device, this.#texels, ASSIGN, { inject: METRIC[this.#form.kind] }, {
      bindings: { descriptors, groups, centres: this.#centres!, sizes: this.#sizes!, best },
      uniforms,
      workgroups: foldWorkgroups(Math.ceil(rows / LANES)),
    });
  }

  /** Makes larger buffers for centres where those there are do not suffice. */
  #makeRoom(centreBytes: number, groups: number): void {
    const [centres, sizes] = [this.#centres, this.#sizes];
    if (centres && sizes && centreBytes <= centres.bytes && groups * 4 <= sizes.bytes) return;
    centres?.buffer.destroy();
    sizes?.buffer.destroy();
    this.#texels?.[Symbol.dispose]();
    this.#centres = this.#device.upload(new Uint8Array(centreBytes), "vocabulary: centres");
    this.#sizes = this.#device.upload(new Uint32Array(groups), "vocabulary: sizes");
    for (const chunk of this.#chunks) chunk.dispatch = undefined;
  }

  /** Ends its buffers. */
  [Symbol.dispose](): void {
    this.#texels?.[Symbol.dispose]();
    for (const { descriptors, groups, best, uniforms, readback } of this.#chunks) {
      for (const { buffer } of [descriptors, groups, best, uniforms]) buffer.destroy();
      readback[Symbol.dispose]();
    }
    this.#centres?.buffer.destroy();
    this.#sizes?.buffer.destroy();
    this.#stream[Symbol.dispose]();
  }
}
