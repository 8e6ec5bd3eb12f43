/**
 * How a frame is fitted into a network's input, and the way back. Coordinates are continuous: pixel i covers i to i + 1,
 * so the corners of a frame are (0, 0) and (width, height).
 *
 * @module
 */

/** Width and height in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * - `stretch`: the whole frame fills the input, its aspect ratio is lost.
 * - `letterbox-center`: the whole frame, in its aspect ratio, in the middle of the padding.
 * - `letterbox-top-left`: the same, with all padding at the right or the bottom.
 * - `center-crop`: the input is filled in the frame's aspect ratio, what sticks out is cut equally from both ends.
 */
export type FitMode = "stretch" | "letterbox-center" | "letterbox-top-left" | "center-crop";

/** All modes. */
export const FIT_MODES: readonly FitMode[] = [
  "stretch",
  "letterbox-center",
  "letterbox-top-left",
  "center-crop",
];

/** A box: left, top, right, bottom. */
export type Box = readonly [x1: number, y1: number, x2: number, y2: number];

/** The exact relation of a frame and a network input: source = network * scale + origin, in each direction. */
export interface Fit {
  readonly source: Size;
  readonly network: Size;
  /** Source pixels a network pixel, horizontally. */
  readonly scaleX: number;
  /** Source pixels a network pixel, vertically. */
  readonly scaleY: number;
  /** The source x of the network's left edge; negative where there is padding. */
  readonly originX: number;
  /** The source y of the network's top edge. */
  readonly originY: number;
  /** The network pixels that show the frame; the others are padding. Whole numbers. */
  readonly content: {
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly height: number;
  };
}

/**
 * The geometry of a fit, after OpenCV's `blobFromImage`: a letterboxed frame takes a whole number of pixels (rounded
 * down, at least one), a crop starts at a whole pixel of the resized frame.
 *
 * @throws {RangeError} if a side is no whole number from 1 on, or the mode is unknown.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * const fit = fitFrame({ width: 1280, height: 720 }, { width: 416, height: 416 }, "letterbox-center");
 * assertEquals(fit.content, { x: 0, y: 91, width: 416, height: 234 });
 * assertEquals(boxToSource(fit, [0, 91, 416, 325]), [0, 0, 1280, 720]);
 * ```
 */
export function fitFrame(source: Size, network: Size, mode: FitMode): Fit {
  for (const [what, { width, height }] of [["frame", source], ["network input", network]] as const) {
    if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0)) {
      throw new RangeError(`Cannot fit: the ${what} is ${width}x${height}; both sides must be whole and > 0`);
    }
  }
  const { width: w, height: h } = source;
  const { width: W, height: H } = network;
  const whole = { x: 0, y: 0, width: W, height: H };
  // Compared as products of whole numbers: a quotient could round a full side to one pixel less.
  const widthLimits = W * h <= H * w;
  switch (mode) {
    case "stretch":
      return { source, network, scaleX: w / W, scaleY: h / H, originX: 0, originY: 0, content: whole };
    case "letterbox-center":
    case "letterbox-top-left": {
      const width = widthLimits ? W : Math.max(Math.floor(w * H / h), 1);
      const height = widthLimits ? Math.max(Math.floor(h * W / w), 1) : H;
      const topLeft = mode === "letterbox-top-left";
      const x = topLeft ? 0 : Math.floor((W - width) / 2);
      const y = topLeft ? 0 : Math.floor((H - height) / 2);
      const [scaleX, scaleY] = [w / width, h / height];
      const content = { x, y, width, height };
      return { source, network, scaleX, scaleY, originX: -x * scaleX, originY: -y * scaleY, content };
    }
    case "center-crop": {
      const scale = widthLimits ? h / H : w / W;
      const left = Math.floor((Math.max(Math.round(w / scale), W) - W) / 2);
      const top = Math.floor((Math.max(Math.round(h / scale), H) - H) / 2);
      const [originX, originY] = [left * scale, top * scale];
      return { source, network, scaleX: scale, scaleY: scale, originX, originY, content: whole };
    }
    default:
      throw new RangeError(`Cannot fit by "${mode}"; take ${FIT_MODES.join(", ")}`);
  }
}

/** A point of the network input in source pixels, not clipped. */
export function pointToSource(fit: Fit, x: number, y: number): [x: number, y: number] {
  return [x * fit.scaleX + fit.originX, y * fit.scaleY + fit.originY];
}

/** A source point in network pixels. */
export function pointToNetwork(fit: Fit, x: number, y: number): [x: number, y: number] {
  return [(x - fit.originX) / fit.scaleX, (y - fit.originY) / fit.scaleY];
}

/** A box of the network input in source pixels, clipped to the frame. */
export function boxToSource(fit: Fit, box: Box): [number, number, number, number] {
  const [x1, y1] = pointToSource(fit, box[0], box[1]);
  const [x2, y2] = pointToSource(fit, box[2], box[3]);
  const { width, height } = fit.source;
  return [clip(x1, width), clip(y1, height), clip(x2, width), clip(y2, height)];
}

/** A box of source pixels in network pixels, not clipped. */
export function boxToNetwork(fit: Fit, box: Box): [number, number, number, number] {
  return [...pointToNetwork(fit, box[0], box[1]), ...pointToNetwork(fit, box[2], box[3])];
}

/** A keypoint of the network input in source pixels, clipped to the frame. */
export function keypointToSource(fit: Fit, x: number, y: number): [x: number, y: number] {
  const [sx, sy] = pointToSource(fit, x, y);
  return [clip(sx, fit.source.width), clip(sy, fit.source.height)];
}

function clip(value: number, end: number): number {
  return Math.min(Math.max(value, 0), end);
}
