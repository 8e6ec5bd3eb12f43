import type { PointPairs } from "./point_pairs.ts";
import type { Extent } from "./spread.ts";

/** A kind of model that {@linkcode fit} finds the best of. A model is nine numbers: a 3 x 3 matrix, row by row, in pixels. */
export interface Estimator {
  /** Pairs that determine a model. */
  readonly sample: number;
  /** Least pairs for {@linkcode refit}. */
  readonly fewest: number;
  /** Squared error below which a pair is an inlier, in square pixels. */
  readonly limit: number;
  /** Most models of one sample. */
  readonly mostModels: number;
  /** How many models a sample has as a rule, at most. */
  readonly meanModels: number;
  /** How many samples are tried where one is of others: small ones meet inliers only sooner, cheap ones cost less. */
  readonly effort: number;
  /** The probability that a random place in a frame is less than `error` from where a model has it. */
  readonly inArea: (extent: Extent, error: number) => number;
  /** The models through a sample, one after the other into `out`; returns how many, 0 for one that determines none. */
  minimal(sample: Uint32Array, out: Float64Array): number;
  /** Makes `model` fit `count` pairs of a list in the sense of least squares; false if they determine none. */
  refit(list: Uint32Array, count: number, model: Float64Array): boolean;
  /** Squared errors of all pairs, or of other points, in square pixels. */
  errors(model: Float64Array, out: Float64Array, points?: PointPairs): void;
}
