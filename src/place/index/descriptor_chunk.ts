import { type BufferRange, type Device, GpuError, type Stream, type TextureRange } from "../../gpu/mod.ts";
import { type DescriptorType, type PackedRows, rowBytesOf } from "./packing.ts";
import type { RowStorage } from "./row_kernels.ts";

/** How rows are kept. */
export interface RowLayout {
  readonly dimensions: number;
  readonly type: DescriptorType;
  readonly storage: RowStorage;
}

const TEXEL: Readonly<Record<DescriptorType, GPUTextureFormat>> = {
  f32: "rgba32float",
  f16: "rgba32uint",
  i8: "rgba32uint",
};

/** Memory for a fixed number of descriptors. Rows that were not written are zeros. */
export class DescriptorChunk implements Disposable {
  /** The rows, for `place/compare_rows`. */
  readonly rows: BufferRange | TextureRange;
  /** A factor a row; only of type `i8`. */
  readonly scales: BufferRange | undefined;
  /** Holds the number of the first row. */
  readonly place: BufferRange;
  readonly #device: Device;
  readonly #layout: RowLayout;
  readonly #rowBytes: number;

  /** @throws {GpuError} as `device.createBuffer` does. */
  constructor(device: Device, layout: RowLayout, rows: number, first: number) {
    this.#device = device;
    this.#layout = layout;
    this.#rowBytes = rowBytesOf(layout.dimensions, layout.type);
    const label = `descriptors from ${first}`;
    const bytes = rows * this.#rowBytes;
    if (layout.storage === "texture") {
      device.check();
      device.counters.add("buffers", label);
      const texture = device.gpu.createTexture({
        label,
        size: [this.#texels, rows],
        format: TEXEL[layout.type],
        usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST | GPUTextureUsage.COPY_SRC,
      });
      this.rows = { texture, bytes, label };
    } else {
      this.rows = storageBuffer(device, bytes, label);
    }
    this.scales = layout.type === "i8" ? storageBuffer(device, rows * 4, `${label}, factors`) : undefined;
    this.place = device.upload(new Uint32Array([first]), `${label}, place`);
  }

  /** Uploads rows from the host. */
  write(row: number, packed: PackedRows): void {
    const { queue } = this.#device.gpu;
    if (packed.count === 0) return;
    if ("texture" in this.rows) {
      queue.writeTexture(
        { texture: this.rows.texture, origin: [0, row] },
        packed.bytes,
        { bytesPerRow: this.#rowBytes },
        [this.#texels, packed.count],
      );
    } else {
      queue.writeBuffer(this.rows.buffer, row * this.#rowBytes, packed.bytes);
    }
    if (this.scales) queue.writeBuffer(this.scales.buffer, row * 4, packed.scales!);
  }

  /** Records the copy of packed rows, from `start` of what was packed on. */
  copy(
    stream: Stream,
    row: number,
    count: number,
    packed: BufferRange,
    scales: BufferRange | undefined,
    start: number,
  ): void {
    const bytes = this.#rowBytes, from = packed.offset + start * bytes;
    if ("texture" in this.rows) {
      const { texture } = this.rows;
      // A row at a time: the rows of a copy of several would have to be a multiple of 256 bytes long.
      stream.record((encoder) => {
        for (let i = 0; i < count; i++) {
          encoder.copyBufferToTexture(
            { buffer: packed.buffer, offset: from + i * bytes },
            { texture, origin: [0, row + i] },
            [this.#texels, 1],
          );
        }
      });
    } else {
      stream.copy(packed.buffer, from, this.rows.buffer, row * bytes, count * bytes);
    }
    if (this.scales && scales) {
      stream.copy(scales.buffer, scales.offset + start * 4, this.scales.buffer, row * 4, count * 4);
    }
  }

  /** Reads rows back. */
  async read(row: number, count: number): Promise<PackedRows> {
    const bytes = new Uint8Array(await this.#readRows(row, count));
    if (!this.scales) return { count, bytes, scales: undefined };
    const scales = await this.#device.read({ ...this.scales, offset: row * 4, bytes: count * 4 });
    return { count, bytes, scales: new Float32Array(scales) };
  }

  /** Ends the memory. */
  [Symbol.dispose](): void {
    if ("texture" in this.rows) this.rows.texture.destroy();
    else this.rows.buffer.destroy();
    this.scales?.buffer.destroy();
    this.place.buffer.destroy();
  }

  get #texels(): number {
    return this.#rowBytes / 16;
  }

  async #readRows(row: number, count: number): Promise<ArrayBuffer> {
    const bytes = this.#rowBytes;
    if (!("texture" in this.rows)) {
      return await this.#device.read({ ...this.rows, offset: row * bytes, bytes: count * bytes });
    }
    const pitch = Math.ceil(bytes / 256) * 256;
    const staging = storageBuffer(this.#device, pitch * count, "descriptors read");
    try {
      const encoder = this.#device.gpu.createCommandEncoder();
      encoder.copyTextureToBuffer(
        { texture: this.rows.texture, origin: [0, row] },
        { buffer: staging.buffer, bytesPerRow: pitch },
        [this.#texels, count],
      );
      this.#device.gpu.queue.submit([encoder.finish()]);
      this.#device.completion.submitted();
      const read = new Uint8Array(await this.#device.read(staging));
      const rows = new Uint8Array(bytes * count);
      for (let i = 0; i < count; i++) {
        rows.set(read.subarray(i * pitch, i * pitch + bytes), i * bytes);
      }
      return rows.buffer;
    } finally {
      staging.buffer.destroy();
    }
  }
}

/** A buffer for kernels and copies, a multiple of 16 bytes long. @throws {GpuError} as `device.createBuffer` does. */
export function storageBuffer(device: Device, bytes: number, label: string): BufferRange {
  const size = Math.max(Math.ceil(bytes / 16) * 16, 16);
  if (size > device.limits.maxStorageBufferBindingSize) {
    throw new GpuError(
      `Cannot make "${label}": ${size} bytes, and a kernel of this adapter can bind ` +
        `${device.limits.maxStorageBufferBindingSize}; use fewer rows or queries`,
    );
  }
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
  return { buffer: device.createBuffer({ label, size, usage }), offset: 0, bytes: size, label };
}
