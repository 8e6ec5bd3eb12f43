import { assertEquals, assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { Random } from "../support/random.ts";
import { node } from "../support/onnx_builder.ts";
import { type Case, i64, opCase, OpTester, randn } from "./harness.ts";
import { convolve, image, type WindowSpec } from "./reference.ts";

/** One convolution, as a table row. */
interface ConvRow {
  in: number;
  out: number;
  kernel?: [number, number];
  strides?: [number, number];
  dilations?: [number, number];
  pads?: [number, number, number, number];
  groups?: number;
  batch?: number;
  size?: [number, number];
}

const CHANNELS = [1, 3, 5, 17, 33];

const ROWS: readonly ConvRow[] = [
  // Odd channel counts, each in and out, 3x3 and 1x1.
  ...CHANNELS.flatMap((input, i): ConvRow[] => [
    { in: input, out: CHANNELS[(i + 2) % 5]!, pads: [1, 1, 1, 1], size: [7, 6] },
    { in: input, out: CHANNELS[(i + 3) % 5]!, kernel: [1, 1], size: [5, 7] },
  ]),
  // Strides, dilations, paddings, kernels, batches.
  { in: 3, out: 8, strides: [2, 2], pads: [1, 1, 1, 1], size: [13, 11] },
  { in: 5, out: 5, strides: [3, 2], pads: [0, 1, 2, 0], size: [11, 10] },
  { in: 16, out: 16, strides: [2, 1], pads: [1, 1, 1, 1], size: [8, 9] },
  { in: 8, out: 4, dilations: [2, 2], pads: [2, 2, 2, 2] },
  { in: 4, out: 8, dilations: [1, 3], strides: [2, 2], pads: [1, 3, 1, 3], size: [9, 12] },
  { in: 3, out: 5, kernel: [5, 5], pads: [2, 2, 2, 2] },
  { in: 6, out: 7, kernel: [7, 3], strides: [2, 2], pads: [3, 1, 3, 1], size: [9, 9] },
  { in: 4, out: 4, kernel: [1, 5], pads: [0, 2, 0, 2] },
  { in: 5, out: 6, kernel: [2, 2] },
  { in: 17, out: 33, kernel: [1, 1], strides: [2, 2], batch: 2 },
  { in: 3, out: 7, pads: [0, 2, 1, 0], batch: 2, size: [6, 7] },
  { in: 64, out: 36, kernel: [1, 1], size: [16, 16] },
  { in: 20, out: 40, kernel: [1, 1], size: [1, 1] },
  // Tiles of three groups of output channels, whose weights are not loaded in pairs.
  { in: 5, out: 11, pads: [1, 1, 1, 1], size: [7, 11] },
  { in: 10, out: 12, kernel: [1, 1], size: [5, 9] },
  { in: 8, out: 36, groups: 1, strides: [2, 1], size: [9, 5] },
  // Groups whose channels fill vec4s, and groups that do not.
  { in: 8, out: 8, groups: 2, pads: [1, 1, 1, 1] },
  { in: 16, out: 32, groups: 4, kernel: [1, 1] },
  { in: 6, out: 4, groups: 2, pads: [1, 1, 1, 1] },
  { in: 12, out: 24, groups: 4, strides: [2, 2], pads: [1, 0, 0, 1] },
  { in: 15, out: 10, groups: 5, kernel: [1, 1], batch: 2 },
  { in: 33, out: 33, groups: 11, pads: [1, 1, 1, 1], size: [5, 5] },
  // Depthwise, and with a channel multiplier.
  ...CHANNELS.map((channels): ConvRow => ({
    in: channels,
    out: channels,
    groups: channels,
    pads: [1, 1, 1, 1],
    batch: channels === 17 ? 2 : 1,
  })),
  { in: 16, out: 16, groups: 16, strides: [2, 2], pads: [1, 1, 1, 1], size: [13, 14] },
  { in: 5, out: 5, groups: 5, kernel: [5, 5], pads: [2, 2, 2, 2], size: [11, 9] },
  { in: 7, out: 7, groups: 7, dilations: [2, 2], pads: [2, 2, 2, 2] },
  { in: 8, out: 8, groups: 8, dilations: [3, 3], pads: [3, 3, 3, 3] },
  { in: 9, out: 9, groups: 9, strides: [3, 2], pads: [0, 1, 2, 0], size: [11, 12] },
  { in: 6, out: 6, groups: 6, kernel: [1, 9], pads: [0, 4, 0, 4] },
  { in: 4, out: 4, groups: 4, kernel: [7, 8], pads: [3, 3, 3, 3], size: [9, 9] },
  { in: 5, out: 5, groups: 5, dilations: [6, 3], pads: [6, 3, 6, 3], strides: [1, 2], size: [9, 10] },
  { in: 3, out: 3, groups: 3, kernel: [16, 15], pads: [8, 7, 8, 7], size: [9, 9] },
  { in: 5, out: 10, groups: 5, pads: [1, 1, 1, 1] },
  { in: 3, out: 12, groups: 3, strides: [2, 2], pads: [1, 1, 1, 1] },
  { in: 1, out: 4, groups: 1, kernel: [3, 3], pads: [1, 1, 1, 1], size: [20, 3] },
];

function convCase(random: Random, row: ConvRow): { one: Case; spec: WindowSpec; row: Required<ConvRow> } {
  const full: Required<ConvRow> = {
    kernel: [3, 3],
    strides: [1, 1],
    dilations: [1, 1],
    pads: [0, 0, 0, 0],
    groups: 1,
    batch: 1,
    size: [9, 8],
    ...row,
  };
  const { kernel, strides, dilations, pads, groups, batch, size } = full;
  const x = randn(random, [batch, row.in, ...size]);
  const weights = randn(random, [row.out, row.in / groups, ...kernel]);
  const bias = random.next() < 0.7 ? { constant: randn(random, [row.out]) } : undefined;
  const one = opCase("Conv", [x, { constant: weights }, bias], {
    group: groups,
    kernel_shape: kernel,
    strides,
    dilations,
    pads,
  });
  return { one, spec: { kernel, strides, dilations, pads }, row: full };
}

Deno.test("Conv gives what ONNX Runtime gives, over channels, windows, groups and batches", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  await tester.check(ROWS.map((row) => convCase(random, row).one));
});

