/**
 * Memory of a frame in flight, which lies at the same place of its stream's stack every time.
 *
 * @module
 */
import type { Allocation, BufferRange } from "./allocator.ts";
import { GpuError } from "./errors.ts";
import type { Stream } from "./stream.ts";

/**
 * A slot's share of its stream's stack. While the slot is prepared, pieces are taken one after the other; then they
 * are given back, and every frame pushes them again as one allocation, which lies where they lay because the stack is
 * empty at the start of a frame. Pieces that the stack had no room for stay allocated.
 */
export class StackRegion {
  readonly #stream: Stream;
  readonly #label: string;
  readonly #pieces: Allocation[] = [];
  #bytes = 0;
  #pushed: Allocation | undefined;

  /** @param label names the region in errors and in the stack's statistics. */
  constructor(stream: Stream, label: string) {
    this.#stream = stream;
    this.#label = label;
  }

  /** A piece of the region, while it is being prepared. */
  take(bytes: number, label: string): BufferRange {
    const piece = this.#stream.allocate(bytes, label);
    this.#pieces.push(piece);
    return piece;
  }

  /** Ends the preparation. */
  seal(): void {
    if (this.#pieces.some((piece) => piece.owner !== this.#stream.stack)) return;
    this.#bytes = this.#pieces.reduce((sum, piece) => sum + piece.bytes, 0);
    for (const piece of this.#pieces.splice(0).reverse()) piece.free();
  }

  /** Takes the memory for a frame. */
  push(): void {
    if (this.#bytes === 0) return;
    if (this.#pushed) {
      throw new GpuError(`Cannot submit a frame to ${this.#label}: its last result was not collected`);
    }
    const pushed = this.#stream.allocate(this.#bytes, this.#label);
    if (pushed.owner !== this.#stream.stack || pushed.offset !== 0) {
      pushed.free();
      throw new GpuError(
        `Cannot submit a frame to ${this.#label}: something else lies on the stack of its stream`,
      );
    }
    this.#pushed = pushed;
  }

  /** Gives the memory of a frame back. */
  pop(): void {
    this.#pushed?.free();
    this.#pushed = undefined;
  }

  /** Gives everything back. */
  abandon(): void {
    this.pop();
    for (const piece of this.#pieces.splice(0).reverse()) piece.free();
  }
}
