/**
 * What is done to a frame before a network sees it, apart from the network's own input size.
 *
 * @module
 */
import { FIT_MODES, type FitMode } from "./fit.ts";

/** A number for each of three channels. */
export type Triple = readonly [number, number, number];

/**
 * How pixels become a network's input. Channel c of the input is `(pixel * scale - mean[c]) / std[c]`, pixel 0..255, the
 * channels counted in the network's own order. OpenCV's `blobFromImage(image, factor, mean)` is
 * `{ scale: factor, mean: factor * mean, std: 1 }`.
 *
 * A network of one channel gets luma (0.299 R + 0.587 G + 0.114 B) and uses the first `mean` and `std`.
 */
export interface InputTreatment {
  readonly fit: FitMode;
  /** Level of the padding, 0..255, before scale, mean and std; one for all channels or red, green, blue. Default 0. */
  readonly fill?: number | Triple;
  /** The network's channel order. */
  readonly channels: "rgb" | "bgr";
  /** Default 1. */
  readonly scale?: number;
  /** Default 0. */
  readonly mean?: number | Triple;
  /** Default 1. */
  readonly std?: number | Triple;
  /**
   * `linear` (default): two by two source pixels an output pixel, as OpenCV's INTER_LINEAR, which is what most
   * detectors were evaluated with. `area`: the mean over the output pixel's whole footprint (up to 16 by 16 samples).
   */
  readonly filter?: "linear" | "area";
}

/** A treatment with nothing left out. */
export type FullTreatment = Required<Omit<InputTreatment, "fill" | "mean" | "std">> & {
  /** Red, green, blue. */
  readonly fill: Triple;
  readonly mean: Triple;
  readonly std: Triple;
};

const CHOICES = {
  fit: FIT_MODES,
  channels: ["rgb", "bgr"],
  filter: ["linear", "area"],
} as const;

/**
 * Checks a treatment, which may come from a file, and fills in the defaults.
 *
 * @param value the treatment; fields it does not know are ignored.
 * @param where what the treatment belongs to, for messages.
 * @throws {TypeError} naming the field, its value and what is allowed.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * const treatment = fullTreatment({ fit: "stretch", channels: "bgr", scale: 1 / 255 });
 * assertEquals(treatment.std, [1, 1, 1]);
 * ```
 */
export function fullTreatment(value: unknown, where = "input treatment"): FullTreatment {
  if (typeof value !== "object" || value === null) {
    throw new TypeError(
      `Cannot use the ${where}: it is ${value === null ? "null" : typeof value}, no object`,
    );
  }
  const given = value as Record<string, unknown>;
  const choose = <K extends keyof typeof CHOICES>(
    name: K,
    fallback?: typeof CHOICES[K][number],
  ): typeof CHOICES[K][number] => {
    const choice = given[name] ?? fallback;
    const allowed: readonly unknown[] = CHOICES[name];
    if (!allowed.includes(choice)) fail(name, allowed.join(", "));
    return choice as typeof CHOICES[K][number];
  };
  const number = (name: string, fallback: number, ok: (n: number) => boolean, rule: string): number => {
    const n = given[name] ?? fallback;
    if (typeof n !== "number" || !Number.isFinite(n) || !ok(n)) fail(name, rule);
    return n as number;
  };
  const triple = (name: string, fallback: number, ok: (n: number) => boolean, rule: string): Triple => {
    const list = given[name] ?? fallback;
    const three = typeof list === "number" ? [list, list, list] : Array.isArray(list) ? list : [];
    if (three.length !== 3 || !three.every((n) => typeof n === "number" && Number.isFinite(n) && ok(n))) {
      fail(name, `${rule}, or three of them`);
    }
    return three as unknown as Triple;
  };
  return {
    fit: choose("fit"),
    fill: triple("fill", 0, (n) => n >= 0 && n <= 255, "a level from 0 to 255"),
    channels: choose("channels"),
    scale: number("scale", 1, (n) => n !== 0, "a number that is not 0"),
    mean: triple("mean", 0, () => true, "a number"),
    std: triple("std", 1, (n) => n !== 0, "a number that is not 0"),
    filter: choose("filter", "linear"),
  };

  function fail(name: string, allowed: string): never {
    throw new TypeError(
      `Cannot use the ${where}: "${name}" is ${JSON.stringify(given[name])}; allowed: ${allowed}`,
    );
  }
}

/**
 * The rows (red, green, blue, constant) that give the four lanes of an input pixel; lanes beyond `channelCount` are zero.
 *
 * @throws {RangeError} if the network takes neither one nor three channels.
 */
export function laneRows(treatment: FullTreatment, channelCount: number): number[] {
  const { scale, mean, std, channels } = treatment;
  if (channelCount !== 1 && channelCount !== 3) {
    throw new RangeError(
      `Cannot feed pixels to a network input of ${channelCount} channels; it must take 1 or 3`,
    );
  }
  const weights: readonly Triple[] = channelCount === 1
    ? [[0.299, 0.587, 0.114]]
    : channels === "rgb"
    ? [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    : [[0, 0, 1], [0, 1, 0], [1, 0, 0]];
  const rows = new Array<number>(16).fill(0);
  weights.forEach((row, lane) => {
    row.forEach((weight, c) => rows[lane * 4 + c] = weight * scale / std[lane]!);
    rows[lane * 4 + 3] = -mean[lane]! / std[lane]!;
  });
  return rows;
}
