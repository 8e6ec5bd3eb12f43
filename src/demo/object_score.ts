/** Objects detected, held against the truth. */
import {
  type AveragePrecision,
  averagePrecision,
  boxIou,
  type FoundBox,
  type TrueBox as KnownBox,
} from "../detect/average_precision.ts";
import type { Detection } from "../vision/detection.ts";
import type { LightName } from "../world/light.ts";
import { boxesOfKinds, type KindName, KINDS } from "../world/kinds.ts";
import type { TrueBox } from "../world/truth.ts";

/** A box counts as found with at least this overlap (intersection over union). */
export const MATCH_IOU = 0.5;
/**
 * Smaller objects, and those of which less can be seen, need not be found, and a detection that meets one is no mistake
 * (as VOC treats what is difficult).
 */
export const LEAST_PIXELS = 100;
/** See {@linkcode LEAST_PIXELS}. */
export const LEAST_VISIBLE = 0.4;

/** What came by of one class. */
export interface ClassScore {
  readonly label: KindName;
  /** Objects that came by, each counted once, and how many of them were shown right in some frame. */
  readonly things: number;
  readonly thingsFound: number;
  /** Their boxes in all frames, and how many were shown right. */
  readonly boxes: number;
  readonly boxesFound: number;
  /** Boxes shown where nothing of the class is. */
  readonly wrong: number;
  /** Area under the curve of precision and recall, over all scores; undefined where nothing was to be found. */
  readonly averagePrecision: number | undefined;
}

/** One frame, as it was shown. */
export interface FrameScore {
  /** Detections that are right, each with the true object. */
  readonly right: readonly { readonly detection: Detection; readonly truth: TrueBox }[];
  readonly wrong: readonly Detection[];
  /** Objects that were to be found. */
  readonly missed: readonly TrueBox[];
}

/** Whether an object is large and free enough to be asked for. */
export function isAskedFor({ pixels, visible }: Pick<TrueBox, "pixels" | "visible">): boolean {
  return pixels >= LEAST_PIXELS && visible >= LEAST_VISIBLE;
}

/** Holds what was shown against the truth; best scores choose first. */
export function scoreFrame(truth: readonly TrueBox[], shown: readonly Detection[]): FrameScore {
  const taken = new Set<TrueBox>();
  const right: { detection: Detection; truth: TrueBox }[] = [], wrong: Detection[] = [];
  for (const detection of shown.toSorted((a, b) => b.score - a.score)) {
    let nearest: TrueBox | undefined, overlap = 0;
    for (const box of truth) {
      if (box.label !== detection.label) continue;
      const iou = boxIou(box.box, detection.box);
      if (iou > overlap) [nearest, overlap] = [box, iou];
    }
    if (!nearest || overlap < MATCH_IOU) wrong.push(detection);
    else if (!isAskedFor(nearest)) continue;
    else if (taken.has(nearest)) wrong.push(detection);
    else {
      taken.add(nearest);
      right.push({ detection, truth: nearest });
    }
  }
  return { right, wrong, missed: truth.filter((box) => isAskedFor(box) && !taken.has(box)) };
}

/** Gathers frames. */
export class ObjectScore {
  readonly #truths: (KnownBox & { light: LightName })[] = [];
  readonly #found: (FoundBox & { light: LightName })[] = [];
  readonly #things = new Map<
    string,
    { seen: Set<number>; found: Set<number>; right: number; wrong: number }
  >();

  /**
   * Takes a frame.
   *
   * @param detections all there are, for average precision.
   * @param shown those that are sure enough to be shown.
   */
  add(
    frame: number,
    light: LightName,
    truth: readonly TrueBox[],
    detections: readonly Detection[],
    shown: readonly Detection[],
  ): FrameScore {
    const image = String(frame);
    const known = boxesOfKinds(truth);
    for (const box of known) {
      const asked = isAskedFor(box);
      this.#truths.push({ image, light, className: box.label, box: box.box, difficult: !asked });
      if (asked) this.#class(box.label).seen.add(box.id);
    }
    for (const { label, score, box } of detections) {
      this.#found.push({ image, light, className: label, score, box });
    }
    const result = scoreFrame(known, shown);
    for (const { truth } of result.right) {
      this.#class(truth.label).found.add(truth.id);
      this.#class(truth.label).right++;
    }
    for (const { label } of result.wrong) this.#class(label).wrong++;
    return result;
  }

  /** Mean average precision at an overlap of 0.5 over the classes that were there, over all points of the curve. */
  precision(light?: LightName): AveragePrecision {
    const here = <T extends { light: LightName }>(boxes: T[]): T[] =>
      light === undefined ? boxes : boxes.filter((box) => box.light === light);
    return averagePrecision(here(this.#truths), here(this.#found), { iouThreshold: MATCH_IOU });
  }

  /** By class, in the town's order; those that neither came by nor were shown are left out. */
  classes(): ClassScore[] {
    const { classes } = this.precision();
    return KINDS.filter((label) => this.#things.has(label)).map((label) => {
      const { seen, found, right, wrong } = this.#class(label);
      const precision = classes[label];
      return {
        label,
        things: seen.size,
        thingsFound: found.size,
        boxes: precision?.truths ?? 0,
        boxesFound: right,
        wrong,
        averagePrecision: precision?.averagePrecision,
      };
    });
  }

  #class(label: string): { seen: Set<number>; found: Set<number>; right: number; wrong: number } {
    let one = this.#things.get(label);
    if (!one) this.#things.set(label, one = { seen: new Set(), found: new Set(), right: 0, wrong: 0 });
    return one;
  }
}
