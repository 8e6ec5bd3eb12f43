import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Device } from "../../src/gpu/mod.ts";
import { PostProcess } from "../../src/detect/post_process.ts";
import {
  type Head,
  HEAD_FAMILIES,
  HeadError,
  priorBoxes,
  recogniseHead,
  type SsdHead,
} from "../../src/detect/heads/mod.ts";
import { Random } from "../support/random.ts";
import {
  type Candidate,
  cornersReference,
  fastestDetReference,
  ssdReference,
  suppressReference,
  yoloxReference,
  yunetReference,
} from "./head_reference.ts";
import { assertDetections, runHead, testScratch, uploadOutputs, type Values } from "./run_head.ts";

interface Case {
  head: Head;
  values: Values;
  width: number;
  height: number;
  all: Candidate[];
  /** How far a score may be off: powers and roots are not exact on a GPU. */
  scoreTolerance: number;
}

const device = (): Promise<Device> => Device.request({ pool: { stackBytes: 1 << 16, stackCount: 1 } });

function cells(width: number, height: number, stride: number): number {
  return Math.ceil(width / stride) * Math.ceil(height / stride);
}

function yoloxCase(random: Random, width: number, height: number, classes: number): Case {
  const rows = [8, 16, 32].reduce((sum, stride) => sum + cells(width, height, stride), 0);
  const data = random.uniforms(rows * (5 + classes), 0, 1);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < 4; i++) data[row * (5 + classes) + i] = random.normal(0, 1);
  }
  return {
    head: { family: "yolox", output: "out", classes },
    values: { out: { data, shape: [1, rows, 5 + classes] } },
    width,
    height,
    all: yoloxReference(data, classes, width, height),
    scoreTolerance: 0,
  };
}

function fastestDetCase(random: Random, width: number, height: number, classes: number): Case {
  const [columns, rows] = [width / 16, height / 16];
  const data = random.uniforms((5 + classes) * columns * rows, 0, 1);
  for (let i = columns * rows; i < 5 * columns * rows; i++) data[i] = random.normal(0, i % 11 === 0 ? 90 : 1);
  return {
    head: { family: "fastestdet", output: "out", classes },
    values: { out: { data, shape: [1, 5 + classes, rows, columns] } },
    width,
    height,
    all: fastestDetReference(data, classes, columns, rows, width, height),
    scoreTolerance: 1e-5,
  };
}

function ultraFaceCase(random: Random, width: number, height: number): Case {
  const n = [[8, 3], [16, 2], [32, 2], [64, 3]].reduce(
    (sum, [s, k]) => sum + cells(width, height, s!) * k!,
    0,
  );
  const boxes = random.uniforms(n * 4, -0.2, 0.9).map((x, i) => i % 4 < 2 ? x : x + 0.3);
  const scores = random.uniforms(n * 2, 0, 1);
  return {
    head: { family: "ultraface", scores: "scores", boxes: "boxes" },
    values: { scores: { data: scores, shape: [1, n, 2] }, boxes: { data: boxes, shape: [1, n, 4] } },
    width,
    height,
    all: cornersReference(boxes, scores, 1, width, height),
    scoreTolerance: 0,
  };
}

function yunetCase(random: Random, width: number, height: number): Case {
  const values: Record<string, { data: Float32Array<ArrayBuffer>; shape: number[] }> = {};
  for (const stride of [8, 16, 32]) {
    const n = cells(width, height, stride);
    // Some scores are outside 0..1 and are clamped.
    values[`cls_${stride}`] = { data: random.uniforms(n, -0.2, 1.2), shape: [1, n, 1] };
    values[`obj_${stride}`] = { data: random.uniforms(n, -0.2, 1.2), shape: [1, n, 1] };
    values[`bbox_${stride}`] = { data: random.normals(n * 4), shape: [1, n, 4] };
    values[`kps_${stride}`] = { data: random.normals(n * 10), shape: [1, n, 10] };
  }
  const found = recogniseHead(Object.fromEntries(Object.entries(values).map(([k, v]) => [k, v.shape])), {
    width,
    height,
  });
  assertEquals(found.head?.family, "yunet");
  const maps = Object.fromEntries(Object.entries(values).map(([name, { data }]) => [name, data]));
  return {
    head: found.head!,
    values,
    width,
    height,
    all: yunetReference(maps, width, height),
    scoreTolerance: 1e-6,
  };
}

