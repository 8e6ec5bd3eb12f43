/**
 * The rule that stack and default allocator share: `allocate` gives memory or `null`, which means "ask the next one";
 * `free` takes back exactly what this allocator gave.
 *
 * After `cv::cuda::GpuMat::Allocator`.
 */
export interface Allocator {
  readonly label: string;
  allocate(bytes: number, label: string): Allocation | null;
  free(allocation: Allocation): void;
  stats(): AllocatorStats;
}

/** What an allocator did so far. All figures are bytes unless they say otherwise. */
export interface AllocatorStats {
  label: string;
  capacityBytes: number;
  currentBytes: number;
  highWaterBytes: number;
  /** Allocations served, a count. */
  allocations: number;
  /** Requests refused because there was no room, a count. */
  refusals: number;
  /** The largest request refused. */
  largestRefusedBytes: number;
}

/** Storage offsets and sizes are multiples of this, the alignment that WebGPU guarantees for bindings. */
export const ALIGNMENT = 256;

/** Rounds up to a multiple of `alignment`. */
export function alignUp(value: number, alignment: number = ALIGNMENT): number {
  return Math.ceil(value / alignment) * alignment;
}

/** A part of a GPU buffer. */
export interface BufferRange {
  readonly buffer: GPUBuffer;
  /** Bytes from the buffer's start; a multiple of {@linkcode ALIGNMENT} where it is bound. */
  readonly offset: number;
  readonly bytes: number;
  readonly label?: string;
}

/** Whether two ranges share at least one byte. */
export function rangesOverlap(a: BufferRange, b: BufferRange): boolean {
  return a.buffer === b.buffer && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

/** Memory that an allocator handed out. It goes back where it came from when it is disposed. */
export class Allocation implements BufferRange, Disposable {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly bytes: number;
  readonly label: string;
  readonly owner: Allocator;
  #freed = false;

  constructor(owner: Allocator, buffer: GPUBuffer, offset: number, bytes: number, label: string) {
    this.owner = owner;
    this.buffer = buffer;
    this.offset = offset;
    this.bytes = bytes;
    this.label = label;
  }

  /** Whether it was given back. */
  get freed(): boolean {
    return this.#freed;
  }

  /**
   * Gives the memory back; a second call does nothing.
   *
   * @throws {GpuError} from a stack, if something allocated later is still alive; the allocation then stays alive.
   */
  free(): void {
    if (this.#freed) return;
    this.owner.free(this);
    this.#freed = true;
  }

  [Symbol.dispose](): void {
    this.free();
  }
}
