/**
 * What the embedded networks do, whoever runs them.
 *
 * @module
 */
import type { LocalFeatures, LoopResult } from "../../src/place/mod.ts";
import type { DrawnPicture } from "./draw.ts";

/** An object that was found, in pixels of the picture. */
export interface FoundObject {
  readonly classId: number;
  readonly score: number;
  readonly box: readonly [x1: number, y1: number, x2: number, y2: number];
}

/** The row most like a query. */
export interface Nearest {
  readonly row: number;
  /** Inner product. */
  readonly similarity: number;
}

/** A feature of a first picture and one of a second. */
export type FeaturePair = readonly [first: number, second: number];

/** Finds local features, and which of two pictures belong together. */
export interface FeatureFinder {
  readonly name: string;
  find(pictures: readonly DrawnPicture[]): Promise<LocalFeatures[]>;
  /** Pairs of which each is the other's nearest. */
  match(a: LocalFeatures, b: LocalFeatures): Promise<FeaturePair[]>;
}

/** Runs the embedded networks, from pictures to what people want of them. */
export interface Engine extends AsyncDisposable {
  readonly name: string;
  /** Objects of each picture, those of low score too. */
  detect(pictures: readonly DrawnPicture[]): Promise<FoundObject[][]>;
  /** A descriptor of unit length for each picture. */
  describe(pictures: readonly DrawnPicture[]): Promise<Float32Array[]>;
  /** For each query the row with the largest inner product. */
  nearest(rows: readonly Float32Array[], queries: readonly Float32Array[]): Promise<Nearest[]>;
  /** What finds local features, at most so many a picture. */
  features(most: number): FeatureFinder;
  /** What is decided about each picture of a drive, with the defaults. */
  recognise(pictures: readonly DrawnPicture[]): Promise<LoopResult[]>;
}

/** From this score on, detections are counted: average precision looks at the whole curve. */
export const SCORE_THRESHOLD = 0.01;
/** Detections that overlap a better one of their class by more than this are dropped: the detector's default. */
export const IOU_THRESHOLD = 0.45;
