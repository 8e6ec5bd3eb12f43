import type { Allocation, Allocator } from "./allocator.ts";
import { describeFailedStack, describeFullStack, describeNoStack } from "./memory_report.ts";
import type { StackAllocator } from "./stack_allocator.ts";

/** Counts the allocations of streams that the default allocator had to serve, and tells the first of each kind. */
export class Fallbacks {
  readonly #warn: (message: string) => void;
  readonly #told = new Set<"full" | "none" | "failed">();
  #count = 0;
  #bytes = 0;

  /** `warn` is told once for a full stack, once for a missing one, and once for one that the GPU refused. */
  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** How many there were. */
  get count(): number {
    return this.#count;
  }

  /** Their bytes, all together. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Counts one. `stackCount`: how many stacks the pool has; without any, the default allocator is what was asked for. */
  add(
    allocation: Allocation,
    stream: { label: string; stack: StackAllocator | undefined; allocator: Allocator },
    stackCount: number,
  ): void {
    this.#count++;
    this.#bytes += allocation.bytes;
    const none = stream.allocator === allocation.owner;
    const kind = none ? "none" : stream.stack?.retired ? "failed" : "full";
    if (this.#told.has(kind) || (none && stackCount === 0)) return;
    this.#told.add(kind);
    if (kind === "none") return this.#warn(describeNoStack(allocation, stream.label, stackCount));
    const stats = stream.allocator.stats();
    this.#warn(
      kind === "failed"
        ? describeFailedStack(allocation, stats, stream.label)
        : describeFullStack(allocation, stats, stream.label, stream.stack !== undefined),
    );
  }
}
