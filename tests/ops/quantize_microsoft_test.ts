import { assertEquals, assertLessOrEqual, assertRejects } from "@std/assert";
import type { Attribute } from "../../src/ops/attribute.ts";
import { GraphError } from "../../src/ops/error.ts";
import { NodeContext } from "../../src/ops/operator.ts";
import { findOperator } from "../../src/ops/registry.ts";
import { type HostTensor, hostTensor, toNumbers } from "../../src/tensor/host_tensor.ts";
import { runOrt } from "../support/ort.ts";
import { Random } from "../support/random.ts";
import { type Case, caseModel, opCase, OpTester } from "./harness.ts";
import { checkEqual, constant, randomBytes, scalar } from "./quantize_support.ts";

const MICROSOFT = { domain: "com.microsoft" };

const TYPES = ["u8", "i8"] as const;

const SHAPES = [[2, 5, 7, 6], [3, 4], [17], [1, 6, 9], [1, 64, 10, 10]] as const;

/** A scale and a zero point, given as for unsigned bytes. */
function scheme(dtype: "u8" | "i8", scale: number, zero: number): { constant: HostTensor }[] {
  return [constant(scalar("f32", scale)), constant(scalar(dtype, dtype === "u8" ? zero : zero - 128))];
}

function pairs(random: Random): Case[] {
  const shapes = [
    ...SHAPES.map((shape) => [shape, shape]),
    [[2, 5, 7, 6], [5, 1, 1]],
    [[2, 5, 7, 6], [1, 5, 1, 1]],
    [[2, 5, 7, 6], [1]],
    [[2, 5, 7, 6], [6]],
    [[5, 1, 1], [2, 5, 7, 6]],
    [[2, 5, 1, 6], [2, 1, 7, 1]],
  ] as const;
  return TYPES.flatMap((dtype) =>
    shapes.flatMap(([a, b]) =>
      ["QLinearAdd", "QLinearMul"].flatMap((op) =>
        [true, false].map((known) => {
          const right = randomBytes(random, dtype, b!);
          return opCase(
            op,
            [
              randomBytes(random, dtype, a!),
              ...scheme(dtype, random.uniform(0.02, 0.05), 120),
              known ? constant(right) : right,
              ...scheme(dtype, random.uniform(0.02, 0.05), 131),
              ...scheme(dtype, random.uniform(0.03, 0.06), 100),
            ],
            {},
            MICROSOFT,
          );
        })
      )
    )
  );
}

function functions(random: Random): Case[] {
  return TYPES.flatMap((dtype) =>
    SHAPES.flatMap((shape) => {
      const x = () => [randomBytes(random, dtype, shape), ...scheme(dtype, 0.03, 120)];
      const to = scheme(dtype, 1 / 256, 0);
      return [
        opCase("QLinearLeakyRelu", [...x(), ...scheme(dtype, 0.027, 100)], { alpha: 0.1 }, MICROSOFT),
        opCase("QLinearSigmoid", [...x(), ...to], {}, MICROSOFT),
        ...(shape.length < 3 ? [] : [0, 1].map((channels_last) =>
          opCase(
            "QLinearGlobalAveragePool",
            [...x(), ...scheme(dtype, 0.004, 100)],
            { channels_last },
            MICROSOFT,
          )
        )),
      ];
    })
  );
}

function concatenations(random: Random): Case[] {
  return TYPES.flatMap((dtype) =>
    [[1, [[1, 5, 4, 3], [1, 8, 4, 3], [1, 2, 4, 3]]], [-1, [[2, 3], [2, 4]]], [2, [[1, 4, 2, 5], [
      1,
      4,
      3,
      5,
    ]]]]
      .map(([axis, shapes]) =>
        opCase(
          "QLinearConcat",
          [
            ...scheme(dtype, 0.05, 120),
            ...(shapes as number[][]).flatMap((shape, i) => [
              randomBytes(random, dtype, shape),
              ...scheme(dtype, i === 0 ? 0.05 : random.uniform(0.02, 0.06), i === 0 ? 120 : 130),
            ]),
          ],
          { axis: axis as number },
          MICROSOFT,
        )
      )
  );
}

Deno.test("QLinearAdd and QLinearMul equal ONNX Runtime in every broadcast", async () => {
  using tester = await OpTester.create();
  await checkEqual(tester, pairs(new Random(1)));
});

Deno.test("QLinearLeakyRelu, QLinearSigmoid and QLinearGlobalAveragePool equal ONNX Runtime", async () => {
  using tester = await OpTester.create();
  await checkEqual(tester, functions(new Random(2)));
});

Deno.test("QLinearConcat equals ONNX Runtime; parts of the output's own scale are not looked up", async () => {
  using tester = await OpTester.create();
  const cases = concatenations(new Random(3));
  await checkEqual(tester, cases);
  const { plan } = await tester.runCase(cases[0]!);
  assertEquals(plan.steps.filter(({ kernel }) => kernel.name === "quantize/table").length, 2);
});

