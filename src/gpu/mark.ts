import type { Stream } from "./stream.ts";

/**
 * A place in the order of a stream's allocations, made by `stream.mark()`. Releasing it, with `stream.release(mark)` or
 * `using`, frees everything that the stream has allocated since, newest first.
 */
export class Mark implements Disposable {
  /** The stream that it was made on. */
  readonly stream: Stream;
  #released = false;

  /** Made by `stream.mark()`. */
  constructor(stream: Stream) {
    this.stream = stream;
  }

  /** Whether it was released, by itself or with an earlier mark. */
  get released(): boolean {
    return this.#released;
  }

  /** Notes the release; called by the stream. */
  end(): void {
    this.#released = true;
  }

  /** Releases the mark, for `using`; a second call does nothing. @throws {GpuError} as `stream.release()` does. */
  [Symbol.dispose](): void {
    if (!this.#released) this.stream.release(this);
  }
}
