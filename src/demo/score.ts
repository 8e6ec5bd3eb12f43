/** How well detections agree with a scene's truth. */
import type { Detection } from "../vision/detection.ts";
import type { TrueObject } from "./scene.ts";

/** An object of which less than this is seen need not be found, and may be. */
export const VISIBLE_ENOUGH = 0.6;
/** The least overlap (intersection over union) at which a box counts as found. */
export const MATCH_IOU = 0.5;

/** Counts of one class. */
export interface ClassScore {
  readonly label: string;
  /** Objects that were to be found. */
  objects: number;
  /** Of them found. */
  found: number;
  /** Detections that are no such object. */
  wrong: number;
}

/** Gathers counts over frames, class by class. */
export class SceneScore {
  readonly #classes = new Map<string, ClassScore>();
  readonly #nameOf: (object: TrueObject) => string;
  readonly #labels: ReadonlySet<string>;

  /**
   * Judges by the names in `labels`: an object counts under its narrower name (`taxi`, `red light`) if the network
   * knows that, else under COCO's (`car`, `traffic light`), else not at all.
   */
  constructor(labels: Iterable<string>) {
    this.#labels = new Set(labels);
    this.#nameOf = ({ kind, label }) => this.#labels.has(kind) ? kind : label;
  }

  /** Counts one frame. Detections are matched best score first, each with the free object that it overlaps most. */
  add(truth: readonly TrueObject[], detections: readonly Detection[]): void {
    const objects = truth.filter((object) => this.#labels.has(this.#nameOf(object)));
    const matched = new Set<TrueObject>();
    for (const { label, box } of [...detections].sort((a, b) => b.score - a.score)) {
      const same = objects.filter((object) => this.#nameOf(object) === label);
      const overlaps = same.map((object) => ({ object, iou: intersectionOverUnion(box, object.box) }))
        .sort((a, b) => b.iou - a.iou);
      const best = overlaps.find(({ object, iou }) => iou >= MATCH_IOU && !matched.has(object));
      if (best) {
        matched.add(best.object);
        if (best.object.visible >= VISIBLE_ENOUGH) this.#class(label).found++;
      } else if (!overlaps.some(({ object, iou }) => object.visible < VISIBLE_ENOUGH && iou > 0.1)) {
        this.#class(label).wrong++;
      }
    }
    for (const object of objects) {
      if (object.visible >= VISIBLE_ENOUGH) this.#class(this.#nameOf(object)).objects++;
    }
  }

  /** The counts so far, by name; classes that neither were there nor were detected are left out. */
  classes(): ClassScore[] {
    return [...this.#classes.values()].sort((a, b) => a.label < b.label ? -1 : 1);
  }

  /** Found of all objects, and right of all detections that count; 1 where there are none. */
  total(): { readonly recall: number; readonly precision: number } {
    let objects = 0, found = 0, wrong = 0;
    for (const score of this.#classes.values()) {
      objects += score.objects;
      found += score.found;
      wrong += score.wrong;
    }
    return {
      recall: objects === 0 ? 1 : found / objects,
      precision: found + wrong === 0 ? 1 : found / (found + wrong),
    };
  }

  #class(label: string): ClassScore {
    let score = this.#classes.get(label);
    if (!score) this.#classes.set(label, score = { label, objects: 0, found: 0, wrong: 0 });
    return score;
  }
}

type Box = readonly [x1: number, y1: number, x2: number, y2: number];

function intersectionOverUnion(a: Box, b: Box): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared);
}
