/**
 * How well objects are found: mean average precision at an overlap of a half, by light and class.
 *
 * @module
 */
import {
  type AveragePrecision,
  averagePrecision,
  type FoundBox,
  type TrueBox,
} from "../../src/detect/average_precision.ts";
import { boxesOfKinds, KINDS, LIGHTS, type TrueBox as DrawnBox } from "../../src/world/mod.ts";
import type { DrawnSet } from "./draw.ts";
import type { Engine, FoundObject } from "./engine.ts";
import type { Details, Figure, Target } from "./figures.ts";
import { describeSet } from "./sets.ts";

/** An object counts if so many pixels show it, and so much of it is not hidden. */
export const FEWEST_PIXELS = 100;
export const LEAST_VISIBLE = 0.4;
/** A class counts in a light if so many objects of it do. */
export const FEWEST_OBJECTS = 10;

/** Random views are of any exposure and blur, also by day: clear daylight is that of drives. */
const TARGETS: Readonly<Record<string, Target>> = {
  "drives, day": { at: "least", value: 0.8 },
  "drives, all": { at: "least", value: 0.65 },
  "random views, all": { at: "least", value: 0.65 },
};

function target(figure: string): { target?: Target } {
  const target = TARGETS[figure];
  return target ? { target } : {};
}

const SCENES = ["random views", "drives"] as const;
type Scene = (typeof SCENES)[number];

interface SceneBoxes {
  readonly truths: (TrueBox & { readonly light: string })[];
  readonly found: (FoundBox & { readonly light: string })[];
}

/** What is true of a picture as average precision takes it: objects that do not count are difficult. */
export function trueBoxes(image: string, boxes: readonly DrawnBox[]): TrueBox[] {
  return boxesOfKinds(boxes).map(({ label, box, pixels, visible }) => ({
    image,
    className: label,
    box,
    difficult: pixels < FEWEST_PIXELS || visible < LEAST_VISIBLE,
  }));
}

/** What was found in a picture as average precision takes it. */
export function foundBoxes(image: string, objects: readonly FoundObject[]): FoundBox[] {
  return objects.map(({ classId, score, box }) => ({ image, className: KINDS[classId]!, score, box }));
}

/** Average precision of the classes of which enough objects count. */
export function precisionOf(
  truths: readonly TrueBox[],
  found: readonly FoundBox[],
  fewest: number = FEWEST_OBJECTS,
): AveragePrecision {
  const classes = KINDS.filter((name) =>
    truths.filter(({ className, difficult }) => className === name && !difficult).length >= fewest
  );
  return averagePrecision(truths, found, { classes });
}

/** Gathers the detections of one engine. */
export class DetectorPart {
  readonly #engine: Engine;
  readonly #scenes: Readonly<Record<Scene, SceneBoxes>> = {
    "random views": { truths: [], found: [] },
    drives: { truths: [], found: [] },
  };

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async take({ set, pictures }: DrawnSet): Promise<void> {
    const chosen = pictures.filter(({ frame }) => frame.index % set.detectEvery === 0);
    const found = await this.#engine.detect(chosen);
    const scene = this.#scenes[set.scenario === "random" ? "random views" : "drives"];
    for (const [i, { truth }] of chosen.entries()) {
      const image = `${describeSet(set)}, ${truth.frame}`, { light } = truth;
      scene.truths.push(...trueBoxes(image, truth.boxes).map((box) => ({ ...box, light })));
      scene.found.push(...foundBoxes(image, found[i]!).map((box) => ({ ...box, light })));
    }
  }

  figures(): Figure[] {
    return SCENES.flatMap((scene) =>
      this.#byLight(scene).map(({ light, precision }): Figure => ({
        part: "detector",
        name: `mAP50, ${scene}, ${light}`,
        value: precision.mean,
        unit: "share",
        ...target(`${scene}, ${light}`),
      }))
    );
  }

  details(): Details[] {
    return SCENES.flatMap((scene) => {
      const lights = this.#byLight(scene);
      if (lights.length === 0) return [];
      const all = lights.at(-1)!.precision.classes;
      return [{
        part: "detector" as const,
        title: `Average precision by class, ${scene}`,
        columns: ["class", ...lights.map(({ light }) => light), "objects"],
        rows: KINDS.filter((name) => all[name]).map((name) => ({
          name,
          values: [
            ...lights.map(({ precision }) => precision.classes[name]?.averagePrecision),
            all[name]!.truths,
          ],
        })),
      }];
    });
  }

  /** The lights that there are, `all` of them last. */
  #byLight(scene: Scene): { light: string; precision: AveragePrecision }[] {
    const { truths, found } = this.#scenes[scene];
    const there = LIGHTS.filter((name) => truths.some(({ light }) => light === name));
    if (there.length === 0) return [];
    return [...there, "all"].map((light) => {
      const of = <Box extends { light: string }>(boxes: readonly Box[]): Box[] =>
        boxes.filter((box) => light === "all" || box.light === light);
      return { light, precision: precisionOf(of(truths), of(found)) };
    });
  }
}
