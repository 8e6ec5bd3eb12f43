import { assertEquals, assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { node } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";
import { type Case, opCase, type Operand, OpTester, randn } from "./harness.ts";

function parameters(random: Random, channels: number): Operand[] {
  const positive = { constant: hostTensor("f32", [channels], random.uniforms(channels, 0.2, 2)) };
  return [
    { constant: randn(random, [channels]) },
    { constant: randn(random, [channels]) },
    { constant: randn(random, [channels]) },
    positive,
  ];
}

Deno.test("BatchNormalization stands alone in 2 to 5 dimensions", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const shapes = [[4, 7], [2, 3, 9], [2, 5, 4, 6], [1, 8, 3, 3], [1, 1, 5, 5]];
  await tester.check(shapes.flatMap((shape) => [
    opCase("BatchNormalization", [randn(random, shape), ...parameters(random, shape[1]!)]),
    opCase("BatchNormalization", [randn(random, shape), ...parameters(random, shape[1]!)], { epsilon: 0.1 }, {
      opset: 9,
    }),
  ]));
});

Deno.test("BatchNormalization takes computed parameters, and makes running moments", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const computed = (channels: number): HostTensor[] => [
    randn(random, [channels]),
    randn(random, [channels]),
    randn(random, [channels]),
    hostTensor("f32", [channels], random.uniforms(channels, 0.2, 2)),
  ];
  const shapes = [[4, 7], [2, 3, 4, 4], [2, 8, 3, 5], [1, 3, 2, 3, 4]];
  await tester.check(shapes.flatMap((shape) => [
    opCase("BatchNormalization", [randn(random, shape), ...computed(shape[1]!)], {}, { opset: 15 }),
    opCase("BatchNormalization", [randn(random, shape), ...computed(shape[1]!)], {
      training_mode: 1,
      momentum: 0.75,
      epsilon: 1e-2,
    }, { opset: 15, outputs: 3 }),
  ]));
});

Deno.test("BatchNormalization refuses parameters of another length, and means for each element", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const x = randn(random, [1, 3, 4, 4]);
  await assertRejects(
    () => tester.runCase(opCase("BatchNormalization", [x, ...parameters(random, 4)])),
    GraphError,
    "scale is [4], but there are 3 channels",
  );
  await assertRejects(
    () =>
      tester.runCase(
        opCase("BatchNormalization", [x, ...parameters(random, 3)], { spatial: 0 }, { opset: 7 }),
      ),
    GraphError,
    "spatial is 0",
  );
});

Deno.test("InstanceNormalization takes images of any size, 1-D too, with an activation behind", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  const cases: Case[] = [[2, 3, 8, 7], [1, 1, 33, 20], [2, 8, 1, 5], [1, 5, 200, 150], [2, 6, 11]].map((
    shape,
  ) =>
    opCase(
      "InstanceNormalization",
      [
        hostTensor(
          "f32",
          shape,
          random.normals(shape.reduce((a, b) => a * b, 1), 5, 2),
        ),
        ...parameters(random, shape[1]!).slice(0, 2),
      ],
      {},
      { relative: 1e-4 },
    )
  );
  const fused: Case = {
    name: "InstanceNormalization, Relu",
    opset: 13,
    nodes: [
      node("InstanceNormalization", ["x", "s", "b"], ["n"], { epsilon: 1e-3 }, { name: "norm" }),
      node("Relu", ["n"], ["y"], {}, { name: "relu" }),
    ],
    inputs: { x: randn(random, [1, 5, 6, 6]) },
    initializers: { s: randn(random, [5]), b: randn(random, [5]) },
    outputs: ["y"],
  };
  await tester.check([...cases, fused]);
  const { plan } = await tester.runCase(fused);
  assertEquals(plan.steps.map((step) => step.kernel.name), [
    "reduce/pixels",
    "reduce/pixels",
    "normalization/instance",
    // The output leaves in ONNX's order.
    "copy/planes",
  ]);
});

