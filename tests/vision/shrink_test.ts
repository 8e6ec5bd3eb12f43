import { assert, assertEquals } from "@std/assert";
import { PIXEL_FORMATS, pixelBytes, type PixelFormat, type PixelFrame } from "../../src/vision/pixels.ts";
import { shrink, sizeWithin } from "../../src/vision/shrink.ts";
import { Random } from "../support/random.ts";

type Rgb = readonly [number, number, number];

/** Red, green, blue and grey, as 8-bit BT.601 with limited range has them. */
const COLOURS: { rgb: Rgb; yuv: Rgb }[] = [
  { rgb: [255, 0, 0], yuv: [81, 90, 240] },
  { rgb: [0, 255, 0], yuv: [145, 54, 34] },
  { rgb: [0, 0, 255], yuv: [41, 240, 110] },
  { rgb: [128, 128, 128], yuv: [126, 128, 128] },
];

/** A frame of four squares of `side` pixels in a row, each of one colour. */
function squares(format: PixelFormat, side: number): PixelFrame {
  const width = 4 * side, height = side;
  const data = new Uint8Array(pixelBytes({ format, width, height }));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const { rgb, yuv } = COLOURS[Math.floor(x / side)]!;
      const i = y * width + x;
      if (format === "rgb24") data.set(rgb, 3 * i);
      else if (format === "bgr24") data.set(rgb.toReversed(), 3 * i);
      else if (format === "rgba") data.set([...rgb, 9], 4 * i);
      else {
        data[i] = format === "gray8" ? rgb[0] : yuv[0];
        if (format === "gray8") continue;
        const half = width / 2, c = (y >> 1) * half + (x >> 1), luma = width * height;
        const [u, v] = format === "i420" ? [c, c + half * height / 2] : [2 * c, 2 * c + 1];
        data[luma + u] = yuv[1];
        data[luma + v] = yuv[2];
      }
    }
  }
  return { format, width, height, data };
}

for (const format of PIXEL_FORMATS) {
  Deno.test(`shrink() takes ${format} to RGB, smaller, as large and larger`, () => {
    for (const size of [1, 2, 8, 11]) {
      const found = shrink(squares(format, 8), { width: 4 * size, height: size });
      for (let y = 0; y < size; y++) {
        for (const [i, { rgb }] of COLOURS.entries()) {
          const at = 3 * (y * 4 * size + i * size + Math.floor(size / 2));
          const wanted = format === "gray8" ? [rgb[0], rgb[0], rgb[0]] : rgb;
          const near = wanted.every((value, c) => Math.abs(value - found[at + c]!) <= 2);
          assert(near, `size ${size}, row ${y}, square ${i}: ${found.subarray(at, at + 3)} for ${wanted}`);
        }
      }
    }
  });
}

Deno.test("shrink() gives the mean of what each pixel covers", () => {
  const random = new Random(1);
  for (let round = 0; round < 30; round++) {
    const [width, height] = [random.int(1, 40), random.int(1, 40)];
    const size = { width: random.int(1, width), height: random.int(1, height) };
    const data = random.bytes(width * height * 3);
    const found = shrink({ format: "rgb24", width, height, data }, size);
    const [x, y, c] = [random.int(0, size.width - 1), random.int(0, size.height - 1), random.int(0, 2)];
    const covered: number[] = [];
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const inside = (at: number, i: number, from: number, to: number): boolean =>
          at >= Math.floor(i * from / to) && at < Math.floor((i + 1) * from / to);
        if (!inside(column, x, width, size.width) || !inside(row, y, height, size.height)) continue;
        covered.push(data[3 * (row * width + column) + c]!);
      }
    }
    const mean = covered.reduce((sum, value) => sum + value, 0) / covered.length;
    const got = found[3 * (y * size.width + x) + c]!;
    assert(
      Math.abs(got - mean) <= 0.5 + 1e-9,
      `${width}x${height} to ${JSON.stringify(size)}: ${got} for ${mean}`,
    );
  }
});

Deno.test("sizeWithin() keeps proportions, and never enlarges", () => {
  const box = { width: 400, height: 400 };
  assertEquals(sizeWithin({ width: 1920, height: 1080 }, box), { width: 400, height: 225 });
  assertEquals(sizeWithin({ width: 480, height: 640 }, box), { width: 300, height: 400 });
  assertEquals(sizeWithin({ width: 64, height: 48 }, box), { width: 64, height: 48 });
  assertEquals(sizeWithin({ width: 9000, height: 2 }, box), { width: 400, height: 1 });
});
