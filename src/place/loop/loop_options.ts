import type { BagDatabase } from "../bags/bag_database.ts";
import { lowerIsBetter } from "../vocabulary/score.ts";
import type { CovisibilityGraph } from "./covisibility_graph.ts";
import { LoopDetectionError } from "./loop_detection_error.ts";

/** What candidates are found with: global descriptors, bags of words, or both, fused. */
export type LoopMethod = "global" | "bow" | "both";

/**
 * What a match must agree with, beside itself.
 *
 * - `temporal`: the islands of the frames before (Gálvez-López and Tardós, 2012). Costs the first frames of each revisit.
 * - `covisible`: the frames that see the same as the match, or the verified matches of the frames before; needs `verify`
 *   (after Campos et al., 2021, which counts covisible key frames and then waits for further ones).
 * - `none`: nothing.
 */
export type LoopConsistency = "temporal" | "covisible" | "none";

/** How a {@linkcode LoopDetector} decides. docs/loops.md has the defaults with their sources in one table. */
export interface LoopDetectorOptions {
  /** What candidates are found with. Default: `both` with a database, else `global`. */
  method?: LoopMethod;
  /** The bags of the earlier frames, numbered as the frames are. Not changed; whether it has the new frame already is all one. */
  database?: BagDatabase;
  /** Which frames see the same. Not changed. */
  covisibility?: CovisibilityGraph;
  /** A candidate is at least this many frames old. Default 15. */
  gap?: number;
  /** The first frame of this session: to frames before it, which an earlier session made, `gap` does not apply. Default 0. */
  firstId?: number;

  /** A candidate's inner product, at least. Default 0.8 without `verify` (as D²SLAM with NetVLAD) and 0.5 with it. */
  minSimilarity?: number;
  /** A candidate's inner product over that with the previous frame, at least. Default 0.3, as with words. */
  similarityRatio?: number;
  /** A candidate's score by words, at least. Default 0.015 (VINS-Mono; for the L1 score). */
  minBow?: number;
  /** A candidate's score by words over that of the previous frame, at least: DLoopDetector's alpha. Default 0.3. */
  bowRatio?: number;
  /**
   * With less likeness to the previous frame no ratio is taken: by words no candidate is good enough then, by inner product
   * `minSimilarity` decides alone. Default 0.005 (DLoopDetector).
   */
  minPrevious?: number;
  /** With `both`: whether either has to find a candidate good enough or both have to. Default `either` with `verify`, else `both`. */
  agreement?: "either" | "both";
  /** What the ranks are counted from when they are fused. Default 60 (Cormack, Clarke and Büttcher, 2009). */
  rankOffset?: number;
  /** Candidates by words that are looked at. Default 50 (DLoopDetector). */
  retrieved?: number;
  /** Candidates that a result lists. Default 10. */
  candidates?: number;

  /** How candidates are put together: by nearness in time, or with the frames that see the same (ORB-SLAM2). Default `islands`. */
  grouping?: "islands" | "covisibility";
  /** Candidates of an island are at most this far apart, one from the next. Default 3 (DLoopDetector). */
  islandGap?: number;
  /** Candidates that a group has at least. Default 1 (DLoopDetector). */
  minGroupSize?: number;
  /** What groups are ordered by. Default: islands by words alone by their `sum` (DLoopDetector), else by their `best` candidate; covisible groups always by their sum. */
  groupScore?: "sum" | "best";
  /** Covisible groups of less than this share of the best one's sum are left out. Default 0.75 (ORB-SLAM2). */
  groupShare?: number;
  /** Candidates that are verified. Default 3 (ORB-SLAM3). */
  entries?: number;

  /** Default `covisible`; frames that come without `verify` get `temporal` instead. */
  consistency?: LoopConsistency;
  /** With `temporal`: this many frames before must agree. Default 3 (DLoopDetector). */
  previousFrames?: number;
  /** Groups agree that are at most this many frames apart. Default 3 (DLoopDetector). */
  groupDistance?: number;
  /** Frames that agree are at most this many frames apart. Default 2 (DLoopDetector). */
  frameDistance?: number;
  /** Matched features, at least. Default 20 (ORB-SLAM3). */
  minMatches?: number;
  /** Matches that fit, at least. Default 20 (RTAB-Map, ORB-SLAM3). */
  minInliers?: number;
  /** With `covisible`: this many more frames must confirm a match, or as many as there are to ask. Default 2 (ORB-SLAM3: three in all). */
  support?: number;
  /** With `covisible`: frames that see the same as the match and are asked, at most. Default 5. */
  supportFrames?: number;
  /** Matches that fit with which a frame confirms a match. Default 12 (DLoopDetector). */
  supportInliers?: number;
  /** With so many matches that fit, nothing has to confirm them. Default 80 (ORB-SLAM3's last test, which counts projected matches). */
  sureInliers?: number;
  /**
   * Where the searches lead to no verified match, and a frame just before has one: so many frames around that one are verified
   * too, as ORB-SLAM3 does before it searches. Default 3; 0: none. Not with `temporal`.
   */
  follow?: number;
  /**
   * For so many frames after a verified match the camera is taken to go on along the earlier way, or against it: candidates
   * that are about as far from that match as the new frame from the verified one need only `trackSimilarity`. So a strict
   * `minSimilarity` says where a revisit begins, and a looser one how far it goes, as with the two thresholds of Canny's edges
   * (1986). Default 0: the same for all. For global descriptors.
   */
  trackFrames?: number;
  /** The inner product that is enough there, at least. Default 0.5. */
  trackSimilarity?: number;
  /** Whether frames that see the same as the new one by its tracks are no candidates: they were never left. Default false. */
  excludeCovisible?: boolean;
}

