import { checkLightNumbers, LightDifference, type LightNumbers } from "../embedding/light_numbers.ts";
import type { Neighbours } from "../index/descriptor_search.ts";

/** Gives the global descriptor of an earlier frame; `undefined` if it is gone. */
export type DescriptorOf = (
  id: number,
) => Float32Array | undefined | Promise<Float32Array | undefined>;

/** Which frames may be compared. */
export interface SequenceOptions {
  /** Frames of a sequence, the new one included; 1 compares nothing further. */
  readonly length: number;
  /**
   * Frames that a way is compared over at least, the new one included, from 1 to `length`: candidates with less on both ways
   * are left out, and of two ways that are long enough the better one counts. Default: none is left out, and the longer way
   * counts.
   */
  readonly least?: number;
  /** What descriptors tell of the light; ways in other light get its allowance. Default: nothing. */
  readonly light?: LightNumbers;
  /** Frames of this session are compared when they are at least so far apart. */
  readonly gap: number;
  /** The first frame of this session. */
  readonly firstId: number;
}

/**
 * How alike two ways are, not two pictures alone: the new frame with a candidate, the frame before with the candidate's
 * neighbour, and so on, along the earlier way or against it. What looks alike by chance, or is built alike in another street,
 * seldom does so for several frames on end. After SeqSLAM (Milford and Wyeth, ICRA 2012), which compares sequences only; here
 * they judge what single frames found, and both ways are taken at the same speed. Where descriptors tell of the light, ways in
 * one light have to be more alike than ways in two.
 */
export class SequenceSimilarity {
  readonly #options: SequenceOptions;
  /** The frames before, newest first. */
  #recent: { readonly id: number; readonly descriptor: Float32Array }[] = [];

  /**
   * @throws {RangeError} for numbers of frames that are none, for a least number above the length, and for light that makes
   * no sense.
   */
  constructor(options: SequenceOptions) {
    const { length, least, light } = options;
    if (!Number.isSafeInteger(length) || length < 1) {
      throw new RangeError(`Cannot compare sequences of ${length} frames; give a whole number, 1 or more`);
    }
    if (least !== undefined && !(Number.isSafeInteger(least) && least >= 1 && least <= length)) {
      throw new RangeError(
        `Cannot compare sequences of ${length} frames over at least ${least}; give a whole number from 1 to ${length}`,
      );
    }
    if (light) checkLightNumbers(light);
    this.#options = { ...options };
  }

  /**
   * The neighbours of a frame with the mean inner product over the sequence instead of their own, best first, and with what is
   * allowed for the light. Where less frames are there than a sequence has, the mean is over those; where less are there
   * than `least`, the neighbour is left out. Frames come in the order of their numbers; a number that is left out begins a
   * new sequence.
   */
  async rescore(
    id: number,
    descriptor: Float32Array,
    neighbours: Neighbours,
    descriptorOf: DescriptorOf,
  ): Promise<Neighbours> {
    if (this.#recent[0]?.id !== id - 1) this.#recent = [];
    const known = new Map<number, Float32Array | undefined>();
    const scored: { id: number; score: number }[] = [];
    for (const [i, candidate] of neighbours.ids.entries()) {
      const own = neighbours.scores[i]!;
      if (candidate < 0 || !Number.isFinite(own)) continue;
      const frame = { descriptor, candidate, own };
      const along = await this.#way(frame, -1, descriptorOf, known);
      const against = await this.#way(frame, 1, descriptorOf, known);
      const least = this.#options.least ?? Math.max(along.count, against.count);
      const ways = [along, against].filter(({ count }) => count >= least);
      if (ways.length > 0) scored.push({ id: candidate, score: Math.max(...ways.map(({ mean }) => mean)) });
    }
    scored.sort((a, b) => b.score - a.score || a.id - b.id);
    this.#recent = [{ id, descriptor }, ...this.#recent].slice(0, this.#options.length - 1);
    return {
      ids: Int32Array.from(scored, (frame) => frame.id),
      scores: Float32Array.from(scored, (frame) => frame.score),
    };
  }

  /** The mean of the inner products on a candidate's way in one direction, corrected for the light, and their number. */
  async #way(
    { descriptor, candidate, own }: { descriptor: Float32Array; candidate: number; own: number },
    step: number,
    descriptorOf: DescriptorOf,
    known: Map<number, Float32Array | undefined>,
  ): Promise<{ mean: number; count: number }> {
    const { gap, firstId } = this.#options;
    const light = this.#options.light && new LightDifference(this.#options.light);
    const kept = async (frame: number): Promise<Float32Array | undefined> => {
      if (!known.has(frame)) known.set(frame, await descriptorOf(frame));
      return known.get(frame);
    };
    let sum = own, count = 1;
    const first = light && await kept(candidate);
    if (first) light.add(descriptor, first);
    for (const [i, before] of this.#recent.entries()) {
      const earlier = candidate + step * (i + 1);
      // A way does not go on from one session into another, and frames of one moment are alike in any place.
      if (earlier < 0 || (earlier < firstId) !== (candidate < firstId)) break;
      if (earlier >= firstId && before.id - earlier < gap) break;
      const other = await kept(earlier);
      if (!other) break;
      sum += inner(before.descriptor, other);
      light?.add(before.descriptor, other);
      count++;
    }
    return { mean: light ? light.corrected(sum / count) : sum / count, count };
  }
}

/** Inner product. */
export function inner(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
