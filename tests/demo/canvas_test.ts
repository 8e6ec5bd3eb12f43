import { assertAlmostEquals, assertEquals, assertGreater, assertLess, assertThrows } from "@std/assert";
import { Canvas, place, turn } from "../../src/demo/canvas.ts";
import { annulus, bar, ellipse, polygon, rectangle, type Shape, shape } from "../../src/demo/shape.ts";

/** The area that a shape covers, from the grey levels of white on black. */
function coveredArea(drawn: Shape, at = place(0, 0)): number {
  const canvas = new Canvas(64, 48);
  canvas.transform = at;
  canvas.fill(drawn, 0xffffff);
  return canvas.pixels.reduce((sum, level) => sum + level, 0) / 3 / 255;
}

/** The area of a shape's rings by the shoelace formula. */
function shoelace({ rings }: Shape): number {
  let area = 0;
  for (const ring of rings) {
    for (let i = 0; i < ring.length; i += 2) {
      const j = (i + 2) % ring.length;
      area += (ring[i]! * ring[j + 1]! - ring[j]! * ring[i + 1]!) / 2;
    }
  }
  return Math.abs(area);
}

Deno.test("Canvas.fill() covers as much as the shape's area, wherever its edges lie between pixels", () => {
  const shapes: Record<string, Shape> = {
    rectangle: rectangle(3.3, 4.7, 20.25, 9.6),
    "rounded rectangle": rectangle(3.3, 4.7, 20.25, 9.6, 3),
    circle: ellipse(20, 20, 11.3),
    ring: annulus(25.5, 22.2, 15, 3.4),
    octagon: polygon(20.4, 20.6, 12, 8, 0.2),
    "flat bar": bar(2.2, 30.1, 60.3, 33.7, 1.3),
    "steep bar": bar(30.1, 2.2, 32.7, 44.4, 0.7),
    curve: shape("M5 5 C20 0 40 12 50 30 Q20 44 5 40 Z"),
    hole: shape("M5 5 H45 V40 H5 Z M12 11 V30 H33 V11 Z"),
  };
  for (const [name, drawn] of Object.entries(shapes)) {
    const expected = shoelace(drawn);
    assertAlmostEquals(coveredArea(drawn), expected, 0.004 * expected + 0.3, name);
  }
});

Deno.test("Canvas.fill() clips at each side of the image", () => {
  for (const [x, y] of [[-10, 10], [54, 10], [20, -10], [20, 38], [-10, -10], [54, 38]] as const) {
    const width = Math.min(64, x + 20) - Math.max(0, x), height = Math.min(48, y + 20) - Math.max(0, y);
    assertAlmostEquals(coveredArea(rectangle(x, y, 20, 20)), width * height, 0.2, `rectangle at ${x}, ${y}`);
    const disc = coveredArea(ellipse(x + 10, y + 10, 10));
    assertGreater(disc, 0.5 * width * height, `disc at ${x}, ${y}`);
    assertLess(disc, 0.9 * width * height, `disc at ${x}, ${y}`);
  }
  assertEquals(coveredArea(rectangle(-30, 5, 20, 20)), 0);
  assertEquals(coveredArea(rectangle(70, 5, 20, 20)), 0);
});

Deno.test("Canvas.fill() leaves nothing behind for the next shape", () => {
  const canvas = new Canvas(64, 48);
  for (let i = 0; i < 50; i++) canvas.fill(polygon(i * 1.7 - 5, i - 2, 9, 3 + i % 7, i), 0);
  canvas.fill(rectangle(10, 10, 5, 4), 0xffffff);
  assertEquals(canvas.pixels.reduce((sum, level) => sum + level, 0), 5 * 4 * 3 * 255);
});

Deno.test("place() mirrors and scales, turn() keeps the centre of rotation and the area", () => {
  const mirrored = new Canvas(64, 48);
  mirrored.transform = place(40, 10, 2, true);
  mirrored.fill(rectangle(0, 0, 5, 3), 0xffffff);
  assertEquals(mirrored.pixels[(10 * 64 + 39) * 3], 255);
  assertEquals(mirrored.pixels[(15 * 64 + 30) * 3], 255);
  assertEquals(mirrored.pixels[(10 * 64 + 40) * 3], 0);
  const turned = turn(place(5, 3), 0.7, 20, 18);
  assertAlmostEquals(turned.a * 20 + turned.c * 18 + turned.e, 25, 1e-9);
  assertAlmostEquals(turned.b * 20 + turned.d * 18 + turned.f, 21, 1e-9);
  assertAlmostEquals(coveredArea(rectangle(14, 14, 12, 8), turned), 96, 0.6);
});

Deno.test("Canvas keeps an object's exact bounds and its pixels, without its shadow", () => {
  const canvas = new Canvas(64, 48);
  canvas.begin(7);
  canvas.fill(ellipse(20, 40, 19, 3), 0x000000, 0.3);
  canvas.fill(rectangle(10.25, 8.5, 20.5, 12.25), 0x3366cc);
  assertEquals(canvas.end(), [10.25, 8.5, 30.75, 20.75]);
  assertEquals(canvas.owner[15 * 64 + 20], 7);
  assertEquals(canvas.owner[40 * 64 + 20], 0);
  canvas.fill(rectangle(18, 10, 4, 20), 0xffffff);
  assertEquals(canvas.owner[15 * 64 + 20], 7, "what belongs to nobody does not take pixels away");
});

Deno.test("Canvas paints gradients from end to end", () => {
  const canvas = new Canvas(64, 48);
  canvas.fill(rectangle(0, 0, 64, 48), { vertical: [0, 48], colours: [0x000000, 0x60c030] });
  const middle = (24 * 64 + 5) * 3;
  assertAlmostEquals(canvas.pixels[middle]!, 0x30, 2);
  assertAlmostEquals(canvas.pixels[middle + 1]!, 0x60, 2);
  assertAlmostEquals(canvas.pixels[middle + 2]!, 0x18, 2);
  canvas.fill(ellipse(32, 24, 20), { radial: [32, 24, 20], colours: [0xffffff, 0x000000] });
  assertGreater(canvas.pixels[(24 * 64 + 32) * 3]!, 240);
  assertLess(canvas.pixels[(24 * 64 + 50) * 3]!, 40);
});

Deno.test("shape() refuses what it does not know", () => {
  assertThrows(() => shape("M0 0 A5 5"), SyntaxError, `unknown command "A"`);
  assertThrows(() => shape("M0 0 L5"), SyntaxError, `"L" has 1 numbers`);
  assertThrows(() => shape("M0 0 Z 4"), SyntaxError, `"Z" has 1 numbers`);
});

Deno.test("Canvas.copyFrom() refuses columns that are not there", () => {
  const canvas = new Canvas(64, 48);
  assertThrows(() => canvas.copyFrom(new Canvas(100, 48), 37), RangeError, "column 37 of 100x48");
  assertThrows(() => canvas.copyFrom(new Canvas(100, 40), 0), RangeError, "100x40");
});
