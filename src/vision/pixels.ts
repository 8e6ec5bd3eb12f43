/**
 * Frames of packed pixels as decoders give them: formats, sizes in bytes, and colour conversion.
 *
 * @module
 */

/**
 * How the bytes of a frame are laid out, without padding between rows or planes.
 *
 * - `i420`: plane of luma, then U, then V at half width and height (rounded up).
 * - `nv12`: plane of luma, then U and V interleaved at half width and height (rounded up).
 * - `rgb24`, `bgr24`, `rgba`: interleaved; alpha is ignored.
 * - `gray8`: one byte a pixel.
 */
export type PixelFormat = "i420" | "nv12" | "rgb24" | "bgr24" | "rgba" | "gray8";

/** All formats, in the order of their numbers in the blob kernel. */
export const PIXEL_FORMATS: readonly PixelFormat[] = ["i420", "nv12", "rgb24", "bgr24", "rgba", "gray8"];

/** How YUV values are meant. */
export interface PixelColour {
  /** The YUV to RGB matrix: ITU-R BT.601 (standard definition, JPEG) or BT.709 (high definition). */
  readonly matrix: "bt601" | "bt709";
  /** `limited`: luma 16 to 235, chroma 16 to 240; `full`: 0 to 255 (JPEG). */
  readonly range: "limited" | "full";
}

/** What the bytes of a frame mean. `colour` and `siting` matter for `i420` and `nv12` only. */
export interface PixelLayout {
  readonly width: number;
  readonly height: number;
  readonly format: PixelFormat;
  /** Default: BT.601, limited range. */
  readonly colour?: PixelColour;
  /**
   * Where a chroma sample lies in its 2x2 block: `left` (default; MPEG-2, H.264) between the two left pixels, or
   * `center` (JPEG, MPEG-1) in the middle.
   */
  readonly siting?: "left" | "center";
}

/** A frame in host memory. */
export interface PixelFrame extends PixelLayout {
  /** At least {@linkcode pixelBytes} bytes. */
  readonly data: Uint8Array<ArrayBuffer>;
}

/** Longest side that is taken: coordinates stay exact far beyond, this only catches nonsense. */
const MAX_SIDE = 65535;

/**
 * The bytes that a frame takes.
 *
 * @throws {RangeError} if the format is unknown or a side is no whole number from 1 to 65535.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * assertEquals(pixelBytes({ width: 1280, height: 720, format: "i420" }), 1382400);
 * assertEquals(pixelBytes({ width: 3, height: 1, format: "nv12" }), 3 + 4);
 * ```
 */
export function pixelBytes(layout: PixelLayout): number {
  const { width, height, format } = layout;
  for (const [side, value] of [["width", width], ["height", height]] as const) {
    if (!Number.isInteger(value) || value < 1 || value > MAX_SIDE) {
      throw new RangeError(
        `Cannot use a frame of ${width}x${height}: its ${side} is ${value}; it must be 1 to ${MAX_SIDE}`,
      );
    }
  }
  const chroma = Math.ceil(width / 2) * Math.ceil(height / 2);
  switch (format) {
    case "i420":
    case "nv12":
      return width * height + 2 * chroma;
    case "rgb24":
    case "bgr24":
      return width * height * 3;
    case "rgba":
      return width * height * 4;
    case "gray8":
      return width * height;
    default:
      throw new RangeError(
        `Cannot read pixel format "${format}"; the formats are ${PIXEL_FORMATS.join(", ")}`,
      );
  }
}

/** Luma weights (red, blue) of the two standards: ITU-R BT.601 and BT.709. */
const LUMA_WEIGHTS = { bt601: [0.299, 0.114], bt709: [0.2126, 0.0722] } as const;

/**
 * The matrix that takes (Y, U, V, 1), each 0..255, to (R, G, B), each 0..255 before clamping: three rows of four.
 * The identity for formats that hold no YUV.
 *
 * @throws {RangeError} if the matrix or the range is unknown.
 */
export function colourMatrix(layout: PixelLayout): number[] {
  const { format, colour: { matrix, range } = { matrix: "bt601", range: "limited" } } = layout;
  if (format !== "i420" && format !== "nv12") return [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0];
  const weights = LUMA_WEIGHTS[matrix];
  if (!weights) throw new RangeError(`Cannot convert colours by matrix "${matrix}"; take bt601 or bt709`);
  if (range !== "limited" && range !== "full") {
    throw new RangeError(`Cannot convert colours of range "${range}"; take limited or full`);
  }
  const [kr, kb] = weights;
  const kg = 1 - kr - kb;
  const luma = range === "full" ? 1 : 255 / 219;
  const chroma = range === "full" ? 1 : 255 / 224;
  const black = range === "full" ? 0 : 16;
  const rv = 2 * (1 - kr) * chroma;
  const bu = 2 * (1 - kb) * chroma;
  const gu = -bu * kb / kg;
  const gv = -rv * kr / kg;
  const row = (u: number, v: number): number[] => [luma, u, v, -luma * black - 128 * (u + v)];
  return [...row(0, rv), ...row(gu, gv), ...row(bu, 0)];
}
