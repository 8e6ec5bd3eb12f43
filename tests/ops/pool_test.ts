import { assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { Random } from "../support/random.ts";
import { type Case, opCase, OpTester, randn } from "./harness.ts";

Deno.test("MaxPool and AveragePool give what ONNX Runtime gives, over windows, paddings and channels", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  for (const channels of [1, 3, 5, 8]) {
    const x = () => randn(random, [2, channels, 9, 7]);
    for (const op of ["MaxPool", "AveragePool"]) {
      cases.push(
        opCase(op, [x()], { kernel_shape: [2, 2], strides: [2, 2] }),
        opCase(op, [x()], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
        opCase(op, [x()], { kernel_shape: [3, 2], strides: [2, 3], pads: [0, 1, 2, 0] }),
        opCase(op, [x()], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }),
        opCase(op, [x()], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 0, 1, 1], ceil_mode: 1 }),
        opCase(op, [x()], { kernel_shape: [3, 3], strides: [2, 2], auto_pad: "SAME_UPPER" }),
        opCase(op, [x()], { kernel_shape: [2, 4], auto_pad: "SAME_LOWER" }),
        opCase(op, [x()], { kernel_shape: [3, 3], auto_pad: "VALID" }),
        opCase(op, [x()], { kernel_shape: [5, 5], pads: [2, 2, 2, 2] }),
        // Too large to be unrolled, and taller than the image.
        opCase(op, [x()], { kernel_shape: [9, 8], pads: [4, 4, 4, 3] }),
        opCase(op, [randn(random, [1, channels, 11])], { kernel_shape: [3], strides: [2], pads: [1, 0] }),
      );
    }
    cases.push(
      opCase("MaxPool", [x()], { kernel_shape: [3, 3], dilations: [2, 2] }),
      opCase("MaxPool", [x()], { kernel_shape: [2, 3], dilations: [3, 1], pads: [1, 1, 1, 1] }),
      opCase("AveragePool", [x()], { kernel_shape: [3, 3], dilations: [2, 2], pads: [2, 2, 2, 2] }, {
        opset: 19,
      }),
    );
    for (const ceil_mode of [0, 1]) {
      for (const pads of [[1, 1, 1, 1], [0, 2, 1, 0]]) {
        cases.push(
          opCase("AveragePool", [x()], {
            kernel_shape: [3, 3],
            strides: [2, 2],
            pads,
            ceil_mode,
            count_include_pad: 1,
          }, { opset: 19 }),
        );
      }
    }
  }
  await tester.check(cases);
});

Deno.test("GlobalAveragePool and GlobalMaxPool take every pixel, however large the image", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const cases: Case[] = [];
  for (const op of ["GlobalAveragePool", "GlobalMaxPool"]) {
    for (const shape of [[1, 1, 1, 1], [2, 5, 7, 3], [1, 33, 4, 4], [3, 3, 50, 31], [2, 6, 19]]) {
      cases.push(opCase(op, [randn(random, shape)]));
    }
    // More pixels than one segment holds, and more than one invocation may loop over on llvmpipe.
    cases.push(opCase(op, [randn(random, [2, 2, 300, 231])]));
  }
  await tester.check(cases);
});

Deno.test("MaxPool with indices, a window that does not fit and three dimensions are refused", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  const x = randn(random, [1, 4, 5, 5]);
  const refused = async (one: Case, words: string) =>
    await assertRejects(() => tester.runCase(one), GraphError, words);
  await refused(
    opCase("MaxPool", [x], { kernel_shape: [2, 2] }, { outputs: 2 }),
    'its output "y1" is not supported',
  );
  await refused(opCase("MaxPool", [x], { kernel_shape: [6, 6] }), "a window of 6 does not fit into 5");
  await refused(
    opCase("MaxPool", [x], { kernel_shape: [2, 2], strides: [1] }),
    'attribute "strides" has 1 numbers',
  );
  await refused(
    opCase("MaxPool", [randn(random, [1, 4, 3, 3, 3])], { kernel_shape: [2, 2, 2] }),
    "works on 3 spatial dimensions",
  );
  await refused(
    opCase("AveragePool", [x], { kernel_shape: [2, 2], auto_pad: "SOME" }),
    'auto_pad "SOME" is unknown',
  );
});
