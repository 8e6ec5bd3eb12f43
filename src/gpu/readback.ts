import type { Device } from "./device.ts";
import { GpuError } from "./errors.ts";
import type { Stream } from "./stream.ts";

/** A mappable buffer that carries a small result from the GPU to the host; made once, used once a frame. */
export class Readback implements Disposable {
  readonly bytes: number;
  readonly #device: Device;
  readonly #buffer: GPUBuffer;
  #busy = false;

  constructor(device: Device, bytes: number, label: string) {
    this.#device = device;
    this.bytes = Math.ceil(bytes / 4) * 4;
    this.#buffer = device.createBuffer({
      label,
      size: this.bytes,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
  }

  /** Records the copy of `bytes` from `source`. @throws {GpuError} if the last result was not read yet. */
  record(stream: Stream, source: GPUBuffer, offset: number, bytes: number = this.bytes): void {
    if (this.#busy) {
      throw new GpuError(`Cannot read back into "${this.#buffer.label}": its last result was not taken yet`);
    }
    this.#busy = true;
    stream.copy(source, offset, this.#buffer, 0, bytes);
  }

  /**
   * Waits for the submitted copy and gives `read` the bytes, which are gone when it returns.
   *
   * @throws {GpuError} when the device was lost or a GPU error arrived.
   */
  async take<T>(read: (bytes: ArrayBuffer) => T): Promise<T> {
    try {
      await this.#buffer.mapAsync(GPUMapMode.READ);
    } catch (cause) {
      this.#device.check();
      throw new GpuError(
        `Cannot read back "${this.#buffer.label}": ${cause instanceof Error ? cause.message : cause}`,
        {
          cause,
        },
      );
    }
    try {
      this.#device.check();
      return read(this.#buffer.getMappedRange());
    } finally {
      this.#buffer.unmap();
      this.#busy = false;
    }
  }

  [Symbol.dispose](): void {
    this.#buffer.destroy();
  }
}
