import { Allocation, allocationSize, type Allocator, type AllocatorStats } from "./allocator.ts";
import { GpuError } from "./errors.ts";

/**
 * One chunk of GPU memory, bumped up by `allocate` and back down by `free`, last in, first out.
 * After `cv::cuda::StackAllocator`; unlike it, the order is checked in every build, since a wrong order silently hands
 * the same bytes to two owners.
 */
export class StackAllocator implements Allocator {
  readonly label: string;
  readonly #buffer: GPUBuffer;
  readonly #capacity: number;
  readonly #live: Allocation[] = [];
  #top = 0;
  #highWater = 0;
  #allocations = 0;
  #refusals = 0;
  #largestRefused = 0;

  /** A stack on the first `capacityBytes` of `buffer`, which stays the caller's. */
  constructor(buffer: GPUBuffer, capacityBytes: number, label: string) {
    this.#buffer = buffer;
    this.#capacity = capacityBytes;
    this.label = label;
  }

  /**
   * Takes the next `bytes` (rounded up to the binding alignment), or `null` when they do not fit.
   *
   * @throws {GpuError} if `bytes` is no count of bytes.
   */
  allocate(bytes: number, label: string): Allocation | null {
    const size = allocationSize(bytes, label);
    if (this.#top + size > this.#capacity) {
      this.#refusals++;
      this.#largestRefused = Math.max(this.#largestRefused, size);
      return null;
    }
    const allocation = new Allocation(this, this.#buffer, this.#top, size, label);
    this.#live.push(allocation);
    this.#top += size;
    this.#highWater = Math.max(this.#highWater, this.#top);
    this.#allocations++;
    return allocation;
  }

  /** Takes back the newest allocation. @throws {GpuError} if `allocation` is not the newest one alive. */
  free(allocation: Allocation): void {
    const newest = this.#live.at(-1);
    if (newest !== allocation) {
      const described = `"${allocation.label}" (${allocation.bytes} bytes at ${allocation.offset})`;
      throw new GpuError(
        newest && this.#live.includes(allocation)
          ? `Cannot free ${described} on ${this.label}: "${newest.label}" (${newest.bytes} bytes at ${newest.offset}) ` +
            `was allocated later and is still alive; free in reverse order, which "using" does by itself`
          : `Cannot free ${described} on ${this.label}: it is not alive on this stack`,
      );
    }
    this.#live.pop();
    this.#top = allocation.offset;
  }

  /** Whether nothing is alive on it. */
  get empty(): boolean {
    return this.#live.length === 0;
  }

  /** The labels of what is alive, oldest first. */
  liveLabels(): string[] {
    return this.#live.map((allocation) => allocation.label);
  }

  /** What it did so far. */
  stats(): AllocatorStats {
    return {
      label: this.label,
      capacityBytes: this.#capacity,
      currentBytes: this.#top,
      highWaterBytes: this.#highWater,
      allocations: this.#allocations,
      refusals: this.#refusals,
      largestRefusedBytes: this.#largestRefused,
    };
  }
}
