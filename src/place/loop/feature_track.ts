/** Stretches of frames that a track remembers, the newest: a bound for tracks that many loops have joined. */
const MAX_SPANS = 32;

/** One thing in the world that features of several frames show: the frames as stretches without gaps, ascending. */
export class FeatureTrack {
  /** First and last frame of each stretch, by turns. */
  #spans: number[];
  /** The track that this one has become part of. */
  #into: FeatureTrack | undefined;

  constructor(frame: number) {
    this.#spans = [frame, frame];
  }

  /** The track that this one is part of by now: itself, if it was not joined to another. */
  found(): FeatureTrack {
    if (!this.#into) return this;
    return this.#into = this.#into.found();
  }

  /** The frames, as first and last of each stretch by turns. */
  get spans(): readonly number[] {
    return this.found().#spans;
  }

  /** Adds a frame, newer than all others. */
  extend(frame: number): void {
    this.found().#add([frame, frame]);
  }

  /** Makes two tracks one. */
  join(other: FeatureTrack): void {
    const [a, b] = [this.found(), other.found()];
    if (a === b) return;
    b.#into = a;
    a.#add(b.#spans);
    b.#spans = [];
  }

  #add(more: readonly number[]): void {
    const spans = this.#spans;
    // The common case: the frame after the last one.
    if (more.length === 2 && more[0] === spans.at(-1)! + 1) {
      spans[spans.length - 1] = more[1]!;
      return;
    }
    const all: [number, number][] = [];
    for (const list of [spans, more]) {
      for (let i = 0; i < list.length; i += 2) all.push([list[i]!, list[i + 1]!]);
    }
    all.sort((a, b) => a[0] - b[0]);
    const merged: number[] = [];
    for (const [first, last] of all) {
      if (merged.length > 0 && first <= merged.at(-1)! + 1) {
        merged[merged.length - 1] = Math.max(merged.at(-1)!, last);
      } else merged.push(first, last);
    }
    this.#spans = merged.slice(-2 * MAX_SPANS);
  }
}

/** A stretch of frames that share equally many tracks with another frame. */
export interface FrameCount {
  /** First frame of the stretch. */
  readonly first: number;
  /** Last frame of the stretch. */
  readonly last: number;
  /** Tracks in common. */
  readonly count: number;
}

/** How many of a frame's tracks other frames have, as stretches in the order of their numbers; the frame itself is left out. */
export function trackWeights(tracks: readonly FeatureTrack[], frame: number): FrameCount[] {
  const changes = new Map<number, number>();
  const change = (at: number, by: number): void => void changes.set(at, (changes.get(at) ?? 0) + by);
  for (const track of new Set(tracks.map((track) => track.found()))) {
    const { spans } = track;
    for (let i = 0; i < spans.length; i += 2) {
      change(spans[i]!, 1);
      change(spans[i + 1]! + 1, -1);
    }
  }
  const stretches: FrameCount[] = [];
  const push = (first: number, last: number, count: number): void => {
    if (first <= last && count > 0) stretches.push({ first, last, count });
  };
  let count = 0;
  let first = 0;
  for (const [at, by] of [...changes].sort((a, b) => a[0] - b[0])) {
    if (first <= frame && frame < at) {
      push(first, frame - 1, count);
      push(frame + 1, at - 1, count);
    } else push(first, at - 1, count);
    count += by;
    first = at;
  }
  return stretches;
}

/** The frames with most tracks in common, at least `least`; of equal ones the newest first. */
export function framesOf(
  stretches: readonly FrameCount[],
  least: number,
  limit: number,
): { frame: number; count: number }[] {
  const frames: { frame: number; count: number }[] = [];
  const good = stretches.filter(({ count }) => count >= least);
  for (const { first, last, count } of good.sort((a, b) => b.count - a.count || b.last - a.last)) {
    for (let frame = last; frame >= first; frame--) {
      if (frames.length === limit) return frames;
      frames.push({ frame, count });
    }
  }
  return frames;
}
