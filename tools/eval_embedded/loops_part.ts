/**
 * How well loops are closed by all embedded networks together, with the library's defaults.
 *
 * @module
 */
import { evaluateLoops, type LoopResult } from "../../src/place/mod.ts";
import type { DrawnSet } from "./draw.ts";
import type { Engine } from "./engine.ts";
import type { Details, Figure } from "./figures.ts";
import { type JudgedDrives, SAME_PLACE } from "./place_part.ts";
import type { PictureSet } from "./sets.ts";

/** Frames that are nearer to each other are neighbours, and no loop: the loop detector's default. */
export const GAP = 15;
const DRIVE = 1_000_000;

/** Scenarios in which no place is seen twice. */
const WITHOUT_LOOPS = ["alike", "straight"] as const;

interface Drive {
  readonly set: PictureSet;
  readonly judged: JudgedDrives;
  /** Largest overlap of a wrong loop's pictures; 0 where they have nothing in common, or too little to be told. */
  readonly wrongOverlap: number;
}

/** Gathers the decisions of one engine. */
export class LoopsPart {
  readonly #engine: Engine;
  readonly #drives: Drive[] = [];

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async take({ set, pictures }: DrawnSet): Promise<void> {
    const results = await this.#engine.recognise(pictures);
    const start = this.#drives.length * DRIVE;
    const judged: JudgedDrives = { frames: results.map((result) => frameOf(result, start)), pairs: [] };
    let wrongOverlap = 0;
    for (const [i, { truth }] of pictures.entries()) {
      for (const { frame, overlap } of truth.samePlace) {
        if (overlap >= SAME_PLACE) judged.pairs.push([start + i, start + frame]);
        else if (results[i]!.status === "loop" && results[i]!.match === frame) {
          wrongOverlap = Math.max(wrongOverlap, overlap);
        }
      }
    }
    this.#drives.push({ set, judged, wrongOverlap });
  }

  figures(): Figure[] {
    const figures: Figure[] = [];
    const laps = this.#of("two-laps-other-light");
    if (laps.frames.length > 0) {
      const { atFullPrecision, decided, framesWithMatch } = evaluateLoops(laps.frames, laps.pairs, {
        gap: GAP,
      });
      const wanted = { at: "least", value: 0.9 } as const;
      figures.push(
        {
          ...loops("recall at 100 % precision, other light"),
          value: atFullPrecision?.recall ?? 0,
          target: wanted,
        },
        {
          ...loops("recall as decided, other light"),
          value: ratio(decided.right, framesWithMatch),
          target: wanted,
        },
        {
          ...loops("wrong loops, other light"),
          value: decided.loops - decided.right,
          unit: "count",
          target: { at: "most", value: 0 },
        },
      );
    }
    for (const scenario of WITHOUT_LOOPS) {
      const { frames } = this.#of(scenario);
      if (frames.length === 0) continue;
      figures.push({
        ...loops(`loops, ${scenario}`),
        value: frames.filter(({ loop }) => loop).length,
        unit: "count",
        target: { at: "most", value: 0 },
      });
    }
    const back = this.#of("wrong-way");
    if (back.frames.length > 0) {
      const { decided } = evaluateLoops(back.frames, back.pairs, { gap: GAP });
      figures.push(
        { ...loops("right loops, wrong way"), value: decided.right, unit: "count" },
        { ...loops("wrong loops, wrong way"), value: decided.loops - decided.right, unit: "count" },
      );
    }
    return figures;
  }

  details(): Details[] {
    if (this.#drives.length === 0) return [];
    return [{
      part: "loops",
      title: "Loops by drive, as decided",
      columns: ["drive", "frames", "revisits", "loops", "right", "largest overlap of a wrong one"],
      rows: this.#drives.map(({ set, judged, wrongOverlap }) => {
        const { framesWithMatch, decided } = evaluateLoops(judged.frames, judged.pairs, { gap: GAP });
        const wrong = decided.loops > decided.right;
        return {
          name: `${set.scenario}, ${set.light}, seed ${set.seed}`,
          values: [
            judged.frames.length,
            framesWithMatch,
            decided.loops,
            decided.right,
            wrong ? wrongOverlap : undefined,
          ],
        };
      }),
    }];
  }

  #of(scenario: PictureSet["scenario"]): JudgedDrives {
    const drives = this.#drives.filter(({ set }) => set.scenario === scenario);
    return {
      frames: drives.flatMap(({ judged }) => judged.frames),
      pairs: drives.flatMap(({ judged }) => judged.pairs),
    };
  }
}

function loops(name: string): Pick<Figure, "part" | "name" | "unit"> {
  return { part: "loops", name, unit: "share" };
}

function ratio(a: number, b: number): number {
  return b === 0 ? 0 : a / b;
}

/** Proposals are ordered by inliers, as `framewise eval loops` does. */
function frameOf(
  { id, match, inliers, candidates, status }: LoopResult,
  start: number,
): JudgedDrives["frames"][number] {
  return {
    id: start + id,
    ...(match !== undefined && { match: start + match }),
    ...(inliers !== undefined && { score: inliers }),
    candidates: candidates.map(({ id }) => start + id),
    loop: status === "loop",
  };
}
