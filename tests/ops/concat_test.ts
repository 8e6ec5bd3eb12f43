import { assertEquals, assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { node, type NodeSpec } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";
import { type Case, opCase, OpTester, randn } from "./harness.ts";
import { integers } from "./integers.ts";

Deno.test("Concat joins along any axis, with odd channels, constants and repeated parts", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const x = (...shape: number[]) => randn(random, shape);
  await tester.check([
    opCase("Concat", [x(1, 3, 4, 5), x(1, 5, 4, 5)], { axis: 1 }),
    opCase("Concat", [x(2, 4, 3, 3), x(2, 8, 3, 3), x(2, 1, 3, 3)], { axis: 1 }),
    opCase("Concat", [x(2, 3, 3, 3), x(2, 4, 3, 3), x(2, 2, 3, 3)], { axis: -3 }),
    opCase("Concat", [x(1, 3, 4, 5), x(1, 3, 2, 5)], { axis: 2 }),
    opCase("Concat", [x(1, 3, 4, 5), x(1, 3, 4, 1)], { axis: 3 }),
    opCase("Concat", [x(1, 3, 4, 5), x(2, 3, 4, 5)], { axis: 0 }),
    opCase("Concat", [x(3, 5), x(3, 2)], { axis: 1 }),
    opCase("Concat", [x(3, 5), x(1, 5)], { axis: 0 }),
    opCase("Concat", [x(3), x(8), x(1)], { axis: 0 }),
    opCase("Concat", [x(2, 3, 5), x(2, 4, 5)], { axis: 1 }),
    opCase("Concat", [x(1, 3, 2, 2), { constant: x(1, 4, 2, 2) }], { axis: 1 }),
    opCase("Concat", [x(1, 5, 2, 2)], { axis: 1 }),
    {
      name: "the same part twice",
      opset: 13,
      nodes: [node("Concat", ["x", "z", "x"], ["y"], { axis: 1 }, { name: "concat" })],
      inputs: { x: x(1, 3, 2, 2), z: x(1, 4, 2, 2) },
      initializers: {},
      outputs: ["y"],
    },
  ]);
});

/** Convolutions of one input, joined as told. */
function joined(
  random: Random,
  channels: readonly number[],
  join: (parts: string[]) => NodeSpec[],
  outputs: string[] = ["y"],
): Case {
  const initializers: Record<string, ReturnType<typeof randn>> = {};
  const nodes = channels.map((out, i) => {
    initializers[`w${i}`] = randn(random, [out, 4, 1, 1]);
    return node("Conv", ["x", `w${i}`], [`p${i}`], {}, { name: `conv${i}` });
  });
  return {
    name: `convolutions of ${channels.join(", ")} channels`,
    opset: 13,
    nodes: [...nodes, ...join(channels.map((_, i) => `p${i}`))],
    inputs: { x: randn(random, [1, 4, 5, 6]) },
    initializers,
    outputs,
  };
}

Deno.test("Concat of convolutions is written in place where parts begin on a multiple of 4 channels", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const concat = (axis: number, ...outputs: string[]) => (parts: string[]): NodeSpec[] => [
    node("Concat", parts, ["t"], { axis }, { name: "concat" }),
    node("Relu", ["t"], ["y"], {}, { name: "relu" }),
    ...outputs.map((name, i) => node("Sigmoid", [parts[i]!], [name], {}, { name })),
  ];
  const inPlace = [
    joined(random, [4, 8, 12], concat(1)),
    joined(random, [4, 8, 5], concat(1)),
    joined(random, [5, 5], concat(2)),
    joined(random, [3, 3, 3], concat(0)),
    joined(random, [7, 7], concat(3)),
    // Read by others besides.
    joined(random, [4, 3], concat(1, "a", "b"), ["y", "a", "b"]),
  ];
  const copied = [joined(random, [3, 8], concat(1)), joined(random, [4, 3, 5, 4], concat(1))];
  await tester.check([...inPlace, ...copied]);
  const copies = async (one: Case): Promise<number> => {
    const { plan } = await tester.runCase(one);
    return plan.steps.filter((step) => step.node.op === "Concat").length;
  };
  for (const one of inPlace) assertEquals(await copies(one), 0, one.name);
  for (const one of copied) assertEquals(await copies(one), 2, one.name);
});

