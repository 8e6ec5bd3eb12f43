/**
 * What `framewise world` is told.
 *
 * @module
 */
import { LIGHTS, SCENARIOS, type WorldOptions } from "../world/mod.ts";
import { type Arguments, readArguments } from "./arguments.ts";
import { UsageError } from "./failure.ts";

/** The text of `framewise world --help`. */
export const WORLD_USAGE = `Usage:
  framewise world --out FILE|DIR [options]  draw a town of our own, with the truth about every frame
    --scenario two-laps  ${[...SCENARIOS.slice(1), "random"].join(", ")}
    --out PATH         a video (.mp4, .mkv), a folder of images, or raw rgb24 frames in one file (.rgb)
    --truth FILE       a JSON line a frame: camera, boxes, numbers of things, earlier frames of the same place
    --seed 1 --frames 600 --size 320x240
    --light day|dusk|rain                     random pictures: any, unless told
    --camera drive|walk                       in the right lane, or on the pavement
    --density 1        how busy the town is
    --fov 72           horizontal field of view in degrees
    --distortion 0,0   radial distortion k1,k2
    --exposure 1 --noise 0.008 --shutter 0 --defocus 0 --focus 12    what the camera does to the light
    --group 1          random pictures: so many in a row see the same place
    --alike            random pictures: groups in pairs, at the same spot of two streets that look alike
    --fast             no smooth edges: half as fast again
    --depths FILE      depths, 32-bit floats, metres along the camera's axis, 0 for the sky
    --ids FILE         numbers of things, 16 bits a pixel
    --quiet            no progress bar, no summary`;

const FLAGS = ["alike", "fast", "quiet"];
const VALUES =
  "scenario out truth seed frames size light camera density fov distortion exposure noise shutter defocus focus group depths ids"
    .split(" ");

/** The options, checked. */
export interface WorldCommandOptions {
  readonly out: string | undefined;
  readonly truth: string | undefined;
  readonly depths: string | undefined;
  readonly ids: string | undefined;
  readonly frames: number;
  readonly quiet: boolean;
  readonly world: WorldOptions;
}

/** Reads the arguments of `framewise world`; undefined if help is asked for. @throws {UsageError} */
export function readWorldOptions(args: readonly string[]): WorldCommandOptions | undefined {
  const given = readArguments(args, { flags: FLAGS, values: VALUES });
  if (given.flag("help")) return undefined;
  if (given.positional.length > 0) {
    throw new UsageError(`there is nothing to read; "${given.positional.join('", "')}" is too much`);
  }
  const [out, truth, depths, ids] = ["out", "truth", "depths", "ids"].map((name) => given.value(name));
  const outputs = [out, truth, depths, ids].filter((path) => path !== undefined);
  if (outputs.length === 0) throw new UsageError("nothing to write: give --out, --truth, --depths or --ids");
  if (new Set(outputs).size < outputs.length) {
    throw new UsageError("two outputs have one name; write to several files");
  }
  const scenario = oneOf(given, "scenario", [...SCENARIOS, "random"] as const) ?? "two-laps";
  const light = oneOf(given, "light", LIGHTS);
  const camera = oneOf(given, "camera", ["drive", "walk"] as const);
  const frames = given.number("frames", 600, { min: 1, max: 10_000_000, whole: true });
  const { width, height } = readSize(given.value("size") ?? "320x240");
  const effects = readEffects(given);
  const fov = given.value("fov") === undefined ? undefined : given.number("fov", 72, { min: 10, max: 140 });
  const [k1, k2] = readPair(given.value("distortion") ?? "0,0");
  const group = given.number("group", 1, { min: 1, max: 1000, whole: true });
  if (group > 1 && scenario !== "random") throw new UsageError("--group is for --scenario random");
  const alike = given.flag("alike");
  if (alike && scenario !== "random") {
    throw new UsageError("--alike is for --scenario random; the drive is --scenario alike");
  }
  if (camera !== undefined && scenario === "random") {
    throw new UsageError("--camera is for drives and walks, not for random");
  }
  const fixedLens = fov !== undefined || given.value("distortion") !== undefined;
  return {
    out,
    truth,
    depths,
    ids,
    frames,
    quiet: given.flag("quiet"),
    world: {
      scenario,
      seed: given.number("seed", 1, { min: 0, max: 2 ** 32 - 1, whole: true }),
      frames,
      width,
      height,
      density: given.number("density", 1, { min: 0, max: 3 }),
      smooth: !given.flag("fast"),
      ...(light && { light }),
      ...(camera && { camera }),
      ...(fixedLens && { fieldDegrees: fov ?? 72, k1, k2 }),
      ...(effects && { effects }),
      random: { group, alike },
    },
  };
}

function oneOf<T extends string>(given: Arguments, name: string, known: readonly T[]): T | undefined {
  const value = given.value(name);
  const found = known.find((one) => one === value);
  if (value !== undefined && found === undefined) {
    throw new UsageError(`--${name} is "${value}"; there are ${known.join(", ")}`);
  }
  return found;
}

function readSize(size: string): { width: number; height: number } {
  const parts = /^([1-9]\d*)x([1-9]\d*)$/.exec(size);
  const [width, height] = [Number(parts?.[1]), Number(parts?.[2])];
  if (!parts || width < 16 || height < 16 || width > 4096 || height > 4096) {
    throw new UsageError(`--size is "${size}"; write it as 320x240, each side from 16 to 4096`);
  }
  return { width, height };
}

function readPair(text: string): readonly [number, number] {
  const [k1 = NaN, k2 = 0, ...more] = text.split(",").map((part) => part.trim() === "" ? NaN : Number(part));
  if (!Number.isFinite(k1) || !Number.isFinite(k2) || more.length > 0) {
    throw new UsageError(`--distortion is "${text}"; write it as -0.1,0`);
  }
  return [k1, k2];
}

function readEffects(given: Arguments): WorldOptions["effects"] {
  const bounds = {
    exposure: [0.01, 100],
    noise: [0, 1],
    shutter: [0, 4],
    defocus: [0, 32],
    focus: [0.1, 1000],
  } as const;
  const effects: Record<string, number> = {};
  for (const [name, [min, max]] of Object.entries(bounds)) {
    if (given.value(name) !== undefined) effects[name] = given.number(name, 0, { min, max });
  }
  return Object.keys(effects).length > 0 ? effects : undefined;
}