function ssdCase(random: Random, options: Pick<SsdHead, "background" | "scores" | "variances">): Case {
  const [width, height, entries] = [96, 64, 6];
  const maps = [
    { columns: 6, rows: 4, minSizes: [20, 24], maxSizes: [30, 36], aspectRatios: [2, 3] },
    { columns: 3, rows: 2, minSizes: [40], aspectRatios: [2], flip: false, step: 30, offset: 0.4 },
  ];
  const priors = priorBoxes(maps, { width, height }, { clip: true });
  const n = priors.length / 4;
  assertEquals(n, 24 * 2 * 6 + 6 * 2);
  const logits = options.scores === "logits";
  const loc = random.normals(n * 4);
  const conf = logits ? random.normals(n * entries, 0, 3) : random.uniforms(n * entries, 0, 1);
  const { background = 0, variances = [0.1, 0.1, 0.2, 0.2] } = options;
  return {
    head: { family: "ssd", loc: "loc", conf: "conf", priors: { maps, clip: true }, ...options },
    values: { loc: { data: loc, shape: [1, n * 4] }, conf: { data: conf, shape: [1, n, entries] } },
    width,
    height,
    all: ssdReference(loc, conf, priors, { background, softmax: logits, variances, width, height }),
    scoreTolerance: logits ? 1e-5 : 0,
  };
}

const CASES: Record<string, (random: Random) => Case> = {
  "YOLOX of 64x96 with 80 classes": (random) => yoloxCase(random, 64, 96, 80),
  "YOLOX of a size that the strides do not divide": (random) => yoloxCase(random, 72, 40, 3),
  "YOLOX of one class": (random) => yoloxCase(random, 32, 32, 1),
  "FastestDet with 80 classes": (random) => fastestDetCase(random, 352, 176, 80),
  "UltraFace": (random) => ultraFaceCase(random, 320, 240),
  "YuNet of 320x320": (random) => yunetCase(random, 320, 320),
  "YuNet of 160x96": (random) => yunetCase(random, 160, 96),
  "SSD with probabilities": (random) => ssdCase(random, {}),
  "SSD with logits": (random) => ssdCase(random, { scores: "logits" }),
  "SSD with its background last and other variances": (random) =>
    ssdCase(random, { background: 5, variances: [0.2, 0.1, 0.3, 0.2] }),
  "SSD without a background": (random) => ssdCase(random, { background: -1, scores: "logits" }),
};

for (const [index, [name, make]] of Object.entries(CASES).entries()) {
  Deno.test(`the head of ${name} gives what the reference gives`, async () => {
    using gpu = await device();
    const random = new Random(100 + index);
    const { head, values, width, height, all, scoreTolerance } = make(random);
    let found = 0;
    for (const score of [0, 0.3, 0.6, 0.95]) {
      const options = { score, iou: 0.45 };
      const { detections, counts } = await runHead(gpu, values, {
        head,
        input: { width, height },
        scoreThreshold: score,
        iouThreshold: options.iou,
      });
      const expected = suppressReference(all, options);
      assertDetections(detections, expected, { name, seed: random.seed, options }, {
        score: scoreTolerance,
        px: 2e-3,
      });
      assertEquals(counts.candidates, all.filter((c) => c.score > Math.fround(score)).length);
      found += expected.length;
    }
    assert(found > 20, `${name}: ${found} detections are too few to compare`);
  });

  Deno.test(`the head of ${name} drops what is not a number`, async () => {
    using gpu = await device();
    const random = new Random(200 + index);
    const { head, values, width, height } = make(random);
    for (const { data } of Object.values(values)) {
      data.forEach((_, i) => {
        if (random.next() < 0.5) data[i] = random.pick([NaN, Infinity, -Infinity, 3e38, -3e38]);
      });
    }
    const { detections } = await runHead(gpu, values, { head, input: { width, height }, scoreThreshold: 0 });
    for (const detection of detections) {
      assert(Number.isFinite(detection.score), `${name}, seed ${random.seed}: score ${detection.score}`);
      assert(detection.box.every(Number.isFinite), `${name}, seed ${random.seed}: box ${detection.box}`);
    }
  });
}

Deno.test("recogniseHead() knows the families by their outputs, and says why nothing fits", () => {
  const size = (width: number, height = width) => ({ width, height });
  assertEquals(recogniseHead({ output: [1, 3549, 85] }, size(416)).head, {
    family: "yolox",
    output: "output",
    classes: 80,
  });
  assertEquals(recogniseHead({ "770": [1, 85, 22, 22] }, size(352)).head, {
    family: "fastestdet",
    output: "770",
    classes: 80,
  });
  const faces = { scores: [1, 4420, 2], boxes: [1, 4420, 4] };
  assertEquals(recogniseHead(faces, size(320, 240)).head, {
    family: "ultraface",
    scores: "scores",
    boxes: "boxes",
  });
  const wrongGrid = recogniseHead({ output: [1, 8400, 85] }, size(416));
  assert(wrongGrid.head === undefined);
  assertStringIncludes(wrongGrid.reason, "52x52 + 26x26 + 13x13 = 3549 cells");
  assertStringIncludes(wrongGrid.reason, "the output has 8400 rows");
  const nothing = recogniseHead({ out: [1, 1000] }, size(224));
  assert(nothing.head === undefined);
  for (const family of HEAD_FAMILIES) assertStringIncludes(nothing.reason, `${family}: `);
  assertStringIncludes(nothing.reason, "out [1, 1000]");
  const told = recogniseHead({ out: [1, 1000] }, size(224), { family: "yunet" });
  assert(told.head === undefined);
  assertStringIncludes(told.reason, '"cls_8" is missing');
});

