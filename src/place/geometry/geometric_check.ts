import type { KeptFeatures } from "../features/kept_features.ts";
import type { GeometricMatch, RelativePose } from "../loop/result.ts";
import { Random } from "../../tensor/random.ts";
import { fewestBeyondChance, shareByChance } from "./chance.ts";
import { EssentialEstimator } from "./essential.ts";
import type { Estimator } from "./estimator.ts";
import { countPairs, type FeaturePairs } from "./feature_pairs.ts";
import { FundamentalEstimator } from "./fundamental.ts";
import { HomographyEstimator } from "./homography.ts";
import { checkIntrinsics, type Intrinsics } from "./intrinsics.ts";
import { homographyShare } from "./model_choice.ts";
import { type PointPairs, pointsOfPairs } from "./point_pairs.ts";
import { type Fit, fit } from "./ransac.ts";
import { poseOfEssential, poseOfHomography } from "./relative_pose.ts";
import { countApart, type Extent, extentOf, minorSpread } from "./spread.ts";

/** What {@linkcode GeometricCheck} asks of two frames. */
export interface GeometricCheckOptions {
  /** The camera, if it is known: then an essential matrix is sought, and the pose is told. */
  readonly intrinsics?: Intrinsics;
  /** Least pairs that a model is sought for. 20 unless given, as ORB-SLAM's loop closing. */
  readonly minMatches?: number;
  /** Least inliers of a match. 12 unless given, as DLoopDetector (Gálvez-López and Tardós, 2012). */
  readonly minInliers?: number;
  /**
   * Error of a feature's place, as a standard deviation in pixels. 1 unless given. An inlier's squared error is at most
   * 3.84 of its squares from an epipolar line and 5.99 from a point: 95 % of right pairs (Mur-Artal, Montiel and Tardós,
   * ORB-SLAM, 2015); 2 pixels from a line are DLoopDetector's bound as well.
   */
  readonly sigma?: number;
  /** How sure the search is to have met a sample of inliers. 0.99 unless given, as DLoopDetector. */
  readonly confidence?: number;
  /**
   * Most samples that are tried for a homography or an essential matrix; four times as many for a fundamental matrix, whose
   * samples are of seven pairs. 1,000 unless given: enough, with the confidence 0.99, where 26 % of the pairs follow a
   * homography, 34 % an essential matrix, 38 % a fundamental matrix.
   */
  readonly maxIterations?: number;
  /** Share of the homography in both models' scores from which on it is taken. 0.45 unless given, as ORB-SLAM. */
  readonly planarShare?: number;
  /**
   * Least spread of the inliers, across the direction in which they spread most, as a part of the diagonal of all features
   * of the frame: a standard deviation. 0.02 unless given. The idea is RTAB-Map's `Vis/MinInliersDistribution`.
   */
  readonly minSpread?: number;
  /**
   * How often frames with nothing in common may match by chance: fewer inliers than that takes are no evidence. 0.001 unless
   * given.
   */
  readonly falseAlarms?: number;
  /** Seed of the samples. 1 unless given. */
  readonly seed?: number;
}

const DEFAULTS = {
  minMatches: 20,
  minInliers: 12,
  sigma: 1,
  confidence: 0.99,
  maxIterations: 1000,
  planarShare: 0.45,
  minSpread: 0.02,
  falseAlarms: 0.001,
  seed: 1,
};

/** Chi-square bounds of 95 % with one and two degrees of freedom. */
const LINE = 3.84, POINT = 5.99;

/** A model and its inliers. */
interface Found {
  readonly model: GeometricMatch["model"];
  readonly fit: Fit;
  readonly inliers: number;
  /** The probability that a pair fits the model by chance. */
  readonly share: number;
}

