import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { Device } from "../../src/gpu/mod.ts";
import { PostProcess, type PostProcessOptions } from "../../src/detect/post_process.ts";
import { Random } from "../support/random.ts";
import { cornersReference, iou, type SuppressionOptions, suppressReference } from "./head_reference.ts";
import { assertDetections, runHead, runPost, testScratch, uploadOutputs, type Values } from "./run_head.ts";

/** Sides of powers of two and corners of few bits keep all areas exact, so that IoU is no matter of rounding. */
const INPUT = { width: 64, height: 128 };

interface Scene {
  values: Values;
  classes: number;
  boxes: Float32Array<ArrayBuffer>;
  scores: Float32Array<ArrayBuffer>;
}

function scene(random: Random, anchors: number, classes: number, levels: number): Scene {
  const boxes = new Float32Array(anchors * 4);
  for (let n = 0; n < anchors; n++) {
    // Some boxes reach outside the image, some are empty or inside out.
    const [x, y] = [random.int(-16, 120) / 128, random.int(-16, 120) / 128];
    const [w, h] = [random.int(n % 50 === 0 ? -2 : 1, 48) / 128, random.int(1, 48) / 128];
    boxes.set([x, y, x + w, y + h], n * 4);
  }
  // Few levels make many ties.
  const scores = new Float32Array(anchors * (classes + 1)).map(() => random.int(0, levels) / levels);
  const values = {
    boxes: { data: boxes, shape: [1, anchors, 4] },
    scores: { data: scores, shape: [1, anchors, classes + 1] },
  };
  return { values, classes, boxes, scores };
}

function optionsOf(classes: number, reference: SuppressionOptions): PostProcessOptions {
  return {
    head: { family: "ultraface", scores: "scores", boxes: "boxes", classes },
    input: INPUT,
    scoreThreshold: reference.score,
    iouThreshold: reference.iou,
    ...(reference.agnostic === undefined ? {} : { agnostic: reference.agnostic }),
    ...(reference.classes ? { classes: reference.classes } : {}),
    ...(reference.candidates === undefined ? {} : { candidates: reference.candidates }),
    ...(reference.maxDetections === undefined ? {} : { maxDetections: reference.maxDetections }),
  };
}

Deno.test("NMS keeps exactly what the reference keeps, ties and full lists included", async () => {
  using device = await Device.request({ pool: { stackBytes: 1 << 16, stackCount: 1 } });
  const random = new Random(7);
  const cases: [anchors: number, classes: number, levels: number, options: SuppressionOptions][] = [
    [1, 1, 1, { score: 0, iou: 0.5 }],
    [300, 1, 1000, { score: 0.3, iou: 0.45 }],
    [300, 3, 10, { score: 0.3, iou: 0.45 }],
    [300, 3, 10, { score: 0.3, iou: 0.45, agnostic: true }],
    [300, 40, 50, { score: 0.9, iou: 0.3, classes: [0, 31, 32, 39] }],
    [2000, 2, 4, { score: 0.2, iou: 0.6 }],
    [2000, 2, 100000, { score: 0, iou: 0.6, agnostic: true }],
    [2000, 1, 1, { score: 0, iou: 1 }],
    [4000, 1, 3, { score: 0.1, iou: 0, candidates: 700 }],
    [500, 2, 20, { score: 0.5, iou: 0.5, candidates: 1, maxDetections: 1 }],
    [500, 2, 20, { score: 0.5, iou: 0.5, candidates: 100, maxDetections: 10 }],
    [500, 5, 20, { score: 1, iou: 0.5 }],
  ];
  for (const [anchors, classes, levels, options] of cases) {
    const { values, boxes, scores } = scene(random, anchors, classes, levels);
    const all = cornersReference(boxes, scores, classes, INPUT.width, INPUT.height);
    const { detections, counts } = await runHead(device, values, optionsOf(classes, options));
    const context = { seed: 7, anchors, classes, levels, options };
    assertDetections(detections, suppressReference(all, options), context, { px: 0 });
    const over = all.filter(({ score, classId }) =>
      score > Math.fround(options.score) && (options.classes?.includes(classId) ?? true)
    );
    assertEquals(counts.candidates, over.length, JSON.stringify(context));
    assertEquals(counts.selected, Math.min(over.length, options.candidates ?? 512), JSON.stringify(context));
  }
});

Deno.test("NMS says what a limit left out", async () => {
  using device = await Device.request({ pool: { stackBytes: 1 << 16, stackCount: 1 } });
  const { values } = scene(new Random(8), 600, 1, 1);
  const { detections, counts } = await runHead(
    device,
    values,
    optionsOf(1, { score: 0, iou: 1, candidates: 64, maxDetections: 20 }),
  );
  assertEquals(detections.length, 20);
  assertEquals([counts.selected, counts.kept, counts.detections], [64, 64, 20]);
  assertMatch(counts.truncated!, /^of \d+ candidates the best 64 .*of 64 detections the best 20/);
  const all = await runHead(device, values, optionsOf(1, { score: 0.5, iou: 0, candidates: 700 }));
  assertEquals(all.counts.truncated, undefined);
});

