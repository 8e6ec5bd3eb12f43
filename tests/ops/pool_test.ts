import { assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { type HostTensor, hostTensor, toNumbers } from "../../src/tensor/host_tensor.ts";
import { Random } from "../support/random.ts";
import { type Case, i64, opCase, OpTester, randn } from "./harness.ts";
import { randomBytes } from "./quantize_support.ts";

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
    for (
      const shape of [[1, 1, 1, 1], [2, 5, 7, 3], [1, 33, 4, 4], [3, 3, 50, 31], [2, 6, 19], [5, 67, 9, 8]]
    ) {
      cases.push(opCase(op, [randn(random, shape)]));
    }
    // More pixels than one segment holds, and more than one invocation may loop over on llvmpipe.
    cases.push(opCase(op, [randn(random, [2, 2, 300, 231])]));
  }
  // Channels that invocations reduce alone where the adapter is a program; elsewhere a workgroup shares each.
  await tester.check(cases);
  await tester.check(cases, { software: false, subgroups: false });
});

const VOLUMES = [
  { kernel_shape: [2, 2, 2], strides: [2, 2, 2] },
  { kernel_shape: [3, 2, 3], strides: [2, 1, 3], pads: [1, 0, 1, 0, 1, 1] },
  { kernel_shape: [3, 3, 3], strides: [2, 2, 2], pads: [1, 1, 1, 1, 1, 1], ceil_mode: 1 },
  { kernel_shape: [2, 3, 1], auto_pad: "SAME_LOWER", strides: [1, 2, 2] },
];

Deno.test("MaxPool, AveragePool and LpPool over three dimensions give what ONNX Runtime gives", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  const cases: Case[] = [];
  for (const attributes of VOLUMES) {
    for (const channels of [3, 8]) {
      const x = randn(random, [2, channels, 5, 6, 7]);
      cases.push(
        opCase("MaxPool", [x], attributes),
        opCase("AveragePool", [x], attributes, { opset: 19 }),
        opCase("AveragePool", [x], { ...attributes, count_include_pad: 1 }, { opset: 19 }),
      );
      // ONNX Runtime takes no ceil_mode in LpPool before operator set 18.
      cases.push(opCase("LpPool", [x], attributes, { opset: 18 }));
    }
  }
  const x = randn(random, [1, 5, 6, 7, 8]);
  cases.push(
    opCase("MaxPool", [x], { kernel_shape: [3, 2, 2], dilations: [2, 1, 3] }),
    opCase("AveragePool", [x], { kernel_shape: [2, 2, 3], dilations: [2, 3, 1], pads: [1, 0, 1, 1, 0, 1] }, {
      opset: 19,
    }),
  );
  await tester.check(cases);
});

Deno.test("LpPool gives what ONNX Runtime gives, over exponents, windows and operator sets", async () => {
  using tester = await OpTester.create();
  const random = new Random(5);
  const cases: Case[] = [];
  for (const p of [1, 2, 3, 4]) {
    const x = randn(random, [2, 5, 9, 7]);
    for (const opset of [2, 11, 18, 22]) {
      cases.push(
        opCase("LpPool", [x], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 0, 1, 2], p }, { opset }),
      );
    }
    cases.push(
      opCase("LpPool", [x], { kernel_shape: [2, 3], dilations: [2, 2], p }, { opset: 18 }),
      opCase("LpPool", [x], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1, p }, { opset: 18 }),
      opCase("LpPool", [randn(random, [2, 6, 13])], { kernel_shape: [3], strides: [2], p }, { opset: 18 }),
      opCase("GlobalLpPool", [x], { p }),
      opCase("GlobalLpPool", [randn(random, [2, 3, 140, 130])], { p }),
    );
  }
  await tester.check(cases);
});

Deno.test("MaxPool tells where the largest elements stand, in both storage orders", async () => {
  using tester = await OpTester.create();
  const random = new Random(6);
  const cases: Case[] = [];
  for (const storage_order of [0, 1]) {
    const add = (shape: number[], attributes: Record<string, number[] | number | string>): void => {
      cases.push(opCase("MaxPool", [randn(random, shape)], { ...attributes, storage_order }, { outputs: 2 }));
    };
    add([2, 5, 7, 6], { kernel_shape: [2, 2], strides: [2, 2] });
    add([2, 4, 7, 6], { kernel_shape: [3, 2], pads: [1, 0, 1, 1], ceil_mode: 1, strides: [2, 2] });
    add([1, 3, 9, 9], { kernel_shape: [3, 3], dilations: [2, 2] });
    add([1, 3, 9, 8], { kernel_shape: [3, 3], auto_pad: "SAME_UPPER", strides: [2, 2] });
    add([2, 3, 5, 4, 6], { kernel_shape: [2, 2, 3], strides: [2, 1, 2], pads: [0, 1, 1, 1, 0, 0] });
    add([2, 3, 15], { kernel_shape: [4], strides: [3] });
  }
  await tester.check(cases);
});

