/**
 * Average precision of detections against known boxes, after PASCAL VOC: all points of the precision-recall curve (2010
 * and later), or eleven of them (2007).
 * Source: Everingham et al., "The PASCAL Visual Object Classes Challenge: A Retrospective", 2015.
 *
 * @module
 */
import type { Box } from "../vision/fit.ts";

/** A box that is known to be there. */
export interface TrueBox {
  readonly image: string;
  readonly className: string;
  readonly box: Box;
  /** Neither to be found nor to be missed; default false. */
  readonly difficult?: boolean;
}

/** A box that was found. */
export interface FoundBox {
  readonly image: string;
  readonly className: string;
  readonly score: number;
  readonly box: Box;
}

/** Options of {@linkcode averagePrecision}. */
export interface AveragePrecisionOptions {
  /** A found box must overlap a true one by at least this; default 0.5. */
  readonly iouThreshold?: number;
  /** The classes to look at; those with a true box that is not difficult unless told. */
  readonly classes?: readonly string[];
  /** What a pixel adds to a box's side: 1 for boxes of whole pixels, both ends included, as VOC's; default 0. */
  readonly pixel?: 0 | 1;
  /** `all` (default) for the area under the interpolated curve, 11 for the mean of its values at recalls 0, 0.1, ... 1. */
  readonly points?: "all" | 11;
}

/** The result for one class. */
export interface ClassPrecision {
  /** Area under the precision-recall curve; 0 if nothing was to be found. */
  readonly averagePrecision: number;
  /** True boxes that are not difficult. */
  readonly truths: number;
  /** Boxes found, those matched with difficult ones not counted. */
  readonly found: number;
  /** Of them, right ones. */
  readonly right: number;
}

/** {@linkcode averagePrecision}'s result. */
export interface AveragePrecision {
  /** The mean over the classes; 0 if there is none. */
  readonly mean: number;
  readonly classes: Readonly<Record<string, ClassPrecision>>;
}

/**
 * Mean average precision (mAP50 unless told). In order of score, each found box is held against the true box of its class
 * and image that it overlaps most: right if that is enough and nobody took it before, wrong otherwise, left out if that box
 * is difficult. Equal scores keep the order they were given in.
 *
 * @throws {RangeError} if a score is not a number.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * const truth = [{ image: "a", className: "cat", box: [0, 0, 10, 10] as const }];
 * const found = [{ image: "a", className: "cat", score: 0.9, box: [0, 0, 10, 9] as const }];
 * assertEquals(averagePrecision(truth, found).mean, 1);
 * ```
 */
export function averagePrecision(
  truths: readonly TrueBox[],
  found: readonly FoundBox[],
  options: AveragePrecisionOptions = {},
): AveragePrecision {
  const bad = found.find(({ score }) => Number.isNaN(score));
  if (bad) {
    throw new RangeError(`Cannot rank detections: a "${bad.className}" in ${bad.image} has a score of NaN`);
  }
  const names = options.classes ??
    [...new Set(truths.filter(({ difficult }) => !difficult).map(({ className }) => className))].sort();
  const classes = Object.fromEntries(
    names.map((name) => [name, ofClass(truths, found, name, options)]),
  );
  const sum = names.reduce((sum, name) => sum + classes[name]!.averagePrecision, 0);
  return { mean: names.length > 0 ? sum / names.length : 0, classes };
}

function ofClass(
  truths: readonly TrueBox[],
  found: readonly FoundBox[],
  className: string,
  options: AveragePrecisionOptions,
): ClassPrecision {
  const { iouThreshold = 0.5, pixel = 0, points = "all" } = options;
  const images = new Map<string, { truth: TrueBox; taken: boolean }[]>();
  let wanted = 0;
  for (const truth of truths) {
    if (truth.className !== className) continue;
    const list = images.get(truth.image) ?? [];
    images.set(truth.image, list);
    list.push({ truth, taken: false });
    if (!truth.difficult) wanted++;
  }
  const outcomes: boolean[] = [];
  const ranked = found.filter((box) => box.className === className).sort((a, b) => b.score - a.score);
  for (const { image, box } of ranked) {
    let nearest: { truth: TrueBox; taken: boolean } | undefined;
    let overlap = -Infinity;
    for (const entry of images.get(image) ?? []) {
      const candidate = boxIou(entry.truth.box, box, pixel);
      if (candidate > overlap) [nearest, overlap] = [entry, candidate];
    }
    if (!nearest || overlap < iouThreshold) outcomes.push(false);
    else if (nearest.truth.difficult) continue;
    else {
      outcomes.push(!nearest.taken);
      nearest.taken = true;
    }
  }
  const right = outcomes.filter(Boolean).length;
  return {
    averagePrecision: wanted === 0
      ? 0
      : points === "all"
      ? areaUnderCurve(outcomes, wanted)
      : meanOfEleven(outcomes, wanted),
    truths: wanted,
    found: outcomes.length,
    right,
  };
}

/** The area under the curve of precision over recall, each precision raised to the best at the same or higher recall. */
function areaUnderCurve(outcomes: readonly boolean[], wanted: number): number {
  let right = 0;
  const precisions = outcomes.map((outcome, i) => {
    if (outcome) right++;
    return right / (i + 1);
  });
  let [best, area] = [0, 0];
  for (let i = outcomes.length - 1; i >= 0; i--) {
    best = Math.max(best, precisions[i]!);
    // Recall rises by one part at right answers only.
    if (outcomes[i]) area += best / wanted;
  }
  return area;
}

/** The mean of the best precisions at or beyond eleven recalls. */
function meanOfEleven(outcomes: readonly boolean[], wanted: number): number {
  const best = new Array<number>(11).fill(0);
  let right = 0;
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome) right++;
    // Compared as whole numbers: 0.1 * 3 is more than 0.3.
    best.forEach((_, level) => {
      if (10 * right >= level * wanted) best[level] = Math.max(best[level]!, right / (i + 1));
    });
  }
  return best.reduce((sum, precision) => sum + precision, 0) / best.length;
}

/**
 * Intersection over union of two boxes; 0 where neither has an area.
 *
 * @param pixel what a pixel adds to a side; 1 if both ends of a box are pixels inside it.
 */
export function boxIou(a: Box, b: Box, pixel: 0 | 1 = 0): number {
  const side = (low: number, high: number): number => Math.max(high - low + pixel, 0);
  const area = ([x1, y1, x2, y2]: Box): number => side(x1, x2) * side(y1, y2);
  const shared = area([
    Math.max(a[0], b[0]),
    Math.max(a[1], b[1]),
    Math.min(a[2], b[2]),
    Math.min(a[3], b[3]),
  ]);
  const union = area(a) + area(b) - shared;
  return union > 0 ? shared / union : 0;
}
