/**
 * Which frames are remembered when there may only be so many: RTAB-Map's memory (Labbé and Michaud, "Appearance-Based Loop
 * Closure Detection for Online Large-Scale and Long-Term Operation", IEEE Transactions on Robotics 29(3), 2013).
 *
 * A frame weighs as much as it was seen again: matched by a later frame, or shown again by the next one, which then takes
 * its weight over. When there are too many, of those that weigh least the one is forgotten that has been remembered for the
 * longest time, so that what is retrieved is not forgotten at once; never one of the newest, and none of those that were
 * just matched or retrieved. When a frame matches an earlier one, those next to that (by a loop, then in time) that were
 * forgotten are retrieved: two a frame, as in RTAB-Map.
 *
 * @module
 */

/** How much is remembered. */
export interface WorkingMemoryOptions {
  /** Frames that are remembered at most. Default: all. */
  remember?: number;
  /** The newest frames, which are never forgotten. Default 15, as the loop detector's. */
  gap?: number;
  /** Forgotten frames next to a match that are remembered again, a frame. Default 2. */
  retrieve?: number;
}

/** What changes with a new frame. */
export interface MemoryChange {
  /** Frames that are forgotten now. */
  readonly forgotten: readonly number[];
  /** Frames that are remembered again. */
  readonly retrieved: readonly number[];
}

const NOTHING: MemoryChange = { forgotten: [], retrieved: [] };
/** Bits beyond the frames are set, so that frames under way may be found: at least so many. */
const SPARE_BITS = 4096;

/** The memory's books: what each frame weighs, and whether it is remembered. */
export class WorkingMemory {
  /** Frames that are remembered at most. */
  readonly remember: number;
  /** The newest frames, which are never forgotten. */
  readonly gap: number;
  readonly #retrieve: number;
  #bits: Uint32Array<ArrayBuffer> = new Uint32Array(SPARE_BITS / 32).fill(0xffffffff);
  #weights: Uint32Array<ArrayBuffer> = new Uint32Array(SPARE_BITS);
  /** When each frame came into memory, at last: a count of all that did. */
  #entered: Uint32Array<ArrayBuffer> = new Uint32Array(SPARE_BITS);
  #entries = 0;
  #size = 0;
  #remembered = 0;
  readonly #links = new Map<number, number[]>();
  /** Frames by weight and age; one whose weight has changed since stands in it twice, and the old one is passed over. */
  readonly #heap = new Heap();

  /** @throws {RangeError} if that does not come out. */
  constructor(options: WorkingMemoryOptions = {}) {
    const { remember = Infinity, gap = 15, retrieve = 2 } = options;
    if (!(remember === Infinity || (Number.isInteger(remember) && remember > gap + retrieve + 1))) {
      throw new RangeError(
        `Cannot remember ${remember} frames: give a whole number above ${
          gap + retrieve + 1
        }, the newest ${gap}, a match and ` +
          `the ${retrieve} that are retrieved with it`,
      );
    }
    this.remember = remember;
    this.gap = gap;
    this.#retrieve = retrieve;
  }

  /** Frames in all. */
  get size(): number {
    return this.#size;
  }

  /** Frames that are remembered. */
  get remembered(): number {
    return this.#remembered;
  }

  /** A bit a frame, lowest first: 1 if it is remembered. Beyond the frames there are at least 2,048 ones. */
  get mask(): Uint32Array<ArrayBuffer> {
    return this.#bits;
  }

  /** Whether a frame is remembered. */
  has(id: number): boolean {
    return id < this.#size && (this.#bits[id >>> 5]! >>> (id & 31) & 1) === 1;
  }

  /** How often a frame was seen again. */
  weight(id: number): number {
    return this.#weights[id]!;
  }

