import {
  Allocation,
  type AllocationRecord,
  allocationSize,
  type AllocationWatch,
  type Allocator,
  type AllocatorStats,
  describeAllocation,
  describeOrigins,
} from "./allocator.ts";
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
  readonly #watch: AllocationWatch | undefined;
  /** Records, so that an allocation that nobody holds any more can be noticed. */
  readonly #live: AllocationRecord[] = [];
  #retired = false;
  #top = 0;
  #highWater = 0;
  #allocations = 0;
  #refusals = 0;
  #largestRefused = 0;

  /** A stack on the first `capacityBytes` of `buffer`, which stays the caller's. */
  constructor(buffer: GPUBuffer, capacityBytes: number, label: string, watch?: AllocationWatch) {
    this.#watch = watch;
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
    if (this.#retired || this.#top + size > this.#capacity) {
      this.#refusals++;
      this.#largestRefused = Math.max(this.#largestRefused, size);
      return null;
    }
    const allocation = new Allocation(this, this.#buffer, this.#top, size, label);
    this.#live.push(allocation.record);
    this.#top += size;
    this.#highWater = Math.max(this.#highWater, this.#top);
    this.#allocations++;
    this.#watch?.allocated(allocation);
    return allocation;
  }

  /** Takes back the newest allocation. @throws {GpuError} if `allocation` is not the newest one alive. */
  free(allocation: Allocation): void {
    const { record } = allocation;
    const newest = this.#live.at(-1);
    if (newest !== record) {
      const what = `Cannot free ${describeAllocation(record)} on ${this.label}`;
      throw new GpuError(
        newest && this.#live.includes(record)
          ? `${what}: ${
            describeAllocation(newest)
          } was allocated later and is still alive; free in reverse order, ` +
            `which "using" does by itself${describeOrigins(record, newest)}`
          : `${what}: it is not alive on this stack`,
      );
    }
    this.#live.pop();
    this.#top = allocation.offset;
  }

  /** From now on there is no room on it; called when the GPU had no memory for it. */
  retire(): void {
    this.#retired = true;
  }

  /** Whether the GPU had no memory for it, so that it gives none. */
  get retired(): boolean {
    return this.#retired;
  }

  /** What is alive, oldest first. */
  alive(): readonly AllocationRecord[] {
    return [...this.#live];
  }

  /** Whether nothing is alive on it. */
  get empty(): boolean {
    return this.#live.length === 0;
  }

  /** The labels of what is alive, oldest first. */
  liveLabels(): string[] {
    return this.#live.map((record) => record.label);
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