function averages(random: Random): Case[] {
  // Powers of two give many halves.
  return [[0.03, 0.0213], [0.03125, 0.125], [0.0625, 0.0625]].flatMap(([from, to]) => {
    const case_ = (shape: number[], attributes: Parameters<typeof opCase>[2]) =>
      opCase(
        "QLinearAveragePool",
        [randomBytes(random, "u8", shape), ...scheme("u8", from!, 120), ...scheme("u8", to!, 101)],
        attributes,
        MICROSOFT,
      );
    const window = { kernel_shape: [3, 2], strides: [2, 1], pads: [1, 0, 1, 1] };
    return [
      case_([2, 5, 7, 6], window),
      case_([2, 5, 7, 6], { ...window, count_include_pad: 1 }),
      case_([2, 7, 6, 5], { ...window, channels_last: 1 }),
      case_([1, 6, 8, 7], { kernel_shape: [3, 3], auto_pad: "SAME_UPPER" }),
      case_([1, 4, 9], { kernel_shape: [3] }),
    ];
  });
}

Deno.test("QLinearAveragePool equals ONNX Runtime, halves too", async () => {
  using tester = await OpTester.create();
  await checkEqual(tester, averages(new Random(6)));
});

Deno.test("QLinearSoftmax equals ONNX Runtime to one step, in the sense of its own operator set", async () => {
  using tester = await OpTester.create();
  const random = new Random(7);
  const to = scheme("u8", 1 / 256, 0);
  const forms = [[[3, 40], -1], [[3, 40], 1], [[2, 5, 4, 3], 1], [[7, 5], 0], [[4, 3, 6], -2]] as const;
  for (const [shape, axis] of forms) {
    for (const opset of [11, 13]) {
      for (const own of [11, 13]) {
        const x = randomBytes(random, "u8", shape);
        const operands = [x, ...scheme("u8", 0.03, 120), ...to];
        const one = opCase("QLinearSoftmax", operands, { axis, opset: own }, { ...MICROSOFT, opset });
        const { outputs } = await tester.runCase(one);
        const expected = await runOrt(caseModel(one), one.inputs, { graphOptimizationLevel: "disabled" });
        const got = toNumbers(outputs.y0!);
        const differences = toNumbers(expected.y0!).map((value, i) => Math.abs(value - got[i]!));
        assertLessOrEqual(Math.max(...differences), 1, one.name);
        assertLessOrEqual(differences.filter((one) => one > 0).length, 1 + differences.length / 50, one.name);
      }
    }
  }
});

Deno.test("means of bytes over more pixels than a kernel's loops may take are refused", async () => {
  using tester = await OpTester.create();
  const x = hostTensor("u8", [1, 1, 2000, 2000], new Uint8Array(4_000_000));
  const operands = [x, ...scheme("u8", 0.03, 120), ...scheme("u8", 0.03, 120)];
  await assertRejects(
    () => tester.runCase(opCase("QLinearGlobalAveragePool", operands, { channels_last: 0 }, MICROSOFT)),
    GraphError,
    "takes the mean of 4000000 pixels; at most 3840000 are supported",
  );
  await assertRejects(
    () => tester.runCase(opCase("QLinearAveragePool", operands, { kernel_shape: [300, 300] }, MICROSOFT)),
    GraphError,
    "its window of 300 x 300 is too large",
  );
});

/** An attribute as the file's reader gives it. */
function attributeOf(name: string, value: unknown): Attribute {
  if (Array.isArray(value)) return { type: "ints", value };
  if (typeof value === "string") return { type: "string", value };
  return { type: name === "alpha" ? "float" : "int", value: Number(value) };
}

Deno.test("constants are worked out on the host with the same result", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  const many = [...pairs(random), ...functions(random), ...concatenations(random)];
  const cases = [...many.filter((_, i) => i % 3 === 0), ...averages(random)];
  for (const one of cases) {
    const expected = (): Record<string, HostTensor> => {
      const spec = one.nodes[0]!;
      const values = new Map(Object.entries({ ...one.inputs, ...one.initializers }));
      const attributes = new Map(
        Object.entries(spec.attributes).map(([name, value]) => [name, attributeOf(name, value)] as const),
      );
      const node = { ...spec, inputs: [...spec.inputs], outputs: [...spec.outputs], attributes };
      const context = new NodeContext(node, 1, values, values);
      return { y0: findOperator(node)!.evaluate!(context, node.inputs.map((name) => values.get(name)))[0]! };
    };
    await checkEqual(tester, [{ ...one, expected }]);
  }
});

Deno.test("operands that do not fit are refused", async () => {
  using tester = await OpTester.create();
  const random = new Random(5);
  const part = (dtype: "u8" | "i8", ...shape: number[]) => [
    randomBytes(random, dtype, shape),
    ...scheme(dtype, 0.1, 128),
  ];
  const run = (op: string, operands: Parameters<typeof opCase>[1], attributes = {}) =>
    tester.runCase(opCase(op, operands, attributes, MICROSOFT));
  const to = scheme("u8", 0.1, 0);
  await assertRejects(
    () => run("QLinearAdd", [...part("u8", 2, 3), ...part("u8", 4, 3), ...to]),
    GraphError,
    "[2, 3] and [4, 3] do not broadcast",
  );
  await assertRejects(
    () => run("QLinearAdd", [...part("u8", 2), ...part("i8", 2), ...to]),
    GraphError,
    "inputs are u8 and i8",
  );
  await assertRejects(
    () => run("QLinearConcat", [...to, ...part("u8", 2, 3), ...part("u8", 2, 4)], { axis: 0 }),
    GraphError,
    "only axis 0 may differ",
  );
});
