import { assertEquals, assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { type AttributeSpec, node } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";
import { type Case, OpTester, randn } from "./harness.ts";
import { integers, randint } from "./integers.ts";

function describe(attributes: Readonly<Record<string, AttributeSpec>>): string {
  return JSON.stringify(attributes, (_, value) => typeof value === "bigint" ? Number(value) : value);
}

/** One operator whose result is known before the network runs, handed out as it is. */
function known(
  op: string,
  constants: readonly HostTensor[],
  attributes: Readonly<Record<string, AttributeSpec>> = {},
  opset = 15,
): Case {
  const names = constants.map((_, i) => `c${i}`);
  return {
    name: `${op} (${constants.map(({ dtype, shape }) => `${dtype}[${shape}]`).join(", ")}) ${
      describe(attributes)
    }`,
    opset,
    nodes: [
      node(op, names, ["y"], attributes, { name: op }),
      node("Relu", ["x"], ["z"], {}, { name: "relu" }),
    ],
    inputs: { x: randn(new Random(1), [2]) },
    initializers: Object.fromEntries(constants.map((constant, i) => [`c${i}`, constant])),
    outputs: ["y", "z"],
    relative: 0,
  };
}

Deno.test("Shape and Size of what is computed are known beforehand, in part where told", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const of = (op: string, shape: number[], attributes: Record<string, number> = {}): Case => ({
    name: `${op} of [${shape.join(", ")}] ${JSON.stringify(attributes)}`,
    opset: 15,
    nodes: [
      node("Abs", ["x"], ["a"], {}, { name: "abs" }),
      node(op, ["a"], ["y"], attributes, { name: op }),
    ],
    inputs: { x: randn(random, shape) },
    initializers: {},
    outputs: ["y"],
  });
  const cases = [
    of("Shape", []),
    of("Size", []),
    of("Size", [2, 3, 4]),
    of("Size", [2, 0]),
    of("Shape", [2, 3, 4]),
    of("Shape", [2, 3, 4], { start: 1 }),
    of("Shape", [2, 3, 4], { start: -2 }),
    of("Shape", [2, 3, 4], { end: -1 }),
    of("Shape", [2, 3, 4], { start: -9, end: 9 }),
    of("Shape", [2, 3, 4], { start: 2, end: 1 }),
  ];
  await tester.check(cases);
  const { plan } = await tester.runCase(cases[4]!);
  assertEquals(plan.steps.length, 0);
});

Deno.test("ConstantOfShape fills with a value of any type", async () => {
  using tester = await OpTester.create();
  const cases = [
    known("ConstantOfShape", [integers(2, 3)]),
    known("ConstantOfShape", [hostTensor("i64", [0], [])]),
    known("ConstantOfShape", [integers(2, 0)]),
    ...(["f32", "f16", "i32", "i64", "i8", "u8", "bool"] as const).map((dtype) =>
      known("ConstantOfShape", [integers(3, 2)], { value: hostTensor(dtype, [1], [1]) })
    ),
  ];
  await tester.check(cases);
});

Deno.test("Range counts up and down, in whole numbers and fractions", async () => {
  using tester = await OpTester.create();
  const cases = ([
    ["i64", 0, 5, 1],
    ["i64", 10, 3, -3],
    ["i64", 5, 2, 1],
    ["i32", -4, 9, 4],
    ["f32", 0, 1, 0.1],
    ["f32", 1.5, -2, -0.25],
  ] as const).map(([dtype, ...numbers]) =>
    known("Range", numbers.map((number) => hostTensor(dtype, [], [number])), {}, 13)
  );
  await tester.check(cases.map((one) => ({ ...one, relative: 1e-6 })));
});

Deno.test("EyeLike has ones on any diagonal, of any type", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const like = (dtype: "f32" | "i32" | "i64") => randint(random, dtype, [4, 3], 0, 9);
  await tester.check([
    known("EyeLike", [like("f32")]),
    known("EyeLike", [like("i32")], { k: -2 }),
    known("EyeLike", [like("i64")], { k: 1 }),
    known("EyeLike", [like("i64")], { k: 7, dtype: 1 }),
    known("EyeLike", [like("f32")], { dtype: 7 }),
  ]);
});

Deno.test("sizes that make no sense are refused", async () => {
  using tester = await OpTester.create();
  const refused = (one: Case, words: string) => assertRejects(() => tester.runCase(one), GraphError, words);
  await refused(known("ConstantOfShape", [integers(2, -1)]), "fills the shape [2, -1]");
  const zero = hostTensor("i64", [], [0]);
  await refused(known("Range", [zero, zero, zero], {}, 13), "delta is 0");
  await refused(known("EyeLike", [integers(1, 2)]), "its input is [2], not a matrix");
});
