/** The drive that the demo takes: which way, in which light, and what is known of it before a picture is drawn. */
import type { Size } from "../vision/fit.ts";
import type { LightName } from "../world/light.ts";
import type { Pose } from "../world/lens.ts";
import type { Plan } from "../world/plan.ts";
import { makeScenario } from "../world/scenario.ts";

/** Which drive. */
export interface DriveOptions {
  /** Of the town, its traffic and its light. */
  readonly seed: number;
  /** Of both laps together. */
  readonly frames: number;
}

/** Size of the frames, in pixels. */
export const FRAME: Size = { width: 320, height: 240 };
/** Twice round the same houses, by day and then at dusk. */
export const DRIVE_SCENARIO = "two-laps-other-light";
/** Frames a second of the video: it shows the drive faster than it is, which takes a minute and more. */
export const VIDEO_RATE = 20;
/** The newest frames, as a share of all, show the street that the camera is just driving along. */
const NEWEST = 1 / 6;

/** The two laps, frame by frame. */
export class Drive {
  readonly options: DriveOptions;
  /** Of the town's streets and land. */
  readonly plan: Plan;
  /** Where the camera is at each frame: the town's own truth, which nothing but the map and the score is told. */
  readonly poses: readonly Pose[];
  /** The lap of each frame: 0 and 1. */
  readonly laps: readonly number[];
  /** The light of each frame. */
  readonly lights: readonly LightName[];
  /** Frames back to the newest one that counts as an earlier visit. */
  readonly gap: number;
  /** How many times faster than it was driven the video shows it. */
  readonly speedUp: number;

  /** @throws {RangeError} if the number of frames is no whole number from 1 on. */
  constructor(options: DriveOptions) {
    const { seed, frames } = options;
    this.options = options;
    const scenario = makeScenario(DRIVE_SCENARIO, { seed, frames });
    const moments = Array.from({ length: frames }, (_, frame) => scenario.moment(frame));
    this.plan = moments[0]!.town.plan;
    this.poses = moments.map(({ pose }) => pose);
    this.laps = moments.map(({ occasion }) => occasion);
    this.lights = moments.map(({ light }) => light.name);
    this.gap = Math.max(1, Math.round(frames * NEWEST));
    this.speedUp = VIDEO_RATE / scenario.frameRate;
  }
}