Deno.test("MaxPool takes bytes", async () => {
  using tester = await OpTester.create();
  const random = new Random(7);
  const cases: Case[] = [];
  for (const dtype of ["i8", "u8"] as const) {
    cases.push(
      opCase("MaxPool", [randomBytes(random, dtype, [2, 5, 8, 7])], {
        kernel_shape: [3, 3],
        pads: [1, 1, 1, 1],
      }),
      opCase(
        "MaxPool",
        [randomBytes(random, dtype, [1, 3, 8, 7])],
        { kernel_shape: [2, 3], strides: [2, 2] },
        {
          outputs: 2,
        },
      ),
      opCase("MaxPool", [randomBytes(random, dtype, [1, 3, 9, 9])], {
        kernel_shape: [3, 3],
        dilations: [2, 2],
      }),
    );
  }
  await tester.check(cases);
});

Deno.test("global pooling takes any number of dimensions, and pooling a batch of none", async () => {
  using tester = await OpTester.create();
  const random = new Random(8);
  const cases: Case[] = [];
  for (const op of ["GlobalAveragePool", "GlobalMaxPool"]) {
    cases.push(
      opCase(op, [randn(random, [2, 5, 3, 4, 6])]),
      opCase(op, [randn(random, [0, 3, 4, 5])]),
    );
  }
  cases.push(
    opCase("MaxPool", [randn(random, [0, 3, 4, 5])], { kernel_shape: [2, 2] }),
    opCase("AveragePool", [randn(random, [0, 3, 4, 5, 6])], { kernel_shape: [2, 2, 2] }),
  );
  await tester.check(cases);
  // ONNX Runtime takes three dimensions at most.
  const planes = (x: HostTensor, of: (values: number[]) => number): Record<string, HostTensor> => ({
    y0: hostTensor(
      "f32",
      [1, 3, 1, 1, 1, 1],
      [0, 1, 2].map((c) => of(toNumbers(x).slice(c * 120, c * 120 + 120))),
    ),
  });
  const x = randn(random, [1, 3, 2, 3, 4, 5]);
  await tester.check([
    { ...opCase("GlobalMaxPool", [x]), expected: () => planes(x, (values) => Math.max(...values)) },
    {
      ...opCase("GlobalAveragePool", [x]),
      expected: () => planes(x, (values) => values.reduce((a, b) => a + b) / 120),
    },
  ]);
});

Deno.test("pooling pads for its kernel as if it were not dilated, as ONNX Runtime does", async () => {
  using tester = await OpTester.create();
  const random = new Random(13);
  const cases: Case[] = [];
  for (const auto_pad of ["SAME_UPPER", "SAME_LOWER"]) {
    for (const ceil_mode of [0, 1]) {
      const attributes = { kernel_shape: [3, 2], strides: [2, 1], dilations: [2, 3], auto_pad, ceil_mode };
      const x = randn(random, [2, 3, 9, 8]);
      cases.push(
        opCase("MaxPool", [x], attributes, { opset: 12 }),
        opCase("AveragePool", [x], { ...attributes, count_include_pad: 1 }, { opset: 19 }),
        opCase("LpPool", [x], attributes, { opset: 18 }),
      );
    }
  }
  // A kernel smaller than the stride: the padding is negative, and what is taken lies inwards.
  const inwards = { kernel_shape: [1, 3], strides: [3, 1], dilations: [1, 2], auto_pad: "SAME_UPPER" };
  cases.push(opCase("MaxPool", [randn(random, [2, 6, 9, 8])], inwards, { opset: 12 }));
  await tester.check(cases);
});

Deno.test("pooling in old operator sets gives what ONNX Runtime gives", async () => {
  using tester = await OpTester.create();
  const random = new Random(9);
  const x = randn(random, [2, 6, 9, 8]);
  const attributes = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 0, 1] };
  await tester.check([
    opCase("MaxPool", [x], attributes, { opset: 7 }),
    opCase("MaxPool", [x], attributes, { opset: 8, outputs: 2 }),
    opCase("MaxPool", [x], { ...attributes, ceil_mode: 1 }, { opset: 10 }),
    opCase("MaxPool", [x], { ...attributes, ceil_mode: 1 }, { opset: 22 }),
    opCase("AveragePool", [x], { ...attributes, count_include_pad: 1 }, { opset: 7 }),
    opCase("AveragePool", [x], { ...attributes, ceil_mode: 1 }, { opset: 10 }),
    opCase("AveragePool", [x], { ...attributes, ceil_mode: 1 }, { opset: 22 }),
    opCase("GlobalAveragePool", [x], {}, { opset: 22 }),
  ]);
});