Deno.test("Conv gives what ONNX Runtime gives with the kernels for a GPU without subgroups", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const rows = ROWS.filter((row) => (row.groups ?? 1) < row.in && (row.out <= 8 || row.out === 33)).slice(
    0,
    14,
  );
  await tester.check(rows.map((row) => convCase(random, row).one), { software: false, subgroups: false });
});

Deno.test("Conv gives what plain loops give", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  await tester.check(
    ROWS.filter((_, i) => i % 3 === 0).map((row) => {
      const { one, spec, row: full } = convCase(random, row);
      const [h, w] = full.size;
      const x = image(full.batch, full.in, h, w, one.inputs.x0!.data as Float32Array);
      const y = convolve(
        x,
        one.initializers.x1!.data as Float32Array,
        (one.initializers.x2?.data ?? []) as Float32Array,
        full.out,
        full.groups,
        spec,
      );
      return { ...one, expected: () => ({ y0: hostTensor("f32", [y.n, y.c, y.h, y.w], y.data) }) };
    }),
  );
});

Deno.test("Conv gives what ONNX Runtime gives, over 12 random shapes", async () => {
  using tester = await OpTester.create();
  const cases: Case[] = [];
  for (let seed = 100; seed < 112; seed++) {
    const random = new Random(seed);
    const groups = random.pick([1, 1, 1, 2, 3, 4, 8]);
    const depthwise = random.next() < 0.25;
    const channels = random.int(1, 9) * groups;
    const out = depthwise ? channels * 2 : random.int(1, 4) * groups;
    const pad = () => random.int(0, 2);
    const { one } = convCase(random, {
      in: channels,
      out,
      groups: depthwise ? channels : groups,
      kernel: [random.int(1, 4), random.int(1, 4)],
      strides: [random.int(1, 3), random.int(1, 3)],
      dilations: [random.int(1, 2), random.int(1, 2)],
      pads: [pad(), pad(), pad(), pad()],
      batch: random.int(1, 2),
      size: [random.int(7, 14), random.int(7, 14)],
    });
    cases.push({ ...one, name: `seed ${seed}: ${one.name}` });
  }
  await tester.check(cases);
});

