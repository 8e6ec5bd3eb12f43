/**
 * The pictures that the embedded networks are evaluated on: which worlds, which seeds, how many frames.
 *
 * @module
 */
import type { LightName, ScenarioName } from "../../src/world/mod.ts";
import { type PartName, PARTS } from "./figures.ts";

/** Seeds from here on are for training and choosing: models/train uses 1001, 1002, 2001, 2002, from 3001 and from 4001 on. */
export const FIRST_TRAINING_SEED = 1000;

/** Pictures that are drawn together. */
export interface PictureSet {
  readonly scenario: ScenarioName | "random";
  readonly seed: number;
  readonly frames: number;
  /** The light, on the first lap where there are two; random pictures have any. */
  readonly light?: LightName;
  /** What is evaluated on it. */
  readonly parts: readonly PartName[];
  /** Objects are looked for in each frame whose number is a multiple of this: neighbours show much the same. */
  readonly detectEvery: number;
}

/** How much is evaluated. `quick` only shows that everything works: its figures say little. */
export type EvaluationSize = "full" | "quick";

/** Pictures of a place in a group of random ones. */
export const GROUP = 4;
/** Random pictures that are held in memory at once, with their depths; whole groups, and whole towns. */
export const CHUNK = 240;

interface Counts {
  readonly random: number;
  readonly laps: readonly (readonly [LightName, readonly number[], frames: number])[];
  readonly alike: readonly (readonly [LightName, seed: number, frames: number])[];
  readonly straight: readonly (readonly [LightName, seed: number, frames: number])[];
  readonly wrongWay: readonly (readonly [LightName, seed: number, frames: number])[];
}

const COUNTS: Readonly<Record<EvaluationSize, Counts>> = {
  full: {
    random: 480,
    laps: [["day", [101, 102], 300], ["dusk", [103], 300], ["rain", [104], 300]],
    alike: [["day", 201, 300], ["dusk", 202, 300], ["rain", 203, 300]],
    straight: [["day", 301, 90], ["dusk", 302, 90], ["rain", 303, 90]],
    wrongWay: [["day", 401, 200]],
  },
  quick: {
    random: 8,
    laps: [["day", [101], 40]],
    alike: [["dusk", 202, 20]],
    straight: [["rain", 303, 20]],
    wrongWay: [],
  },
};

/** All sets of a size that any of the parts needs. */
export function pictureSets(size: EvaluationSize, parts: readonly PartName[] = PARTS): PictureSet[] {
  const counts = COUNTS[size];
  const every = 6;
  const drives = (
    scenario: ScenarioName,
    list: Counts["alike"],
    wanted: readonly PartName[],
  ): PictureSet[] =>
    list.map(([light, seed, frames]) => ({
      scenario,
      seed,
      frames,
      light,
      parts: wanted,
      detectEvery: every,
    }));
  const sets: PictureSet[] = [
    { scenario: "random", seed: 11, frames: counts.random, parts: ["detector", "features"], detectEvery: 1 },
    ...counts.laps.flatMap(([light, seeds, frames]) =>
      drives(
        "two-laps-other-light",
        seeds.map((seed) => [light, seed, frames] as const),
        ["detector", "place", "loops"],
      )
    ),
    ...drives("straight", counts.straight, ["detector", "loops"]),
    ...drives("alike", counts.alike, ["loops"]),
    ...drives("wrong-way", counts.wrongWay, ["loops"]),
  ];
  return sets
    .map((set) => ({ ...set, parts: set.parts.filter((part) => parts.includes(part)) }))
    .filter((set) => set.parts.length > 0);
}

/** A set in a few words. */
export function describeSet({ scenario, seed, frames, light }: PictureSet): string {
  return `${scenario}, seed ${seed}${light ? `, ${light}` : ""}, ${frames} pictures`;
}