  /**
   * Takes the next frame in.
   *
   * @param match the earlier frame that it closes a loop with.
   * @param rehearsal whether it shows again what the frame before showed.
   */
  add(match?: number, rehearsal = false): MemoryChange {
    this.#grow();
    const id = this.#size++;
    this.#remembered++;
    this.#entered[id] = ++this.#entries;
    if (rehearsal && id > 0) {
      this.#weigh(id, this.weight(id - 1) + 1);
      this.#weigh(id - 1, 0);
    } else this.#weigh(id, 0);
    if (match !== undefined) {
      this.#weigh(match, this.weight(match) + 1);
      this.#link(id, match);
      this.#link(match, id);
    }
    if (this.remember === Infinity) return NOTHING;
    const retrieved = match === undefined ? [] : this.#forgottenNear(match).slice(0, this.#retrieve);
    const forgotten = this.recall(retrieved, match);
    return { forgotten, retrieved };
  }

  /** Remembers frames again, and gives those that are forgotten for them. Not more than what may be remembered besides the newest. */
  recall(ids: readonly number[], match?: number): number[] {
    for (const id of ids) {
      if (this.has(id)) continue;
      this.#bits[id >>> 5]! |= 1 << (id & 31);
      this.#remembered++;
      this.#entered[id] = ++this.#entries;
      this.#push(id);
    }
    const kept = new Set(ids);
    if (match !== undefined) kept.add(match);
    return this.#forget(kept);
  }

  #forget(kept: ReadonlySet<number>): number[] {
    const forgotten: number[] = [], aside = new Set<number>();
    while (this.#remembered > this.remember) {
      const next = this.#heap.pop();
      if (!next) break;
      const [weight, entered, id] = next;
      if (!this.has(id) || weight !== this.weight(id) || entered !== this.#entered[id]) continue;
      if (id >= this.#size - this.gap || kept.has(id)) {
        aside.add(id);
        continue;
      }
      this.#bits[id >>> 5]! &= ~(1 << (id & 31));
      this.#remembered--;
      forgotten.push(id);
    }
    for (const id of aside) this.#push(id);
    return forgotten;
  }

  /** Forgotten frames next to one, nearest first. */
  #forgottenNear(id: number): number[] {
    const near = [id, ...(this.#links.get(id) ?? []), id - 1, id + 1, id - 2, id + 2];
    return [...new Set(near)].filter((other) => other >= 0 && other < this.#size && !this.has(other));
  }

  #weigh(id: number, weight: number): void {
    this.#weights[id] = weight;
    if (this.remember !== Infinity && this.has(id)) this.#push(id);
  }

  #push(id: number): void {
    this.#heap.push(this.weight(id), this.#entered[id]!, id);
  }

  #link(from: number, to: number): void {
    if (this.remember === Infinity) return;
    const links = this.#links.get(from);
    if (!links) this.#links.set(from, [to]);
    else links.push(to);
  }

  #grow(): void {
    if (this.#size + SPARE_BITS / 2 < this.#weights.length) return;
    const bits = new Uint32Array(this.#bits.length * 2).fill(0xffffffff);
    bits.set(this.#bits);
    this.#bits = bits;
    [this.#weights, this.#entered] = [twiceAsLong(this.#weights), twiceAsLong(this.#entered)];
  }
}

function twiceAsLong(list: Uint32Array): Uint32Array<ArrayBuffer> {
  const longer = new Uint32Array(list.length * 2);
  longer.set(list);
  return longer;
}

/** Frames by weight and by when they came in, the least first. */
class Heap {
  readonly #items: [weight: number, entered: number, id: number][] = [];

  push(weight: number, entered: number, id: number): void {
    const items = this.#items;
    let at = items.length;
    items.push([weight, entered, id]);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!this.#less(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  pop(): [weight: number, entered: number, id: number] | undefined {
    const items = this.#items, last = items.pop();
    if (items.length === 0 || !last) return last;
    const first = items[0]!;
    items[0] = last;
    for (let at = 0;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < items.length && this.#less(child, least)) least = child;
      }
      if (least === at) return first;
      this.#swap(at, least);
      at = least;
    }
  }

  #less(a: number, b: number): boolean {
    const [weightA, enteredA] = this.#items[a]!, [weightB, enteredB] = this.#items[b]!;
    return weightA < weightB || (weightA === weightB && enteredA < enteredB);
  }

  #swap(a: number, b: number): void {
    const items = this.#items;
    [items[a], items[b]] = [items[b]!, items[a]!];
  }
}
