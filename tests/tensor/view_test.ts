import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  denseStrides,
  denseView,
  expandView,
  imageAddress,
  isDenseImage,
  isLinear,
  joinViews,
  permuteView,
  reshapeView,
  sliceView,
  storageElements,
  type View,
  viewOffsets,
} from "../../src/tensor/view.ts";
import { Random } from "../support/random.ts";

const offsets = (view: View): number[] => [...viewOffsets(view)];

Deno.test("denseStrides() is row-major for linear storage and channels-last, padded to 4, for images", () => {
  assertEquals(denseStrides([2, 3, 4], "linear"), [12, 4, 1]);
  assertEquals(denseStrides([2, 3, 4, 5], "image"), [80, 1, 20, 4]);
  assertEquals(denseStrides([2, 5, 7], "image"), [56, 1, 8]);
  assertEquals(storageElements([2, 3, 4, 5], "image"), 160);
  assertEquals(storageElements([2, 3, 4, 5], "linear"), 120);
});

Deno.test("viewOffsets() walks in ONNX's order", () => {
  assertEquals(offsets(denseView(0, "f32", [2, 3], "linear")), [0, 1, 2, 3, 4, 5]);
  assertEquals(offsets(permuteView(denseView(0, "f32", [2, 3], "linear"), [1, 0])), [0, 3, 1, 4, 2, 5]);
  assertEquals(offsets(denseView(0, "f32", [1, 2, 1, 2], "image")), [0, 4, 1, 5]);
  assertEquals(offsets(sliceView(denseView(0, "f32", [5], "linear"), 0, 4, 3, -2)), [4, 2, 0]);
  assertEquals(offsets(expandView(denseView(0, "f32", [2, 1], "linear"), [2, 3])), [0, 0, 0, 1, 1, 1]);
  assertEquals(offsets(denseView(0, "f32", [0, 3], "linear")), []);
  assertEquals(offsets(denseView(0, "f32", [], "linear")), [0]);
});

Deno.test("imageAddress() refuses what cannot be read as vec4s over channels", () => {
  const image = denseView(0, "f32", [2, 6, 3, 4], "image");
  assert(imageAddress(image));
  assertStrictEquals(imageAddress(permuteView(image, [0, 2, 3, 1])), undefined);
  assertStrictEquals(imageAddress(sliceView(image, 1, 1, 4, 1)), undefined, "begins within a vec4");
  assertStrictEquals(
    imageAddress(sliceView(image, 1, 0, 3, 1)),
    undefined,
    "shares a vec4 with other channels",
  );
  assertStrictEquals(imageAddress(sliceView(image, 2, 2, 3, -1)), undefined, "walks backwards");
  assertStrictEquals(imageAddress(denseView(0, "f32", [2, 6, 3, 4], "linear")), undefined);
  assert(imageAddress(sliceView(image, 1, 4, 2, 1)), "the last group is the tensor's own, with its padding");
  assertEquals(imageAddress(sliceView(image, 1, 0, 4, 1))?.c4, 1);
  assertEquals(imageAddress(sliceView(sliceView(image, 2, 1, 2, 1), 3, 0, 2, 2)), {
    n: 2,
    c: 6,
    h: 2,
    w: 2,
    c4: 2,
    offset: 8,
    strideN: 24,
    strideH: 8,
    strideW: 4,
  });
  assertEquals(imageAddress(denseView(0, "f32", [1, 3, 9], "image"))?.h, 1);
});

Deno.test("isLinear() and isDenseImage() ignore the strides of extents of 1", () => {
  const one = denseView(0, "f32", [1, 4, 1, 1], "image");
  assert(isLinear(one) && isDenseImage(one));
  assert(!isLinear(denseView(0, "f32", [1, 3, 2, 2], "image")));
});

Deno.test("reshapeView() gives a view wherever strides can say it, and only there", () => {
  let views = 0;
  let copies = 0;
  for (let seed = 0; seed < 400; seed++) {
    const random = new Random(seed);
    let view: View = denseView(0, "f32", [2, 6, 2, 3], random.pick(["linear", "image"]));
    if (random.next() < 0.5) view = permuteView(view, random.shuffled([0, 1, 2, 3]));
    if (random.next() < 0.5) view = sliceView(view, random.int(0, 3), 1, 1, 1);
    const axis = random.int(0, 3);
    if (random.next() < 0.3) view = sliceView(view, axis, view.shape[axis]! - 1, view.shape[axis]!, -1);
    const shape = reshaped(random, view.shape);
    const made = reshapeView(view, shape);
    const context = `seed ${seed}: [${view.shape}] strides [${view.strides}] to [${shape}]`;
    if (made) {
      views++;
      assertEquals(made.shape, shape, context);
      assertEquals(offsets(made), offsets(view), context);
    } else {
      copies++;
      assert(!isLinear(view), `${context}: linear storage takes every shape`);
    }
  }
  assert(views > 100 && copies > 50, `${views} views, ${copies} copies`);
});

/** Another shape of as many elements. */
function reshaped(random: Random, shape: readonly number[]): number[] {
  let rest = shape.reduce((a, b) => a * b, 1);
  const out: number[] = [];
  for (const prime of [2, 2, 2, 3, 3]) {
    if (rest % prime !== 0) continue;
    rest /= prime;
    if (out.length > 0 && random.next() < 0.5) out[out.length - 1]! *= prime;
    else out.push(prime);
    if (random.next() < 0.2) out.push(1);
  }
  return [...random.shuffled(out), rest];
}

Deno.test("a view keeps its padding only while the lanes behind its channels are its own", () => {
  const image = denseView(0, "f32", [1, 6, 3, 4], "image");
  assert(sliceView(image, 2, 1, 1, 1).padded);
  assert(sliceView(image, 1, 4, 2, 1).padded);
  assert(!sliceView(image, 1, 0, 5, 1).padded);
  assert(!sliceView(image, 1, 2, 4, 1).padded);
  assert(!permuteView(image, [0, 2, 1, 3]).padded);
  assert(permuteView(image, [0, 1, 3, 2]).padded);
  assert(reshapeView(image, [1, 6, 12])!.padded);
  assert(!reshapeView(image, [6, 3, 4])!.padded);
});

Deno.test("joinViews() joins slices at even steps and nothing else", () => {
  const whole = denseView(0, "f32", [2, 12], "linear");
  const parts = [0, 4, 8].map((start) => sliceView(whole, 1, start, 4, 1));
  assertEquals(offsets(joinViews(parts, 1)!), offsets(whole));
  const columns = [1, 4, 7].map((start) => sliceView(whole, 1, start, 1, 1));
  assertEquals(offsets(joinViews(columns, 1)!), [1, 4, 7, 13, 16, 19]);
  const backwards = [7, 4, 1].map((start) => sliceView(whole, 1, start, 1, 1));
  assertEquals(offsets(joinViews(backwards, 1)!), [7, 4, 1, 19, 16, 13]);
  assertStrictEquals(joinViews([parts[0]!, parts[2]!, parts[1]!], 1), undefined);
  assertStrictEquals(joinViews([columns[0]!, parts[1]!], 1), undefined);
  assertStrictEquals(joinViews([parts[0]!, { ...parts[1]!, storage: 1 }], 1), undefined);
  const stacked = [0, 2, 4].map((start) => reshapeView(sliceView(whole, 1, start, 4, 1), [2, 1, 4])!);
  assertEquals(offsets(joinViews(stacked, 1)!).slice(0, 8), [0, 1, 2, 3, 2, 3, 4, 5]);
});
