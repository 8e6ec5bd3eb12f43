/**
 * The decoding worker's end of the ring: a fixed number of pixel buffers that go round between this thread and the
 * main thread.
 *
 * @module
 */

import type { FrameMessage, FromDecoder } from "./protocol.ts";

/** Thrown inside a worker to end decoding after `close`. */
export class Closed extends Error {}

/** Hands frames to the main thread and gets their buffers back. */
export class Outlet {
  readonly #post: (message: FromDecoder, transfer: ArrayBuffer[]) => void;
  readonly #free: ArrayBuffer[] = [];
  readonly #waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  readonly #onclose: (() => void)[] = [];
  #permits: number;
  #next = 0;
  #closed = false;

  /** @param buffers How many frames may exist at once, held by this thread or by the consumer. */
  constructor(buffers: number, post: (message: FromDecoder, transfer: ArrayBuffer[]) => void) {
    this.#permits = buffers;
    this.#post = post;
  }

  /** Whether the consumer wants no more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** The number that the next frame or skipped frame gets. */
  get index(): number {
    return this.#next;
  }

  /** Calls back once when the consumer wants no more; at once if that is so already. */
  onClose(callback: () => void): void {
    if (this.#closed) callback();
    else this.#onclose.push(callback);
  }

  /**
   * Waits for the right to make one frame. Granted in the order of asking, so that of several frames in the making the
   * earliest is never the one that waits. Throws {@linkcode Closed} when the consumer wants no more.
   */
  async permit(): Promise<void> {
    if (this.#closed) throw new Closed();
    if (this.#permits > 0) {
      this.#permits--;
      return;
    }
    await new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Gives back a permit that made no frame. */
  returnPermit(): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#permits++;
    else waiting.resolve();
  }

  /** A buffer of at least so many bytes, under a permit: one that came back, or a new one in its place. */
  buffer(bytes: number): ArrayBuffer {
    const index = this.#free.findIndex((buffer) => buffer.byteLength >= bytes);
    if (index >= 0) return this.#free.splice(index, 1)[0] as ArrayBuffer;
    this.#free.pop();
    return new ArrayBuffer(bytes);
  }

  /** Takes a buffer back without a frame, for example after a partial read. The permit stays. */
  returnBuffer(buffer: ArrayBuffer): void {
    if (buffer.byteLength > 0) this.#free.push(buffer);
  }

  /** The consumer is done with a buffer. */
  recycle(buffer: ArrayBuffer): void {
    this.#free.push(buffer);
    this.returnPermit();
  }

  /** Hands over a frame; the permit goes with it and comes back with the buffer. */
  deliver(frame: Omit<FrameMessage, "type" | "index">): void {
    this.#post({ type: "frame", index: this.#next++, ...frame }, [frame.buffer]);
  }

  /** Reports a frame that could not be decoded. */
  skip(name: string, reason: string): void {
    this.#post({ type: "skipped", index: this.#next++, name, reason }, []);
  }

  /** The consumer wants no more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(new Closed());
    for (const callback of this.#onclose.splice(0)) callback();
  }
}

/** What is needed to fill a buffer: a reader that reads into memory that it is given. */
export type ByteReader = ReadableStreamBYOBReader;

/**
 * Fills a buffer from `offset` to `bytes`, without a copy. Reading hands the memory through, so the buffer that comes
 * back is to be used from then on. `filled` is less than `bytes` if the stream ended.
 */
export async function fill(
  reader: ByteReader,
  buffer: ArrayBuffer,
  offset: number,
  bytes: number,
): Promise<{ buffer: ArrayBuffer; filled: number }> {
  let filled = offset;
  while (filled < bytes) {
    const { value, done } = await reader.read(new Uint8Array(buffer, filled, bytes - filled));
    if (value !== undefined) {
      buffer = value.buffer;
      filled += value.byteLength;
    }
    if (done || value === undefined) break;
  }
  return { buffer, filled };
}