Deno.test("Conv takes 1-D inputs and automatic padding", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  const constant = (...shape: number[]) => ({ constant: randn(random, shape) });
  await tester.check([
    opCase("Conv", [randn(random, [2, 5, 17]), constant(6, 5, 3), constant(6)], {
      pads: [1, 0],
      strides: [2],
    }),
    opCase("Conv", [randn(random, [1, 8, 20]), constant(8, 1, 5)], { group: 8, pads: [2, 2] }),
    opCase("Conv", [randn(random, [1, 6, 9]), constant(4, 3, 3)], { group: 2, dilations: [2] }),
    opCase("Conv", [randn(random, [1, 4, 9, 8]), constant(5, 4, 3, 3)], {
      auto_pad: "SAME_UPPER",
      strides: [2, 2],
    }),
    opCase("Conv", [randn(random, [1, 4, 9, 8]), constant(5, 4, 4, 2)], {
      auto_pad: "SAME_LOWER",
      strides: [2, 3],
    }),
    opCase("Conv", [randn(random, [1, 4, 9, 8]), constant(5, 4, 3, 3)], { auto_pad: "VALID" }),
  ]);
});

Deno.test("Conv with a large image passes llvmpipe's 65,535 loop iterations in no invocation", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  const constant = (...shape: number[]) => ({ constant: randn(random, shape) });
  await tester.check([
    opCase("Conv", [randn(random, [1, 3, 257, 300]), constant(4, 3, 3, 3)], { pads: [1, 1, 1, 1] }),
    opCase("Conv", [randn(random, [1, 2048, 2, 2]), constant(4, 2048, 1, 1)], {}, { relative: 1e-4 }),
    opCase("Conv", [randn(random, [1, 512, 5, 5]), constant(8, 512, 5, 5)], {}, { relative: 1e-4 }),
  ]);
});

Deno.test("Conv refuses weights and biases that do not fit", async () => {
  using tester = await OpTester.create();
  const random = new Random(5);
  const x = randn(random, [1, 6, 8, 8]);
  const refused = async (one: Case, words: string) => {
    const error = await assertRejects(() => tester.runCase(one), GraphError, words);
    assertEquals(error.message.startsWith('Conv (node "Conv"): '), true, error.message);
  };
  const constant = (...shape: number[]) => ({ constant: randn(random, shape) });
  await refused(
    opCase("Conv", [x, constant(4, 5, 3, 3)]),
    "6 input channels and 4 output channels in 1 groups",
  );
  await refused(opCase("Conv", [x, constant(4, 3, 3, 3)], { group: 4 }), "in 4 groups");
  await refused(opCase("Conv", [x, constant(4, 6, 3)]), "4 dimensions, its weights 3");
  await refused(opCase("Conv", [x, constant(4, 6, 9, 9)]), "a window of 9 does not fit into 8");
  await refused(opCase("Conv", [x, constant(4, 6, 3, 3), constant(5)]), "its bias is [5]");
  await refused(
    opCase("Conv", [x, constant(4, 6, 3, 3)], { kernel_shape: [5, 5] }),
    "its kernel_shape is [5, 5]",
  );
  await refused(opCase("Conv", [randn(random, [1, 2, 3, 3, 3, 3]), constant(4, 2, 1, 1, 1, 1)]), "4 spatial");
  await refused(
    opCase("Conv", [randn(random, [1, 2, 3]), hostTensor("i32", [1, 2, 1], [1, 1])]),
    "its weights are i32",
  );
});

