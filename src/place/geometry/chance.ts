import type { Estimator } from "./estimator.ts";
import type { PointPairs } from "./point_pairs.ts";
import type { Extent } from "./spread.ts";

/** How often the partners of pairs are exchanged. */
const EXCHANGES = 10;

/**
 * The probability that a pair of places with nothing in common fits a model: that of places anywhere in the frame, or, where
 * features lie close together, the part of these pairs that fits when each has the partner of another.
 */
export function shareByChance(
  estimator: Estimator,
  model: Float64Array,
  points: PointPairs,
  extents: readonly Extent[],
): number {
  const { count, x2, y2 } = points;
  const errors = new Float64Array(count);
  let fitting = 0, exchanged = 0, before = 0;
  for (let n = 1; n <= EXCHANGES; n++) {
    const shift = Math.floor(count * n / (EXCHANGES + 1));
    if (shift === before) continue;
    before = shift;
    const shifted = (of: Float64Array): Float64Array<ArrayBuffer> => {
      const out = new Float64Array(count);
      out.set(of.subarray(shift));
      out.set(of.subarray(0, shift), count - shift);
      return out;
    };
    estimator.errors(model, errors, { ...points, x2: shifted(x2), y2: shifted(y2) });
    for (let i = 0; i < count; i++) if (errors[i]! < estimator.limit) fitting++;
    exchanged += count;
  }
  const anywhere = Math.max(...extents.map((extent) => estimator.inArea(extent, Math.sqrt(estimator.limit))));
  return Math.max(anywhere, exchanged > 0 ? fitting / exchanged : 1);
}

/**
 * The fewest inliers that pairs of random places hardly have: with `tests` models that fit their sample of `sample` pairs,
 * of which each other pair fits one with probability `share`, fewer than `alarms` sets of pairs are expected to have as many.
 * The idea is the bound on false alarms of L. Moisan and B. Stival, A probabilistic criterion to detect rigid point matches,
 * 2004; here over the models that were tried, rather than all.
 *
 * @returns at most `count + 1`.
 */
export function fewestBeyondChance(
  count: number,
  { sample, share, tests, alarms }: { sample: number; share: number; tests: number; alarms: number },
): number {
  const others = count - sample;
  if (others < 1 || !(share < 1)) return count + 1;
  // The upper tail of the binomial distribution, from its far end; each term from the one before it.
  let logTerm = others * Math.log(share), tail = 0;
  for (let k = others; k >= 0; k--) {
    tail += Math.exp(logTerm);
    if (tail * tests >= alarms) return sample + k + 1;
    logTerm += Math.log(k / (others - k + 1)) + Math.log((1 - share) / share);
  }
  return sample;
}
