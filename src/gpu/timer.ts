import type { Device } from "./device.ts";
import { Readback } from "./readback.ts";
import type { Stream } from "./stream.ts";

/** Times passes on the GPU with `timestamp-query`, where the adapter has it. */
export class GpuTimer implements Disposable {
  readonly #querySet: GPUQuerySet;
  readonly #resolve: GPUBuffer;
  readonly #readback: Readback;
  readonly capacity: number;

  /** A timer for `capacity` passes at once, or `undefined` where the adapter cannot tell the time. */
  static create(device: Device, capacity: number): GpuTimer | undefined {
    return device.features.has("timestamp-query") ? new GpuTimer(device, capacity) : undefined;
  }

  private constructor(device: Device, capacity: number) {
    this.capacity = capacity;
    this.#querySet = device.gpu.createQuerySet({ label: "timer", type: "timestamp", count: capacity * 2 });
    this.#resolve = device.createBuffer({
      label: "timer resolve",
      size: capacity * 16,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    this.#readback = new Readback(device, capacity * 16, "timer readback");
  }

  /** What a pass needs to be timed as number `index`. */
  writes(index: number): GPUComputePassTimestampWrites {
    return {
      querySet: this.#querySet,
      beginningOfPassWriteIndex: index * 2,
      endOfPassWriteIndex: index * 2 + 1,
    };
  }

  /** Records the resolution of the first `count` passes. */
  record(stream: Stream, count: number): void {
    stream.record((encoder) => encoder.resolveQuerySet(this.#querySet, 0, count * 2, this.#resolve, 0));
    this.#readback.record(stream, this.#resolve, 0);
  }

  /** Milliseconds of the first `count` passes, after the stream was submitted. */
  take(count: number): Promise<number[]> {
    return this.#readback.take((bytes) => {
      const stamps = new BigUint64Array(bytes);
      return Array.from({ length: count }, (_, i) => Number(stamps[i * 2 + 1]! - stamps[i * 2]!) / 1e6);
    });
  }

  [Symbol.dispose](): void {
    this.#querySet.destroy();
    this.#resolve.destroy();
    this.#readback[Symbol.dispose]();
  }
}
