import { GpuError } from "./errors.ts";

/**
 * The rule that all allocators share: `allocate` gives memory or `null`, which means "ask the next one"; `free` takes
 * back exactly what this allocator gave.
 *
 * An allocator of the user's own is passed at `device.stream({ allocator })`. What it gives is checked, and refused
 * with a clear error, unless it
 * - is an {@linkcode Allocation} that was not freed, of a buffer made by the same device for `GPUBufferUsage.STORAGE`;
 * - lies within that buffer, begins at a multiple of {@linkcode ALIGNMENT}, and has at least the bytes asked for;
 * - shares no byte with another allocation that a user's allocator handed to a stream and that is still alive.
 *
 * `free` may throw to refuse; the allocation is then still alive. After `cv::cuda::GpuMat::Allocator`.
 *
 * @example An allocator that counts what it passes on
 * ```ts
 * import { assert } from "@std/assert";
 * import { type Allocator, Device } from "@framewise/framewise";
 *
 * using device = await Device.request();
 * const upstream = device.defaultAllocator;
 * let asked = 0;
 * const counting: Allocator = {
 *   label: "counting",
 *   allocate: (bytes, label) => (asked++, upstream.allocate(bytes, label)),
 *   free: (allocation) => upstream.free(allocation),
 *   stats: () => ({ ...upstream.stats(), label: "counting" }),
 * };
 * using stream = device.stream({ allocator: counting });
 * using temporary = stream.allocate(1000, "temporary");
 * assert(asked === 1 && temporary.bytes === 1024);
 * ```
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

/** Texels in a row of the textures that hold constants. */
export const TEXTURE_WIDTH = 1024;

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

/** What is known of an allocation; holding it does not keep the allocation from the garbage collector. */
export interface AllocationRecord {
  /** What the allocation is called in messages. */
  readonly label: string;
  /** Bytes from its buffer's start. */
  readonly offset: number;
  /** Its length. */
  readonly bytes: number;
  /** The label of the allocator that it goes back to. */
  readonly allocator: string;
  /** The label of the stream that it was made for, where there is one. */
  stream?: string;
  /** Where it was made, line by line; in debug mode only. */
  madeAt?: string;
}

/** Follows what becomes of allocations. A device has one. */
export interface AllocationWatch {
  /** An allocation was handed out. */
  allocated(allocation: Allocation): void;
  /** It was given back. */
  freed(allocation: Allocation): void;
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
  /** What stays known of it when it is gone. */
  readonly record: AllocationRecord;
  #freed = false;
  #watch: AllocationWatch | undefined;
  #tag: unknown;

  /** Made by an {@linkcode Allocator}. */
  constructor(owner: Allocator, buffer: GPUBuffer, offset: number, bytes: number, label: string) {
    this.owner = owner;
    this.buffer = buffer;
    this.offset = offset;
    this.bytes = bytes;
    this.label = label;
    this.record = { label, offset, bytes, allocator: owner.label };
  }

  /** Whether it was given back. */
  get freed(): boolean {
    return this.#freed;
  }

  /** Who is told when it is given back. */
  get watch(): AllocationWatch | undefined {
    return this.#watch;
  }

  /** What who is told keeps with it. */
  get tag(): unknown {
    return this.#tag;
  }

  /** Sets who is told when it is given back; called by the device that hands it out, once. */
  follow(watch: AllocationWatch, tag?: unknown): void {
    this.#watch = watch;
    this.#tag = tag;
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
    this.#watch?.freed(this);
  }

  /** {@linkcode free}, for `using`. */
  [Symbol.dispose](): void {
    this.free();
  }
}

/** `"scores" (512 bytes at 256)`. */
export function describeAllocation({ label, bytes, offset }: AllocationRecord): string {
  return `"${label}" (${bytes} bytes at ${offset})`;
}

/** Where allocations were made, to be put at the end of a message; how to learn it where debug mode is off. */
export function describeOrigins(...records: readonly AllocationRecord[]): string {
  const known = records.filter((record) => record.madeAt !== undefined);
  if (known.length === 0) return "; Device.request({ debug: true }) shows where each was made";
  return known.map(({ label, madeAt }) => `\n"${label}" was made\n${madeAt}`).join("");
}
