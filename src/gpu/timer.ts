import type { BufferRange } from "./allocator.ts";
import type { Device } from "./device.ts";
import { GpuError } from "./errors.ts";
import type { Stream } from "./stream.ts";

/** WebGPU's bound of 4096 timestamps in a query set, two a pass. */
const MAX_PASSES = 2048;

/** Times passes on the GPU with `timestamp-query`, where the adapter has it. */
export class GpuTimer implements Disposable {
  readonly #querySet: GPUQuerySet;
  readonly #resolve: GPUBuffer;
  /** How many passes it times at once. */
  readonly capacity: number;

  /**
   * A timer for `capacity` passes at once, or `undefined` where the adapter cannot tell the time.
   *
   * @throws {GpuError} if `capacity` is not from 1 to 2048.
   */
  static create(device: Device, capacity: number): GpuTimer | undefined {
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > MAX_PASSES) {
      throw new GpuError(`Cannot make a timer for ${capacity} passes: it takes from 1 to ${MAX_PASSES}`);
    }
    return device.features.has("timestamp-query") ? new GpuTimer(device, capacity) : undefined;
  }

  private constructor(device: Device, capacity: number) {
    this.capacity = capacity;
    this.#resolve = device.createBuffer({
      label: "timer resolve",
      size: capacity * 16,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    try {
      this.#querySet = device.gpu.createQuerySet({ label: "timer", type: "timestamp", count: capacity * 2 });
    } catch (error) {
      this.#resolve.destroy();
      throw error;
    }
  }

  /** What a pass needs to be timed as number `index`, from 0. @throws {GpuError} if there is no such number. */
  writes(index: number): GPUComputePassTimestampWrites {
    this.#refuseBeyond(index + 1);
    return {
      querySet: this.#querySet,
      beginningOfPassWriteIndex: index * 2,
      endOfPassWriteIndex: index * 2 + 1,
    };
  }

  /**
   * Records the resolution of the first `count` passes; gives where their stamps are then, to be read back.
   *
   * @throws {GpuError} if it does not time so many.
   */
  resolve(stream: Stream, count: number): BufferRange {
    this.#refuseBeyond(count);
    stream.record((encoder) => encoder.resolveQuerySet(this.#querySet, 0, count * 2, this.#resolve, 0));
    return { buffer: this.#resolve, offset: 0, bytes: count * 16, label: "timer" };
  }

  /**
   * Milliseconds of each pass, from the stamps that were read back. 0 where the GPU's clock went backwards, which
   * WebGPU allows it to do now and then.
   */
  static milliseconds(stamps: BigUint64Array): number[] {
    return Array.from(
      { length: stamps.length / 2 },
      (_, i) => {
        const [begin, end] = [stamps[i * 2]!, stamps[i * 2 + 1]!];
        return end > begin ? Number(end - begin) / 1e6 : 0;
      },
    );
  }

  #refuseBeyond(count: number): void {
    if (!Number.isInteger(count) || count < 1 || count > this.capacity) {
      throw new GpuError(`Cannot time pass ${count}: the timer is for ${this.capacity}`);
    }
  }

  /** Ends the timer's buffers. */
  [Symbol.dispose](): void {
    this.#querySet.destroy();
    this.#resolve.destroy();
  }
}