Deno.test("Conv over three dimensions gives what ONNX Runtime gives", async () => {
  using tester = await OpTester.create();
  const random = new Random(6);
  const constant = (...shape: number[]) => ({ constant: randn(random, shape) });
  await tester.check([
    opCase("Conv", [randn(random, [2, 3, 5, 6, 7]), constant(5, 3, 3, 3, 3), constant(5)], {
      pads: [1, 1, 1, 1, 1, 1],
    }),
    opCase("Conv", [randn(random, [1, 4, 6, 5, 7]), constant(8, 4, 2, 3, 1)], {
      strides: [2, 1, 3],
      dilations: [2, 1, 1],
      pads: [1, 0, 0, 0, 2, 1],
    }),
    opCase("Conv", [randn(random, [2, 6, 4, 4, 4]), constant(9, 2, 2, 2, 2), constant(9)], { group: 3 }),
    opCase("Conv", [randn(random, [1, 5, 4, 5, 6]), constant(5, 1, 3, 3, 3)], {
      group: 5,
      auto_pad: "SAME_UPPER",
      strides: [2, 2, 2],
    }),
    opCase("Conv", [randn(random, [0, 3, 4, 5, 6]), constant(4, 3, 2, 2, 2)]),
  ]);
});

Deno.test("Conv takes weights and biases that are computed while the network runs", async () => {
  using tester = await OpTester.create();
  const random = new Random(7);
  const x = (...shape: number[]) => randn(random, shape);
  const cases: Case[] = [];
  for (const channels of [1, 3, 4, 6, 8]) {
    cases.push(
      opCase("Conv", [x(2, 4, 6, 5), x(channels, 4, 3, 3), x(channels)], { pads: [1, 1, 1, 1] }),
      opCase("Conv", [x(2, 4, 6, 5), x(channels, 4, 3, 2)], { strides: [2, 1] }),
      opCase("Conv", [x(1, 4, 6, 5), { constant: x(channels, 4, 1, 1) }, x(channels)]),
      opCase("Conv", [x(1, 4, 6, 5), x(channels, 4, 1, 1), { constant: x(channels) }]),
    );
  }
  cases.push(
    opCase("Conv", [x(1, 6, 9), x(4, 3, 3)], { group: 2 }),
    opCase("Conv", [x(1, 3, 4, 4, 5), x(5, 3, 2, 2, 2), x(5)]),
    {
      name: "Conv with transposed weights and a part of a tensor as bias",
      nodes: [
        node("Transpose", ["w"], ["v"], { perm: [1, 0, 3, 2] }, { name: "transpose" }),
        node("Slice", ["b", "from", "to"], ["c"], {}, { name: "slice" }),
        node("Conv", ["x", "v", "c"], ["y"], {}, { name: "conv" }),
      ],
      inputs: { x: x(1, 5, 6, 6), w: x(5, 6, 3, 2), b: x(9) },
      initializers: { from: i64(2).constant, to: i64(8).constant },
      outputs: ["y"],
      opset: 13,
    },
  );
  await tester.check(cases);
});

Deno.test("Conv sums in parts what one invocation may not loop over", async () => {
  using tester = await OpTester.create();
  const random = new Random(8);
  const constant = (...shape: number[]) => ({ constant: randn(random, shape) });
  const cases = [
    opCase("Conv", [randn(random, [1, 2500, 3, 3, 3]), constant(5, 2500, 3, 3, 3), constant(5)], {}, {
      relative: 1e-4,
    }),
    opCase("Conv", [randn(random, [1, 7500, 3, 4]), randn(random, [3, 7500, 3, 3])], {}, { relative: 1e-4 }),
  ];
  await tester.check(cases);
  const { plan } = await tester.runCase(cases[0]!);
  const steps = plan.steps.filter(({ kernel }) => kernel.name === "conv/general");
  assertEquals(steps.length, 2);
});

