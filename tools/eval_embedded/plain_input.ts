/**
 * The pixels of a picture as a network wants them, by plain loops; and back from its pixels to those of the picture.
 *
 * @module
 */
import type { Size } from "../../src/vision/fit.ts";
import type { PixelFrame } from "../../src/vision/pixels.ts";
import type { InputTreatment } from "../../src/vision/treatment.ts";
import type { NetworkFile } from "./networks.ts";

type Fed = Pick<NetworkFile, "input" | "treatment">;

/** The part of the input that shows the picture, which lies at its top left. @throws {Error} for other ways of fitting. */
function content(frame: Size, { input, treatment: { fit } }: Fed): Size {
  if (fit === "stretch") return input;
  if (fit !== "letterbox-top-left") throw new Error(`Cannot fit "${fit}" plainly`);
  const scale = Math.min(input.width / frame.width, input.height / frame.height);
  return {
    width: Math.max(1, Math.trunc(frame.width * scale + 1e-9)),
    height: Math.max(1, Math.trunc(frame.height * scale + 1e-9)),
  };
}

/** For each pixel of a side the two that it lies between, and how far it is towards the second. */
function between(from: number, to: number): readonly (readonly [number, number, number])[] {
  return Array.from({ length: to }, (_, i) => {
    const at = Math.min(Math.max((i + 0.5) * from / to - 0.5, 0), from - 1);
    const low = Math.floor(at);
    return [low, Math.min(low + 1, from - 1), at - low] as const;
  });
}

function triple(value: InputTreatment["mean"], usual: number): readonly number[] {
  return typeof value === "number" ? [value, value, value] : value ?? [usual, usual, usual];
}

/** Planes [3, height, width] of an `rgb24` picture: bilinear between the middles of pixels. */
export function plainInput(frame: PixelFrame, fed: Fed): Float32Array<ArrayBuffer> {
  const { input, treatment } = fed;
  if (frame.format !== "rgb24" || treatment.filter === "area") {
    throw new Error(`Cannot feed a picture of ${frame.format} with the filter ${treatment.filter} plainly`);
  }
  const shown = content(frame, fed);
  const [columns, rows] = [between(frame.width, shown.width), between(frame.height, shown.height)];
  const [fill, mean, std] = [triple(treatment.fill, 0), triple(treatment.mean, 0), triple(treatment.std, 1)];
  const scale = treatment.scale ?? 1;
  const planes = new Float32Array(3 * input.width * input.height);
  for (let c = 0; c < 3; c++) {
    const channel = treatment.channels === "bgr" ? 2 - c : c;
    const put = (level: number): number => (level * scale - mean[c]!) / std[c]!;
    const start = c * input.width * input.height;
    planes.fill(put(fill[c]!), start, start + input.width * input.height);
    for (const [y, [top, bottom, down]] of rows.entries()) {
      for (const [x, [left, right, across]] of columns.entries()) {
        const at = (row: number, column: number): number =>
          frame.data[(row * frame.width + column) * 3 + channel]!;
        const above = at(top, left) * (1 - across) + at(top, right) * across;
        const below = at(bottom, left) * (1 - across) + at(bottom, right) * across;
        planes[start + y * input.width + x] = put(above * (1 - down) + below * down);
      }
    }
  }
  return planes;
}

/** Where a point of the input is in the picture, both counted from the edge of the first pixel; at most its edge. */
export function toPicture(frame: Size, fed: Fed, x: number, y: number): [number, number] {
  const shown = content(frame, fed);
  const clip = (value: number, end: number): number => Math.min(Math.max(value, 0), end);
  return [
    clip(x * frame.width / shown.width, frame.width),
    clip(y * frame.height / shown.height, frame.height),
  ];
}