Deno.test("MaxUnpool puts elements back, at the place given and in the shape given", async () => {
  using tester = await OpTester.create();
  const random = new Random(10);
  const unpool = (
    input: number[],
    space: number,
    attributes: Record<string, number[]>,
    shape?: number[],
  ): Case => {
    const count = input.reduce((a, b) => a * b, 1);
    const places = random.shuffled(Array.from({ length: space }, (_, i) => i)).slice(0, count);
    const operands = [randn(random, input), hostTensor("i64", input, places)];
    return opCase("MaxUnpool", shape ? [...operands, i64(...shape)] : operands, attributes);
  };
  await tester.check([
    unpool([1, 1, 2, 2], 16, { kernel_shape: [2, 2], strides: [2, 2] }),
    unpool([2, 3, 3, 4], 2 * 3 * 6 * 8, { kernel_shape: [2, 2], strides: [2, 2] }),
    unpool([2, 3, 3, 4], 2 * 3 * 6 * 8, { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 0, 0, 1] }),
    unpool([1, 2, 5], 20, { kernel_shape: [2], strides: [2] }),
    unpool([1, 2, 2, 2, 2], 128, { kernel_shape: [2, 2, 2], strides: [2, 2, 2] }),
    unpool([1, 2, 3, 4], 2 * 7 * 9, { kernel_shape: [2, 2], strides: [2, 2] }, [1, 2, 7, 9]),
  ]);
});

Deno.test("LRN gives what ONNX Runtime gives, over sizes, exponents and ranks", async () => {
  using tester = await OpTester.create();
  const random = new Random(11);
  const cases: Case[] = [];
  for (const channels of [1, 5, 8, 17]) {
    for (const size of [1, 3, 5]) {
      cases.push(opCase("LRN", [randn(random, [2, channels, 4, 3])], { size }));
      cases.push(
        opCase("LRN", [randn(random, [1, channels, 4, 3], 3)], {
          size,
          alpha: { float: 0.3 },
          beta: 0.6,
          bias: 1.5,
        }),
      );
    }
  }
  await tester.check(cases);
  // ONNX Runtime takes odd sizes and rank 4 alone.
  const squares = (k: number[]): number => k.reduce((sum, value) => sum + value * value, 0);
  for (const shape of [[6], [6, 1], [6, 1, 1, 1], [6, 1, 1, 1, 1]]) {
    const x = randn(random, [1, ...shape, 1]);
    const all = toNumbers(x);
    const y = all.map((value, c) =>
      value / (1 + 0.5 / 4 * squares(all.slice(Math.max(c - 1, 0), c + 3))) ** 0.75
    );
    await tester.check([
      {
        ...opCase("LRN", [x], { size: 4, alpha: 0.5 }),
        expected: () => ({ y0: hostTensor("f32", x.shape, y) }),
      },
    ]);
  }
});

Deno.test("pooling of constants gives what the GPU gives", async () => {
  using tester = await OpTester.create();
  const random = new Random(12);
  const x = { constant: randn(random, [1, 3, 6, 7]) };
  const volume = { constant: randn(random, [1, 2, 4, 5, 6]) };
  const attributes = { kernel_shape: [3, 2], strides: [2, 2], pads: [1, 1, 1, 0] };
  await tester.check([
    opCase("MaxPool", [x], attributes, { outputs: 2 }),
    opCase("MaxPool", [x], { ...attributes, storage_order: 1 }, { outputs: 2 }),
    opCase("MaxPool", [volume], { kernel_shape: [2, 2, 2], strides: [2, 2, 2], ceil_mode: 1 }),
    opCase("AveragePool", [x], attributes),
    opCase("AveragePool", [x], { ...attributes, count_include_pad: 1 }),
    opCase("LpPool", [x], { ...attributes, p: 3 }),
    opCase("GlobalMaxPool", [x]),
    opCase("GlobalAveragePool", [volume]),
    opCase("GlobalLpPool", [x]),
    opCase("LRN", [x], { size: 3, alpha: 0.5 }),
    opCase("MaxUnpool", [{ constant: randn(random, [1, 1, 2, 2]) }, {
      constant: hostTensor("i64", [1, 1, 2, 2], [5, 7, 13, 15]),
    }], { kernel_shape: [2, 2], strides: [2, 2] }),
  ]);
});

Deno.test("a window that does not fit, lists of wrong lengths and four dimensions are refused", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  const x = randn(random, [1, 4, 5, 5]);
  const refused = async (one: Case, words: string) =>
    await assertRejects(() => tester.runCase(one), GraphError, words);
  await refused(opCase("MaxPool", [x], { kernel_shape: [6, 6] }), "a window of 6 does not fit into 5");
  await refused(
    opCase("MaxPool", [x], { kernel_shape: [2, 2], strides: [1] }),
    'attribute "strides" has 1 numbers',
  );
  await refused(
    opCase("MaxPool", [randn(random, [1, 4, 2, 2, 2, 2])], { kernel_shape: [2, 2, 2, 2] }),
    "works on 4 spatial dimensions",
  );
  await refused(
    opCase("AveragePool", [x], { kernel_shape: [2, 2], auto_pad: "SOME" }),
    'auto_pad "SOME" is unknown',
  );
  await refused(opCase("LpPool", [x], { kernel_shape: [2, 2], p: 0 }), "p is 0");
  await refused(
    opCase("MaxUnpool", [x, hostTensor("i64", [1], [0])], { kernel_shape: [2, 2] }),
    "its indices [1]",
  );
});