Deno.test("Conv over three dimensions and with computed weights applies what was fused behind it", async () => {
  using tester = await OpTester.create();
  const random = new Random(9);
  const chain = (shape: number[], weights: number[], out: number[]): Case => ({
    name: `Conv of [${shape}] and [${weights}], a residual and Relu`,
    nodes: [
      node("Conv", ["x", "w"], ["a"], {}, { name: "conv" }),
      node("Add", ["a", "r"], ["b"], {}, { name: "add" }),
      node("Mul", ["b", "s"], ["c"], {}, { name: "mul" }),
      node("Relu", ["c"], ["y"], {}, { name: "relu" }),
    ],
    inputs: { x: randn(random, shape), w: randn(random, weights), r: randn(random, out) },
    initializers: { s: randn(random, [weights[0]!, ...weights.slice(2).map(() => 1)]) },
    outputs: ["y"],
    opset: 13,
  });
  await tester.check([
    chain([2, 3, 4, 5, 6], [5, 3, 2, 2, 2], [2, 5, 3, 4, 5]),
    chain([2, 3, 5, 6], [6, 3, 2, 2], [2, 6, 4, 5]),
  ]);
});

Deno.test("Conv of constants gives what the GPU gives, and Conv of an empty batch gives none", async () => {
  using tester = await OpTester.create();
  const random = new Random(10);
  const constant = (...shape: number[]) => ({ constant: randn(random, shape) });
  await tester.check([
    opCase("Conv", [constant(2, 4, 5, 6), constant(6, 2, 3, 2), constant(6)], {
      group: 2,
      strides: [2, 1],
      pads: [1, 0, 1, 1],
    }),
    opCase("Conv", [constant(1, 2, 4, 4, 4), constant(3, 2, 2, 2, 2)], { dilations: [2, 1, 1] }),
    opCase("Conv", [constant(1, 2, 7), constant(3, 2, 3)], { pads: [1, 1] }),
    opCase("Conv", [randn(random, [0, 4, 5, 6]), constant(6, 4, 3, 3), constant(6)]),
    opCase("Conv", [randn(random, [0, 4, 5, 6]), constant(4, 1, 3, 3)], { group: 4 }),
    opCase("Conv", [randn(random, [0, 4, 5, 6]), constant(4, 4, 1, 1)]),
  ]);
});

Deno.test("FusedConv adds its fourth input and applies its activation", async () => {
  using tester = await OpTester.create();
  const random = new Random(11);
  const constant = (...shape: number[]) => ({ constant: randn(random, shape) });
  const activations: [string, number[] | undefined][] = [
    ["Relu", undefined],
    ["Tanh", undefined],
    ["Sigmoid", undefined],
    ["LeakyRelu", [0.1]],
    ["Clip", [-0.5, 1.25]],
    ["HardSigmoid", [0.3, 0.4]],
  ];
  const cases = activations.flatMap(([activation, parameters]): Case[] => {
    // Groups of odd channels go to a kernel that compiles fast; one activation is tried with another.
    const group = activation === "LeakyRelu" ? 1 : 2;
    const attributes = {
      activation,
      group,
      pads: [1, 1, 1, 1],
      ...(parameters && { activation_params: { floats: parameters } }),
    };
    const operands = () => [constant(6, 6 / group, 3, 3), constant(6)];
    const options = { domain: "com.microsoft", relative: 3e-5 };
    return [
      opCase("FusedConv", [randn(random, [2, 6, 6, 7]), ...operands()], attributes, options),
      opCase(
        "FusedConv",
        [randn(random, [1, 6, 6, 7]), ...operands(), randn(random, [1, 6, 6, 7])],
        attributes,
        options,
      ),
      opCase("FusedConv", [constant(1, 6, 6, 7), ...operands(), constant(1, 6, 6, 7)], attributes, options),
    ];
  });
  await tester.check(cases);
  await assertRejects(
    () =>
      tester.runCase(
        opCase("FusedConv", [randn(random, [1, 6, 6, 7]), constant(6, 6, 3, 3)], { activation: "Gelu" }, {
          domain: "com.microsoft",
        }),
      ),
    GraphError,
    'its activation is "Gelu"',
  );
});