/** All options, for frames with or without verification. */
export type LoopSettings = Required<Omit<LoopDetectorOptions, "database" | "covisibility">>;

/** The options with their defaults. @param verified whether local features are compared. */
export function loopSettings(options: LoopDetectorOptions, verified: boolean): LoopSettings {
  const method = options.method ?? (options.database ? "both" : "global");
  const settings: LoopSettings = {
    method,
    gap: 15,
    firstId: 0,
    minSimilarity: verified ? 0.5 : 0.8,
    similarityRatio: 0.3,
    minBow: 0.015,
    bowRatio: 0.3,
    minPrevious: 0.005,
    agreement: verified ? "either" : "both",
    rankOffset: 60,
    retrieved: 50,
    candidates: 10,
    grouping: "islands",
    islandGap: 3,
    minGroupSize: 1,
    groupScore: method === "bow" ? "sum" : "best",
    groupShare: 0.75,
    entries: 3,
    consistency: "covisible",
    previousFrames: 3,
    groupDistance: 3,
    frameDistance: 2,
    minMatches: 20,
    minInliers: 20,
    support: 2,
    supportFrames: 5,
    supportInliers: 12,
    sureInliers: 80,
    follow: 3,
    trackFrames: 0,
    trackSimilarity: 0.5,
    excludeCovisible: false,
  };
  const given = Object.entries(options).filter(([name, value]) => name in settings && value !== undefined);
  const all: LoopSettings = { ...settings, ...Object.fromEntries(given) };
  return !verified && all.consistency === "covisible" ? { ...all, consistency: "temporal" } : all;
}

/** Whole numbers and the least that each may be. */
const WHOLE: Readonly<Partial<Record<keyof LoopSettings, number>>> = {
  gap: 1,
  firstId: 0,
  retrieved: 1,
  candidates: 0,
  islandGap: 1,
  minGroupSize: 1,
  entries: 1,
  previousFrames: 0,
  groupDistance: 0,
  frameDistance: 1,
  minMatches: 0,
  minInliers: 0,
  support: 0,
  supportFrames: 0,
  supportInliers: 0,
  sureInliers: 0,
  follow: 0,
  trackFrames: 0,
};

const SHARES: readonly (keyof LoopSettings)[] = [
  "similarityRatio",
  "minBow",
  "bowRatio",
  "minPrevious",
  "rankOffset",
  "groupShare",
];

const CHOICES: Readonly<Partial<Record<keyof LoopSettings, readonly unknown[]>>> = {
  method: ["global", "bow", "both"],
  agreement: ["either", "both"],
  grouping: ["islands", "covisibility"],
  groupScore: ["sum", "best"],
  consistency: ["temporal", "covisible", "none"],
};

/** Refuses options that make no sense, alone or together. @throws {LoopDetectionError} */
export function checkLoopOptions(options: LoopDetectorOptions): void {
  const settings = loopSettings(options, true);
  const refuse = (what: string): never => {
    throw new LoopDetectionError(`Cannot make a loop detector: ${what}`);
  };
  for (const [name, least] of Object.entries(WHOLE)) {
    const value = settings[name as keyof LoopSettings] as number;
    if (!(Number.isSafeInteger(value) && value >= least)) {
      refuse(`${name} is ${value}; give a whole number, ${least} or more`);
    }
  }
  for (const name of SHARES) {
    const value = settings[name] as number;
    if (!(value >= 0 && value < Infinity)) refuse(`${name} is ${value}; give a number, 0 or more`);
  }
  for (const name of ["minSimilarity", "trackSimilarity"] as const) {
    if (!Number.isFinite(settings[name])) {
      refuse(`${name} is ${settings[name]}; give a number, for descriptors of length 1 between -1 and 1`);
    }
  }
  for (const [name, choices] of Object.entries(CHOICES)) {
    const value = settings[name as keyof LoopSettings];
    if (!choices.includes(value)) refuse(`${name} is "${value}"; choose one of ${choices.join(", ")}`);
  }
  const { database, covisibility } = options;
  if (settings.method !== "global") {
    if (!database) {
      refuse(`method "${settings.method}" compares bags of words; give the database of the earlier ones`);
    } else if (lowerIsBetter(database.scoring)) {
      refuse(
        `with the score "${database.scoring}" lower is better, and it cannot be compared with the previous frame's; ` +
          `make the database with another score, such as "l1"`,
      );
    }
  }
  if (!covisibility && (settings.grouping === "covisibility" || settings.excludeCovisible)) {
    refuse(
      `${
        settings.excludeCovisible ? "excludeCovisible" : 'grouping "covisibility"'
      } asks for a covisibility graph; give one as \`covisibility\``,
    );
  }
}
