import { type Followed, Nursery } from "./nursery.ts";

/** Buffers and textures that a device made. */
export interface GpuMemoryStats {
  /** How many there are now. */
  count: number;
  /** What they take now. */
  bytes: number;
  /** The most that they took at once. */
  highWaterBytes: number;
  /** How many were left to the garbage collector: it took them, and nobody had destroyed them. */
  collected: number;
  /** What those took. */
  collectedBytes: number;
}

interface Entry {
  followed: Followed<GPUBuffer | GPUTexture, Entry> | undefined;
  readonly label: string;
  readonly bytes: number;
  /** Told to nobody when it is collected: something else owns it, or tells of it. */
  readonly owned: boolean;
}

/** What is to be done when a buffer or texture is destroyed, which WebGPU does not tell. */
const ending = new WeakMap<GPUBuffer | GPUTexture, () => void>();
const heard = new WeakSet<object>();

/**
 * Lets the `destroy` of all objects of a kind tell. On the prototype, once: a function of its own on each object, which
 * holds the object, was seen to upset Deno at its exit.
 */
function hear(memory: GPUBuffer | GPUTexture): void {
  const prototype: { destroy(): undefined } = Object.getPrototypeOf(memory);
  if (heard.has(prototype)) return;
  heard.add(prototype);
  const { destroy } = prototype;
  prototype.destroy = function (this: GPUBuffer | GPUTexture): undefined {
    ending.get(this)?.();
    return destroy.call(this as never);
  };
}

/**
 * Every buffer and texture of a device that was not destroyed, without keeping any from the garbage collector. One that
 * is collected all the same is told: until the collector comes by, which does not see GPU memory, its memory is lost.
 */
export class GpuMemory {
  readonly #entries = new Set<Entry>();
  readonly #nursery: Nursery<GPUBuffer | GPUTexture, Entry>;
  /** What was made in each attempt that is under way. */
  readonly #attempts: Entry[][] = [];
  readonly #stats: GpuMemoryStats = {
    count: 0,
    bytes: 0,
    highWaterBytes: 0,
    collected: 0,
    collectedBytes: 0,
  };

  /** Follows nothing yet; `collected` is told the label and size of what was collected and not destroyed. */
  constructor(collected: (label: string, bytes: number) => void) {
    this.#nursery = new Nursery((entry) => {
      if (!this.#forget(entry) || entry.owned) return;
      this.#stats.collected++;
      this.#stats.collectedBytes += entry.bytes;
      collected(entry.label, entry.bytes);
    });
  }

  /** Follows one until it is destroyed. `owned`: not to be told when it is collected. */
  add(memory: GPUBuffer | GPUTexture, bytes: number, label: string, owned: boolean): void {
    const entry: Entry = { followed: undefined, label, bytes, owned };
    this.#entries.add(entry);
    if (!owned) { for (const made of this.#attempts) made.push(entry); }
    this.#stats.count++;
    this.#stats.bytes += bytes;
    this.#stats.highWaterBytes = Math.max(this.#stats.highWaterBytes, this.#stats.bytes);
    const followed = entry.followed = this.#nursery.follow(memory, entry);
    ending.set(memory, () => {
      if (this.#forget(entry)) this.#nursery.leave(followed);
    });
    hear(memory);
  }

  /** Runs `body`; if it throws, what was made in it and has no other owner is destroyed. */
  attempt<T>(body: () => T): T {
    const made: Entry[] = [];
    this.#attempts.push(made);
    try {
      return body();
    } catch (error) {
      for (const entry of made) destroyEntry(entry);
      throw error;
    } finally {
      this.#attempts.pop();
    }
  }

  /** The figures now. */
  stats(): GpuMemoryStats {
    return { ...this.#stats };
  }

  /** What is alive and has no other owner that would tell of it. */
  alive(): { label: string; bytes: number }[] {
    return [...this.#entries].filter(({ owned }) => !owned).map(({ label, bytes }) => ({ label, bytes }));
  }

  /** Destroys everything. */
  destroy(): void {
    for (const entry of [...this.#entries]) destroyEntry(entry);
    for (const entry of [...this.#entries]) this.#forget(entry);
  }

  #forget(entry: Entry): boolean {
    if (!this.#entries.delete(entry)) return false;
    this.#stats.count--;
    this.#stats.bytes -= entry.bytes;
    return true;
  }
}

function destroyEntry({ followed }: Entry): void {
  (followed?.target ?? followed?.ref?.deref())?.destroy();
}