Deno.test("InstanceNormalization takes computed parameters and volumes", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  const shapes = [[2, 3, 5, 7], [1, 4, 8, 8], [2, 3, 4, 2, 5], [2, 5, 9]];
  const cases = shapes.map((shape) =>
    opCase("InstanceNormalization", [
      randn(random, shape),
      randn(random, [shape[1]!]),
      randn(random, [shape[1]!]),
    ])
  );
  const behind: Case = {
    ...cases[0]!,
    name: "InstanceNormalization of computed parameters, Relu",
    nodes: [
      node("InstanceNormalization", ["x0", "x1", "x2"], ["n"], {}, { name: "norm" }),
      node("Relu", ["n"], ["y0"], {}, { name: "relu" }),
    ],
  };
  await tester.check([...cases, behind]);
});

Deno.test("LayerNormalization takes any axis, with and without bias, and gives mean and inverse deviation", async () => {
  using tester = await OpTester.create();
  const random = new Random(5);
  const cases: Case[] = [];
  for (const shape of [[3, 8], [2, 5, 7], [2, 3, 4, 8], [1, 196, 64], [5000, 4]]) {
    for (let axis = -shape.length; axis < shape.length; axis++) {
      const own = shape.slice(axis);
      const size = own.reduce((a, b) => a * b, 1);
      const x = hostTensor("f32", shape, random.normals(shape.reduce((a, b) => a * b, 1), 3, 2));
      const scale = { constant: randn(random, own) };
      // ONNX Runtime normalises a row of one element to its bias with an infinite inverse deviation cut off.
      if (size === 1) continue;
      const options = { opset: 17, relative: 1e-4 };
      cases.push(opCase("LayerNormalization", [x, scale, { constant: randn(random, own) }], { axis }, {
        ...options,
        outputs: 3,
      }));
      cases.push(opCase("LayerNormalization", [x, scale], { axis, epsilon: 1e-2 }, options));
      cases.push(opCase("LayerNormalization", [x, randn(random, own)], { axis }, options));
    }
  }
  await tester.check(cases);
});

Deno.test("LayerNormalization over the channels of an image reads and writes them where they lie", async () => {
  using tester = await OpTester.create();
  const random = new Random(6);
  for (const channels of [8, 6]) {
    const one: Case = {
      name: `ConvNeXt's normalisation of ${channels} channels`,
      opset: 17,
      nodes: [
        node("Conv", ["x", "w"], ["c"], {}, { name: "conv" }),
        node("Transpose", ["c"], ["t"], { perm: [0, 2, 3, 1] }, { name: "to" }),
        node("LayerNormalization", ["t", "s", "b"], ["n"], { axis: -1 }, { name: "norm" }),
        node("Transpose", ["n"], ["u"], { perm: [0, 3, 1, 2] }, { name: "from" }),
        node("Conv", ["u", "v"], ["y"], {}, { name: "last" }),
      ],
      inputs: { x: randn(random, [2, 3, 6, 5]) },
      initializers: {
        w: randn(random, [channels, 3, 1, 1]),
        s: randn(random, [channels]),
        b: randn(random, [channels]),
        v: randn(random, [4, channels, 1, 1]),
      },
      outputs: ["y"],
      relative: 1e-4,
    };
    await tester.check([one]);
    if (channels % 4 !== 0) continue;
    const { plan } = await tester.runCase(one);
    const names = plan.steps.map((step) => step.kernel.name);
    assertEquals(names.filter((name) => name.startsWith("copy/")).length, 1, `only the output's: ${names}`);
    assertEquals(names.filter((name) => name === "normalization/rows").length, 1, `${names}`);
  }
});

Deno.test("GroupNormalization has a scale for each group in operator set 18, for each channel in 21", async () => {
  using tester = await OpTester.create();
  const random = new Random(7);
  const cases: Case[] = [];
  for (
    const [shape, groups] of [[[2, 6, 5, 3], 3], [[1, 8, 4, 4], 2], [[2, 4, 9], 4], [
      [1, 16, 6, 7],
      4,
    ]] as const
  ) {
    for (const opset of [18, 21]) {
      const parameter = () => randn(random, [opset < 21 ? groups : shape[1]]);
      cases.push(
        opCase(
          "GroupNormalization",
          [randn(random, shape), parameter(), parameter()],
          { num_groups: groups },
          {
            opset,
          },
        ),
      );
    }
  }
  await tester.check(cases);
  await assertRejects(
    () =>
      tester.runCase(
        opCase("GroupNormalization", [randn(random, [1, 6, 4]), randn(random, [6]), randn(random, [6])], {
          num_groups: 3,
        }, { opset: 18 }),
      ),
    GraphError,
    "scale is [6], but there are 3 groups",
  );
});

