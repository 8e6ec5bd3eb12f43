/** The light of a day: sun, sky, haze, lamps, and how wet it is. */
import type { Vector3 } from "./lens.ts";
import { Random } from "../tensor/random.ts";

/** The lights that have a name. */
export const LIGHTS = ["day", "dusk", "rain"] as const;

/** One of {@linkcode LIGHTS}. */
export type LightName = (typeof LIGHTS)[number];

/** Light, all colours linear. */
export interface Light {
  readonly name: LightName;
  /** Towards the sun, of length 1. */
  readonly sun: Vector3;
  readonly sunlight: Vector3;
  readonly skylight: Vector3;
  readonly zenith: Vector3;
  readonly horizon: Vector3;
  /** Share of the light that haze takes, a metre. */
  readonly haze: number;
  /** Share of the sky with clouds. */
  readonly clouds: number;
  /** How bright the clouds are. */
  readonly cloudLight: number;
  /** How wet the ground is, 0 to 1. */
  readonly wet: number;
  /** Drops in the air, 0 to 1. */
  readonly drops: number;
  /** Power of the street lamps and of cars' lights. */
  readonly lamps: number;
  /** Share of the windows with light. */
  readonly windows: number;
  /** What the camera's automatic exposure would make of it. */
  readonly exposure: number;
}

/** A light of a kind: the seed sets the sun's place, the clouds, and how much of everything. */
export function lightOf(name: LightName, seed: number): Light {
  const random = new Random(seed);
  const azimuth = random.between(0, 2 * Math.PI);
  const turn = random.between(-1, 1);
  const amount = random.next();
  const around = (elevation: number): Vector3 => {
    const [s, c] = [Math.sin(elevation), Math.cos(elevation)];
    return [c * Math.sin(azimuth), s, -c * Math.cos(azimuth)];
  };
  if (name === "day") {
    return {
      name,
      sun: around(0.72 + 0.26 * turn),
      sunlight: [3.1, 2.86 - 0.1 * amount, 2.5 - 0.2 * amount],
      skylight: [0.8, 0.95, 1.18],
      zenith: [0.16, 0.36, 0.86],
      horizon: [0.72, 0.86, 1.05],
      haze: 0.0022 + 0.0016 * amount,
      clouds: 0.15 + 0.5 * random.next(),
      cloudLight: 1,
      wet: 0,
      drops: 0,
      lamps: 0,
      windows: 0.02,
      exposure: 0.56,
    };
  }
  if (name === "dusk") {
    return {
      name,
      sun: around(0.1 + 0.05 * turn),
      sunlight: [1.25, 0.5 + 0.08 * amount, 0.18 + 0.06 * amount],
      skylight: [0.29, 0.29, 0.44],
      zenith: [0.07, 0.11, 0.3],
      horizon: [0.85, 0.42 + 0.08 * amount, 0.26],
      haze: 0.0035 + 0.002 * amount,
      clouds: 0.2 + 0.4 * random.next(),
      cloudLight: 0.8,
      wet: 0,
      drops: 0,
      lamps: 0.75,
      windows: 0.42 + 0.15 * amount,
      exposure: 1.35,
    };
  }
  return {
    name,
    sun: around(0.75 + 0.2 * turn),
    sunlight: [0.2, 0.2, 0.2],
    skylight: [0.6, 0.66, 0.74],
    zenith: [0.3, 0.34, 0.4],
    horizon: [0.5, 0.54, 0.58],
    haze: 0.009 + 0.007 * amount,
    clouds: 1,
    cloudLight: 0.62,
    wet: 1,
    drops: 0.6 + 0.4 * amount,
    lamps: 0.3,
    windows: 0.25,
    exposure: 0.95,
  };
}

/** A light on the way from one to the other; the sun's direction is that of the first up to the middle. */
export function between(a: Light, b: Light, share: number): Light {
  const mix = (p: number, q: number): number => p + (q - p) * share;
  const mix3 = (p: Vector3, q: Vector3): Vector3 => [mix(p[0], q[0]), mix(p[1], q[1]), mix(p[2], q[2])];
  const main = share < 0.5 ? a : b;
  return {
    name: main.name,
    sun: main.sun,
    sunlight: mix3(a.sunlight, b.sunlight),
    skylight: mix3(a.skylight, b.skylight),
    zenith: mix3(a.zenith, b.zenith),
    horizon: mix3(a.horizon, b.horizon),
    haze: mix(a.haze, b.haze),
    clouds: mix(a.clouds, b.clouds),
    cloudLight: mix(a.cloudLight, b.cloudLight),
    wet: mix(a.wet, b.wet),
    drops: mix(a.drops, b.drops),
    lamps: mix(a.lamps, b.lamps),
    windows: mix(a.windows, b.windows),
    exposure: mix(a.exposure, b.exposure),
  };
}
