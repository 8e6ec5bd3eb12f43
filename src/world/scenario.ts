/** Ready scenarios: a town, a way through it, and the light of each frame. */
import { type Pose, poseOf } from "./lens.ts";
import { type Light, type LightName, lightOf } from "./light.ts";
import { seedOf } from "../tensor/random.ts";
import type { CameraEffects } from "./renderer.ts";
import { LANE, pavementOffset, roundLand, type Route, routeAlong } from "./route.ts";
import { Town } from "./town.ts";

/** The scenarios that are drives or walks; `random` is apart, see {@linkcode RandomViews}. */
export const SCENARIOS = ["two-laps", "two-laps-other-light", "wrong-way", "alike", "straight"] as const;

/** One of {@linkcode SCENARIOS}. */
export type ScenarioName = (typeof SCENARIOS)[number];

/** How a scenario is made. */
export interface ScenarioOptions {
  /** Which town, traffic and weather; 1 unless told. */
  readonly seed?: number;
  /** How many frames; 600 unless told. */
  readonly frames?: number;
  /** The light, on the first lap where there are two; `day` unless told. */
  readonly light?: LightName;
  /** In a car, in the right lane, or on foot on the pavement; `drive` unless told. */
  readonly camera?: "drive" | "walk";
  /** How busy the town is; 1 is usual. */
  readonly density?: number;
  /** What the camera does to every frame. */
  readonly effects?: CameraEffects;
}

/** One frame of a scenario, before it is drawn. */
export interface Moment {
  readonly town: Town;
  readonly pose: Pose;
  /** The pose a frame before. */
  readonly before: Pose;
  readonly light: Light;
  /** Seconds since the beginning. */
  readonly time: number;
  /** Which day it is. */
  readonly occasion: number;
  readonly effects: CameraEffects;
}

/** A scenario. */
export interface Scenario {
  readonly name: string;
  readonly frames: number;
  /** Frames a second. */
  readonly frameRate: number;
  /** What to draw for a frame, from 0. Towns are the same object as long as they are the same. */
  moment(frame: number): Moment;
}

/** Metres a second. */
const SPEED = { drive: 6.5, walk: 1.5 } as const;
/** What the second lap's light is. */
const OTHER: Readonly<Record<LightName, LightName>> = { day: "dusk", dusk: "day", rain: "day" };

/**
 * Makes a scenario.
 *
 * - `two-laps`: twice round the same houses; on the second lap half of what stands about has changed.
 * - `two-laps-other-light`: the same, the second lap in another light (dusk after day).
 * - `wrong-way`: round two pieces of land like an eight, so that the street between is driven both ways.
 * - `alike`: down two streets whose houses are built after one drawing; no place twice.
 * - `straight`: along one street through the whole town; no place twice.
 *
 * @throws {RangeError} if `frames` is no whole number from 1 on.
 */
export function makeScenario(name: ScenarioName, options: ScenarioOptions = {}): Scenario {
  const { seed = 1, frames = 600, light = "day", camera = "drive", density = 1, effects = {} } = options;
  if (!Number.isSafeInteger(frames) || frames < 1) {
    throw new RangeError(`Cannot make a scenario of ${frames} frames: give a whole number from 1 on`);
  }
  const offset = camera === "drive" ? LANE : pavementOffset(1.75);
  const radius = camera === "drive" ? {} : { radius: 2.5 };
  const shape = shapeOf(name);
  const town = new Town({
    seed,
    density,
    ...shape.plan,
    free: new Set(camera === "drive" ? shape.free : []),
  });
  const route = routeAlong(town.plan, shape.crossings, offset, {
    closed: shape.closed,
    start: -7,
    ...radius,
  });
  const laps = shape.closed ? 2 : 1;
  const total = route.length * laps;
  const step = total / frames;
  const frameTime = step / SPEED[camera];
  const lights = [lightOf(light, seedOf(seed, 51)), lightOf(OTHER[light], seedOf(seed, 52))];
  const pose = (frame: number): Pose =>
    cameraOn(route, frame * step, camera, seed, Math.floor(frame * step / route.length));
  return {
    name,
    frames,
    frameRate: 1 / frameTime,
    moment(frame) {
      const lap = Math.min(laps - 1, Math.floor(frame * step / route.length + 1e-9));
      return {
        town,
        pose: pose(frame),
        before: pose(frame === 0 ? 0 : frame - 1),
        light: name === "two-laps-other-light" ? lights[lap]! : lights[0]!,
        time: frame * frameTime,
        occasion: lap,
        effects,
      };
    },
  };
}

interface Shape {
  readonly plan: {
    readonly columns?: number;
    readonly rows?: number;
    readonly twins?: readonly [number, number];
  };
  readonly crossings: readonly (readonly [number, number])[];
  readonly closed: boolean;
  /** As {@linkcode routeAlong} takes it. */
  readonly start?: number;
  /** Land whose own traffic would be in the camera's lane. */
  readonly free: readonly string[];
}

function shapeOf(name: ScenarioName): Shape {
  switch (name) {
    case "two-laps":
    case "two-laps-other-light":
      return { plan: {}, crossings: roundLand(1, 1), closed: true, free: ["1,1"] };
    case "wrong-way":
      return {
        plan: {},
        crossings: [[1, 1], [1, 2], [0, 2], [0, 1], [1, 1], [2, 1], [2, 2], [1, 2], [1, 1]],
        closed: false,
        free: ["0,1", "1,1"],
      };
    case "alike":
      return {
        plan: { twins: [1, 2] },
        // Back by the street to the west, so that the second street is not seen before.
        crossings: [[1, 0], [1, 3], [0, 3], [0, 0], [2, 0], [2, 3]],
        closed: false,
        start: -14,
        free: ["0,0", "0,1", "0,2", "1,0", "1,1", "1,2"],
      };
    case "straight":
      return {
        plan: { columns: 7, rows: 2 },
        crossings: [[0, 1], [7, 1]],
        closed: false,
        free: Array.from({ length: 7 }, (_, i) => `${i},1`),
      };
  }
}

/** The camera on its way: it sways a little, and keeps a little more to one side on the second lap. */
function cameraOn(route: Route, metres: number, camera: "drive" | "walk", seed: number, lap: number): Pose {
  const { x, z, yaw } = route.at(metres);
  const wave = (length: number, salt: number): number =>
    Math.sin(metres * 2 * Math.PI / length + (seedOf(seed, salt) & 1023) + lap * 2.1);
  const walking = camera === "walk";
  const aside = (walking ? 0.15 : 0.22) * wave(37, 1) + lap * (walking ? 0.15 : 0.3);
  const sway = (walking ? 0.05 : 0.02) * wave(23, 2) + 0.012 * wave(7, 3);
  const bob = walking ? 0.025 * Math.abs(Math.sin(metres * 4.2)) : 0.008 * wave(3.1, 4);
  const height = (walking ? 1.72 : 1.42) + bob;
  const pitch = -0.012 + (walking ? 0.018 : 0.006) * wave(5.3, 5);
  const roll = (walking ? 0.012 : 0.005) * wave(6.1, 6);
  return poseOf([x + aside * Math.cos(yaw), height, z + aside * Math.sin(yaw)], yaw + sway, pitch, roll);
}