/**
 * Whether one motion of the camera explains the pairs of two frames.
 *
 * Sought are a homography, which a plane and a mere rotation of the camera follow, and an epipolar geometry: the essential
 * matrix where the intrinsics are known, else the fundamental matrix. Which is told is chosen by their scores, as ORB-SLAM
 * does; and the homography where no more pairs off its plane follow the epipolar geometry than by chance. The same frames and
 * seed give the same match.
 *
 * @example A frame, and the same one moved by 10 pixels
 * ```ts
 * import { GeometricCheck, keepFeatures, matchAll } from "@framewise/framewise";
 *
 * const scores = new Float32Array(40), descriptors = Uint8Array.from({ length: 40 }, (_, i) => i);
 * const places = Array.from({ length: 40 }, (_, i) => [97 * i % 640, 61 * i % 480]);
 * const earlier = keepFeatures({ points: Float32Array.from(places.flat()), scores, descriptors }, 1);
 * const moved = places.flatMap(([x, y]) => [x! + 10, y!]);
 * const now = keepFeatures({ points: Float32Array.from(moved), scores, descriptors }, 1);
 * const match = new GeometricCheck().check(0, now, earlier, matchAll(now, earlier, { ratio: 1 }));
 * console.assert(match.inliers === 40 && match.model === "homography");
 * ```
 */
export class GeometricCheck {
  /** Least pairs that a model is sought for. */
  readonly minMatches: number;
  /** Least inliers of a match. */
  readonly minInliers: number;
  readonly #options: typeof DEFAULTS;
  readonly #intrinsics: Intrinsics | undefined;

  /** @throws {RangeError} if an option is out of its range, with the range. */
  constructor({ intrinsics, ...options }: GeometricCheckOptions = {}) {
    this.#options = { ...DEFAULTS, ...options };
    this.#intrinsics = intrinsics;
    if (intrinsics) checkIntrinsics(intrinsics);
    checkOptions(this.#options);
    this.minMatches = this.#options.minMatches;
    this.minInliers = this.#options.minInliers;
  }

  /**
   * Verifies an earlier frame.
   *
   * The match has `inliers` of at least {@linkcode minInliers} where the frames show the same; 0 and no pairs where there
   * are too few pairs, or where what fits is no evidence: on one point, on one line, in one spot, or no more than random pairs
   * have by chance.
   *
   * @param id number of the earlier frame.
   * @param now features of the new frame: first of each pair.
   * @throws {RangeError} if a pair names a feature that is not there.
   */
  check(id: number, now: KeptFeatures, earlier: KeptFeatures, pairs: FeaturePairs): GeometricMatch {
    const matches = countPairs(pairs);
    const none = this.#intrinsics ? "essential" : "fundamental";
    if (matches < this.minMatches) {
      return { id, matches, inliers: 0, model: none, pairs: new Uint32Array() };
    }
    const points = pointsOfPairs(now, earlier, pairs);
    const found = this.#search(points, now, earlier);
    if (!found || found.inliers === 0) {
      return { id, matches, inliers: 0, model: none, pairs: new Uint32Array() };
    }
    const { model, fit: { inliers } } = found;
    const listed = new Uint32Array(2 * inliers.length);
    for (let i = 0; i < inliers.length; i++) {
      const pair = points.of[inliers[i]!]!;
      listed[2 * i] = pairs.pairs[2 * pair]!;
      listed[2 * i + 1] = pairs.pairs[2 * pair + 1]!;
    }
    const pose = inliers.length >= this.minInliers ? this.#pose(found, points) : undefined;
    return { id, matches, inliers: inliers.length, model, pairs: listed, ...(pose && { pose }) };
  }

  /** The model that is chosen by its score; the other one, if that alone is evidence. */
  #search(points: PointPairs, now: KeptFeatures, earlier: KeptFeatures): Found | undefined {
    const { sigma, planarShare } = this.#options;
    const square = sigma * sigma;
    const extents = [extentOf(earlier), extentOf(now)] as const;
    const curved = this.#intrinsics
      ? new EssentialEstimator(points, this.#intrinsics, LINE * square)
      : new FundamentalEstimator(points, LINE * square);
    const epipolar = this.#find(curved, this.#intrinsics ? "essential" : "fundamental", points, extents);
    const planar = this.#find(new HomographyEstimator(points, POINT * square), "homography", points, extents);
    if (!epipolar || !planar) return epipolar ?? planar;
    if (!(planar.inliers >= this.minInliers && epipolar.inliers >= this.minInliers)) {
      return planar.inliers > epipolar.inliers ? planar : epipolar;
    }
    const share = homographyShare(planar.fit.model, epipolar.fit.model, points, square);
    return share > planarShare || !this.#explainsMore(epipolar, planar, curved, points.count)
      ? planar
      : epipolar;
  }

  #find(
    estimator: Estimator,
    model: Found["model"],
    points: PointPairs,
    extents: readonly [Extent, Extent],
  ): Found | undefined {
    const { confidence, maxIterations, seed } = this.#options;
    const limits = { confidence, maxIterations: maxIterations * estimator.effort };
    const numbers = new Random(seed);
    const found = fit(estimator, points.count, limits, () => numbers.next());
    if (!found) return undefined;
    const share = shareByChance(estimator, found.model, points, extents);
    const fewest = this.#beyondChance(points.count, estimator, estimator.sample, share);
    const evidence = found.inliers.length >= fewest && this.#isSpread(found, points, extents);
    return { model, fit: found, inliers: evidence ? found.inliers.length : 0, share };
  }

