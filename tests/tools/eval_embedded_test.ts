import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { LoopResult } from "../../src/place/mod.ts";
import { lensOf, type Pose, poseOf } from "../../src/world/mod.ts";
import { foundBoxes, precisionOf, trueBoxes } from "../../tools/eval_embedded/detector_part.ts";
import type { DrawnPicture, DrawnSet } from "../../tools/eval_embedded/draw.ts";
import type { Engine } from "../../tools/eval_embedded/engine.ts";
import { judgeMatches } from "../../tools/eval_embedded/features_part.ts";
import { agree, compareFigures, type Figure, reaches } from "../../tools/eval_embedded/figures.ts";
import { LoopsPart } from "../../tools/eval_embedded/loops_part.ts";
import { EvaluationError, readNetworks } from "../../tools/eval_embedded/networks.ts";
import { readFeatures } from "../../tools/eval_embedded/opencv_orb.ts";
import { PlacePart } from "../../tools/eval_embedded/place_part.ts";
import { plainInput, toPicture } from "../../tools/eval_embedded/plain_input.ts";
import { FIRST_TRAINING_SEED, pictureSets } from "../../tools/eval_embedded/sets.ts";
import { BEGIN, describeEvaluation, END, withEvaluation } from "../../tools/eval_embedded/tell.ts";
import { type KnownPicture, truePlace, viewChange } from "../../tools/eval_embedded/warp.ts";
import { main } from "../../tools/eval_embedded.ts";
import { blobReference } from "../vision/pixel_reference.ts";
import { Random } from "../support/random.ts";

Deno.test("small and hidden objects are neither asked for nor held against a detection that meets them", () => {
  const thing = (id: number, x: number, pixels: number, visible: number) => ({
    id,
    class_id: 2,
    label: "car" as const,
    box: [x, 0, x + 20, 10] as const,
    pixels,
    visible,
    occlusion: 1 - visible,
    cut: false,
    depth: 5,
  });
  const truths = trueBoxes("a", [
    thing(1, 0, 100, 0.4), // counts, by a hair
    thing(2, 40, 180, 1), // counts
    thing(3, 80, 99, 1), // too small
    thing(4, 120, 150, 0.39), // too hidden
  ]);
  const car = (x: number, score: number) => ({ classId: 2, score, box: [x, 0, x + 20, 10] as const });
  const found = foundBoxes("a", [
    car(0, 0.9), // right: 1 of 1
    car(81, 0.8), // meets the small one: not looked at
    car(121, 0.7), // meets the hidden one: not looked at
    car(122, 0.65), // and once more
    car(200, 0.6), // wrong: 1 of 2
    car(42, 0.5), // right: 2 of 3
    car(40, 0.4), // the same again, wrong: 2 of 4
  ]);
  const { mean, classes } = precisionOf(truths, found, 1);
  // Half of the recall at a precision of 1, the other half at 2 of 3.
  assertAlmostEquals(mean, 0.5 * 1 + 0.5 * 2 / 3, 1e-12);
  assertEquals(classes.car, { averagePrecision: mean, truths: 2, found: 4, right: 2 });
  assertEquals(precisionOf(truths, found, 3).classes, {}, "two objects are too few for a class to count");
});

Deno.test("evaluation seeds are none of training's, whatever the parts", () => {
  for (const size of ["full", "quick"] as const) {
    const sets = pictureSets(size);
    assert(sets.every(({ seed }) => seed < FIRST_TRAINING_SEED), JSON.stringify(sets));
    assertEquals(new Set(sets.map(({ seed }) => seed)).size, sets.length, "each set has a town of its own");
    assert(pictureSets(size, ["place"]).every(({ scenario }) => scenario === "two-laps-other-light"));
  }
  const lights = pictureSets("full", ["place"]).map(({ light }) => light);
  assertEquals([...new Set(lights)], ["day", "dusk", "rain"]);
});

