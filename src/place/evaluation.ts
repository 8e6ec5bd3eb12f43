/**
 * How good loops are, where it is known which frames show the same place: precision and recall.
 *
 * @module
 */

/** What was found for one frame. */
export interface EvaluatedFrame {
  /** Number of the frame. */
  readonly id: number;
  /** The earlier frame that it was taken for, if any. */
  readonly match?: number;
  /** How sure that is; larger is surer. Without it, or without `match`, nothing is proposed for the frame. */
  readonly score?: number;
  /** Earlier frames that resemble it, best first. */
  readonly candidates?: readonly number[];
  /** Whether it was decided that it closes a loop. */
  readonly loop?: boolean;
}

/** One point of the curve: what is had by believing every proposal with at least this score. */
export interface PrecisionRecallPoint {
  readonly threshold: number;
  /** Frames with a proposal of at least the threshold. */
  readonly proposals: number;
  /** Those whose match shows the same place. */
  readonly right: number;
  /** `right / proposals`. */
  readonly precision: number;
  /** `right` over the frames that have a true match. */
  readonly recall: number;
}

/** How often a true match is among the first `k` candidates. */
export interface RecallAt {
  readonly k: number;
  readonly right: number;
  /** `right` over the frames that have a true match. */
  readonly recall: number;
}

/** What {@linkcode evaluateLoops} tells. */
export interface LoopEvaluation {
  /** All frames. */
  readonly frames: number;
  /** Those with a true match at least `gap` frames back: what recalls are shares of. */
  readonly framesWithMatch: number;
  /** Frames for which a match with a score is proposed, and how many of these show the same place. */
  readonly proposals: number;
  readonly right: number;
  /** From the highest threshold down; proposals with one score go together, so there is a point a score. */
  readonly curve: readonly PrecisionRecallPoint[];
  /** The sum over the curve of precision times the gain in recall, without interpolation. */
  readonly averagePrecision: number;
  /** The point with the highest recall at which no proposal is wrong; undefined if the surest is wrong already. */
  readonly atFullPrecision: PrecisionRecallPoint | undefined;
  readonly recallAt: readonly RecallAt[];
  /** The most candidates that a frame has: recalls at a larger `k` cannot be told apart from this one. */
  readonly mostCandidates: number;
  /** What was decided, whatever the scores. */
  readonly decided: { readonly loops: number; readonly right: number };
}

/** How loops are evaluated. */
export interface EvaluationOptions {
  /** Frames of which two are that far apart at least are a loop and not just neighbours. Default 15. */
  gap?: number;
  /** For which numbers of candidates recall is told. Default 1, 5 and 10. */
  at?: readonly number[];
}

/**
 * Evaluates loops against the truth. A proposal is right if its pair is among the true ones. A frame whose true matches
 * are all closer than `gap` does not count: its proposal is left out if it is right, and a mistake if it is wrong.
 *
 * Average precision is that of scikit-learn's `average_precision_score`, with the frames that have a true match as
 * what can be found ({@link https://scikit-learn.org/stable/modules/model_evaluation.html#precision-recall-f-measure-metrics}):
 * a frame that has one and is not proposed, or proposed with another place, lowers it.
 *
 * @param frames each frame once.
 * @param pairs frames that show the same place, in either order.
 * @throws {RangeError} if a frame stands twice, a score is no number, `gap` is no whole number from 1, or a `k` of `at` none.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * const frames = [
 *   { id: 0 },
 *   { id: 1 },
 *   { id: 2, match: 0, score: 0.9, candidates: [0] },
 *   { id: 3, match: 0, score: 0.5, candidates: [0, 1] },
 * ];
 * const { averagePrecision, recallAt } = evaluateLoops(frames, [[2, 0], [3, 1]], { gap: 2, at: [1, 2] });
 * assertEquals(averagePrecision, 0.5);
 * assertEquals(recallAt.map(({ recall }) => recall), [0.5, 1]);
 * ```
 */
