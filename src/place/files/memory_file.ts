import type { RandomAccessFile } from "./random_access_file.ts";

const CHUNK_BYTES = 1 << 18;

/** A file in memory. It grows by chunks: nothing is moved. */
export class MemoryFile implements RandomAccessFile, Disposable {
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  #size = 0;

  /** See {@linkcode RandomAccessFile}. */
  size(): Promise<number> {
    return Promise.resolve(this.#size);
  }

  /** See {@linkcode RandomAccessFile}. */
  read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.#size - offset)));
    for (let done = 0; done < bytes.length;) {
      const start = (offset + done) % CHUNK_BYTES;
      const part = this.#chunks[Math.floor((offset + done) / CHUNK_BYTES)]!
        .subarray(start, start + bytes.length - done);
      bytes.set(part, done);
      done += part.length;
    }
    return Promise.resolve(bytes);
  }

  /** See {@linkcode RandomAccessFile}. */
  append(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const start = this.#size % CHUNK_BYTES;
      if (start === 0) this.#chunks.push(new Uint8Array(CHUNK_BYTES));
      const count = Math.min(CHUNK_BYTES - start, bytes.length - done);
      this.#chunks.at(-1)!.set(bytes.subarray(done, done + count), start);
      this.#size += count;
      done += count;
    }
    return Promise.resolve();
  }

  /** See {@linkcode RandomAccessFile}. */
  truncate(length: number): Promise<void> {
    this.#size = Math.min(this.#size, length);
    this.#chunks.length = Math.ceil(this.#size / CHUNK_BYTES);
    return Promise.resolve();
  }

  /** See {@linkcode RandomAccessFile}. */
  flush(): Promise<void> {
    return Promise.resolve();
  }

  /** Nothing: memory is not closed. */
  [Symbol.dispose](): void {}
}