Deno.test("figures are held side by side, against targets and against each other", () => {
  const figure = (value: number, name = "recall"): Figure => ({
    part: "place",
    name,
    value,
    unit: "share",
    target: { at: "least", value: 0.95 },
  });
  const [first] = compareFigures({ a: [figure(0.96)], b: [figure(0.9501)] });
  assertEquals([first!.reached, first!.agrees, first!.values], [true, true, { a: 0.96, b: 0.9501 }]);
  const [second] = compareFigures({ a: [figure(0.94)], b: [figure(0.96)] });
  assertEquals([second!.reached, second!.agrees], [false, false]);
  const [alone] = compareFigures({ a: [figure(1)] });
  assertEquals(alone!.agrees, undefined);
  assertThrows(() => compareFigures({ a: [figure(1)], b: [figure(1, "other")] }), RangeError, "0 times");
  assertEquals([reaches(NaN, { at: "least", value: 0 }), reaches(0, { at: "most", value: 0 })], [
    false,
    true,
  ]);
  assertEquals([agree(100, 101, "count"), agree(100, 102, "count"), agree(0, 0, "count")], [
    true,
    false,
    true,
  ]);
});

Deno.test("the tables are put between their lines of a page, and a missed target is told", () => {
  const evaluation = {
    size: "quick",
    figures: compareFigures({
      Framewise: [{
        part: "loops",
        name: "loops, alike",
        value: 2,
        unit: "count",
        target: { at: "most", value: 0 },
      }],
    }),
    details: [],
    seconds: { drawing: 1.25 },
  } as const;
  const text = describeEvaluation(evaluation);
  assert(/loops, alike +2 +most 0 +MISSED/.test(text), text);
  assert(text.includes("1 of 1 targets are missed: loops: loops, alike."), text);
  const page = withEvaluation(`# A\n\n${BEGIN}\n\nold\n\n${END}\n\nrest\n`, evaluation);
  assert(
    page.startsWith(`# A\n\n${BEGIN}\n\n### Figures\n\n| part `) && page.endsWith(`\n\n${END}\n\nrest\n`),
    page,
  );
  assert(!page.includes("old"), page);
  assertThrows(() => withEvaluation("# A\n", evaluation), RangeError, "lacks the lines");
});

Deno.test("docs/town.md has a place for the tables", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/town.md", import.meta.url));
  assert(page.indexOf(BEGIN) > 0 && page.indexOf(END) > page.indexOf(BEGIN));
});

Deno.test("unknown options and parts are wrong usage, and absent networks are told by name", async () => {
  assertEquals(await main(["--only", "sounds"]), 2);
  assertEquals(await main(["--fast"]), 2);
  await assertRejects(() => readNetworks(["place"], "/nowhere"), EvaluationError, "/nowhere/town-place.onnx");
});

/** A wall 10 m ahead of the first camera, filling its view. */
function wall(pose: Pose, focal: number, depth: number): KnownPicture {
  const lens = { ...lensOf(64, 48), focal };
  return { truth: { pose, lens }, depths: new Float32Array(64 * 48).fill(depth) };
}

Deno.test("a point's place in another picture follows from depth, pose and lens", () => {
  const first = wall(poseOf([0, 1.5, 0], 0), 60, 10);
  // 2 m nearer, and 1 m to the right, through a longer lens.
  const second = wall(poseOf([1, 1.5, -2], 0), 90, 8);
  const place = truePlace(first, second, 40, 20)!;
  // (40.5 - 32) / 60 * 10 m to the right of the first axis, 1 m less of the second.
  assertAlmostEquals(place.x + 0.5, 32 + ((40.5 - 32) / 60 * 10 - 1) / 8 * 90, 1e-9);
  assertAlmostEquals(place.y + 0.5, 24 + (20.5 - 24) / 60 * 10 / 8 * 90, 1e-9);
  assertEquals([place.from, Math.round(place.to * 1e9) / 1e9], [10, 8]);
  const change = viewChange(first, second);
  assertAlmostEquals(change.degrees, 0, 1e-5);
  assertAlmostEquals(change.approach, 10 / 8, 1e-9);
  assertAlmostEquals(change.scale, 10 / 8 * 90 / 60, 1e-9);
  assert(change.shared > 0 && change.shared < change.points, JSON.stringify(change));
  assertAlmostEquals(
    viewChange(first, wall(poseOf([0, 1.5, 0], 0.3), 60, 10)).degrees,
    0.3 * 180 / Math.PI,
    1e-9,
  );
});

