import type { Estimator } from "./estimator.ts";

/** When the search for a model ends. */
export interface SearchLimits {
  /** How sure it is to have met a sample of inliers only. */
  readonly confidence: number;
  /** Most samples. */
  readonly maxIterations: number;
}

/** A model and what fits it. */
export interface Fit {
  /** A 3 x 3 matrix, row by row, in pixels. */
  readonly model: Float64Array<ArrayBuffer>;
  /** Pairs that fit, ascending. */
  readonly inliers: Uint32Array<ArrayBuffer>;
  /** Samples that were tried. */
  readonly iterations: number;
}

/** Samples of the inliers that a new best model is improved by, and their size in samples of the model (Chum et al.). */
const INNER_SAMPLES = 10;
const INNER_SIZE = 2;
/** Parts of the inlier's error that a model is fitted within, one after the other (K. Lebeda et al., 2012). */
const NARROWING = [2, 1.5, 1] as const;

/**
 * The model that explains most pairs: RANSAC with local optimisation (O. Chum, J. Matas and J. Kittler, Locally optimized
 * RANSAC, 2003). Models are compared by the sum of their squared errors, each at most that of an inlier (MSAC: P. Torr and
 * A. Zisserman, 2000). Each new best is improved: least squares on samples of its inliers, then on all inliers of what that
 * gave, within narrowing limits.
 *
 * @param count pairs.
 * @param random numbers from 0 up to 1: the same ones give the same model.
 * @returns undefined where no sample determined a model.
 */
export function fit(
  estimator: Estimator,
  count: number,
  { confidence, maxIterations }: SearchLimits,
  random: () => number,
): Fit | undefined {
  if (count < estimator.sample) return undefined;
  const search = new Search(estimator, count, random);
  const models = new Float64Array(9 * estimator.mostModels);
  let iterations = 0;
  for (let most = maxIterations; iterations < most; iterations++) {
    const found = estimator.minimal(search.draw(estimator.sample, undefined, count), models);
    for (let m = 0; m < found; m++) {
      if (!search.offer(models.subarray(9 * m, 9 * m + 9))) continue;
      search.improve();
      const share = search.countInliers() / count;
      const missing = Math.log(1 - confidence) / Math.log(1 - share ** estimator.sample);
      most = Math.min(most, share === 1 ? 0 : Math.ceil(missing));
    }
  }
  return search.result(iterations);
}

class Search {
  readonly #estimator: Estimator;
  readonly #count: number;
  readonly #random: () => number;
  readonly #model = new Float64Array(9);
  readonly #trial = new Float64Array(9);
  readonly #errors: Float64Array;
  readonly #list: Uint32Array;
  readonly #inliers: Uint32Array<ArrayBuffer>;
  readonly #sample: Uint32Array;
  #cost = Infinity;

  constructor(estimator: Estimator, count: number, random: () => number) {
    this.#estimator = estimator;
    this.#count = count;
    this.#random = random;
    this.#errors = new Float64Array(count);
    this.#list = new Uint32Array(count);
    this.#inliers = new Uint32Array(count);
    this.#sample = new Uint32Array(INNER_SIZE * estimator.sample);
  }

  /** Different numbers, of a list or below `count`. */
  draw(size: number, list: Uint32Array | undefined, count: number): Uint32Array {
    const sample = this.#sample.subarray(0, size);
    for (let n = 0; n < size;) {
      const drawn = Math.floor(this.#random() * count);
      const value = list ? list[drawn]! : drawn;
      let known = false;
      for (let i = 0; i < n; i++) known ||= sample[i] === value;
      if (!known) sample[n++] = value;
    }
    return sample;
  }

  /** Takes a model if it is better than the best. */
  offer(model: Float64Array): boolean {
    const { limit } = this.#estimator;
    this.#estimator.errors(model, this.#errors);
    let cost = 0;
    for (let i = 0; i < this.#count && cost < this.#cost; i++) {
      const error = this.#errors[i]!;
      // What is no number is no inlier.
      cost += error < limit ? error : limit;
    }
    if (!(cost < this.#cost) || cost >= limit * this.#count) return false;
    this.#cost = cost;
    this.#model.set(model);
    return true;
  }

  /** Improves the best model on its inliers, as long as that makes it better. */
  improve(): void {
    const { sample, fewest } = this.#estimator;
    const within = this.#within(this.#model, 1, this.#inliers);
    if (within < fewest) return;
    const size = Math.min(INNER_SIZE * sample, Math.floor(within / 2));
    for (let round = 0; round < INNER_SAMPLES && size >= fewest; round++) {
      this.#trial.set(this.#model);
      if (this.#estimator.refit(this.draw(size, this.#inliers, within), size, this.#trial)) this.#narrow();
    }
    this.#trial.set(this.#model);
    this.#narrow();
  }

  countInliers(): number {
    return this.#within(this.#model, 1, this.#inliers);
  }

  result(iterations: number): Fit | undefined {
    if (this.#cost === Infinity) return undefined;
    const count = this.countInliers();
    return { model: this.#model, inliers: this.#inliers.slice(0, count), iterations };
  }

  /** Fits the trial to what is within narrowing limits of it. */
  #narrow(): void {
    for (const part of NARROWING) {
      const count = this.#within(this.#trial, part, this.#list);
      if (count < this.#estimator.fewest || !this.#estimator.refit(this.#list, count, this.#trial)) return;
    }
    this.offer(this.#trial);
  }

  #within(model: Float64Array, part: number, list: Uint32Array): number {
    const limit = this.#estimator.limit * part * part;
    this.#estimator.errors(model, this.#errors);
    let count = 0;
    for (let i = 0; i < this.#count; i++) {
      if (this.#errors[i]! < limit) list[count++] = i;
    }
    return count;
  }
}
