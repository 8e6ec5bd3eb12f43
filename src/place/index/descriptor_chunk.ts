import {
  type BufferRange,
  type Device,
  GpuError,
  type Stream,
  texelFormat,
  texelUsage,
  type TextureRange,
} from "../../gpu/mod.ts";
import { type DescriptorType, type PackedRows, rowBytesOf } from "./packing.ts";
import { joinPanels, splitIntoPanels } from "./panels.ts";
import { PANEL_ROWS, type RowStorage } from "./row_kernels.ts";

/** How rows are kept. */
export interface RowLayout {
  readonly dimensions: number;
  readonly type: DescriptorType;
  readonly storage: RowStorage;
}

const TEXEL: Readonly<Record<DescriptorType, GPUTextureFormat>> = {
  f32: texelFormat("f32", false),
  f16: texelFormat("u32", false),
  i8: texelFormat("u32", false),
};

/** Memory for a fixed number of descriptors, in panels of 64. Rows that were not written are zeros. */
export class DescriptorChunk implements Disposable {
  /** The rows, for `place/compare_rows`. */
  readonly rows: BufferRange | TextureRange;
  /** A factor a row; only of type `i8`. */
  readonly scales: BufferRange | undefined;
  /** Holds the number of the first row. */
  readonly place: BufferRange;
  readonly #device: Device;
  readonly #rowBytes: number;

  /** @throws {GpuError} as `device.createBuffer` does. */
  constructor(device: Device, { dimensions, type, storage }: RowLayout, rows: number, first: number) {
    this.#device = device;
    this.#rowBytes = rowBytesOf(dimensions, type);
    const label = `descriptors from ${first}`;
    const bytes = rows * this.#rowBytes;
    this.rows = storage === "buffer" ? storageBuffer(device, bytes, label) : device.createTexture({
      label,
      size: [PANEL_ROWS, bytes / PANEL_ROWS / 16],
      format: TEXEL[type],
      usage: texelUsage() | GPUTextureUsage.COPY_SRC,
    }, bytes);
    this.scales = type === "i8" ? storageBuffer(device, rows * 4, `${label}, factors`) : undefined;
    this.place = device.upload(new Uint32Array([first]), `${label}, place`);
  }

  /** Uploads rows from the host. */
  write(row: number, packed: PackedRows): void {
    const { queue } = this.#device.gpu;
    const { count, bytes, scales } = packed;
    const size = this.#rowBytes;
    // What begins or ends within a panel is written for itself, all whole panels at once.
    for (let done = 0; done < count;) {
      const within = (row + done) % PANEL_ROWS, left = count - done;
      const rows = within > 0 || left < PANEL_ROWS
        ? Math.min(PANEL_ROWS - within, left)
        : left - left % PANEL_ROWS;
      const part = bytes.subarray(done * size, (done + rows) * size);
      const width = Math.min(rows, PANEL_ROWS);
      const panels = splitIntoPanels(part, size, width);
      const line = Math.floor((row + done) / PANEL_ROWS) * this.#row16s;
      const lines = panels.length / width / 16;
      if ("texture" in this.rows) {
        const { texture } = this.rows;
        queue.writeTexture({ texture, origin: [within, line] }, panels, { bytesPerRow: width * 16 }, [
          width,
          lines,
        ]);
      } else if (width === PANEL_ROWS) {
        queue.writeBuffer(this.rows.buffer, line * PANEL_ROWS * 16, panels);
      } else {
        for (let i = 0; i < lines; i++) {
          const at = ((line + i) * PANEL_ROWS + within) * 16;
          queue.writeBuffer(this.rows.buffer, at, panels, i * width * 16, width * 16);
        }
      }
      done += rows;
    }
    if (this.scales && scales && count > 0) queue.writeBuffer(this.scales.buffer, row * 4, scales);
  }

  /** Records the copy of rows to a texture, from panels in the first of which they begin at the same place. */
  copy(
    stream: Stream,
    row: number,
    count: number,
    packed: BufferRange,
    scales: BufferRange | undefined,
  ): void {
    const { rows } = this;
    if (!("texture" in rows)) {
      throw new GpuError("Cannot copy rows to a chunk in a buffer: kernels write there");
    }
    const lines = this.#row16s, pitch = PANEL_ROWS * 16;
    const begin = row % PANEL_ROWS, end = begin + count, firstPanel = (row - begin) / PANEL_ROWS;
    stream.record((encoder) => {
      for (let panel = 0; panel * PANEL_ROWS < end; panel++) {
        const within = panel === 0 ? begin : 0;
        const offset = packed.offset + panel * lines * pitch + within * 16;
        encoder.copyBufferToTexture(
          { buffer: packed.buffer, offset, bytesPerRow: pitch },
          { texture: rows.texture, origin: [within, (firstPanel + panel) * lines] },
          [Math.min(end - panel * PANEL_ROWS, PANEL_ROWS) - within, lines],
        );
      }
    });
    if (this.scales && scales) {
      stream.copy(scales.buffer, scales.offset + begin * 4, this.scales.buffer, row * 4, count * 4);
    }
  }

  /** Reads rows back. */
  async read(row: number, count: number): Promise<PackedRows> {
    const size = this.#rowBytes;
    const first = Math.floor(row / PANEL_ROWS), panels = Math.ceil((row + count) / PANEL_ROWS) - first;
    const read = await this.#readPanels(first, panels);
    const start = row - first * PANEL_ROWS;
    const bytes = joinPanels(new Uint8Array(read), size).subarray(start * size, (start + count) * size);
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

  get #row16s(): number {
    return this.#rowBytes / 16;
  }

  async #readPanels(first: number, count: number): Promise<ArrayBuffer> {
    const bytes = count * PANEL_ROWS * this.#rowBytes;
    if (!("texture" in this.rows)) {
      return await this.#device.read({ ...this.rows, offset: first * PANEL_ROWS * this.#rowBytes, bytes });
    }
    const staging = storageBuffer(this.#device, bytes, "descriptors read");
    try {
      const encoder = this.#device.gpu.createCommandEncoder();
      encoder.copyTextureToBuffer(
        { texture: this.rows.texture, origin: [0, first * this.#row16s] },
        { buffer: staging.buffer, bytesPerRow: PANEL_ROWS * 16 },
        [PANEL_ROWS, count * this.#row16s],
      );
      this.#device.gpu.queue.submit([encoder.finish()]);
      this.#device.completion.submitted();
      return await this.#device.read(staging);
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
