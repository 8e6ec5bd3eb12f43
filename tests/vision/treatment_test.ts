import { assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { colourMatrix, type PixelFormat, type PixelLayout } from "../../src/vision/pixels.ts";
import { pixelBytes } from "../../src/vision/pixels.ts";
import { fullTreatment, laneRows } from "../../src/vision/treatment.ts";

Deno.test("fullTreatment() fills in what is left out", () => {
  assertEquals(fullTreatment({ fit: "stretch", channels: "bgr", fill: 114, mean: [1, 2, 3] }), {
    fit: "stretch",
    channels: "bgr",
    fill: [114, 114, 114],
    scale: 1,
    mean: [1, 2, 3],
    std: [1, 1, 1],
    filter: "linear",
  });
});

Deno.test("fullTreatment() names the field that is wrong, its value and what is allowed", () => {
  const good = { fit: "stretch", channels: "rgb" };
  const cases: [unknown, string][] = [
    [null, "it is null"],
    ["stretch", "it is string"],
    [{ channels: "rgb" }, '"fit" is undefined; allowed: stretch, letterbox-center'],
    [{ ...good, channels: "grb" }, '"channels" is "grb"; allowed: rgb, bgr'],
    [{ ...good, std: [1, 0, 1] }, '"std" is [1,0,1]'],
    [{ ...good, mean: [1, 2] }, '"mean" is [1,2]'],
    [{ ...good, mean: "0" }, '"mean" is "0"'],
    [{ ...good, scale: 0 }, '"scale" is 0'],
    [{ ...good, fill: 256 }, '"fill" is 256; allowed: a level from 0 to 255'],
    [{ ...good, filter: "cubic" }, '"filter" is "cubic"; allowed: linear, area'],
  ];
  for (const [value, words] of cases) {
    const { message } = assertThrows(() => fullTreatment(value, "input of yolox-nano"), TypeError);
    assertStringIncludes(message, words);
    assertStringIncludes(message, "input of yolox-nano");
  }
});

Deno.test("laneRows() refuses networks that take no pixels", () => {
  const treatment = fullTreatment({ fit: "stretch", channels: "rgb" });
  assertThrows(() => laneRows(treatment, 4), RangeError, "4 channels");
});

Deno.test("pixelBytes() rounds chroma up and refuses sizes that are none", () => {
  const bytes = (format: PixelFormat, width: number, height: number) => pixelBytes({ format, width, height });
  assertEquals(bytes("i420", 1, 1), 3);
  assertEquals(bytes("nv12", 5, 3), 15 + 12);
  assertEquals(bytes("rgba", 8000, 6000), 192e6);
  assertThrows(() => bytes("gray8", 0, 3), RangeError, "width is 0");
  assertThrows(() => bytes("gray8", 3, 70000), RangeError, "height is 70000");
  assertThrows(() => bytes("yuv" as PixelFormat, 3, 3), RangeError, 'format "yuv"');
});

Deno.test("colourMatrix() takes the standards' black, white and primaries to RGB", () => {
  // Y, U, V of full red after ITU-R BT.601 and BT.709, limited and full range.
  const reds: [PixelLayout["colour"] & object, [number, number, number]][] = [
    [{ matrix: "bt601", range: "limited" }, [16 + 219 * 0.299, 128 - 112 * 0.299 / 0.886, 240]],
    [{ matrix: "bt709", range: "limited" }, [16 + 219 * 0.2126, 128 - 112 * 0.2126 / 0.9278, 240]],
    [{ matrix: "bt601", range: "full" }, [255 * 0.299, 128 - 127.5 * 0.299 / 0.886, 255.5]],
    [{ matrix: "bt709", range: "full" }, [255 * 0.2126, 128 - 127.5 * 0.2126 / 0.9278, 255.5]],
  ];
  for (const [colour, yuv] of reds) {
    const matrix = colourMatrix({ width: 2, height: 2, format: "i420", colour });
    const apply = ([y, u, v]: readonly number[]) =>
      [0, 4, 8].map((r) => matrix[r]! * y! + matrix[r + 1]! * u! + matrix[r + 2]! * v! + matrix[r + 3]!);
    const limited = colour.range === "limited";
    const cases = [[[limited ? 16 : 0, 128, 128], [0, 0, 0]], [[limited ? 235 : 255, 128, 128], [
      255,
      255,
      255,
    ]], [
      yuv,
      [255, 0, 0],
    ]];
    for (const [from, to] of cases) {
      apply(from!).forEach((level, i) =>
        assertAlmostEquals(level, to![i]!, 1e-9, JSON.stringify([colour, from]))
      );
    }
  }
});

Deno.test("colourMatrix() refuses matrices and ranges that it does not know", () => {
  const layout = (matrix: string, range: string) =>
    ({ width: 1, height: 1, format: "nv12", colour: { matrix, range } }) as PixelLayout;
  assertThrows(() => colourMatrix(layout("bt2020", "full")), RangeError, "bt2020");
  assertThrows(() => colourMatrix(layout("bt709", "tv")), RangeError, "tv");
});
