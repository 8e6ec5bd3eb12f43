/**
 * Copies of storage into textures that a plan can do without, since a texture holds the range already.
 *
 * @module
 */
import type { BufferRange, TexelScalar, TexelScratch, TextureRange } from "../gpu/mod.ts";

/** A range that a dispatch loads through a texture. */
export interface TexelRead {
  /** What is read. */
  readonly range: BufferRange;
  /** 16 for texels of four words, 8 where they are halves. */
  readonly texelBytes: 8 | 16;
  /** What the kernel takes a word for. */
  readonly scalar: TexelScalar;
}

/** Where a dispatch finds a range. */
export interface PlacedRead {
  readonly texture: TextureRange;
  /** Whether an earlier dispatch of the plan had it copied there; else it is to be copied. */
  readonly held: boolean;
}

interface Holding extends TexelRead {
  readonly texture: TextureRange;
  /** The dispatch that read it last. */
  last: number;
}

/**
 * Places the reads of dispatches that are recorded one after the other, all of them, in the order of the calls. Nothing
 * is held before the first one: other plans use the same textures.
 */
export class TexelReuse {
  readonly #scratch: TexelScratch;
  #holdings: readonly Holding[] = [];
  #dispatch = 0;

  constructor(scratch: TexelScratch) {
    this.#scratch = scratch;
  }

  /**
   * @param reads of the next dispatch.
   * @param written what it writes, which no texture holds from then on.
   * @returns a place for each read, in their order.
   * @throws {GpuError} as {@linkcode TexelScratch.take} does.
   */
  place(reads: readonly TexelRead[], written: readonly BufferRange[]): PlacedRead[] {
    this.#dispatch++;
    // What is held is found first, so that no other read takes its texture.
    for (const read of reads) this.#find(read);
    const placed = reads.map((read): PlacedRead => {
      const holding = this.#find(read);
      return { texture: holding?.texture ?? this.#take(read), held: holding !== undefined };
    });
    this.#holdings = this.#holdings.filter(({ range }) => !written.some((other) => overlap(range, other)));
    return placed;
  }

  #find(read: TexelRead): Holding | undefined {
    const found = this.#holdings.find(({ range, texelBytes, scalar }) =>
      range.buffer === read.range.buffer && range.offset === read.range.offset &&
      range.bytes === read.range.bytes && texelBytes === read.texelBytes && scalar === read.scalar
    );
    if (found) found.last = this.#dispatch;
    return found;
  }

  /** The first texture of the size that this dispatch does not read another range from. */
  #take(read: TexelRead): TextureRange {
    const { range: { bytes }, texelBytes, scalar } = read;
    for (let number = 0;; number++) {
      const texture = this.#scratch.take(number, bytes, texelBytes, scalar);
      const holding = this.#holdings.find((one) => one.texture === texture);
      if (holding?.last === this.#dispatch) continue;
      const kept = this.#holdings.filter((one) => one !== holding);
      this.#holdings = [...kept, { ...read, texture, last: this.#dispatch }];
      return texture;
    }
  }
}

function overlap(a: BufferRange, b: BufferRange): boolean {
  return a.buffer === b.buffer && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}
