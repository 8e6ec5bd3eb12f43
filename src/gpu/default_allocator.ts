import { alignUp, Allocation, type Allocator, type AllocatorStats } from "./allocator.ts";
import { GpuError } from "./errors.ts";

/** Makes and destroys one GPU buffer for each allocation, in any order: what serves when no stack does. */
export class DefaultAllocator implements Allocator {
  readonly label: string;
  readonly #create: (bytes: number, label: string) => GPUBuffer;
  readonly #live: Set<Allocation> = new Set();
  #current = 0;
  #highWater = 0;
  #allocations = 0;

  constructor(create: (bytes: number, label: string) => GPUBuffer, label: string = "default allocator") {
    this.#create = create;
    this.label = label;
  }

  allocate(bytes: number, label: string): Allocation {
    const size = alignUp(Math.max(bytes, 1));
    const allocation = new Allocation(this, this.#create(size, label), 0, size, label);
    this.#live.add(allocation);
    this.#current += size;
    this.#highWater = Math.max(this.#highWater, this.#current);
    this.#allocations++;
    return allocation;
  }

  free(allocation: Allocation): void {
    if (!this.#live.delete(allocation)) {
      throw new GpuError(`Cannot free "${allocation.label}": it is not alive on the ${this.label}`);
    }
    this.#current -= allocation.bytes;
    // Not destroyed, it would wait for the garbage collector, which does not see GPU memory.
    allocation.buffer.destroy();
  }

  /** The labels of what is alive. */
  liveLabels(): string[] {
    return [...this.#live].map((allocation) => allocation.label);
  }

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