Deno.test("Concat nests, shares parts and gives its parts as outputs", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  await tester.check([
    // A concatenation within another, in place throughout.
    joined(random, [4, 8, 4, 5], ([a, b, c, d]) => [
      node("Concat", [a!, b!], ["inner"], { axis: 1 }, { name: "inner" }),
      node("Concat", ["inner", c!, d!], ["y"], { axis: 1 }, { name: "outer" }),
    ]),
    // One whose inner part has odd channels and is not last.
    joined(random, [4, 5, 3], ([a, b, c]) => [
      node("Concat", [a!, b!], ["inner"], { axis: 1 }, { name: "inner" }),
      node("Concat", ["inner", c!], ["y"], { axis: 1 }, { name: "outer" }),
    ]),
    // A part that goes into two concatenations, and out as it is.
    joined(random, [4, 4, 8], ([a, b, c]) => [
      node("Concat", [a!, b!], ["y"], { axis: 1 }, { name: "first" }),
      node("Concat", [c!, a!], ["z"], { axis: 1 }, { name: "second" }),
    ], ["y", "z", "p0"]),
    // A concatenation that is an output and is read again.
    joined(random, [4, 3], (parts) => [
      node("Concat", parts, ["y"], { axis: 1 }, { name: "concat" }),
      node("Relu", ["y"], ["z"], {}, { name: "relu" }),
    ], ["y", "z"]),
    // Element-wise parts, whose own input is another part.
    joined(random, [4, 4], ([a, b]) => [
      node("Relu", [a!], ["r"], {}, { name: "relu" }),
      node("Add", ["r", b!], ["s"], {}, { name: "add" }),
      node("Concat", ["r", "s", b!], ["y"], { axis: 1 }, { name: "concat" }),
    ]),
    // Different axes, one inside the other.
    joined(random, [4, 4, 8], ([a, b, c]) => [
      node("Concat", [a!, b!], ["wide"], { axis: 3 }, { name: "wide" }),
      node("Concat", [c!, c!], ["pair"], { axis: 3 }, { name: "pair" }),
      node("Concat", ["wide", "pair"], ["y"], { axis: 1 }, { name: "concat" }),
    ]),
  ]);
});

Deno.test("Concat of slices of one tensor at even steps moves nothing", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  // What PyTorch's unfold becomes: windows of 2 columns, stacked.
  const one: Case = {
    name: "unfold",
    opset: 11,
    nodes: [
      ...[0, 1, 2].flatMap((i) => [
        node("Slice", ["x", `s${i}`, `s${i + 1}`, "axis"], [`p${i}`], {}, { name: `slice${i}` }),
        node("Unsqueeze", [`p${i}`], [`u${i}`], { axes: [2] }, { name: `unsqueeze${i}` }),
      ]),
      node("Concat", ["u0", "u1", "u2"], ["j"], { axis: 2 }, { name: "concat" }),
      node("Relu", ["j"], ["y"], {}, { name: "relu" }),
    ],
    inputs: { x: randn(random, [1, 2, 5, 6]) },
    initializers: {
      ...Object.fromEntries([0, 1, 2, 3].map((i) => [`s${i}`, integers(i * 2)])),
      axis: integers(3),
    },
    outputs: ["y"],
  };
  await tester.check([one]);
  const { plan } = await tester.runCase(one);
  assertEquals(plan.steps.filter((step) => step.node.op === "Concat").length, 0);
});

Deno.test("Concat refuses parts that differ elsewhere", async () => {
  using tester = await OpTester.create();
  const random = new Random(5);
  await assertRejects(
    () => tester.runCase(opCase("Concat", [randn(random, [1, 3, 4]), randn(random, [1, 3, 5])], { axis: 1 })),
    GraphError,
    "input 1 is [1, 3, 5] and input 0 is [1, 3, 4]; only axis 1 may differ",
  );
});
