import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { Painter } from "../../src/vision/paint.ts";
import { PIXEL_FORMATS, pixelBytes } from "../../src/vision/pixels.ts";
import { Random } from "../support/random.ts";

const [WIDTH, HEIGHT] = [64, 48];

/** What a white line on black leaves, as a share of white, pixel by pixel. */
function drawn(from: [number, number], to: [number, number], thickness: number): Float64Array {
  const painter = new Painter({ format: "gray8", width: WIDTH, height: HEIGHT });
  const data = new Uint8Array(WIDTH * HEIGHT);
  painter.line(data, from, to, thickness, painter.ink([255, 255, 255]));
  return Float64Array.from(data, (value) => value / 255);
}

Deno.test("line() covers as much as a line of its length and thickness, near the line and nowhere else", () => {
  const random = new Random(2);
  for (let round = 0; round < 60; round++) {
    const point = (): [number, number] => [random.uniform(8, WIDTH - 8), random.uniform(8, HEIGHT - 8)];
    const [a, b, thickness] = [point(), point(), random.uniform(1, 3)];
    const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
    const length = Math.hypot(dx, dy);
    if (length < 8) continue;
    const parameters = `${a} to ${b}, ${thickness} thick`;
    let area = 0;
    drawn(a, b, thickness).forEach((share, i) => {
      area += share;
      if (share < 0.02) return;
      const [x, y] = [i % WIDTH - a[0], Math.floor(i / WIDTH) - a[1]];
      const away = Math.abs(x * dy - y * dx) / length;
      const along = (x * dx + y * dy) / length;
      assert(away < thickness / 2 + 1.1, `${parameters}: ${away} away`);
      assert(
        along > -thickness - 1 && along < length + thickness + 1,
        `${parameters}: ${along} of ${length}`,
      );
    });
    // The pixels of both ends are painted whole: up to two more along the longer axis.
    assertAlmostEquals(area, length * thickness, 2 * thickness * Math.SQRT2, parameters);
  }
});

Deno.test("line() is the same from both ends, and a point is a dot", () => {
  assertEquals(drawn([10, 10], [50, 23], 2), drawn([50, 23], [10, 10], 2));
  assertAlmostEquals(drawn([20, 20], [20, 20], 2).reduce((sum, share) => sum + share), 2, 0.02);
});

Deno.test("line() never writes outside the frame, and takes no time for what is far away", () => {
  const far = [[-1e9, 5], [1e9, 7], [5, -1e9], [7, 1e9], [NaN, 1], [Infinity, 2], [-50, -50], [
    200,
    100,
  ]] as const;
  for (const format of PIXEL_FORMATS) {
    const bytes = pixelBytes({ format, width: WIDTH, height: HEIGHT });
    const painter = new Painter({ format, width: WIDTH, height: HEIGHT });
    const all = new Uint8Array(bytes + 2000).fill(7);
    const data = all.subarray(1000, 1000 + bytes);
    const begun = performance.now();
    for (const from of far) {
      for (const to of far) painter.line(data, from, to, 3, painter.ink([200, 10, 10]));
    }
    assert(performance.now() - begun < 2000);
    const outside = [...all.subarray(0, 1000), ...all.subarray(1000 + bytes)];
    assert(outside.every((value) => value === 7), format);
  }
});
