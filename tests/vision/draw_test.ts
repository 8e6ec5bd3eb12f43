import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { Annotator, classColour } from "../../src/vision/draw.ts";
import { Font } from "../../src/vision/font.ts";
import type { Detection } from "../../src/vision/detection.ts";
import { PIXEL_FORMATS, pixelBytes, type PixelFormat } from "../../src/vision/pixels.ts";
import { Random } from "../support/random.ts";

const GUARD = 4096;

/** Pixels within a guard of known bytes on both sides. */
function guarded(bytes: number, value = 128): { all: Uint8Array; data: Uint8Array } {
  const all = new Uint8Array(bytes + 2 * GUARD).fill(0xa5);
  const data = all.subarray(GUARD, GUARD + bytes).fill(value);
  return { all, data };
}

function detection(box: Detection["box"], extra: Partial<Detection> = {}): Detection {
  return { class_id: 2, label: "car", score: 0.914, box, ...extra };
}

/** The RGB of one pixel of a frame. */
function rgbAt(data: Uint8Array, format: PixelFormat, width: number, height: number, x: number, y: number) {
  const at = (i: number) => data[i] as number;
  const i = y * width + x;
  if (format === "rgb24") return [at(3 * i), at(3 * i + 1), at(3 * i + 2)];
  if (format === "bgr24") return [at(3 * i + 2), at(3 * i + 1), at(3 * i)];
  if (format === "rgba") return [at(4 * i), at(4 * i + 1), at(4 * i + 2)];
  if (format === "gray8") return [at(i), at(i), at(i)];
  const half = Math.ceil(width / 2), chroma = half * Math.ceil(height / 2);
  const c = (y >> 1) * half + (x >> 1);
  const u = format === "i420" ? at(width * height + c) : at(width * height + 2 * c);
  const v = format === "i420" ? at(width * height + chroma + c) : at(width * height + 2 * c + 1);
  const luma = 1.164 * (at(i) - 16);
  return [luma + 1.596 * (v - 128), luma - 0.392 * (u - 128) - 0.813 * (v - 128), luma + 2.017 * (u - 128)];
}

for (const format of PIXEL_FORMATS) {
  Deno.test(`draw() paints the box in the colour of its class, and nothing else (${format})`, () => {
    const [width, height] = [320, 240];
    const { data } = guarded(pixelBytes({ format, width, height }));
    const before = data.slice();
    new Annotator({ format, width, height }).draw(data, [detection([40, 100, 200, 200])]);
    const [r, g, b] = classColour(2);
    const grey = 0.299 * r + 0.587 * g + 0.114 * b;
    const expected = format === "gray8" ? [grey, grey, grey] : [r, g, b];
    for (const [x, y] of [[40, 150], [199, 150], [120, 100], [120, 199]] as const) {
      const actual = rgbAt(data, format, width, height, x, y);
      actual.forEach((value, c) => {
        assertLess(
          Math.abs(value - (expected[c] as number)),
          6,
          `${format} (${x}, ${y}) channel ${c}: ${actual}`,
        );
      });
    }
    for (const [x, y] of [[30, 150], [120, 150], [210, 150], [120, 210], [250, 95]] as const) {
      const was = rgbAt(before, format, width, height, x, y);
      assertEquals(rgbAt(data, format, width, height, x, y), was, `${format} (${x}, ${y}) was not drawn on`);
    }
  });
}

Deno.test("draw() never writes outside the frame, whatever the boxes are", () => {
  const random = new Random(7);
  const odd = [NaN, Infinity, -Infinity, -1e9, 1e9, 0, 0.5, -0.5];
  for (const format of PIXEL_FORMATS) {
    for (const [width, height] of [[1, 1], [2, 3], [33, 17], [64, 48], [7, 90]] as const) {
      const { all, data } = guarded(pixelBytes({ format, width, height }));
      const annotator = new Annotator({ format, width, height });
      for (let round = 0; round < 20; round++) {
        const number = () => random.next() < 0.1 ? odd[random.int(0, 7)] as number : random.uniform(-50, 110);
        const detections = Array.from(
          { length: 4 },
          () =>
            detection([number(), number(), number(), number()], {
              class_id: random.int(-3, 400),
              label: "\u00e9\n" + "long label ".repeat(random.int(0, 30)),
              score: number(),
              keypoints: [[number(), number()], [number(), number()]],
            }),
        );
        annotator.draw(data, detections, "frame 1 ".repeat(random.int(0, 40)));
        const where = `${format} ${width}x${height}, round ${round}, seed 7: ${JSON.stringify(detections)}`;
        assert(all.subarray(0, GUARD).every((v) => v === 0xa5), `bytes before the frame: ${where}`);
        assert(all.subarray(GUARD + data.length).every((v) => v === 0xa5), `bytes after the frame: ${where}`);
      }
    }
  }
});