  /** Whether, off the plane, more pairs follow the epipolar geometry than by chance: two determine it there. */
  #explainsMore(epipolar: Found, planar: Found, estimator: Estimator, count: number): boolean {
    const onPlane = new Set(planar.fit.inliers);
    const off = epipolar.fit.inliers.filter((i) => !onPlane.has(i)).length;
    return off >= this.#beyondChance(count - onPlane.size, estimator, 2, epipolar.share);
  }

  #beyondChance(count: number, { meanModels, effort }: Estimator, sample: number, share: number): number {
    const { maxIterations, falseAlarms } = this.#options;
    return fewestBeyondChance(count, {
      sample,
      share,
      tests: maxIterations * effort * meanModels,
      alarms: falseAlarms,
    });
  }

  /** Whether the inliers lie on enough places, and not in one spot or on one line in either frame. */
  #isSpread({ inliers }: Fit, points: PointPairs, extents: readonly [Extent, Extent]): boolean {
    const { minSpread, minInliers, sigma } = this.#options;
    const { x1, y1, x2, y2 } = points;
    return minorSpread(x1, y1, inliers) >= minSpread * extents[0].diagonal &&
      minorSpread(x2, y2, inliers) >= minSpread * extents[1].diagonal &&
      countApart(points, inliers, 2 * sigma, minInliers) >= Math.min(minInliers, inliers.length);
  }

  #pose({ model, fit }: Found, points: PointPairs): RelativePose | undefined {
    const intrinsics = this.#intrinsics;
    if (!intrinsics) return undefined;
    if (model === "homography") {
      return poseOfHomography(fit.model, points, fit.inliers, intrinsics, POINT * this.#options.sigma ** 2);
    }
    const essential = new EssentialEstimator(points, intrinsics, LINE).essential(fit.model);
    return poseOfEssential(essential, points, fit.inliers, intrinsics);
  }
}

function checkOptions(options: typeof DEFAULTS): void {
  const bounds: Record<keyof typeof DEFAULTS, readonly [least: number, most: number, whole?: boolean]> = {
    minMatches: [8, Infinity, true],
    minInliers: [8, Infinity, true],
    sigma: [1e-3, 1e3],
    confidence: [0, 1 - 1e-9],
    maxIterations: [1, 1e6, true],
    planarShare: [0, 1],
    minSpread: [0, 1],
    falseAlarms: [1e-300, Infinity],
    seed: [-Infinity, Infinity, true],
  };
  for (const [name, [least, most, whole]] of Object.entries(bounds)) {
    const value = options[name as keyof typeof DEFAULTS];
    if (value >= least && value <= most && (!whole || Number.isInteger(value))) continue;
    throw new RangeError(
      `Cannot check geometry: ${name} is ${value}; it must be a ${
        whole ? "whole " : ""
      }number from ${least} to ${most}`,
    );
  }
}
