/** Above so many, those that are still wanted are registered at once. */
const MAX_YOUNG = 1024;

/** An object that is followed. */
export interface Followed<Target, Held> {
  /** Until the turn of the event loop is over, or it is not followed any more. */
  target: Target | undefined;
  readonly held: Held;
  /** Afterwards, when it is registered. */
  ref: WeakRef<Target & WeakKey> | undefined;
}

/**
 * Tells what the garbage collector takes. Most of what is followed lives for less than a turn of the event loop, and
 * registering costs more than a stack's allocation does; so an object is held until the turn is over, and registered
 * only if it is still wanted then.
 */
export class Nursery<Target extends WeakKey, Held> {
  readonly #registry: FinalizationRegistry<Held>;
  readonly #young: Followed<Target, Held>[] = [];
  #scheduled = false;

  /** Follows nothing yet; `collected` is told what was held for an object that is gone. */
  constructor(collected: (held: Held) => void) {
    this.#registry = new FinalizationRegistry(collected);
  }

  /** Follows an object until {@linkcode leave} is called with what this gives. */
  follow(target: Target, held: Held): Followed<Target, Held> {
    const young = this.#young;
    while (young.length > 0 && young[young.length - 1]!.target === undefined) young.pop();
    if (young.length >= MAX_YOUNG) this.#settle();
    const followed: Followed<Target, Held> = { target, held, ref: undefined };
    young.push(followed);
    if (!this.#scheduled) {
      this.#scheduled = true;
      queueMicrotask(() => {
        this.#scheduled = false;
        this.#settle();
      });
    }
    return followed;
  }

  /** Ends following. */
  leave(followed: Followed<Target, Held>): void {
    followed.target = undefined;
    if (followed.ref) this.#registry.unregister(followed);
  }

  #settle(): void {
    for (const followed of this.#young.splice(0)) {
      const { target } = followed;
      if (target === undefined) continue;
      followed.ref = new WeakRef(target);
      followed.target = undefined;
      this.#registry.register(target, followed.held, followed);
    }
  }
}
