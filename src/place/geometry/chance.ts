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
