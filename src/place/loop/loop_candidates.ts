import type { Neighbours } from "../index/descriptor_search.ts";
import type { LoopSettings } from "./loop_options.ts";
import type { LoopCandidate } from "./result.ts";

/** An earlier frame and how it was scored. */
export interface ScoredFrame {
  /** Number of the frame. */
  readonly id: number;
  /** Higher is better. */
  readonly score: number;
}

/** What one way of searching found. */
export interface FoundFrames {
  /** Best first; of equal scores the lower number first. */
  readonly frames: readonly ScoredFrame[];
  /** What it gives for the frame just before; `undefined`: there is none. */
  readonly previous: number | undefined;
}

/** What the searches found; `undefined`: it was not searched in that way. */
export interface FoundCandidates {
  readonly global?: FoundFrames;
  /** By words. */
  readonly bow?: FoundFrames;
  /** The scores by words of the frames that were found by global descriptors. */
  readonly words?: ReadonlyMap<number, number>;
}

/** The rows of a search as frames; what is no row or has no finite score is left out. */
export function neighbourFrames({ ids, scores }: Neighbours): ScoredFrame[] {
  return Array.from(ids, (id, i) => ({ id, score: scores[i] ?? NaN }))
    .filter(({ id, score }) => id >= 0 && Number.isFinite(score));
}

/** Best first; of equal scores the lower number first. */
export function bestFirst(a: ScoredFrame, b: ScoredFrame): number {
  return b.score - a.score || a.id - b.id;
}

/**
 * Candidates in one order. From one search they keep their scores. From two, a candidate's score is the sum of
 * 1 / (offset + rank) over the searches that found it (reciprocal rank fusion: Cormack, Clarke and Büttcher, SIGIR 2009),
 * so that scores of different kinds need not be made comparable, and a frame that one search did not find loses that
 * search's term. With both, the score by words is known of every candidate: 0 if it has no word in common.
 */
export function fuseCandidates({ global, bow, words }: FoundCandidates, rankOffset: number): LoopCandidate[] {
  if (!bow) return (global?.frames ?? []).map(({ id, score }) => ({ id, score, similarity: score }));
  if (!global) return bow.frames.map(({ id, score }) => ({ id, score, bow: score }));
  const fused = new Map<number, number>();
  for (const { frames } of [global, bow]) {
    for (const [i, { id }] of frames.entries()) {
      fused.set(id, (fused.get(id) ?? 0) + 1 / (rankOffset + i + 1));
    }
  }
  const similarities = new Map(global.frames.map(({ id, score }) => [id, score]));
  const scores = new Map(bow.frames.map(({ id, score }) => [id, score]));
  return [...fused].map(([id, score]): LoopCandidate => {
    const similarity = similarities.get(id);
    const common = scores.get(id) ?? words?.get(id) ?? 0;
    return { id, score, ...(similarity === undefined ? {} : { similarity }), bow: common };
  }).sort(bestFirst);
}

/**
 * Whether a score is good enough: at least `least`, and at least `ratio` times the previous frame's, which stands for what
 * the same place gives just now (Gálvez-López and Tardós, 2012, equation 2). Where there is no previous frame, only `least`
 * decides.
 */
export function goodEnough(
  score: number | undefined,
  previous: number | undefined,
  least: number,
  ratio: number,
): boolean {
  return score !== undefined && score >= least && (previous === undefined || score >= ratio * previous);
}

/**
 * The candidates that are good enough, in their order. A search that was not made is not asked.
 *
 * Where the previous frame's score is below `minPrevious`, a ratio to it would be made of noise. By words no candidate is good
 * enough then, as in DLoopDetector, for their scores mean little alone; inner products have a scale, and `minSimilarity`
 * decides alone.
 *
 * @param onTrack whether a candidate is where the camera should be after the last verified match: `trackSimilarity` is enough then.
 */
export function passingCandidates(
  candidates: readonly LoopCandidate[],
  { global, bow }: FoundCandidates,
  settings: LoopSettings,
  onTrack: (id: number) => boolean = () => false,
): LoopCandidate[] {
  const { minSimilarity, trackSimilarity, similarityRatio, minBow, bowRatio, minPrevious, agreement } =
    settings;
  const usable = ({ previous }: FoundFrames): boolean => previous === undefined || previous >= minPrevious;
  return candidates.filter(({ id, similarity, bow: words }) => {
    const answers: boolean[] = [];
    if (global) {
      const previous = usable(global) ? global.previous : undefined;
      const least = onTrack(id) ? Math.min(trackSimilarity, minSimilarity) : minSimilarity;
      answers.push(goodEnough(similarity, previous, least, similarityRatio));
    }
    if (bow) answers.push(usable(bow) && goodEnough(words, bow.previous, minBow, bowRatio));
    return agreement === "both" ? answers.every(Boolean) : answers.some(Boolean);
  });
}
