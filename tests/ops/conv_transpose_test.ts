import { assertEquals, assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";
import { type Case, opCase, type Operand, OpTester, randn } from "./harness.ts";

type Attributes = Readonly<Record<string, number | number[] | string>>;

/** Shapes of input and weights, whether there is a bias, and attributes. */
const ROWS: readonly (readonly [x: number[], w: number[], bias: boolean, attributes: Attributes])[] = [
  // The upsampling of U-Net, of DCGAN, and with a kernel that the stride does not divide.
  [[1, 8, 5, 6], [8, 4, 2, 2], true, { strides: [2, 2] }],
  [[2, 5, 4, 3], [5, 7, 4, 4], true, { strides: [2, 2], pads: [1, 1, 1, 1] }],
  [[1, 3, 4, 5], [3, 6, 3, 3], false, { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] }],
  [[1, 3, 4, 5], [3, 6, 3, 3], true, { strides: [2, 2], pads: [1, 0, 0, 1] }],
  [[1, 17, 3, 4], [17, 5, 5, 4], true, { strides: [3, 2], pads: [1, 1, 2, 0] }],
  // Stride 1 is a convolution with the kernel turned.
  [[2, 4, 5, 5], [4, 3, 3, 3], true, { pads: [1, 1, 1, 1] }],
  [[1, 4, 5, 5], [4, 3, 1, 1], false, {}],
  [[1, 4, 5, 5], [4, 3, 3, 2], false, { pads: [2, 1, 0, 0] }],
  // Kernels smaller than the stride leave outputs that no tap reaches.
  [[1, 3, 4, 4], [3, 5, 2, 2], true, { strides: [3, 3] }],
  [[1, 3, 4, 4], [3, 5, 1, 1], true, { strides: [2, 2], output_padding: [1, 1] }],
  // More phases than are dispatched each on its own.
  [[1, 3, 3, 4], [3, 3, 16, 16], false, { strides: [8, 8], pads: [4, 4, 4, 4] }],
  [[1, 6, 3, 4], [6, 1, 8, 8], false, { strides: [4, 4], pads: [2, 2, 2, 2], group: 6 }],
  // Groups.
  [[1, 8, 4, 5], [8, 4, 3, 3], true, { group: 2, strides: [2, 2], pads: [1, 1, 1, 1] }],
  [[2, 6, 4, 5], [6, 5, 2, 2], true, { group: 3, strides: [2, 2] }],
  [[1, 5, 4, 5], [5, 1, 4, 4], false, { group: 5, strides: [2, 2], pads: [1, 1, 1, 1] }],
  [[1, 4, 4, 5], [4, 3, 2, 2], true, { group: 4, strides: [2, 2] }],
  // Dilation.
  [[1, 3, 4, 5], [3, 4, 3, 3], true, { dilations: [2, 2] }],
  [[1, 3, 4, 5], [3, 4, 3, 2], true, { dilations: [2, 3], strides: [2, 2], pads: [1, 2, 0, 1] }],
  // The output's shape given, or found.
  [[1, 3, 4, 5], [3, 4, 3, 3], true, { strides: [3, 2], output_shape: [10, 8] }],
  [[1, 3, 4, 5], [3, 4, 3, 3], true, { strides: [3, 2], output_shape: [14, 12] }],
  [[1, 3, 4, 5], [3, 4, 4, 4], true, { strides: [2, 2], output_shape: [9, 9], auto_pad: "SAME_UPPER" }],
  [[1, 3, 4, 5], [3, 4, 3, 3], true, { strides: [2, 2], auto_pad: "SAME_UPPER" }],
  [[1, 3, 4, 5], [3, 4, 3, 3], true, { strides: [2, 2], auto_pad: "SAME_LOWER" }],
  [[1, 3, 4, 5], [3, 4, 3, 3], true, { strides: [2, 3], auto_pad: "VALID" }],
  [[1, 3, 4, 5], [3, 4, 1, 2], true, { strides: [2, 3], auto_pad: "SAME_LOWER" }],
  // One dimension, and three.
  [[2, 5, 7], [5, 6, 4], true, { strides: [2], pads: [1, 1] }],
  [[1, 4, 7], [4, 2, 3], false, { group: 2, strides: [3], output_padding: [2] }],
  [[1, 3, 3, 4, 5], [3, 6, 2, 2, 2], true, { strides: [2, 2, 2] }],
  [[2, 4, 3, 2, 3], [4, 3, 3, 2, 3], true, { group: 2, strides: [2, 1, 3], pads: [1, 0, 1, 0, 1, 0] }],
  // A batch of none.
  [[0, 3, 4, 5], [3, 4, 2, 2], true, { strides: [2, 2] }],
];

function rowCase(
  random: Random,
  [x, w, bias, attributes]: (typeof ROWS)[number],
  constant: "weights" | "all" | "none",
): Case {
  const outC = w[1]! * Number(attributes.group ?? 1);
  const fixed = (shape: number[], is: boolean): Operand => {
    const tensor = randn(random, shape);
    return is ? { constant: tensor } : tensor;
  };
  return opCase("ConvTranspose", [
    fixed(x, constant === "all"),
    fixed(w, constant !== "none"),
    bias ? fixed([outC], constant !== "none") : undefined,
  ], attributes);
}

