import { assertEquals } from "@std/assert";
import { dataTypeOf } from "../../src/onnx/data_type.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { node, type NodeSpec } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";
import { type Case, OpTester, randn } from "./harness.ts";

const scalar = (value: number): HostTensor => hostTensor("f32", [], [value]);

/** Numbers that activations are written out with. */
const NUMBERS: Readonly<Record<string, HostTensor>> = {
  half: scalar(0.5),
  one: scalar(1),
  two: scalar(2),
  three: scalar(3),
  six: scalar(6),
  zero: scalar(0),
  root: scalar(Math.SQRT2),
  inverse: scalar(Math.SQRT1_2),
  cubic: scalar(0.044715),
  slope: scalar(Math.sqrt(2 / Math.PI)),
};

/** A line of a network: `y = Op a b`. */
function parse(line: string): NodeSpec {
  const [output, , op, ...inputs] = line.split(" ");
  return node(op!, inputs, [output!], {}, { name: `${output} ${op}` });
}

/** Activations as exporters write them out, from `c` to `y`. */
const WRITTEN_OUT: Readonly<Record<string, readonly string[]>> = {
  "Gelu of PyTorch": ["d = Div c root", "e = Erf d", "f = Add e one", "g = Mul c f", "y = Mul g half"],
  "Gelu, halved first": ["h = Mul half c", "d = Mul c inverse", "e = Erf d", "f = Add one e", "y = Mul f h"],
  "Gelu by tanh, with a power": [
    "p = Pow c three",
    "q = Mul cubic p",
    "s = Add c q",
    "t = Mul s slope",
    "u = Tanh t",
    "v = Add u one",
    "h = Mul c half",
    "y = Mul h v",
  ],
  "Gelu by tanh, with products": [
    "p = Mul c c",
    "r = Mul p c",
    "q = Mul cubic r",
    "s = Add c q",
    "t = Mul s slope",
    "u = Tanh t",
    "v = Add u one",
    "h = Mul c half",
    "y = Mul h v",
  ],
  "Mish": ["s = Softplus c", "t = Tanh s", "y = Mul c t"],
  "Mish by logarithm": ["e = Exp c", "o = Add e one", "l = Log o", "t = Tanh l", "y = Mul t c"],
  "hard swish": ["a = Add c three", "k = Clip a zero six", "m = Mul c k", "y = Div m six"],
  "hard swish, divided first": ["a = Add c three", "k = Clip a zero six", "d = Div k six", "y = Mul d c"],
  "swish with a factor": ["b = Mul c two", "s = Sigmoid b", "y = Mul s c"],
  "softsign": ["a = Abs c", "o = Add a one", "y = Div c o"],
  "square": ["y = Mul c c"],
  "mean of two functions": ["r = Relu c", "s = Sigmoid c", "y = Mean r s"],
  "gate from a tensor": ["b = Mul c x2", "s = Sigmoid b", "y = Mul c s"],
};

Deno.test("activations written out are one step behind a convolution", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const conv = parse("c = Conv x w");
  const some = [
    "Gelu of PyTorch",
    "Gelu by tanh, with products",
    "hard swish",
    "square",
    "gate from a tensor",
  ];
  const cases = some.map((name) => [name, WRITTEN_OUT[name]!] as const).map(([name, lines]): Case => ({
    name,
    opset: 13,
    nodes: [conv, ...lines.map(parse)],
    inputs: {
      x: randn(random, [2, 3, 4, 5]),
      ...(name === "gate from a tensor" && { x2: randn(random, [2, 6, 4, 5]) }),
    },
    initializers: { w: randn(random, [6, 3, 1, 1]), ...NUMBERS },
    outputs: ["y"],
  }));
  await tester.check(cases);
  for (const one of cases) {
    const { plan } = await tester.runCase(one);
    const kernels = plan.steps.map((step) => step.kernel.name).filter((name) => !name.startsWith("copy/"));
    assertEquals(kernels.length, 1, `${one.name}: ${kernels.join(", ")}`);
  }
});

Deno.test("activations written out are one dispatch on a linear tensor that others read, too", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const cases = Object.entries(WRITTEN_OUT).filter(([name]) => name !== "gate from a tensor")
    .map(([name, lines]): Case => ({
      name,
      opset: 13,
      nodes: [...lines.map(parse), parse("z = Add y c")],
      inputs: { c: randn(random, [7, 5]) },
      initializers: NUMBERS,
      outputs: ["z"],
    }));
  await tester.check(cases);
  for (const one of cases) {
    const { plan } = await tester.runCase(one);
    assertEquals(plan.steps.map((step) => step.kernel.name), ["elementwise/map"], one.name);
  }
});