Deno.test("NMS drops NaN and infinite scores and boxes", async () => {
  using device = await Device.request({ pool: { stackBytes: 1 << 16, stackCount: 1 } });
  const { values, boxes, scores } = scene(new Random(9), 200, 2, 100);
  for (let i = 0; i < 200; i += 3) scores[i * 3 + 1 + (i % 2)] = [NaN, Infinity, -Infinity][i % 9 / 3]!;
  for (let i = 1; i < 200; i += 7) boxes[i * 4 + i % 4] = i % 2 ? NaN : Infinity;
  const options = { score: 0.2, iou: 0.5 };
  const { detections } = await runHead(device, values, optionsOf(2, options));
  const all = cornersReference(boxes, scores, 2, INPUT.width, INPUT.height);
  const expected = suppressReference(all, options);
  assert(expected.length > 20);
  assertDetections(detections, expected, { seed: 9, options }, { px: 0 });
});

Deno.test("NMS gives nothing where nothing is above the threshold, whatever the memory held", async () => {
  using device = await Device.request({ pool: { stackBytes: 1 << 16, stackCount: 1 } });
  const { values, scores } = scene(new Random(10), 100, 1, 10);
  scores.fill(0);
  const { detections, counts } = await runHead(device, values, optionsOf(1, { score: 0, iou: 0.5 }));
  assertEquals(detections, []);
  assertEquals(counts, { candidates: 0, selected: 0, kept: 0, detections: 0, truncated: undefined });
});

Deno.test("NMS selects the best among 200000 candidates", async () => {
  using device = await Device.request({ pool: { stackBytes: 1 << 16, stackCount: 1 } });
  const { values, boxes, scores } = scene(new Random(11), 10000, 20, 5000);
  const options = { score: 0.001, iou: 0.5 };
  const { detections, counts } = await runHead(device, values, optionsOf(20, options));
  assert(counts.candidates > 199000, `candidates ${counts.candidates}, seed 11`);
  const all = cornersReference(boxes, scores, 20, INPUT.width, INPUT.height);
  assertDetections(detections, suppressReference(all, options), { seed: 11, options }, { px: 0 });
});

Deno.test("NMS leaves no two boxes of a class that overlap by more than the threshold", async () => {
  using device = await Device.request({ pool: { stackBytes: 1 << 16, stackCount: 1 } });
  const { values } = scene(new Random(12), 400, 2, 1000);
  const { detections } = await runHead(device, values, optionsOf(2, { score: 0.1, iou: 0.3 }));
  for (const [i, a] of detections.entries()) {
    for (const b of detections.slice(i + 1)) {
      assert(a.score >= b.score);
      assert(a.classId !== b.classId || iou(a.box, b.box) <= 0.3 + 1e-6, JSON.stringify({ seed: 12, a, b }));
    }
  }
});

Deno.test("PostProcess.set() changes thresholds and classes and creates nothing", async () => {
  using device = await Device.request({ pool: false });
  const { values, boxes, scores } = scene(new Random(13), 400, 3, 1000);
  const all = cornersReference(boxes, scores, 3, INPUT.width, INPUT.height);
  using post = PostProcess.prepare(
    device,
    testScratch(device),
    uploadOutputs(device, values),
    optionsOf(3, { score: 0.1, iou: 0.3 }),
  );
  const before = device.counters.snapshot();
  const settings = [
    [{}, { score: 0.1, iou: 0.3 }],
    [{ scoreThreshold: 0.8, classes: [1] }, { score: 0.8, iou: 0.3, classes: [1] }],
    [{ agnostic: true, classes: "all" }, { score: 0.8, iou: 0.3, agnostic: true }],
    [{ iouThreshold: 0.9 }, { score: 0.8, iou: 0.9, agnostic: true }],
  ] as const;
  let reads = 0;
  for (const [change, reference] of settings) {
    post.set(change);
    const { detections } = await runPost(device, post);
    reads++;
    assertDetections(detections, suppressReference(all, reference), { seed: 13, reference }, { px: 0 });
  }
  const made = device.counters.snapshot();
  // Each read of a test makes one staging buffer; the post-processing itself makes nothing.
  assertEquals(made, { ...before, buffers: before.buffers + reads });
});

Deno.test("PostProcess says what is wrong with its settings", async () => {
  using device = await Device.request({ pool: false });
  const { values } = scene(new Random(14), 10, 1, 10);
  const outputs = uploadOutputs(device, values);
  const prepare = (options: Partial<PostProcessOptions>) => (): PostProcess =>
    PostProcess.prepare(device, testScratch(device), outputs, {
      ...optionsOf(1, { score: 0, iou: 0 }),
      ...options,
    });
  assertStringIncludes(assertThrows(prepare({ scoreThreshold: 1.5 }), RangeError).message, "1.5");
  assertStringIncludes(assertThrows(prepare({ iouThreshold: NaN }), RangeError).message, "NaN");
  assertStringIncludes(assertThrows(prepare({ classes: [1] }), RangeError).message, "classes 0 to 0");
  assertStringIncludes(assertThrows(prepare({ candidates: 0 }), RangeError).message, "candidates is 0");
  assertStringIncludes(assertThrows(prepare({ candidates: 1e6 }), RangeError).message, "workgroup memory");
  const post = prepare({})();
  assertThrows(() => post.parse(new ArrayBuffer(8)), RangeError, "8 bytes");
  assertThrows(
    () => post.parse(new Uint8Array(post.resultBytes).fill(0xff).buffer),
    RangeError,
    "no result of this head",
  );
});