Deno.test("draw() leaves alpha alone", () => {
  const { data } = guarded(64 * 48 * 4, 77);
  new Annotator({ format: "rgba", width: 64, height: 48 }).draw(data, [detection([5, 20, 50, 40])], "status");
  for (let i = 3; i < data.length; i += 4) assertEquals(data[i], 77, `alpha of pixel ${i >> 2}`);
});

Deno.test("draw() draws the same picture on I420 and on RGB", () => {
  const [width, height] = [320, 240];
  const shapes: [PixelFormat, Uint8Array][] = (["i420", "nv12", "rgb24"] as const).map((format) => {
    const data = new Uint8Array(pixelBytes({ format, width, height })).fill(128);
    const grey = Math.round(16 + 219 * 128 / 255);
    if (format !== "rgb24") data.fill(grey, 0, width * height);
    const boxes = [detection([41, 101, 200, 199]), detection([211, 33, 300, 90], { class_id: 0 })];
    new Annotator({ format, width, height }).draw(data, boxes, "frame 7");
    return [format, data];
  });
  const [, [, nv12], [, rgb]] = shapes as [
    [PixelFormat, Uint8Array],
    [PixelFormat, Uint8Array],
    [PixelFormat, Uint8Array],
  ];
  const i420 = shapes[0]?.[1] as Uint8Array;
  let worst = 0, sum = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const a = rgbAt(i420, "i420", width, height, x, y), b = rgbAt(rgb, "rgb24", width, height, x, y);
      assertEquals(a, rgbAt(nv12, "nv12", width, height, x, y), `nv12 (${x}, ${y})`);
      // Luma is exact; chroma is shared by four pixels, so only brightness can be compared at edges.
      const light = (c: number[]) => 0.299 * (c[0] ?? 0) + 0.587 * (c[1] ?? 0) + 0.114 * (c[2] ?? 0);
      const difference = Math.abs(light(a) - light(b));
      worst = Math.max(worst, difference);
      sum += difference;
    }
  }
  assertLess(worst, 4, "largest difference of brightness");
  assertLess(sum / (width * height), 1, "mean difference of brightness");
});

Deno.test("draw() keeps the tag inside the frame and readable", () => {
  const [width, height] = [640, 480];
  const boxes: Detection["box"][] = [[0, 0, 50, 50], [600, 0, 720, 60], [-30, -30, 20, 300], [
    300,
    230,
    330,
    260,
  ]];
  for (const box of boxes) {
    const data = new Uint8Array(width * height * 3).fill(90);
    new Annotator({ format: "rgb24", width, height }).draw(data, [
      detection(box, { label: "traffic light" }),
    ]);
    const colour = classColour(2);
    let tag = 0, text = 0;
    for (let i = 0; i < data.length; i += 3) {
      const [r = 0, g = 0, b = 0] = data.subarray(i, i + 3);
      if (r === colour[0] && g === colour[1] && b === colour[2]) tag++;
      else if (Math.min(r, g, b) > 150) text++; // the text on this class's green is white, its edges smooth
    }
    assertGreater(tag, 600, `pixels of the tag's ground for box ${box}`);
    assertGreater(text, 80, `pixels of the text for box ${box}`);
  }
});

Deno.test("the colours of the 80 classes of COCO are told apart, and from the text on them", () => {
  const colours = Array.from({ length: 80 }, (_, id) => classColour(id));
  for (let a = 0; a < 80; a++) {
    for (let b = a + 1; b < 80; b++) {
      const [p, q] = [colours[a], colours[b]] as [readonly number[], readonly number[]];
      const difference = Math.hypot(...p.map((value, c) => value - (q[c] as number)));
      // Neighbours in number must be plainly different; no two may be the same.
      assertGreater(difference, b - a < 5 ? 60 : 3, `classes ${a} and ${b}: ${p} and ${q}`);
    }
  }
});

Deno.test("Font has every printable ASCII character, each different, at every size", () => {
  for (const size of [7, 8, 12, 18, 36]) {
    const font = new Font(size);
    const seen = new Map<string, string>();
    const missing = font.glyph(0xe9);
    for (let code = 33; code < 127; code++) {
      const glyph = font.glyph(code);
      const character = String.fromCharCode(code);
      const ink = glyph.alpha.reduce((sum, value) => sum + value, 0) / 255;
      assertGreater(ink, 0.5, `ink of ${character} at ${size}`);
      assert(glyph !== missing, `${character} at ${size}`);
      assert(glyph.advance > 1 && glyph.advance < 2 * size, `advance of ${character} at ${size}`);
      const key = `${glyph.width} ${glyph.left} ${glyph.top} ${glyph.alpha}`;
      assertEquals(seen.get(key), undefined, `${character} looks like another at ${size}`);
      seen.set(key, character);
    }
    const digits = [..."0123456789"].map((digit) => font.glyph(digit.charCodeAt(0)).advance);
    assertEquals(new Set(digits).size, 1, "digits have one width");
  }
});
