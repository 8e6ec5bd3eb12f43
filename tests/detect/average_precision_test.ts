import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { averagePrecision, boxIou, type FoundBox, type TrueBox } from "../../src/detect/average_precision.ts";
import { Random } from "../support/random.ts";

const SQUARE = [0, 0, 10, 10] as const;
const FAR = [100, 100, 110, 110] as const;

function truth(image: string, difficult = false): TrueBox {
  return { image, className: "cat", box: SQUARE, difficult };
}

function found(image: string, score: number, box: FoundBox["box"] = SQUARE): FoundBox {
  return { image, className: "cat", score, box };
}

Deno.test("averagePrecision() is the area under the interpolated curve", () => {
  // Right, wrong, right, never found: precision 1, 1/2, 2/3 at recalls 1/3, 1/3, 2/3.
  const result = averagePrecision(
    [truth("a"), truth("b"), truth("c")],
    [found("a", 0.9), found("a", 0.8, FAR), found("b", 0.7)],
  );
  assertAlmostEquals(result.mean, (1 + 2 / 3) / 3, 1e-12);
  assertEquals(result.classes["cat"]!.right, 2);
  assertEquals(result.classes["cat"]!.found, 3);
});

Deno.test("averagePrecision() takes the mean at eleven recalls when told, as in 2007", () => {
  // Precision 1 up to recall 0.3, 2/3 up to 0.6 (both ends included), nothing beyond.
  const truths = Array.from({ length: 10 }, (_, i) => truth(`${i}`));
  const hits = (from: number, to: number, score: number) =>
    truths.slice(from, to).map(({ image }) => found(image, score));
  const wrong = Array.from({ length: 3 }, () => found("0", 0.8, FAR));
  const list = [...hits(0, 3, 0.9), ...wrong, ...hits(3, 6, 0.7)];
  assertAlmostEquals(averagePrecision(truths, list, { points: 11 }).mean, (4 + 3 * 6 / 9) / 11, 1e-12);
});

Deno.test("averagePrecision() counts a second box on the same truth as wrong", () => {
  const result = averagePrecision([truth("a"), truth("b")], [
    found("a", 0.9),
    found("a", 0.8),
    found("b", 0.7),
  ]);
  assertAlmostEquals(result.mean, (1 + 2 / 3) / 2, 1e-12);
});

Deno.test("averagePrecision() leaves difficult boxes out, found or not", () => {
  const truths = [truth("a"), truth("b", true), truth("c", true)];
  assertEquals(averagePrecision(truths, [found("b", 0.95), found("b", 0.94), found("a", 0.9)]).mean, 1);
  assertEquals(averagePrecision(truths, [found("a", 0.9)]).mean, 1);
});

Deno.test("averagePrecision() takes the mean over the classes that are there, or those told", () => {
  const truths = [truth("a"), { ...truth("a"), className: "dog" }];
  assertEquals(averagePrecision(truths, [found("a", 0.5)]).mean, 0.5);
  assertEquals(averagePrecision(truths, [found("a", 0.5)], { classes: ["cat"] }).mean, 1);
  const unknown = averagePrecision(truths, [found("a", 0.5), { ...found("a", 0.5), className: "cow" }]);
  assertEquals(Object.keys(unknown.classes), ["cat", "dog"]);
  assertEquals(averagePrecision([], []).mean, 0);
});

Deno.test("averagePrecision() needs an overlap of at least the threshold", () => {
  const half = found("a", 1, [0, 0, 10, 5]);
  assertEquals(averagePrecision([truth("a")], [half]).mean, 1);
  assertEquals(averagePrecision([truth("a")], [half], { iouThreshold: 0.51 }).mean, 0);
  // With both ends inside, 11 x 6 of 11 x 11 pixels.
  assertAlmostEquals(boxIou(SQUARE, [0, 0, 10, 5], 1), 6 / 11, 1e-12);
});

Deno.test("averagePrecision() refuses a score that is not a number", () => {
  assertThrows(() => averagePrecision([truth("a")], [found("a", NaN)]), RangeError, "NaN");
});

Deno.test("averagePrecision() agrees with the area summed step by step, over random cases", () => {
  const random = new Random(31);
  for (let round = 0; round < 50; round++) {
    const images = Array.from({ length: random.int(1, 8) }, (_, i) => `image ${i}`);
    const truths = images.map((image) => truth(image, random.next() < 0.2));
    const list = Array.from(
      { length: random.int(0, 20) },
      (_, i) => found(random.pick(images), i / 20 + random.next() / 30, random.pick([SQUARE, SQUARE, FAR])),
    );
    // The definition: for each recall reached, the best precision at that recall or beyond, times the step of recall.
    const taken = new Set<string>();
    const points: [recall: number, precision: number][] = [];
    const wanted = truths.filter(({ difficult }) => !difficult).length;
    let [right, seen] = [0, 0];
    for (const box of [...list].sort((a, b) => b.score - a.score)) {
      const hit = box.box === SQUARE;
      const difficult = truths.find(({ image }) => image === box.image)!.difficult!;
      if (hit && difficult) continue;
      seen++;
      if (hit && !taken.has(box.image)) right++;
      if (hit) taken.add(box.image);
      points.push([right / wanted, right / seen]);
    }
    let [area, recall] = [0, 0];
    for (const step of [...new Set(points.map(([r]) => r))].sort((a, b) => a - b)) {
      area += (step - recall) * Math.max(...points.filter(([r]) => r >= step).map(([, p]) => p));
      recall = step;
    }
    const expected = wanted > 0 ? area : 0;
    assertAlmostEquals(averagePrecision(truths, list).mean, expected, 1e-9, `seed 31, round ${round}`);
  }
});
