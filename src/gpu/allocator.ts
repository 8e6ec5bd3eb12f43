import { GpuError } from "./errors.ts";

/**
 * The rule that stack and default allocator share: `allocate` gives memory or `null`, which means "ask the next one";
 * `free` takes back exactly what this allocator gave.
 *
 * After `cv::cuda::GpuMat::Allocator`.
 */
export interface Allocator {
  /** What it is called in messages and reports. */
  readonly label: string;
  /** Memory of at least `bytes`, named `label` in messages; `null` when there is no room. */
  allocate(bytes: number, label: string): Allocation | null;
  /** Takes an allocation back; called by {@linkcode Allocation.free}. @throws {GpuError} if that is not allowed now. */
  free(allocation: Allocation): void;
  /** What it did so far. */
  stats(): AllocatorStats;
}

/** What an allocator did so far. All figures are bytes unless they say otherwise. */
export interface AllocatorStats {
  /** The allocator's label. */
  label: string;
  /** What it can hold; `Infinity` where only the GPU sets a bound. */
  capacityBytes: number;
  /** What is alive now, with what alignment adds. */
  currentBytes: number;
  /** The most that was alive at once. */
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

/**
 * The bytes that an allocation of `bytes` takes: a multiple of {@linkcode ALIGNMENT}, and at least that.
 *
 * @throws {GpuError} if `bytes` is no count of bytes.
 */
export function allocationSize(bytes: number, label: string): number {
  if (!Number.isSafeInteger(bytes) || bytes < 0) {
    throw new GpuError(
      `Cannot allocate "${label}": ${bytes} is no count of bytes; give a whole number, 0 or more`,
    );
  }
  return alignUp(Math.max(bytes, 1));
}

/** A part of a GPU buffer. */
export interface BufferRange {
  /** The buffer that it is a part of. */
  readonly buffer: GPUBuffer;
  /** Bytes from the buffer's start; a multiple of {@linkcode ALIGNMENT} where it is bound. */
  readonly offset: number;
  /** Its length. */
  readonly bytes: number;
  /** What it is called in messages; else the buffer's label serves. */
  readonly label?: string;
}

/** Constants in a texture, which some adapters read faster than a buffer. */
export interface TextureRange {
  /** The texture that holds them. */
  readonly texture: GPUTexture;
  /** Bytes that it takes on the GPU. */
  readonly bytes: number;
  /** What it is called in messages. */
  readonly label: string;
}

/** Whether two ranges share at least one byte. */
export function rangesOverlap(a: BufferRange, b: BufferRange): boolean {
  return a.buffer === b.buffer && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

/** Memory that an allocator handed out. It goes back where it came from when it is disposed. */
export class Allocation implements BufferRange, Disposable {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  /** Its length, rounded up from what was asked for to a multiple of {@linkcode ALIGNMENT}. */
  readonly bytes: number;
  readonly label: string;
  /** Where it came from and goes back to. */
  readonly owner: Allocator;
  #freed = false;

  /** Made by an {@linkcode Allocator}. */
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

  /** {@linkcode free}, for `using`. */
  [Symbol.dispose](): void {
    this.free();
  }
}
