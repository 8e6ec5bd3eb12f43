import { assert, assertEquals } from "@std/assert";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node, type NodeSpec } from "../support/onnx_builder.ts";
import { type Case, OpTester, randn } from "../ops/harness.ts";
import { Random } from "../support/random.ts";

const whole = (...values: number[]) => hostTensor("i64", [values.length], values);
const index = (value: number) => hostTensor("i64", [], [value]);

/** Self-attention as a vision transformer exports it, with the scale in one of its usual places. */
function attention(random: Random, tokens: number, scaling: NodeSpec[], heads = 3): Case {
  const [depth, width] = [8, 8 * heads];
  const nodes = [
    node("MatMul", ["x", "w"], ["all"], {}, { name: "all" }),
    node("Add", ["b", "all"], ["biased"], {}, { name: "biased" }),
    node("Reshape", ["biased", "split"], ["parts"], {}, { name: "parts" }),
    node("Transpose", ["parts"], ["heads"], { perm: [2, 0, 3, 1, 4] }, { name: "heads" }),
    ...["q", "k", "v"].map((name, i) => node("Gather", ["heads", `i${i}`], [name], { axis: 0 }, { name })),
    ...scaling,
    node("MatMul", ["q1", "k1"], ["scores0"], {}, { name: "scores" }),
    node("Add", ["scores0", "mask"], ["scores"], {}, { name: "masked" }),
    node("Softmax", ["scores"], ["p"], { axis: -1 }, { name: "softmax" }),
    node("MatMul", ["p", "v"], ["o"], {}, { name: "o" }),
    node("Transpose", ["o"], ["back"], { perm: [0, 2, 1, 3] }, { name: "back" }),
    node("Reshape", ["back", "joined"], ["flat"], {}, { name: "flat" }),
    node("MatMul", ["flat", "wo"], ["projected"], {}, { name: "projection" }),
    node("Add", ["projected", "x"], ["y"], {}, { name: "residual" }),
  ];
  const mask = randn(random, [1, 1, tokens, tokens]);
  mask.data[1] = -Infinity;
  return {
    name: `attention over ${tokens} tokens in ${heads} heads, scaled by ${scaling.map(({ op }) => op)}`,
    opset: 13,
    nodes,
    inputs: { x: randn(random, [2, tokens, width]) },
    initializers: {
      w: randn(random, [width, 3 * width]),
      b: randn(random, [3 * width]),
      wo: randn(random, [width, width]),
      mask,
      split: whole(2, tokens, 3, heads, depth),
      joined: whole(2, tokens, width),
      i0: index(0),
      i1: index(1),
      i2: index(2),
      scale: hostTensor("f32", [], [0.25]),
      root: hostTensor("f32", [1], [2]),
    },
    outputs: ["y"],
    relative: 1e-4,
  };
}

const transposed = (from: string) =>
  node("Transpose", [from], ["k1"], { perm: [0, 1, 3, 2] }, { name: "kt" });

const SCALINGS: NodeSpec[][] = [
  [node("Mul", ["q", "scale"], ["q1"], {}, { name: "qs" }), transposed("k")],
  [
    node("Div", ["q", "root"], ["q1"], {}, { name: "qs" }),
    node("Div", ["k", "root"], ["k0"], {}, { name: "ks" }),
    transposed("k0"),
  ],
];

Deno.test("attention is right for any number of tokens, and its scale and mask are done behind the product", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  for (const scaling of SCALINGS) {
    for (const tokens of [16, 17]) {
      const one = attention(random, tokens, scaling);
      const used = new Set(one.nodes.flatMap(({ inputs }) => inputs));
      const initializers = Object.fromEntries(
        Object.entries(one.initializers).filter(([name]) => used.has(name)),
      );
      const lean: Case = { ...one, initializers };
      await tester.check([lean]);
      const { plan } = await tester.runCase(lean);
      const mapped = plan.steps.filter((step) => step.kernel.name === "elementwise/map");
      assertEquals(mapped.map((step) => step.label), [], lean.name);
      assert(plan.steps.some((step) => step.kernel.name === "softmax/rows"), lean.name);
    }
  }
});

Deno.test("a factor that something else reads, too, stays where it is", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const one: Case = {
    name: "a scaled operand that is an output",
    opset: 13,
    nodes: [
      node("Mul", ["x", "s"], ["z"], {}, { name: "scale" }),
      node("MatMul", ["z", "w"], ["y"], {}, { name: "product" }),
      node("MatMul", ["u", "u"], ["v"], {}, { name: "square" }),
      node("Mul", ["x", "s"], ["u0"], {}, { name: "again" }),
      node("Neg", ["u0"], ["u"], {}, { name: "neg" }),
    ].toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name)),
    inputs: { x: randn(random, [12, 12]) },
    initializers: { s: hostTensor("f32", [], [3]), w: randn(random, [12, 12]) },
    outputs: ["z", "y", "v"],
  };
  await tester.check([one]);
});

const order = ["scale", "product", "again", "neg", "square"];

Deno.test("group normalisation written out around InstanceNormalization becomes one node", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  for (const [shape, groups] of [[[2, 8, 5, 6], 2], [[1, 6, 7, 3], 3], [[2, 12, 10], 4]] as const) {
    const [, channels] = shape;
    const ones = shape.slice(2).map(() => 1);
    const build = (scale: number): Case => ({
      name: `${groups} groups of [${shape}]`,
      opset: 13,
      nodes: [
        node("Relu", ["x"], ["x0"], {}, { name: "relu" }),
        node("Reshape", ["x0", "apart"], ["g"], {}, { name: "apart" }),
        node("InstanceNormalization", ["g", "one", "zero"], ["n"], { epsilon: 1e-4 }, { name: "norm" }),
        node("Reshape", ["n", "whole"], ["m"], {}, { name: "back" }),
        node("Mul", ["m", "scale"], ["s"], {}, { name: "mul" }),
        node("Add", ["s", "bias"], ["y"], {}, { name: "add" }),
      ],
      inputs: { x: randn(random, shape) },
      initializers: {
        apart: whole(0, groups, -1),
        whole: whole(...shape),
        one: hostTensor("f32", [groups], new Array(groups).fill(scale)),
        zero: hostTensor("f32", [groups], new Array(groups).fill(0)),
        scale: randn(random, [channels, ...ones]),
        bias: randn(random, [channels, ...ones]),
      },
      outputs: ["y"],
      relative: 1e-4,
    });
    for (const [scale, fused] of [[1, true], [2, false]] as const) {
      const one = build(scale);
      await tester.check([one]);
      const { plan } = await tester.runCase(one);
      assertEquals(plan.steps.some((step) => step.node.op === "NormalizeGroups"), fused, one.name);
    }
  }
});