export function evaluateLoops(
  frames: readonly EvaluatedFrame[],
  pairs: Iterable<readonly [number, number]>,
  options: EvaluationOptions = {},
): LoopEvaluation {
  const { gap = 15, at = [1, 5, 10] } = options;
  refuse(frames, gap, at);
  const matches = trueMatches(pairs);
  const here = new Set(frames.map(({ id }) => id));
  const isRight = ({ id }: EvaluatedFrame, match: number): boolean => matches.get(id)?.has(match) ?? false;
  const withMatch = frames.filter(({ id }) =>
    [...matches.get(id) ?? []].some((other) => here.has(other) && id - other >= gap)
  );
  const share = (right: number): number => withMatch.length === 0 ? 0 : right / withMatch.length;
  const counted = new Set(withMatch);
  // A right match of a frame that does not count is no success, and no mistake either.
  const judged = frames.flatMap((frame) => {
    if (frame.match === undefined) return [];
    const right = isRight(frame, frame.match);
    return right && !counted.has(frame) ? [] : [{ right, score: frame.score, loop: frame.loop ?? false }];
  });
  const proposals = judged.filter((one): one is typeof one & { score: number } => one.score !== undefined);
  const curve = curveOf(proposals, share);
  const loops = judged.filter(({ loop }) => loop);
  return {
    frames: frames.length,
    framesWithMatch: withMatch.length,
    proposals: proposals.length,
    right: proposals.filter(({ right }) => right).length,
    curve,
    averagePrecision: curve.reduce(
      (sum, { precision, recall }, i) => sum + precision * (recall - (curve[i - 1]?.recall ?? 0)),
      0,
    ),
    atFullPrecision: curve.findLast(({ precision }) => precision === 1),
    recallAt: at.map((k) => {
      const right = withMatch.filter((frame) =>
        frame.candidates?.slice(0, k).some((id) => isRight(frame, id))
      ).length;
      return { k, right, recall: share(right) };
    }),
    mostCandidates: Math.max(0, ...frames.map(({ candidates }) => candidates?.length ?? 0)),
    decided: { loops: loops.length, right: loops.filter(({ right }) => right).length },
  };
}

function refuse(frames: readonly EvaluatedFrame[], gap: number, at: readonly number[]): void {
  const whole = (what: string, value: number): void => {
    if (Number.isInteger(value) && value >= 1) return;
    throw new RangeError(`Cannot evaluate loops: ${what} is ${value}; give a whole number from 1`);
  };
  whole("gap", gap);
  for (const k of at) whole("a k of recall at k", k);
  const seen = new Set<number>();
  for (const { id, score } of frames) {
    if (seen.has(id)) throw new RangeError(`Cannot evaluate loops: frame ${id} stands twice; give it once`);
    seen.add(id);
    if (score === undefined || !Number.isNaN(score)) continue;
    throw new RangeError(`Cannot evaluate loops: the score of frame ${id} is ${score}; give a number`);
  }
}

function trueMatches(pairs: Iterable<readonly [number, number]>): Map<number, Set<number>> {
  const matches = new Map<number, Set<number>>();
  const add = (id: number, other: number): void => {
    const known = matches.get(id);
    if (known) known.add(other);
    else matches.set(id, new Set([other]));
  };
  for (const [a, b] of pairs) {
    add(a, b);
    add(b, a);
  }
  return matches;
}

function curveOf(
  proposals: readonly { score: number; right: boolean }[],
  share: (right: number) => number,
): PrecisionRecallPoint[] {
  const points: PrecisionRecallPoint[] = [];
  let right = 0;
  const ordered = proposals.toSorted((a, b) => b.score - a.score);
  for (const [i, { score, right: isRight }] of ordered.entries()) {
    right += Number(isRight);
    if (ordered[i + 1]?.score === score) continue;
    const count = i + 1;
    points.push({
      threshold: score,
      proposals: count,
      right,
      precision: right / count,
      recall: share(right),
    });
  }
  return points;
}