Deno.test("ConvTranspose gives what ONNX Runtime gives, over strides, paddings, groups and dimensions", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  await tester.check(ROWS.map((row) => rowCase(random, row, "weights")));
});

Deno.test("ConvTranspose gives what ONNX Runtime gives with the kernels for a GPU", async () => {
  using tester = await OpTester.create();
  const random = new Random(7);
  const rows: (typeof ROWS)[number][] = [
    [[1, 20, 5, 6], [20, 17, 2, 2], true, { strides: [2, 2] }],
    [[2, 16, 4, 5], [16, 16, 4, 4], true, { strides: [2, 2], pads: [1, 1, 1, 1] }],
    [[1, 32, 4, 5], [32, 16, 3, 3], false, { strides: [2, 2], pads: [2, 1, 0, 2], group: 2 }],
    // The window of a phase may begin behind the image's edge.
    [[1, 16, 6, 7], [16, 16, 2, 2], true, { strides: [2, 2], pads: [3, 4, 1, 0] }],
    [[1, 6, 6, 7], [6, 5, 2, 3], true, { pads: [3, 4, 1, 0] }],
    [[1, 8, 6, 7], [8, 1, 2, 2], true, { strides: [2, 2], pads: [3, 3, 1, 0], group: 8 }],
  ];
  const cases = rows.map((row) => rowCase(random, row, "weights"));
  await tester.check(cases, { software: false, subgroups: false });
  await tester.check(cases);
});

Deno.test("ConvTranspose by the general kernel, and with computed weights, gives what ONNX Runtime gives", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  await tester.check(ROWS.map((row) => rowCase(random, row, "weights")), {
    software: true,
    subgroups: false,
    plain: true,
  });
  await tester.check(ROWS.map((row) => rowCase(random, row, "none")));
});

Deno.test("ConvTranspose of constants gives what the GPU gives", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  await tester.check(ROWS.map((row) => rowCase(random, row, "all")));
});

Deno.test("ConvTranspose applies what was fused behind it, by channel and by pixel", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  const chain = (x: number[], w: number[], by: number[], strides: number[]): Case => ({
    name: `ConvTranspose of [${x}] by [${w}], a product with [${by}] and Relu`,
    nodes: [
      node("ConvTranspose", ["x", "w", "b"], ["a"], { strides }, { name: "up" }),
      node("Mul", ["a", "r"], ["c"], {}, { name: "mul" }),
      node("Relu", ["c"], ["y"], {}, { name: "relu" }),
    ],
    inputs: { x: randn(random, x), r: randn(random, by) },
    initializers: { w: randn(random, w), b: randn(random, [w[1]!]) },
    outputs: ["y"],
    opset: 13,
  });
  await tester.check([
    chain([2, 3, 4, 5], [3, 6, 2, 2], [6, 1, 1], [2, 2]),
    chain([2, 3, 4, 5], [3, 6, 2, 2], [2, 6, 8, 10], [2, 2]),
    chain([1, 3, 4, 5], [3, 6, 2, 2], [1], [2, 2]),
    chain([1, 3, 2, 3, 4], [3, 5, 2, 2, 2], [1, 5, 4, 6, 8], [2, 2, 2]),
  ]);
});

Deno.test("ConvTranspose with stride 2 is done by Conv's kernels, one for each phase", async () => {
  using tester = await OpTester.create();
  const random = new Random(5);
  const one = rowCase(random, ROWS[0]!, "weights");
  const { plan } = await tester.runCase(one);
  const names = plan.steps.map(({ kernel }) => kernel.name).filter((name) => name.startsWith("conv/"));
  assertEquals(names.length, 4);
  assertEquals(names.includes("conv/general"), false);
});

Deno.test("ConvTranspose refuses weights, biases and lists that do not fit", async () => {
  using tester = await OpTester.create();
  const random = new Random(6);
  const x = randn(random, [1, 6, 5, 5]);
  const constant = (...shape: number[]) => ({ constant: randn(random, shape) });
  const refused = async (one: Case, words: string) => {
    await assertRejects(() => tester.runCase(one), GraphError, words);
  };
  await refused(opCase("ConvTranspose", [x, constant(5, 4, 2, 2)]), "do not fit weights [5, 4, 2, 2]");
  await refused(opCase("ConvTranspose", [x, constant(6, 4, 2, 2)], { group: 4 }), "in 4 groups");
  await refused(opCase("ConvTranspose", [x, constant(6, 4, 2, 2), constant(5)]), "its bias is [5]");
  await refused(opCase("ConvTranspose", [x, constant(6, 4, 2)]), "its weights 3");
  await refused(
    opCase("ConvTranspose", [x, constant(6, 4, 2, 2)], { output_padding: [1] }),
    '"output_padding" has 1',
  );
  await refused(
    opCase("ConvTranspose", [x, { constant: hostTensor("f64", [6, 1, 1, 1], new Array(6).fill(1)) }]),
    "its weights are f64",
  );
});
