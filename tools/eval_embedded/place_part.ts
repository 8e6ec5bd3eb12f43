/**
 * How well places are told by descriptors alone: each frame of a second lap asks the frames of the first.
 *
 * @module
 */
import { type EvaluatedFrame, evaluateLoops } from "../../src/place/mod.ts";
import type { LightName } from "../../src/world/mod.ts";
import type { DrawnSet } from "./draw.ts";
import type { Engine } from "./engine.ts";
import type { Figure } from "./figures.ts";

/** Two pictures show one place if they have so much in common. */
export const SAME_PLACE = 0.2;
/** Numbers of frames between the drives of an evaluation, so that no two share a number. */
const DRIVE = 1_000_000;

/** Frames of several drives as one evaluation takes them. */
export interface JudgedDrives {
  readonly frames: EvaluatedFrame[];
  readonly pairs: [number, number][];
}

/** Gathers the nearest frames of one engine. */
export class PlacePart {
  readonly #engine: Engine;
  readonly #byLight = new Map<LightName, JudgedDrives>();
  #drives = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async take({ set, pictures }: DrawnSet): Promise<void> {
    const half = pictures.length / 2;
    const descriptors = await this.#engine.describe(pictures);
    const nearest = await this.#engine.nearest(descriptors.slice(0, half), descriptors.slice(half));
    const light = set.light ?? "day";
    const judged = this.#byLight.get(light) ?? { frames: [], pairs: [] };
    this.#byLight.set(light, judged);
    const start = this.#drives++ * DRIVE;
    for (let row = 0; row < half; row++) judged.frames.push({ id: start + row });
    for (const [i, { row, similarity }] of nearest.entries()) {
      const id = start + half + i;
      judged.frames.push({ id, match: start + row, score: similarity, candidates: [start + row] });
      for (const { frame, overlap } of pictures[half + i]!.truth.samePlace) {
        if (frame < half && overlap >= SAME_PLACE) judged.pairs.push([id, start + frame]);
      }
    }
  }

  figures(): Figure[] {
    const all = [...this.#byLight.values()];
    const groups: [string, JudgedDrives][] = [...this.#byLight].map(([light, judged]) => [
      `${light} first`,
      judged,
    ]);
    groups.push(["all", {
      frames: all.flatMap(({ frames }) => frames),
      pairs: all.flatMap(({ pairs }) => pairs),
    }]);
    return groups.flatMap(([name, { frames, pairs }]): Figure[] => {
      const { recallAt, atFullPrecision } = evaluateLoops(frames, pairs, { gap: 1, at: [1] });
      return [
        {
          part: "place",
          name: `recall at 1, other light, ${name}`,
          value: recallAt[0]!.recall,
          unit: "share",
          ...(name === "all" && { target: { at: "least", value: 0.95 } }),
        },
        {
          part: "place",
          name: `recall at 100 % precision, other light, ${name}`,
          value: atFullPrecision?.recall ?? 0,
          unit: "share",
        },
      ];
    });
  }
}