Deno.test("what is hidden, outside, of the sky or moving has no place in another picture", () => {
  const first = wall(poseOf([0, 1.5, 0], 0), 60, 10);
  const same = wall(poseOf([0, 1.5, 0], 0), 60, 10);
  assert(truePlace(first, same, 30, 20));
  assertEquals(
    truePlace(first, wall(poseOf([0, 1.5, 0], 0), 60, 5), 30, 20),
    undefined,
    "hidden by what stands",
  );
  assertEquals(
    truePlace(first, wall(poseOf([0, 1.5, 0], 0), 60, -5), 30, 20),
    undefined,
    "hidden by what moves",
  );
  assert(truePlace(first, wall(poseOf([0, 1.5, 0], 0), 60, 0), 30, 20), "nothing hides before the sky");
  assertEquals(truePlace(first, wall(poseOf([0, 1.5, 0], Math.PI), 60, 10), 30, 20), undefined, "behind");
  assertEquals(truePlace(first, wall(poseOf([0, 1.5, 0], 0.8), 60, 10), 10, 20), undefined, "outside");
  assertEquals(truePlace(wall(poseOf([0, 1.5, 0], 0), 60, 0), same, 30, 20), undefined, "the sky");
  assertEquals(truePlace(wall(poseOf([0, 1.5, 0], 0), 60, -10), same, 30, 20), undefined, "moving");
  // At an edge what is in front counts, though three of the four pixels show the wall behind.
  first.depths[20 * 64 + 31] = 4;
  assertEquals(truePlace(first, same, 30.2, 19.3)!.from, 4);
});

Deno.test("a match is right within 3 pixels of the true place, and wrong where there is none", () => {
  const [first, second] = [wall(poseOf([0, 1.5, 0], 0), 60, 10), wall(poseOf([0, 1.5, 0], 0), 60, 10)];
  first.depths.fill(0, 0, 64 * 10);
  const features = (points: number[]) => ({
    points: Float32Array.from(points),
    scores: new Float32Array(points.length / 2),
    descriptors: new Uint8Array(0),
  });
  const a = features([30, 20, 30, 20, 30, 2]);
  const b = features([32.9, 20, 30, 23.1, 30, 2]);
  const judged = judgeMatches(first, second, a, b, [[0, 0], [1, 1], [2, 2]]);
  assertEquals(judged, { matches: 3, shown: 2, right: 1 });
});

/** Pictures of which only the truth is looked at. */
function picturesOf(samePlace: readonly (readonly [frame: number, overlap: number])[][]): DrawnPicture[] {
  return samePlace.map((list, frame) =>
    ({
      truth: { frame, samePlace: list.map(([frame, overlap]) => ({ frame, overlap })) },
    }) as unknown as DrawnPicture
  );
}

Deno.test("the frames of the second lap are answered by the first, right from an overlap of 0.2 on", async () => {
  // The frames 2 and 3 of a lap of two; 3 sees what 2 saw, which is no answer.
  const pictures = picturesOf([[], [], [[0, 0.8]], [[1, 0.2], [0, 0.19], [2, 0.9]]]);
  const engine = {
    describe: () => Promise.resolve(pictures.map(() => new Float32Array(1))),
    nearest: (rows: unknown[], queries: unknown[]) => {
      assertEquals([rows.length, queries.length], [2, 2]);
      return Promise.resolve([{ row: 0, similarity: 0.6 }, { row: 0, similarity: 0.9 }]);
    },
  } as unknown as Engine;
  const part = new PlacePart(engine);
  const set = {
    scenario: "two-laps-other-light",
    seed: 1,
    frames: 4,
    light: "rain",
    parts: [],
    detectEvery: 1,
  };
  await part.take({ set, pictures } as unknown as DrawnSet);
  const values = Object.fromEntries(part.figures().map(({ name, value }) => [name, value]));
  assertEquals(values, {
    "recall at 1, other light, rain first": 0.5,
    "recall at 100 % precision, other light, rain first": 0,
    "recall at 1, other light, all": 0.5,
    "recall at 100 % precision, other light, all": 0,
  });
});