Deno.test("LpNormalization and MeanVarianceNormalization take any axes", async () => {
  using tester = await OpTester.create();
  const random = new Random(8);
  const cases: Case[] = [];
  for (const shape of [[6], [3, 8], [2, 5, 4, 4], [2, 4, 3, 5]]) {
    for (let axis = -1; axis < shape.length; axis++) {
      for (const p of [1, 2]) cases.push(opCase("LpNormalization", [randn(random, shape)], { axis, p }));
    }
  }
  const zeros = hostTensor("f32", [2, 4], [0, 0, 0, 0, 1, -1, 1, 1]);
  cases.push(opCase("LpNormalization", [zeros], { axis: 1, p: 2 }));
  for (const axes of [[0, 2, 3], [1], [2, 3], [0, 1, 2, 3]]) {
    cases.push(opCase("MeanVarianceNormalization", [randn(random, [2, 4, 3, 5])], { axes }));
  }
  cases.push(opCase("MeanVarianceNormalization", [randn(random, [3, 5, 4, 4])]));
  await tester.check(cases);
});

Deno.test("RMSNormalization and Microsoft's SkipLayerNormalization agree with their definition", async () => {
  using tester = await OpTester.create();
  const random = new Random(9);
  const [rows, width, epsilon] = [6, 8, 1e-5];
  const [x, skip] = [randn(random, [2, 3, width]), randn(random, [2, 3, width])];
  const [scale, bias] = [randn(random, [width]), randn(random, [width])];
  const tensor = (values: number[]): HostTensor => hostTensor("f32", [2, 3, width], values);
  const byRow = (values: ArrayLike<number>, rule: (row: number[]) => number[]): number[] =>
    Array.from({ length: rows }, (_, i) => rule(Array.from(values).slice(i * width, (i + 1) * width))).flat();
  const mean = (row: number[]): number => row.reduce((a, b) => a + b, 0) / width;
  const rms = tensor(byRow(x.data, (row) => {
    const root = Math.sqrt(mean(row.map((one) => one * one)) + epsilon);
    return row.map((one, i) => one / root * scale.data[i]!);
  }));
  const sum = tensor(Array.from(x.data, (one, i) => one + skip.data[i]!));
  const layer = tensor(byRow(sum.data as Float32Array, (row) => {
    const centre = mean(row);
    const deviation = Math.sqrt(mean(row.map((one) => (one - centre) ** 2)) + epsilon);
    return row.map((one, i) => (one - centre) / deviation * scale.data[i]! + bias.data[i]!);
  }));
  await tester.check([
    { ...opCase("RMSNormalization", [x, scale], {}, { opset: 23 }), expected: () => ({ y0: rms }) },
  ]);
  const skipped = opCase("SkipLayerNormalization", [x, skip, scale, bias], { epsilon: { float: epsilon } }, {
    domain: "com.microsoft",
  });
  await tester.check([{
    ...skipped,
    nodes: [{ ...skipped.nodes[0]!, outputs: ["y0", "", "", "y3"] }],
    outputs: ["y0", "y3"],
    expected: () => ({ y0: layer, y3: sum }),
  }]);
});

Deno.test("LayerNormalization is exact enough far from zero, of empty tensors empty, in eight dimensions", async () => {
  using tester = await OpTester.create();
  const random = new Random(10);
  const far = hostTensor("f32", [3, 64], random.normals(192, 1000, 1));
  const outlier = hostTensor("f32", [1, 64], random.normals(64, 0, 1).with(0, 1000));
  const scale = (width: number) => ({ constant: randn(random, [width]) });
  const options = { opset: 17, relative: 1e-4 };
  await tester.check([
    opCase("LayerNormalization", [far, scale(64)], { axis: -1 }, { ...options, relative: 1e-3 }),
    opCase("LayerNormalization", [outlier, scale(64)], { axis: -1 }, options),
    opCase("LayerNormalization", [hostTensor("f32", [0, 8], []), scale(8)], { axis: -1 }, options),
    opCase("LayerNormalization", [randn(random, [2, 1, 2, 3, 2, 1, 2, 4]), scale(4)], { axis: -1 }, options),
    opCase("LayerNormalization", [randn(random, [2, 1, 2, 3, 2, 1, 2, 5]), scale(5)], { axis: -1 }, options),
  ]);
});
