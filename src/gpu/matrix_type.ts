import { GpuError } from "./errors.ts";

/** What an element is: bits, and `U` unsigned, `S` signed or `F` floating. */
export type MatrixDepth = "8U" | "8S" | "16U" | "16S" | "32S" | "32F" | "16F";

/** Channels of a matrix. */
export type MatrixChannels = 1 | 2 | 3 | 4;

/** The type of a matrix's pixels, after OpenCV's `CV_8UC3`: `8UC3`. */
export type MatrixType = `${MatrixDepth}C${MatrixChannels}`;

/** The host's array for the elements of a matrix. */
export type MatrixData<T extends MatrixType = MatrixType> = T extends `8U${string}` ? Uint8Array<ArrayBuffer>
  : T extends `8S${string}` ? Int8Array<ArrayBuffer>
  : T extends `16U${string}` ? Uint16Array<ArrayBuffer>
  : T extends `16S${string}` ? Int16Array<ArrayBuffer>
  : T extends `32S${string}` ? Int32Array<ArrayBuffer>
  : T extends `16F${string}` ? Float16Array<ArrayBuffer>
  : Float32Array<ArrayBuffer>;

/** A matrix type taken apart. */
export interface ParsedMatrixType {
  /** What an element is. */
  readonly depth: MatrixDepth;
  /** Elements of a pixel. */
  readonly channels: MatrixChannels;
  /** Bytes of an element: 1, 2 or 4. */
  readonly elementBytes: 1 | 2 | 4;
}

/** All depths, in the order of their numbers in the shaders. */
export const MATRIX_DEPTHS: readonly MatrixDepth[] = ["8U", "8S", "16U", "16S", "32S", "32F", "16F"];

/** The smallest and the largest element of the whole-number depths. */
const LIMITS: Readonly<Record<string, readonly [low: number, high: number]>> = {
  "8U": [0, 255],
  "8S": [-128, 127],
  "16U": [0, 65535],
  "16S": [-32768, 32767],
  "32S": [-2147483648, 2147483647],
};

/** Takes a type apart. @throws {GpuError} if there is no such type. */
export function parseMatrixType(type: string): ParsedMatrixType {
  const [, depth, channels] = /^(8U|8S|16U|16S|32S|32F|16F)C([1-4])$/.exec(type) ?? [];
  if (!depth) {
    throw new GpuError(
      `Cannot make a matrix of "${type}": a type is one of ${
        MATRIX_DEPTHS.join(", ")
      }, "C" and 1 to 4 channels, ` +
        `such as "8UC3"`,
    );
  }
  return {
    depth: depth as MatrixDepth,
    channels: Number(channels) as MatrixChannels,
    elementBytes: parseInt(depth) / 8 as 1 | 2 | 4,
  };
}

/** A type of that depth and so many channels. */
export function matrixType(depth: MatrixDepth, channels: number): MatrixType {
  return `${depth}C${channels}` as MatrixType;
}

/** An array of `length` elements, or one over the bytes that are given. */
export function elementArray(
  depth: MatrixDepth,
  source: number | ArrayBuffer,
): MatrixData {
  switch (depth) {
    case "8U":
      return new Uint8Array(source as ArrayBuffer);
    case "8S":
      return new Int8Array(source as ArrayBuffer);
    case "16U":
      return new Uint16Array(source as ArrayBuffer);
    case "16S":
      return new Int16Array(source as ArrayBuffer);
    case "32S":
      return new Int32Array(source as ArrayBuffer);
    case "16F":
      return new Float16Array(source as ArrayBuffer);
    case "32F":
      return new Float32Array(source as ArrayBuffer);
  }
}

/** A number as the nearest element of that depth, after `cv::saturate_cast`: halves go to the even one. */
export function saturate(value: number, depth: MatrixDepth): number {
  const limits = LIMITS[depth];
  if (!limits) return depth === "32F" ? Math.fround(value) : Math.f16round(value);
  const floor = Math.floor(value);
  const rest = value - floor;
  const whole = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
  return Math.min(Math.max(whole, limits[0]), limits[1]);
}

/**
 * The bits of four elements, for a kernel: a number for all channels, or one for each, 0 where none is given.
 *
 * @throws {GpuError} if there are more than four, or one is no number.
 */
export function scalarBits(scalar: number | readonly number[], depth: MatrixDepth): number[] {
  const values = typeof scalar === "number" ? [scalar, scalar, scalar, scalar] : [...scalar];
  if (values.length > 4 || values.some((value) => typeof value !== "number" || Number.isNaN(value))) {
    throw new GpuError(`Cannot use [${values.join(", ")}] as a scalar: give one to four numbers`);
  }
  while (values.length < 4) values.push(0);
  return values.map((value) => {
    const element = elementArray(depth, 1);
    element[0] = saturate(value, depth);
    const bytes = new Uint8Array(4);
    bytes.set(new Uint8Array(element.buffer));
    return new DataView(bytes.buffer).getUint32(0, true);
  });
}