Deno.test("recogniseHead() takes a network for SSD only with its priors", () => {
  const size = { width: 100, height: 100 };
  const shapes = { conf: [1, 8, 3], mbox_loc: [1, 32] };
  const without = recogniseHead(shapes, size);
  assert(without.head === undefined);
  assertStringIncludes(without.reason, "it needs priors");
  const ssd = { priors: { maps: [{ columns: 2, rows: 2, minSizes: [10, 20] }] } };
  assertEquals(recogniseHead(shapes, size, { ssd }).head, {
    ...ssd,
    family: "ssd",
    loc: "mbox_loc",
    conf: "conf",
  });
  // Four scores a prior: the shapes alone do not tell which is which, the names do.
  const alike = { boxes: [1, 8, 4], scores: [1, 8, 4] };
  const { head } = recogniseHead(alike, size, { ssd });
  assert(head?.family === "ssd");
  assertEquals([head.loc, head.conf], ["boxes", "scores"]);
});

Deno.test("a head that does not fit its outputs says so with the numbers", async () => {
  using gpu = await device();
  const refuse = (head: Head, shapes: Record<string, number[]>, words: string): void => {
    const values = Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => {
        return [name, { data: new Float32Array(shape.reduce((a, b) => a * b, 1)), shape }];
      }),
    );
    const outputs = uploadOutputs(gpu, values);
    const error = assertThrows(
      () => PostProcess.prepare(gpu, testScratch(gpu), outputs, { head, input: { width: 64, height: 64 } }),
      HeadError,
    );
    assertStringIncludes(error.message, words);
  };
  refuse(
    { family: "yolox", output: "x", classes: 2 },
    { y: [1, 84, 7] },
    'no output "x"; it has y [1, 84, 7]',
  );
  refuse({ family: "yolox", output: "y", classes: 2 }, { y: [1, 85, 7] }, "= 84 cells");
  refuse({ family: "yolox", output: "y", classes: 3 }, { y: [1, 84, 7] }, "[1, 84, 8] for 3 classes");
  refuse({ family: "fastestdet", output: "y", classes: 2 }, { y: [1, 8, 4, 4] }, "[1, 8, 4, 4]");
  refuse({ family: "ultraface", scores: "s", boxes: "b" }, { s: [1, 9, 2], b: [1, 8, 4] }, "18 elements");
  refuse({ family: "ultraface", scores: "s", boxes: "b" }, { s: [1, 9, 2], b: [1, 8, 5] }, "[1, N, 4]");
  const priors = new Float32Array(8);
  refuse({ family: "ssd", loc: "l", conf: "c", priors }, { l: [1, 2, 4], c: [1, 5] }, "each of 2 priors");
  refuse({ family: "ssd", loc: "l", conf: "c", priors }, { l: [1, 3, 4], c: [1, 2, 3] }, "takes 8");
  refuse({ family: "yunet", maps: [] }, {}, "no maps");
});

Deno.test("priorBoxes() has Caffe's order: min, max, ratios, each cell from the left", () => {
  const boxes = priorBoxes(
    [{ columns: 2, rows: 1, minSizes: [16], maxSizes: [64], aspectRatios: [4, 1], step: 50 }],
    { width: 100, height: 100 },
  );
  const size = (i: number): [number, number, number, number] => [
    (boxes[i * 4]! + boxes[i * 4 + 2]!) * 50,
    (boxes[i * 4 + 1]! + boxes[i * 4 + 3]!) * 50,
    (boxes[i * 4 + 2]! - boxes[i * 4]!) * 100,
    (boxes[i * 4 + 3]! - boxes[i * 4 + 1]!) * 100,
  ];
  assertEquals(boxes.length, 2 * 4 * 4);
  const rounded = [0, 1, 2, 3, 4].map((i) => size(i).map(Math.round));
  assertEquals(rounded, [
    [25, 25, 16, 16],
    [25, 25, 32, 32],
    [25, 25, 32, 8],
    [25, 25, 8, 32],
    [75, 25, 16, 16],
  ]);
  assertThrows(
    () => priorBoxes([{ columns: 1, rows: 1, minSizes: [1, 2], maxSizes: [3] }], { width: 9, height: 9 }),
    RangeError,
    "2 minimal and 1 maximal",
  );
  assertThrows(
    () => priorBoxes([{ columns: 1, rows: 1, minSizes: [0] }], { width: 9, height: 9 }),
    RangeError,
  );
});
