/**
 * How well local features of two views are put together: by depth, poses and lenses it is known where each point is in the
 * other picture.
 *
 * @module
 */
import { defaultPairing } from "../../src/place/geometry/mod.ts";
import type { LocalFeatures } from "../../src/place/mod.ts";
import type { DrawnPicture, DrawnSet } from "./draw.ts";
import type { FeatureFinder } from "./engine.ts";
import type { Figure } from "./figures.ts";
import { GROUP } from "./sets.ts";
import { type KnownPicture, truePlace, viewChange } from "./warp.ts";

/** Most features of a picture, for all finders. */
export const MOST_FEATURES = 500;
/** Pairs count whose cameras' axes are less than this apart, and in which things differ in size by at most so much. */
export const MOST_DEGREES = 20;
export const MOST_SCALE = 1.2;
/** Of the points of each picture's grid the other shows at least this share: less is another place. */
export const LEAST_SHARED = 0.2;
/** A match is right if it is at most this far from the true place, in pixels. */
export const RIGHT_PX = 3;

/** Two pictures of one place, by their numbers within a set. */
export interface PicturePair {
  readonly first: number;
  readonly second: number;
  readonly sameLight: boolean;
}

/** Counts of matches. */
export interface MatchCounts {
  readonly pairs: number;
  readonly matches: number;
  /** Those whose first point the second picture shows, too. */
  readonly shown: number;
  readonly right: number;
}

/** A picture of which the depths are known. */
export function known({ truth, depths }: DrawnPicture): KnownPicture {
  if (!depths) throw new RangeError(`Cannot compare picture ${truth.frame}: its depths were not kept`);
  return { truth, depths };
}

/** The pairs of a set's groups that count. */
export function countedPairs(pictures: readonly DrawnPicture[]): PicturePair[] {
  const pairs: PicturePair[] = [];
  for (let start = 0; start + GROUP <= pictures.length; start += GROUP) {
    for (let first = start; first < start + GROUP; first++) {
      for (let second = first + 1; second < start + GROUP; second++) {
        const [a, b] = [pictures[first]!, pictures[second]!];
        const views = [viewChange(known(a), known(b)), viewChange(known(b), known(a))];
        const counts = views.every(({ degrees, scale, shared, points }) =>
          degrees < MOST_DEGREES && scale <= MOST_SCALE && scale >= 1 / MOST_SCALE &&
          shared >= LEAST_SHARED * points
        );
        if (!counts) continue;
        pairs.push({ first, second, sameLight: a.truth.light === b.truth.light });
      }
    }
  }
  return pairs;
}

/** Farthest that the float descriptors of a match may be apart: what the library's own matching takes by default. */
export const FARTHEST_MATCH: number = defaultPairing({ descriptors: new Int8Array(), size: 1 }).maxDistance;

/** Judges the matches of a pair. */
export function judgeMatches(
  from: KnownPicture,
  to: KnownPicture,
  a: LocalFeatures,
  b: LocalFeatures,
  matches: readonly (readonly [first: number, second: number])[],
): Omit<MatchCounts, "pairs"> {
  let [shown, right] = [0, 0];
  for (const [first, second] of matches) {
    const place = truePlace(from, to, a.points[2 * first]!, a.points[2 * first + 1]!);
    if (!place) continue;
    shown++;
    const off = Math.hypot(b.points[2 * second]! - place.x, b.points[2 * second + 1]! - place.y);
    if (off <= RIGHT_PX) right++;
  }
  return { matches: matches.length, shown, right };
}

/** Gathers the matches of one finder. */
export class FeaturesPart {
  readonly #finder: FeatureFinder;
  readonly #counts: Record<"same light" | "other light", MatchCounts> = {
    "same light": { pairs: 0, matches: 0, shown: 0, right: 0 },
    "other light": { pairs: 0, matches: 0, shown: 0, right: 0 },
  };

  constructor(finder: FeatureFinder) {
    this.#finder = finder;
  }

  /** The finder's name. */
  get name(): string {
    return this.#finder.name;
  }

  async take({ pictures }: DrawnSet): Promise<void> {
    const features = await this.#finder.find(pictures);
    for (const { first, second, sameLight } of countedPairs(pictures)) {
      const [a, b] = [features[first]!, features[second]!];
      const matches = await this.#finder.match(a, b);
      const judged = judgeMatches(known(pictures[first]!), known(pictures[second]!), a, b, matches);
      const light = sameLight ? "same light" : "other light";
      this.#counts[light] = sum([this.#counts[light], { pairs: 1, ...judged }]);
    }
  }

  /** By light, all pairs last. */
  counts(): Readonly<Record<string, MatchCounts>> {
    return { ...this.#counts, "all pairs": sum(Object.values(this.#counts)) };
  }
}

function sum(counts: readonly MatchCounts[]): MatchCounts {
  const total = (of: keyof MatchCounts): number => counts.reduce((sum, one) => sum + one[of], 0);
  return { pairs: total("pairs"), matches: total("matches"), shown: total("shown"), right: total("right") };
}

/**
 * The figures of an engine's features. Right matches are held against those of finders that need no network.
 *
 * @param others finders with as many features a picture, on the same pairs.
 */
export function featureFigures(network: FeaturesPart, others: readonly FeaturesPart[] = []): Figure[] {
  const ratio = (a: number, b: number): number => b === 0 ? NaN : a / b;
  return Object.entries(network.counts()).flatMap(([light, { pairs, matches, shown, right }]): Figure[] => {
    const rivals = others.map((other) => {
      const counts = other.counts()[light]!;
      return {
        name: other.name,
        right: ratio(counts.right, counts.pairs),
        share: ratio(counts.right, counts.matches),
      };
    });
    const whole = light === "all pairs";
    const most = whole ? Math.max(...rivals.map(({ right }) => right)) : undefined;
    const figure = (name: string, value: number, unit: Figure["unit"], least?: number): Figure => ({
      part: "features",
      name: `${name}, ${light}`,
      value,
      unit,
      ...(least !== undefined && Number.isFinite(least) && { target: { at: "least", value: least } }),
    });
    return [
      figure("pairs", pairs, "count"),
      figure("matches within 3 px", ratio(right, matches), "share", whole ? 0.8 : undefined),
      figure("the same, of points that both show", ratio(right, shown), "share"),
      figure("right matches a pair", ratio(right, pairs), "count", most),
    ];
  });
}
