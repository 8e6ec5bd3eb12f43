import { alignUp, type AllocationWatch, describeOrigins } from "./allocator.ts";
import { GpuError } from "./errors.ts";
import { StackAllocator } from "./stack_allocator.ts";

/** Sizes of the stacks that streams draw on. */
export interface StackPoolOptions {
  /** Bytes of each stack; default 10 MiB. */
  stackBytes?: number;
  /** How many streams get a stack of their own; default 5. */
  stackCount?: number;
}

interface Stack {
  readonly allocator: StackAllocator;
  readonly buffer: GPUBuffer;
  taken: boolean;
}

/**
 * Makes the buffer of a stack, of so many bytes, with that label; calls `refused` later if the GPU turned out to have no
 * memory for it.
 */
export type StackBufferMaker = (bytes: number, label: string, refused: () => void) => GPUBuffer;

/**
 * The stacks of a device: a stream takes one when it is made and gives it back when it is disposed; a stream beyond
 * the count gets none. A stack's memory is made once, when a stream first takes it, and kept.
 * After `cv::cuda::setBufferPoolConfig`, with its defaults.
 */
export class StackPool {
  readonly #create: StackBufferMaker;
  readonly #watch: AllocationWatch | undefined;
  readonly #destroy: (buffer: GPUBuffer) => void;
  #stackBytes = 10 * 1024 * 1024;
  #stackCount = 5;
  #stacks: Stack[] = [];

  /**
   * A pool whose stacks are not made yet.
   *
   * @param create makes the buffers.
   * @param watch is told of every allocation.
   * @param destroy ends a stack's buffer, at once or as soon as recorded work that may use it was submitted.
   * @throws {GpuError} if the sizes are no whole numbers.
   */
  constructor(
    create: StackBufferMaker,
    options: StackPoolOptions = {},
    watch?: AllocationWatch,
    destroy: (buffer: GPUBuffer) => void = (buffer) => buffer.destroy(),
  ) {
    this.#destroy = destroy;
    this.#create = create;
    this.#watch = watch;
    this.#setSizes(options);
  }

  /** Bytes of each stack. */
  get stackBytes(): number {
    return this.#stackBytes;
  }

  /** How many stacks there are at most; 0 where the sizes leave none. */
  get stackCount(): number {
    return this.#stackCount;
  }

  /** Whether no stream holds a stack, so that {@linkcode configure} is allowed. */
  get idle(): boolean {
    return this.#stacks.every((stack) => !stack.taken);
  }

  /**
   * Changes the sizes; the old stacks are destroyed. What is not given stays as it is.
   *
   * @throws {GpuError} while a stream holds a stack, or if the sizes are no whole numbers; nothing is changed then.
   */
  configure(options: StackPoolOptions): void {
    const taken = this.#stacks.filter((stack) => stack.taken);
    if (taken.length > 0) {
      throw new GpuError(
        `Cannot configure the stack pool: ${taken.length} of its stacks are held by streams ` +
          `(${taken.map((stack) => stack.allocator.label).join(", ")}); dispose these streams first`,
      );
    }
    this.#setSizes(options);
    this.destroy();
  }

  /**
   * A free stack, or `undefined` when every one is taken.
   *
   * @throws {GpuError} if a buffer of this adapter cannot hold `stackBytes`.
   */
  take(): StackAllocator | undefined {
    let stack = this.#stacks.find((candidate) => !candidate.taken);
    if (stack === undefined && this.#stacks.length < this.#stackCount) {
      stack = this.#make(this.#freeLabel());
      this.#stacks.push(stack);
    }
    if (stack === undefined) return undefined;
    stack.taken = true;
    return stack.allocator;
  }

  /** Takes a stack back. @throws {GpuError} if something on it is still alive, or it is not taken. */
  giveBack(allocator: StackAllocator): void {
    if (!allocator.empty) {
      throw new GpuError(
        `Cannot give back ${allocator.label}: still alive on it: "${allocator.liveLabels().join('", "')}" ` +
          `(${allocator.stats().currentBytes} bytes); free them before the stream is disposed` +
          describeOrigins(...allocator.alive()),
      );
    }
    const stack = this.#stacks.find((candidate) => candidate.allocator === allocator);
    // No such stack: the GPU had no memory for it, or the pool was destroyed meanwhile with its device.
    if (!stack) return;
    if (!stack.taken) throw new GpuError(`Cannot give back ${allocator.label}: no stream holds it`);
    stack.taken = false;
  }

  /** The stacks made so far. */
  allocators(): StackAllocator[] {
    return this.#stacks.map((stack) => stack.allocator);
  }

  /** Destroys all stacks, held or not. */
  destroy(): void {
    for (const stack of this.#stacks) this.#destroy(stack.buffer);
    this.#stacks = [];
  }

  #make(label: string): Stack {
    const refused = (): void => {
      stack.allocator.retire();
      this.#stacks = this.#stacks.filter((candidate) => candidate !== stack);
    };
    const buffer = this.#create(this.#stackBytes, label, refused);
    const allocator = new StackAllocator(buffer, this.#stackBytes, label, this.#watch);
    const stack: Stack = { allocator, buffer, taken: false };
    return stack;
  }

  /** The lowest number that no stack has. */
  #freeLabel(): string {
    const labels = new Set(this.#stacks.map(({ allocator }) => allocator.label));
    let number = 0;
    while (labels.has(`stack ${number}`)) number++;
    return `stack ${number}`;
  }

  #setSizes(options: StackPoolOptions): void {
    const { stackBytes = this.#stackBytes, stackCount = this.#stackCount } = options;
    const whole = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
    if (!whole(stackBytes) || !whole(stackCount)) {
      throw new GpuError(
        `Cannot configure the stack pool: stackBytes ${stackBytes} and stackCount ${stackCount} must be ` +
          `whole numbers, 0 or more`,
      );
    }
    this.#stackBytes = alignUp(stackBytes);
    this.#stackCount = stackBytes === 0 ? 0 : stackCount;
  }
}
