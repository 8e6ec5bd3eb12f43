import type { BufferRange } from "./allocator.ts";
import type { Device } from "./device.ts";
import { GpuError } from "./errors.ts";
import type { Recording } from "./recordings.ts";
import type { Stream } from "./stream.ts";

/**
 * A mappable buffer that carries a small result from the GPU to the host; made once, used once a frame: record the copy,
 * submit the stream, take the bytes. In Deno a wait takes about 11 ms whatever the size, so several frames are under
 * way at once, each with a readback of its own.
 */
export class Readback implements Disposable {
  /** How much it carries at most; a multiple of 4. */
  readonly bytes: number;
  readonly #device: Device;
  readonly #label: string;
  readonly #buffer: GPUBuffer;
  /** The copy that was recorded and not taken yet. */
  #recorded: Readonly<Recording> | undefined;
  #taking = false;
  #disposed = false;

  /** Makes the buffer. @throws {GpuError} if `bytes` is no count of bytes, and as {@linkcode Device.createBuffer} does. */
  constructor(device: Device, bytes: number, label: string) {
    if (!Number.isSafeInteger(bytes) || bytes < 1) {
      throw new GpuError(
        `Cannot make readback "${label}": ${bytes} is no count of bytes; give a whole number, 1 or more`,
      );
    }
    this.#device = device;
    this.#label = label;
    this.bytes = Math.ceil(bytes / 4) * 4;
    this.#buffer = device.createBuffer({
      label,
      size: this.bytes,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
  }

  /**
   * Records the copy of one or more ranges, which then lie one after the other. Offsets and lengths are multiples of 4.
   *
   * @throws {GpuError} if the last result was not taken yet, or the ranges are more than it carries.
   */
  record(stream: Stream, ...sources: readonly BufferRange[]): void {
    this.#refuseDisposed();
    if (this.#recorded && this.#recorded.state !== "dropped") {
      throw new GpuError(
        `Cannot read back into "${this.#label}": its last result was not taken yet; take it first, or make a readback ` +
          `for each frame under way`,
      );
    }
    const bytes = sources.reduce((sum, source) => sum + source.bytes, 0);
    if (sources.length === 0 || bytes > this.bytes || sources.some(({ bytes }) => bytes % 4 !== 0)) {
      throw new GpuError(
        `Cannot read back [${
          sources.map(({ bytes }) => bytes).join(", ")
        }] bytes into "${this.#label}": it carries ` +
          `${this.bytes} at most, in ranges of whole words`,
      );
    }
    let at = 0;
    for (const source of sources) {
      stream.copy(source.buffer, source.offset, this.#buffer, at, source.bytes);
      at += source.bytes;
    }
    this.#recorded = stream.recording;
  }

  /**
   * Waits for the submitted copy and gives `read` the bytes, which are gone when it returns.
   *
   * @throws {GpuError} if nothing was recorded, the copy was not submitted, the last `take` is under way, a GPU error
   * arrived, or the device was lost or disposed. After a failed wait the readback can be recorded into again.
   */
  async take<T>(read: (bytes: ArrayBuffer) => T): Promise<T> {
    const what = `Cannot take readback "${this.#label}"`;
    this.#refuseDisposed();
    if (this.#taking) throw new GpuError(`${what}: it is being taken already`);
    if (!this.#recorded) throw new GpuError(`${what}: nothing was recorded since the last time`);
    if (this.#recorded.state !== "submitted") {
      throw new GpuError(
        `${what}: its copy was ${this.#recorded.state}, not submitted; submit the stream first`,
      );
    }
    this.#taking = true;
    try {
      try {
        await this.#buffer.mapAsync(GPUMapMode.READ);
      } catch (cause) {
        throw await this.#device.failure(what, cause);
      }
      this.#device.completion.finished(this.#recorded.submit ?? 0);
      this.#refuseDisposed();
      this.#device.check();
      return read(this.#buffer.getMappedRange());
    } finally {
      this.#taking = false;
      this.#recorded = undefined;
      if (!this.#disposed && !this.#device.disposed && this.#buffer.mapState === "mapped") {
        unmap(this.#buffer);
      }
    }
  }

  /** Ends the buffer. A `take` that is under way fails; a second call does nothing. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#buffer.destroy();
  }

  #refuseDisposed(): void {
    if (this.#disposed) throw new GpuError(`Cannot use readback "${this.#label}": it is disposed`);
  }
}

/** Ends a mapping; that of a buffer which the GPU turned out to have no memory for has ended with it. */
export function unmap(buffer: GPUBuffer): void {
  try {
    buffer.unmap();
  } catch {
    // Destroyed meanwhile: what is wrong is thrown by who looks for trouble.
  }
}