Deno.test("loops count as right from an overlap of 0.2 on, and each of a street that is driven once as wrong", async () => {
  const results = (loops: Record<number, [match: number, inliers: number]>, frames: number): LoopResult[] =>
    Array.from({ length: frames }, (_, id) => {
      const [match, inliers] = loops[id] ?? [];
      if (match === undefined) return { id, status: "no_candidates", candidates: [] };
      return { id, status: "loop", match, inliers: inliers!, candidates: [{ id: match, score: 1 }] };
    });
  const seen: Record<string, LoopResult[]> = {
    "two-laps-other-light": results({ 20: [0, 50], 21: [1, 40], 22: [3, 30], 23: [3, 20] }, 24),
    straight: results({ 23: [4, 90] }, 24),
  };
  let now = "";
  const part = new LoopsPart({ recognise: () => Promise.resolve(seen[now]!) } as unknown as Engine);
  const laps = Array.from(
    { length: 24 },
    (_, i): [number, number][] => i === 22 ? [[2, 0.5], [3, 0.1]] : i >= 20 ? [[i - 20, 0.5]] : [],
  );
  for (
    const [scenario, truth] of [["two-laps-other-light", laps], ["straight", laps.map(() => [])]] as const
  ) {
    now = scenario;
    const set = { scenario, seed: 1, frames: 24, light: "day", parts: [], detectEvery: 1 };
    await part.take({ set, pictures: picturesOf(truth as [number, number][][]) } as unknown as DrawnSet);
  }
  const figures = Object.fromEntries(part.figures().map(({ name, value }) => [name, value]));
  assertEquals(figures, {
    "recall at 100 % precision, other light": 0.5,
    "recall as decided, other light": 0.75,
    "wrong loops, other light": 1,
    "loops, straight": 1,
  });
  assertEquals(part.details()[0]!.rows.map(({ values }) => values), [[24, 4, 4, 3, 0.1], [24, 0, 1, 0, 0]]);
});

Deno.test("plainInput() is the blob's reference, and toPicture() leads back", () => {
  const random = new Random(6);
  const frame = {
    width: 20,
    height: 12,
    format: "rgb24" as const,
    data: Uint8Array.from({ length: 720 }, () => random.int(0, 255)),
  };
  for (
    const [treatment, input] of [
      [{ fit: "stretch", channels: "rgb" }, { width: 10, height: 6 }],
      [{ fit: "stretch", channels: "bgr", mean: [1, 2, 3], std: 2 }, { width: 13, height: 15 }],
      [{ fit: "letterbox-top-left", channels: "rgb", fill: 114 }, { width: 20, height: 16 }],
      [{ fit: "letterbox-top-left", channels: "rgb", fill: 114 }, { width: 16, height: 16 }],
    ] as const
  ) {
    const { width, height } = input;
    const planes = plainInput(frame, { input, treatment });
    const expected = blobReference(frame, width, height, treatment, 3);
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) {
        const [got, wanted] = [planes[c * width * height + i]!, expected[4 * i + c]!];
        assertAlmostEquals(
          got,
          wanted,
          1e-3,
          `${JSON.stringify([treatment, input])}, pixel ${i}, channel ${c}`,
        );
      }
    }
  }
  const fed = {
    input: { width: 16, height: 16 },
    treatment: { fit: "letterbox-top-left", channels: "rgb" },
  } as const;
  // 20 x 12 is 16 x 9 there: the rows are cut, not rounded.
  assertEquals(toPicture(frame, fed, 8, 4.5), [10, 6]);
  assertEquals(toPicture(frame, fed, 8, 12), [10, 12]);
});

Deno.test("OpenCV's features are read picture by picture, and a cut is told", () => {
  const bytes = new Uint8Array(4 + 8 + 32 + 4);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 1, true);
  view.setFloat32(4, 3.5, true);
  view.setFloat32(8, 7, true);
  bytes.fill(9, 12, 44);
  const [first, second] = readFeatures(bytes, 2);
  assertEquals([...first!.points], [3.5, 7]);
  assertEquals(first!.descriptors, new Uint8Array(32).fill(9));
  assertEquals([second!.points.length, second!.descriptors.length], [0, 0]);
  assertThrows(() => readFeatures(bytes.slice(0, 40), 2), EvaluationError, "in picture 0 of 2");
});
