import type { RandomAccessFile } from "./random_access_file.ts";

const PIECE_BYTES = 1 << 20;

/** Reads a file from front to back in pieces of a mebibyte, and hands out parts of them. */
export class ReadAhead {
  readonly #file: RandomAccessFile;
  readonly #size: number;
  #start = 0;
  #piece = new Uint8Array();

  /** @param size bytes of the file that are read at most. */
  constructor(file: RandomAccessFile, size: number) {
    this.#file = file;
    this.#size = size;
  }

  /** Some bytes, fewer if the file ends before; they stay until the next call. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const end = Math.min(offset + length, this.#size);
    if (offset < this.#start || end > this.#start + this.#piece.length) {
      this.#start = offset;
      this.#piece = await this.#file.read(
        offset,
        Math.max(0, Math.min(Math.max(length, PIECE_BYTES), this.#size - offset)),
      ) as Uint8Array<ArrayBuffer>;
    }
    return this.#piece.subarray(offset - this.#start, Math.max(offset, end) - this.#start);
  }

  /** As {@linkcode read}, at once if the bytes are there: for steps of a few bytes. */
  peek(offset: number, length: number): Uint8Array | Promise<Uint8Array> {
    const at = offset - this.#start;
    return at >= 0 && at + length <= this.#piece.length
      ? this.#piece.subarray(at, at + length)
      : this.read(offset, length);
  }
}
