import { assertEquals, assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
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

Deno.test("BatchNormalization with computed parameters is refused", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const [, b, mean, variance] = parameters(random, 3);
  const x = randn(random, [1, 3, 4, 4]);
  await assertRejects(
    () => tester.runCase(opCase("BatchNormalization", [x, randn(random, [3]), b, mean, variance])),
    GraphError,
    "computed while the network runs",
  );
  await assertRejects(
    () => tester.runCase(opCase("BatchNormalization", [x, ...parameters(random, 4)])),
    GraphError,
    "scale is [4], but there are 3 channels",
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
    "copy/strided",
  ]);
});
