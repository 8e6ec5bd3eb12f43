/** One in a row of those that must be served in order. */
export interface Turn {
  /** Its number, from the first on. */
  readonly id: number;
  /** Resolves when all before it are done; rejects if one of them failed. */
  readonly ready: Promise<void>;
  /** Lets the next one go on. */
  done(): void;
  /** Lets none go on any more: all later ones fail, too, with this reason. */
  fail(reason: unknown): void;
}

/** Gives turns, so that what was begun in order and is awaited at once is finished in order. */
export class Turns {
  #next: number;
  #last: Promise<void> = Promise.resolve();

  /** @param first the number of the first turn. */
  constructor(first = 0) {
    this.#next = first;
  }

  /** The number of the next turn. */
  get next(): number {
    return this.#next;
  }

  /** The next turn, behind all that were given. */
  take(): Turn {
    const ready = this.#last;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#last = promise;
    // Whoever has the next turn hears of it; if there is nobody, it is no unhandled failure.
    promise.catch(() => {});
    return { id: this.#next++, ready, done: resolve, fail: reject };
  }
}
