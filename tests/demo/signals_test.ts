import { assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { INPUT_SIZE, SIGNAL_CLASSES, signalsModel } from "../../models/signals/network.ts";
import { Canvas } from "../../src/demo/canvas.ts";
import { SCENE_HEIGHT, SCENE_WIDTH, StreetScene } from "../../src/demo/scene.ts";
import { SceneScore } from "../../src/demo/score.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import type { Detection } from "../../src/vision/detection.ts";
import { OrtSession } from "../support/ort.ts";

const FILE = new URL("../../models/signals/signals.onnx", import.meta.url);
const LABELS = new URL("../../models/signals/labels.txt", import.meta.url);
const SCALE = INPUT_SIZE / SCENE_WIDTH;

/** RGB24 to BGR planes of 416 x 416: bilinear, at the top left, the rest 114. */
function letterbox(pixels: Uint8Array): Float32Array<ArrayBuffer> {
  const blob = new Float32Array(3 * INPUT_SIZE * INPUT_SIZE).fill(114);
  const rows = Math.round(SCENE_HEIGHT * SCALE);
  const source = (i: number, extent: number): [number, number, number] => {
    const at = Math.min(extent - 1, Math.max(0, (i + 0.5) / SCALE - 0.5));
    const low = Math.floor(at);
    return [low, Math.min(extent - 1, low + 1), at - low];
  };
  for (let y = 0; y < rows; y++) {
    const [y0, y1, v] = source(y, SCENE_HEIGHT);
    for (let x = 0; x < INPUT_SIZE; x++) {
      const [x0, x1, u] = source(x, SCENE_WIDTH);
      for (let c = 0; c < 3; c++) {
        const at = (row: number, column: number): number => pixels[(row * SCENE_WIDTH + column) * 3 + 2 - c]!;
        const top = at(y0, x0) * (1 - u) + at(y0, x1) * u, bottom = at(y1, x0) * (1 - u) + at(y1, x1) * u;
        blob[(c * INPUT_SIZE + y) * INPUT_SIZE + x] = top * (1 - v) + bottom * v;
      }
    }
  }
  return blob;
}

/** YOLOX's decoding and class-wise suppression, written for reading. */
function decode(rows: Float32Array, labels: readonly string[]): Detection[] {
  const width = 5 + labels.length, found: Detection[] = [];
  let at = 0;
  for (const stride of [8, 16, 32]) {
    const cells = INPUT_SIZE / stride;
    for (let cell = 0; cell < cells * cells; cell++, at += width) {
      const [x = 0, y = 0, w = 0, h = 0, objectness = 0, ...scores] = rows.subarray(at, at + width);
      const score = objectness * Math.max(...scores);
      if (score <= 0.25) continue;
      const class_id = scores.indexOf(Math.max(...scores));
      const cx = (x + cell % cells) * stride, cy = (y + Math.floor(cell / cells)) * stride;
      const halfWidth = Math.exp(w) * stride / 2, halfHeight = Math.exp(h) * stride / 2;
      const box = [cx - halfWidth, cy - halfHeight, cx + halfWidth, cy + halfHeight].map((v) => v / SCALE);
      found.push({ class_id, label: labels[class_id]!, score, box: box as Detection["box"] });
    }
  }
  const kept: Detection[] = [];
  for (const candidate of found.sort((a, b) => b.score - a.score)) {
    const [x1, y1, x2, y2] = candidate.box;
    const covered = kept.some(({ class_id, box }) => {
      const w = Math.min(x2, box[2]) - Math.max(x1, box[0]), h = Math.min(y2, box[3]) - Math.max(y1, box[1]);
      const shared = Math.max(0, w) * Math.max(0, h);
      const all = (x2 - x1) * (y2 - y1) + (box[2] - box[0]) * (box[3] - box[1]) - shared;
      return class_id === candidate.class_id && shared / all > 0.45;
    });
    if (!covered) kept.push(candidate);
  }
  return kept;
}

Deno.test("signals.onnx is what its script builds, and small", async () => {
  const file = await Deno.readFile(FILE);
  assertEquals(file, signalsModel(), "run: deno run --allow-read --allow-write models/signals/build.ts");
  assertLess(file.length, 200_000);
});

Deno.test("the labels of signals.onnx are its classes", async () => {
  const labels = (await Deno.readTextFile(LABELS)).trim().split("\n");
  assertEquals(labels, SIGNAL_CLASSES.map(({ name }) => name));
});

Deno.test("signals.onnx finds the signals of streets that it was not made on", async () => {
  const labels = SIGNAL_CLASSES.map(({ name }) => name);
  await using session = await OrtSession.create(signalsModel());
  const canvas = new Canvas(SCENE_WIDTH, SCENE_HEIGHT), score = new SceneScore(labels);
  for (const [seed, frames] of [[701, [10, 130, 240]], [702, [90, 180]], [703, [40, 210]]] as const) {
    const scene = new StreetScene(seed);
    for (const index of frames) {
      const truth = scene.draw(canvas, index);
      const images = hostTensor("f32", [1, 3, INPUT_SIZE, INPUT_SIZE], letterbox(canvas.pixels));
      const { output } = await session.run({ images });
      assertEquals(output?.shape, [1, 3549, 5 + labels.length]);
      score.add(truth, decode(output!.data as Float32Array, labels));
    }
  }
  const { recall, precision } = score.total();
  assertGreaterOrEqual(recall, 0.9, JSON.stringify(score.classes()));
  assertGreaterOrEqual(precision, 0.95, JSON.stringify(score.classes()));
});

Deno.test("signals.onnx finds nothing in an empty image, and its output is finite", async () => {
  await using session = await OrtSession.create(signalsModel());
  for (const level of [0, 114, 255]) {
    const images = hostTensor(
      "f32",
      [1, 3, INPUT_SIZE, INPUT_SIZE],
      new Float32Array(3 * INPUT_SIZE * INPUT_SIZE).fill(level),
    );
    const { output } = await session.run({ images });
    const rows = output!.data as Float32Array;
    assertEquals(rows.every(Number.isFinite), true, `grey ${level}`);
    assertEquals(decode(rows, SIGNAL_CLASSES.map(({ name }) => name)), [], `grey ${level}`);
  }
});
