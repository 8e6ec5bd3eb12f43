import { GpuError } from "./errors.ts";
import { StackAllocator } from "./stack_allocator.ts";

/** Sizes of the stacks that streams draw on. */
export interface StackPoolOptions {
  /** Bytes of each stack; default 10 MiB. */
  stackBytes?: number;
  /** How many streams get a stack of their own; default 5. */
  stackCount?: number;
}

/**
 * The stacks of a device: a stream takes one when it is made and gives it back when it is disposed; a stream beyond
 * the count gets none. A stack's memory is made once, when a stream first takes it, and kept.
 * After `cv::cuda::setBufferPoolConfig`, with its defaults.
 */
export class StackPool {
  readonly #create: (bytes: number, label: string) => GPUBuffer;
  #stackBytes = 10 * 1024 * 1024;
  #stackCount = 5;
  #stacks: { allocator: StackAllocator; buffer: GPUBuffer; taken: boolean }[] = [];

  constructor(create: (bytes: number, label: string) => GPUBuffer, options: StackPoolOptions = {}) {
    this.#create = create;
    this.#setSizes(options);
  }

  get stackBytes(): number {
    return this.#stackBytes;
  }

  get stackCount(): number {
    return this.#stackCount;
  }

  /**
   * Changes the sizes; the old stacks are destroyed.
   *
   * @throws {GpuError} while a stream holds a stack.
   */
  configure(options: StackPoolOptions): void {
    const taken = this.#stacks.filter((stack) => stack.taken);
    if (taken.length > 0) {
      throw new GpuError(
        `Cannot configure the stack pool: ${taken.length} of its stacks are held by streams ` +
          `(${taken.map((stack) => stack.allocator.label).join(", ")}); dispose these streams first`,
      );
    }
    this.#destroyStacks();
    this.#setSizes(options);
  }

  /** A free stack, or `undefined` when every one is taken. */
  take(): StackAllocator | undefined {
    let stack = this.#stacks.find((candidate) => !candidate.taken);
    if (stack === undefined && this.#stacks.length < this.#stackCount && this.#stackBytes > 0) {
      const label = `stack ${this.#stacks.length}`;
      const buffer = this.#create(this.#stackBytes, label);
      stack = { allocator: new StackAllocator(buffer, this.#stackBytes, label), buffer, taken: false };
      this.#stacks.push(stack);
    }
    if (stack === undefined) return undefined;
    stack.taken = true;
    return stack.allocator;
  }

  /** Takes a stack back. @throws {GpuError} if something on it is still alive. */
  giveBack(allocator: StackAllocator): void {
    if (!allocator.empty) {
      throw new GpuError(
        `Cannot give back ${allocator.label}: still alive on it: ${allocator.liveLabels().join(", ")}; ` +
          `free them before the stream is disposed`,
      );
    }
    const stack = this.#stacks.find((candidate) => candidate.allocator === allocator);
    if (stack) stack.taken = false;
  }

  /** The stacks made so far. */
  allocators(): StackAllocator[] {
    return this.#stacks.map((stack) => stack.allocator);
  }

  /** Destroys all stacks, held or not. */
  destroy(): void {
    this.#destroyStacks();
  }

  #destroyStacks(): void {
    for (const stack of this.#stacks) stack.buffer.destroy();
    this.#stacks = [];
  }

  #setSizes(options: StackPoolOptions): void {
    const { stackBytes = this.#stackBytes, stackCount = this.#stackCount } = options;
    if (!Number.isInteger(stackBytes) || stackBytes < 0 || !Number.isInteger(stackCount) || stackCount < 0) {
      throw new GpuError(
        `Cannot configure the stack pool: stackBytes ${stackBytes} and stackCount ${stackCount} must be whole numbers, 0 or more`,
      );
    }
    this.#stackBytes = Math.ceil(stackBytes / 256) * 256;
    this.#stackCount = stackCount;
  }
}
