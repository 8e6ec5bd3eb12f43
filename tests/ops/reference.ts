/**
 * Operators as plain loops over NCHW arrays of doubles, written from ONNX's description alone. They share nothing with
 * the code under test.
 *
 * @module
 */

/** An image in double precision. */
export interface Image {
  n: number;
  c: number;
  h: number;
  w: number;
  data: Float64Array;
}

/** What a sliding window is. */
export interface WindowSpec {
  kernel: [h: number, w: number];
  strides: [h: number, w: number];
  dilations: [h: number, w: number];
  /** top, left, bottom, right */
  pads: [number, number, number, number];
}

/** An image of the numbers given. */
export function image(n: number, c: number, h: number, w: number, data?: ArrayLike<number>): Image {
  return { n, c, h, w, data: data ? Float64Array.from(data) : new Float64Array(n * c * h * w) };
}

function at({ c, h, w }: Image, n: number, channel: number, y: number, x: number): number {
  return ((n * c + channel) * h + y) * w + x;
}

function windowExtent(size: number, axis: 0 | 1, spec: WindowSpec): number {
  const reach = (spec.kernel[axis] - 1) * spec.dilations[axis] + 1;
  return Math.floor((size + spec.pads[axis] + spec.pads[axis + 2]! - reach) / spec.strides[axis]) + 1;
}

/** Convolution. `weights` is [outC, c / groups, kh, kw], `bias` [outC]. */
export function convolve(
  x: Image,
  weights: ArrayLike<number>,
  bias: ArrayLike<number>,
  outC: number,
  groups: number,
  spec: WindowSpec,
): Image {
  const [kh, kw] = spec.kernel;
  const y = image(x.n, outC, windowExtent(x.h, 0, spec), windowExtent(x.w, 1, spec));
  const groupIn = x.c / groups;
  const groupOut = outC / groups;
  for (let n = 0; n < x.n; n++) {
    for (let o = 0; o < outC; o++) {
      const firstIn = Math.floor(o / groupOut) * groupIn;
      for (let oy = 0; oy < y.h; oy++) {
        for (let ox = 0; ox < y.w; ox++) {
          let sum = bias[o] ?? 0;
          for (let i = 0; i < groupIn; i++) {
            for (let ky = 0; ky < kh; ky++) {
              const iy = oy * spec.strides[0] - spec.pads[0] + ky * spec.dilations[0];
              if (iy < 0 || iy >= x.h) continue;
              for (let kx = 0; kx < kw; kx++) {
                const ix = ox * spec.strides[1] - spec.pads[1] + kx * spec.dilations[1];
                if (ix < 0 || ix >= x.w) continue;
                sum += x.data[at(x, n, firstIn + i, iy, ix)]! *
                  weights[((o * groupIn + i) * kh + ky) * kw + kx]!;
              }
            }
          }
          y.data[at(y, n, o, oy, ox)] = sum;
        }
      }
    }
  }
  return y;
}

/** The largest element, or the mean of those inside (`countPadding`: divided by the taps inside the padded image). */
export function pool(x: Image, mode: "max" | "mean", spec: WindowSpec, countPadding = false): Image {
  const y = image(x.n, x.c, windowExtent(x.h, 0, spec), windowExtent(x.w, 1, spec));
  for (let n = 0; n < x.n; n++) {
    for (let c = 0; c < x.c; c++) {
      for (let oy = 0; oy < y.h; oy++) {
        for (let ox = 0; ox < y.w; ox++) {
          const inside: number[] = [];
          for (let ky = 0; ky < spec.kernel[0]; ky++) {
            for (let kx = 0; kx < spec.kernel[1]; kx++) {
              const iy = oy * spec.strides[0] - spec.pads[0] + ky * spec.dilations[0];
              const ix = ox * spec.strides[1] - spec.pads[1] + kx * spec.dilations[1];
              if (iy >= 0 && iy < x.h && ix >= 0 && ix < x.w) inside.push(x.data[at(x, n, c, iy, ix)]!);
            }
          }
          const taps = countPadding ? spec.kernel[0] * spec.kernel[1] : inside.length;
          y.data[at(y, n, c, oy, ox)] = mode === "max"
            ? Math.max(...inside)
            : inside.reduce((a, b) => a + b, 0) / taps;
        }
      }
    }
  }
  return y;
}

/** Bilinear resizing with half-pixel centres, the border repeated. */
export function resizeLinear(x: Image, h: number, w: number): Image {
  const y = image(x.n, x.c, h, w);
  const source = (o: number, from: number, to: number): [number, number, number] => {
    const centre = Math.min(Math.max((o + 0.5) * from / to - 0.5, 0), from - 1);
    const low = Math.floor(centre);
    return [low, Math.min(low + 1, from - 1), centre - low];
  };
  for (let n = 0; n < x.n; n++) {
    for (let c = 0; c < x.c; c++) {
      for (let oy = 0; oy < h; oy++) {
        const [top, bottom, v] = source(oy, x.h, h);
        for (let ox = 0; ox < w; ox++) {
          const [left, right, u] = source(ox, x.w, w);
          const value = (iy: number, ix: number): number => x.data[at(x, n, c, iy, ix)]!;
          y.data[at(y, n, c, oy, ox)] = (1 - v) * ((1 - u) * value(top, left) + u * value(top, right)) +
            v * ((1 - u) * value(bottom, left) + u * value(bottom, right));
        }
      }
    }
  }
  return y;
}

/** Softmax of each row of `length` elements that lie side by side. */
export function softmaxRows(data: ArrayLike<number>, length: number): Float64Array {
  const y = Float64Array.from(data);
  for (let start = 0; start < y.length; start += length) {
    const row = y.subarray(start, start + length);
    const largest = Math.max(...row);
    let sum = 0;
    row.forEach((value, i) => sum += row[i] = Math.exp(value - largest));
    row.forEach((value, i) => row[i] = value / sum);
  }
  return y;
}
