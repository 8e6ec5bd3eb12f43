/**
 * What the blob kernel should give, in double precision, pixel by pixel; written from the definitions, sharing nothing
 * with the code under test.
 *
 * @module
 */
import type { PixelFrame } from "../../src/vision/pixels.ts";
import type { InputTreatment } from "../../src/vision/treatment.ts";

type Sampler = (x: number, y: number) => number;

/** One plane of bytes, bilinear between sample centres, the border repeated. */
function bilinear(get: (x: number, y: number) => number, width: number, height: number): Sampler {
  const at = (x: number, y: number): number =>
    get(Math.min(Math.max(x, 0), width - 1), Math.min(Math.max(y, 0), height - 1));
  return (x, y) => {
    const [x0, y0] = [Math.floor(x), Math.floor(y)];
    const [fx, fy] = [x - x0, y - y0];
    const top = at(x0, y0) * (1 - fx) + at(x0 + 1, y0) * fx;
    const bottom = at(x0, y0 + 1) * (1 - fx) + at(x0 + 1, y0 + 1) * fx;
    return top * (1 - fy) + bottom * fy;
  };
}

/** Red, green and blue, 0..255, at a position counted between pixel centres. */
export function colourAt(frame: PixelFrame): (x: number, y: number) => [number, number, number] {
  const { width, height, format, data } = frame;
  const packed = (step: number, channel: number): Sampler =>
    bilinear((x, y) => data[(y * width + x) * step + channel]!, width, height);
  const three = (
    step: number,
    channels: readonly number[],
  ): (x: number, y: number) => [number, number, number] => {
    const samplers = channels.map((channel) => packed(step, channel));
    return (x, y) => samplers.map((sampler) => sampler(x, y)) as [number, number, number];
  };
  if (format === "rgb24") return three(3, [0, 1, 2]);
  if (format === "bgr24") return three(3, [2, 1, 0]);
  if (format === "rgba") return three(4, [0, 1, 2]);
  if (format === "gray8") return three(1, [0, 0, 0]);
  const [cw, ch] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const luma = packed(1, 0);
  const u = bilinear(
    (x, y) => data[width * height + (format === "i420" ? y * cw + x : 2 * (y * cw + x))]!,
    cw,
    ch,
  );
  const v = bilinear(
    (x, y) => data[width * height + (format === "i420" ? cw * ch + y * cw + x : 2 * (y * cw + x) + 1)]!,
    cw,
    ch,
  );
  const full = frame.colour?.range === "full";
  const [kr, kb] = frame.colour?.matrix === "bt709" ? [0.2126, 0.0722] : [0.299, 0.114];
  const clamp = (level: number): number => Math.min(Math.max(level, 0), 1) * 255;
  return (x, y) => {
    // The position of a luma centre in units of chroma samples, counted from the centre of the first one.
    const cx = frame.siting === "center" ? (x + 0.5) / 2 - 0.5 : x / 2;
    const cy = (y + 0.5) / 2 - 0.5;
    const level = full ? luma(x, y) / 255 : (luma(x, y) - 16) / 219;
    const pb = (u(cx, cy) - 128) / (full ? 255 : 224);
    const pr = (v(cx, cy) - 128) / (full ? 255 : 224);
    const red = level + 2 * (1 - kr) * pr;
    const blue = level + 2 * (1 - kb) * pb;
    return [clamp(red), clamp((level - kr * red - kb * blue) / (1 - kr - kb)), clamp(blue)];
  };
}

/** The network input `[1, H, W, 4]` of one frame. */
export function blobReference(
  frame: PixelFrame,
  width: number,
  height: number,
  treatment: InputTreatment,
  channelCount: number,
): Float64Array {
  const colour = colourAt(frame);
  const [w, h] = [frame.width, frame.height];
  let [left, top, contentWidth, contentHeight, scaleX, scaleY] = [0, 0, width, height, w / width, h / height];
  let [offsetX, offsetY] = [0, 0];
  if (treatment.fit.startsWith("letterbox")) {
    const wide = w * height > h * width;
    contentWidth = wide || w * height === h * width ? width : Math.max(1, Math.trunc(w * height / h));
    contentHeight = wide ? Math.max(1, Math.trunc(h * width / w)) : height;
    if (treatment.fit === "letterbox-center") {
      left = (width - contentWidth) >> 1;
      top = (height - contentHeight) >> 1;
    }
    [scaleX, scaleY] = [w / contentWidth, h / contentHeight];
  } else if (treatment.fit === "center-crop") {
    const factor = Math.max(width / w, height / h);
    scaleX = scaleY = 1 / factor;
    offsetX = Math.max(0, Math.trunc((Math.round(w * factor) - width) / 2));
    offsetY = Math.max(0, Math.trunc((Math.round(h * factor) - height) / 2));
  }
  const triple = (value: number | readonly number[] | undefined, fallback: number): readonly number[] =>
    typeof value === "number" ? [value, value, value] : value ?? [fallback, fallback, fallback];
  const [fill, mean, std] = [triple(treatment.fill, 0), triple(treatment.mean, 0), triple(treatment.std, 1)];
  const samples = (scale: number): number =>
    treatment.filter === "area" ? Math.min(16, Math.max(1, Math.ceil(scale - 1e-9))) : 1;
  const [nx, ny] = [samples(scaleX), samples(scaleY)];
  const out = new Float64Array(width * height * 4);
  for (let oy = 0; oy < height; oy++) {
    for (let ox = 0; ox < width; ox++) {
      const [x, y] = [ox - left, oy - top];
      let rgb = [...fill];
      if (x >= 0 && y >= 0 && x < contentWidth && y < contentHeight) {
        rgb = [0, 0, 0];
        for (let j = 0; j < ny; j++) {
          for (let i = 0; i < nx; i++) {
            const sx = (x + offsetX + (i + 0.5) / nx) * scaleX - 0.5;
            const sy = (y + offsetY + (j + 0.5) / ny) * scaleY - 0.5;
            colour(sx, sy).forEach((level, c) => rgb[c]! += level / (nx * ny));
          }
        }
      }
      const order = treatment.channels === "bgr" ? rgb.toReversed() : rgb;
      const lanes = channelCount === 1 ? [0.299 * rgb[0]! + 0.587 * rgb[1]! + 0.114 * rgb[2]!] : order;
      lanes.forEach((level, c) => {
        out[(oy * width + ox) * 4 + c] = (level * (treatment.scale ?? 1) - mean[c]!) / std[c]!;
      });
    }
  }
  return out;
}