Deno.test("what others read within an activation is kept", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  const network = (outputs: string[], ...lines: string[]): Case => ({
    name: lines.join("; "),
    opset: 13,
    nodes: lines.map(parse),
    inputs: { c: randn(random, [2, 5, 3, 3]), r: randn(random, [5, 1, 1]) },
    initializers: NUMBERS,
    outputs,
  });
  await tester.check([
    network(["y", "s"], "s = Softplus c", "t = Tanh s", "y = Mul c t", "z = Add r one"),
    network(["y", "z"], "s = Softplus c", "t = Tanh s", "y = Mul c t", "z = Mul t r"),
    // The branches meet in another shape.
    network(["y"], "m = ReduceMean c", "a = Sub c m", "y = Mul a a", "z = Add r one"),
    network(["y"], "a = Mul c r", "b = Add c r", "d = Sub a b", "e = Mul d r", "y = Div e six"),
    // More operands than a kernel binds.
    network(
      ["y"],
      "a = Mul c r",
      "b = Add a r",
      "d = Sub b r",
      "e = Mul d r",
      "f = Add e r",
      "y = Div f six",
      "g = Mul c r",
    ),
  ]);
});

Deno.test("chains keep their types: what is no float is not fused behind a kernel of floats", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  const cast = (from: string, to: string, dtype: "i32" | "f32" | "f16" | "u8"): NodeSpec =>
    node("Cast", [from], [to], { to: dataTypeOf(dtype) }, { name: `${to} cast` });
  const conv = parse("c = Conv x w");
  const cases = [
    { name: "mask", nodes: [conv, parse("g = Greater c zero"), parse("n = Not g"), cast("n", "y", "f32")] },
    {
      name: "whole",
      nodes: [conv, cast("c", "i", "i32"), parse("a = Abs i"), cast("a", "f", "f32"), parse("y = Sqrt f")],
    },
    {
      name: "bytes",
      nodes: [conv, parse("a = Abs c"), cast("a", "b", "u8"), parse("s = Add b b"), cast("s", "y", "f32")],
    },
    { name: "chosen", nodes: [conv, parse("g = Less c zero"), parse("n = Neg c"), parse("y = Where g n c")] },
    {
      name: "chosen, then more",
      nodes: [conv, parse("g = Less r zero"), parse("s = Where g c six"), parse("y = Mul s half")],
    },
  ].map(({ name, nodes }): Case => ({
    name,
    opset: 14,
    nodes,
    inputs: { x: randn(random, [2, 3, 4, 5]), r: randn(random, [6, 1, 1]) },
    initializers: { w: randn(random, [6, 3, 1, 1]), ...NUMBERS },
    outputs: ["y"],
  })).map((one) => ({ ...one, nodes: [...one.nodes, parse("unread = Abs r")] }));
  await tester.check(cases);
  const { plan } = await tester.runCase(cases[0]!);
  const kernels = plan.steps.map((step) => step.kernel.name).filter((name) => !name.startsWith("copy/"));
  assertEquals(kernels.slice(1), ["elementwise/map"], "comparison, negation and cast are one dispatch");
});

Deno.test("activations move before a reshape only with all that they read", async () => {
  using tester = await OpTester.create();
  const random = new Random(5);
  const network = (name: string, ...nodes: NodeSpec[]): Case => ({
    name,
    opset: 14,
    nodes: [parse("c = Conv x w"), parse("r = Reshape c shape"), ...nodes, parse("unread = Abs bound")],
    inputs: { x: randn(random, [2, 3, 4, 5]), bound: scalar(0.3) },
    initializers: {
      w: randn(random, [6, 3, 1, 1]),
      shape: hostTensor("i64", [3], [2, 6, 20]),
      per: randn(random, [20]),
      ...NUMBERS,
    },
    outputs: ["y"],
  });
  const gelu = WRITTEN_OUT["Gelu of PyTorch"]!.map((line) => parse(line.replaceAll(/\bc\b/g, "r")));
  const cases = [
    network("Gelu behind a reshape", ...gelu),
    network("Clip with constants", parse("y = Clip r zero one")),
    network(
      "Clip with a bound computed after the convolution",
      parse("b = Neg bound"),
      parse("y = Clip r b"),
    ),
    network("a test", parse("i = IsNaN r"), parse("n = Not i"), parse("y = Where n r zero")),
    network(
      "a gate along the reshaped axis",
      parse("m = Mul r per"),
      parse("s = Sigmoid m"),
      parse("y = Mul s r"),
    ),
  ];
  await tester.check(cases);
  for (const one of cases.slice(0, 2)) {
    const { plan } = await tester.runCase(one);
    const kernels = plan.steps.map((step) => step.kernel.name).filter((name) => !name.startsWith("copy/"));
    assertEquals(kernels.length, 1, `${one.name}: ${kernels.join(", ")}`);
  }
});
