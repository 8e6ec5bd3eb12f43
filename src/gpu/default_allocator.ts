import {
  Allocation,
  type AllocationRecord,
  allocationSize,
  type AllocationWatch,
  type Allocator,
  type AllocatorStats,
} from "./allocator.ts";
import { GpuError } from "./errors.ts";

/** Makes and destroys one GPU buffer for each allocation, in any order: what serves when no stack does. */
export class DefaultAllocator implements Allocator {
  readonly label: string;
  readonly #create: (bytes: number, label: string) => GPUBuffer;
  readonly #destroy: (buffer: GPUBuffer) => void;
  readonly #watch: AllocationWatch | undefined;
  /** Records, so that an allocation that nobody holds any more can be noticed. */
  readonly #live: Set<AllocationRecord> = new Set();
  #current = 0;
  #highWater = 0;
  #allocations = 0;

  /**
   * An allocator with nothing alive.
   *
   * @param create makes a buffer of so many bytes with that label.
   * @param label what the allocator is called in messages and reports.
   * @param destroy ends a buffer, at once or as soon as recorded work that may use it was submitted.
   * @param watch is told of every allocation.
   */
  constructor(
    create: (bytes: number, label: string) => GPUBuffer,
    label: string = "default allocator",
    destroy: (buffer: GPUBuffer) => void = (buffer) => buffer.destroy(),
    watch?: AllocationWatch,
  ) {
    this.#watch = watch;
    this.#create = create;
    this.#destroy = destroy;
    this.label = label;
  }

  /**
   * Makes a buffer of at least `bytes`.
   *
   * @throws {GpuError} if `bytes` is no count of bytes, or more than a buffer of this adapter holds.
   */
  allocate(bytes: number, label: string): Allocation {
    const size = allocationSize(bytes, label);
    const allocation = new Allocation(this, this.#create(size, label), 0, size, label);
    this.#live.add(allocation.record);
    this.#current += size;
    this.#highWater = Math.max(this.#highWater, this.#current);
    this.#allocations++;
    this.#watch?.allocated(allocation);
    return allocation;
  }

  /** Ends the buffer of an allocation. @throws {GpuError} if it is not alive here. */
  free(allocation: Allocation): void {
    if (!this.#live.delete(allocation.record)) {
      throw new GpuError(
        `Cannot free "${allocation.label}" (${allocation.bytes} bytes) on the ${this.label}: it is not alive there`,
      );
    }
    this.#current -= allocation.bytes;
    // Not destroyed, it would wait for the garbage collector, which does not see GPU memory.
    this.#destroy(allocation.buffer);
  }

  /** The labels of what is alive. */
  liveLabels(): string[] {
    return [...this.#live].map((record) => record.label);
  }

  /** What it did so far. It never refuses by itself: the GPU does. */
  stats(): AllocatorStats {
    return {
      label: this.label,
      capacityBytes: Infinity,
      currentBytes: this.#current,
      highWaterBytes: this.#highWater,
      allocations: this.#allocations,
      refusals: 0,
      largestRefusedBytes: 0,
    };
  }
}
