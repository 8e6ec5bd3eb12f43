/** The tests' own tools, tested: a comparison that cannot fail would make every other test worthless. */
import { assert, assertEquals, AssertionError, assertRejects, assertThrows } from "@std/assert";
import { NUMERIC_DTYPES } from "../../src/tensor/dtype.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { assertClose } from "./compare.ts";
import { node, onnxModel, tensorInfo } from "./onnx_builder.ts";
import { OrtSession, runOrt } from "./ort.ts";
import { Random } from "./random.ts";

Deno.test("assertClose() measures against the largest magnitude expected", () => {
  assertEquals(assertClose([100, 0.005], [100, 0]), 0.005 / 100);
  assertThrows(() => assertClose([100, 0.02], [100, 0]), AssertionError, "1 of 2 values differ");
  assertClose([100, 0.5], [100, 0], { relative: 1e-2 });
  assertClose([0.001], [0], { absolute: 0.01 });
  assertThrows(() => assertClose([1e-9], [0]), AssertionError, "allowed is 0");
});

Deno.test("assertClose() lets NaN and infinities agree with themselves only", () => {
  assertClose([NaN, Infinity, -Infinity, 1], [NaN, Infinity, -Infinity, 1]);
  for (const [got, want] of [[NaN, 1], [1, NaN], [Infinity, 1], [1, Infinity], [Infinity, -Infinity]]) {
    assertThrows(
      () => assertClose([got!, 5], [want!, 5], { relative: 1e6 }),
      AssertionError,
      "1 of 2 values",
    );
  }
});

Deno.test("assertClose() prints the place, both values and the whole case", () => {
  const expected = hostTensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]);
  const actual = hostTensor("f32", [2, 3], [1, 2, 3, 4, 7, 6]);
  assertThrows(
    () => assertClose(actual, expected, { context: { stride: 2, seed: 5 } }),
    AssertionError,
    "1 of 6 values differ, most at [1, 1] (element 4): got 7, expected 5, off by 2; allowed is 0.0006000000000000001 " +
      '(0.0001 of the largest magnitude 6)\ncase: {"stride":2,"seed":5}',
  );
  assertThrows(
    () => assertClose(hostTensor("f32", [6], expected.data), expected),
    AssertionError,
    "shapes differ",
  );
  assertThrows(() => assertClose([1], [1, 2]), AssertionError, "lengths differ: 1 is not 2");
});

Deno.test("Random gives the same sequence for the same seed, and another for another", () => {
  const draw = (seed: number): number[] => Array.from(new Random(seed).uniforms(20));
  assertEquals(draw(3), draw(3));
  assert(draw(3).every((value, i) => value !== draw(4)[i]));
});

Deno.test("Random keeps to its ranges and its moments", () => {
  const random = new Random(9);
  const uniform = random.uniforms(20_000, -2, 4);
  assert(uniform.every((value) => value >= -2 && value <= 4));
  const mean = (values: Float32Array): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  assert(Math.abs(mean(uniform) - 1) < 0.05, `uniform mean ${mean(uniform)}`);
  const normal = random.normals(20_000, 3, 2);
  const deviation = Math.sqrt(mean(normal.map((value) => (value - 3) ** 2)));
  assert(
    Math.abs(mean(normal) - 3) < 0.05 && Math.abs(deviation - 2) < 0.05,
    `${mean(normal)}, ${deviation}`,
  );
  const ints = Array.from({ length: 1000 }, () => random.int(-1, 2));
  assertEquals(new Set(ints), new Set([-1, 0, 1, 2]));
  assertEquals(new Set(Array.from({ length: 100 }, () => random.pick(["a", "b"]))), new Set(["a", "b"]));
  assertEquals(random.shuffled([1, 2, 3, 4]).toSorted(), [1, 2, 3, 4]);
});

Deno.test("runOrt() runs a model that the builder wrote", async () => {
  const model = onnxModel({
    inputs: [tensorInfo("x", "f32", [1, 1, 3, 3])],
    outputs: ["y"],
    nodes: [
      node("Conv", ["x", "w", "b"], ["c"], { strides: [2, 2], pads: [1, 1, 1, 1] }),
      node("LeakyRelu", ["c"], ["y"], { alpha: 1 }),
    ],
    initializers: {
      w: hostTensor("f32", [1, 1, 3, 3], new Float32Array(9).fill(1)),
      b: hostTensor("f32", [1], [0.5]),
    },
  });
  const { y } = await runOrt(model, { x: hostTensor("f32", [1, 1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]) });
  assertEquals(y, hostTensor("f32", [1, 1, 2, 2], [12.5, 16.5, 24.5, 28.5]));
});

Deno.test("runOrt() carries every element type in and out", async () => {
  for (const dtype of NUMERIC_DTYPES) {
    const model = onnxModel({
      inputs: [tensorInfo("x", dtype, ["n"])],
      outputs: ["y"],
      nodes: [node("Identity", ["x"], ["y"])],
    });
    const x = hostTensor(dtype, [3], [1, 0, 1]);
    assertEquals(await runOrt(model, { x }), { y: x }, dtype);
  }
});

Deno.test("runOrt() takes initializers of every element type in either encoding", async () => {
  for (const encoding of ["raw", "typed"] as const) {
    const initializers = Object.fromEntries(
      NUMERIC_DTYPES.map((dtype) => [dtype, hostTensor(dtype, [2], [1, 0])]),
    );
    const model = onnxModel({
      outputs: NUMERIC_DTYPES.map((dtype) => `${dtype}_out`),
      nodes: NUMERIC_DTYPES.map((dtype) => node("Identity", [dtype], [`${dtype}_out`])),
      initializers,
      encoding,
    });
    const outputs = await runOrt(model);
    for (const dtype of NUMERIC_DTYPES) assertEquals(outputs[`${dtype}_out`], initializers[dtype], encoding);
  }
});

Deno.test("OrtSession runs again and again, and tells the names", async () => {
  await using session = await OrtSession.create(onnxModel({
    inputs: [tensorInfo("x", "f32", [1])],
    outputs: ["y"],
    nodes: [node("Neg", ["x"], ["y"])],
  }));
  assertEquals([session.inputNames, session.outputNames], [["x"], ["y"]]);
  for (let i = 1; i < 4; i++) {
    assertEquals((await session.run({ x: hostTensor("f32", [1], [i]) })).y?.data[0], -i);
  }
});

Deno.test("runOrt() hands on what ONNX Runtime says of a bad model", async () => {
  const model = onnxModel({
    inputs: [tensorInfo("x", "f32", [1])],
    outputs: ["y"],
    nodes: [node("NoSuch", ["x"], ["y"])],
  });
  await assertRejects(() => runOrt(model), Error, "NoSuch");
});
