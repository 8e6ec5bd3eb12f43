import { assertEquals } from "@std/assert";
import { loadGraph } from "../../src/graph/load.ts";
import { runPasses } from "../../src/graph/passes/mod.ts";
import { specialise } from "../../src/graph/specialise.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { node, type NodeSpec } from "../support/onnx_builder.ts";
import { type Case, caseModel, OpTester, randn } from "../ops/harness.ts";
import { Random } from "../support/random.ts";

/** Layer normalisation over `axes` as exporters write it, with the spellings given. */
function writtenOut(
  { square, quotient, axes, opset, twoDifferences }: {
    square: "Pow" | "Mul";
    quotient: "Div" | "Reciprocal" | "1 /";
    axes: number[];
    opset: number;
    twoDifferences: boolean;
  },
): { nodes: NodeSpec[]; constants: Record<string, HostTensor> } {
  const listed = opset < 18 ? { inputs: [], attributes: { axes } } : { inputs: ["axes"], attributes: {} };
  const mean = (x: string, y: string) =>
    node("ReduceMean", [x, ...listed.inputs], [y], { ...listed.attributes, keepdims: 1 }, { name: y });
  const [squared, other] = twoDifferences ? ["d2", "d"] : ["d", "d"];
  const nodes = [
    mean("x", "mean"),
    node("Sub", ["x", "mean"], ["d"], {}, { name: "d" }),
    ...twoDifferences ? [node("Sub", ["x", "mean"], ["d2"], {}, { name: "d2" })] : [],
    square === "Pow"
      ? node("Pow", [squared, "two"], ["s"], {}, { name: "s" })
      : node("Mul", [squared, squared], ["s"], {}, { name: "s" }),
    mean("s", "variance"),
    node("Add", ["variance", "epsilon"], ["e"], {}, { name: "e" }),
    node("Sqrt", ["e"], ["r"], {}, { name: "r" }),
    ...quotient === "Div"
      ? [node("Div", [other, "r"], ["n"], {}, { name: "n" })]
      : quotient === "Reciprocal"
      ? [
        node("Reciprocal", ["r"], ["i"], {}, { name: "i" }),
        node("Mul", ["i", other], ["n"], {}, { name: "n" }),
      ]
      : [
        node("Div", ["one", "r"], ["i"], {}, { name: "i" }),
        node("Mul", [other, "i"], ["n"], {}, { name: "n" }),
      ],
    node("Mul", ["n", "scale"], ["m"], {}, { name: "m" }),
    node("Add", ["m", "bias"], ["y"], {}, { name: "y" }),
  ];
  const number = (value: number) => hostTensor("f32", [], [value]);
  return {
    nodes,
    constants: {
      epsilon: number(1e-5),
      ...(square === "Pow" && { two: number(2) }),
      ...(quotient === "1 /" && { one: number(1) }),
      ...(opset >= 18 && { axes: hostTensor("i64", [axes.length], axes) }),
    },
  };
}

async function operators(one: Case): Promise<string[]> {
  const specialised = specialise(await loadGraph(caseModel(one)), {});
  runPasses(specialised);
  return specialised.graph.nodes.map(({ op }) => op);
}

Deno.test("layer normalisation written out in any spelling becomes one node, and gives the same", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  for (
    const [square, quotient, twoDifferences] of [
      ["Pow", "Div", false],
      ["Mul", "Reciprocal", false],
      ["Pow", "1 /", true],
    ] as const
  ) {
    for (
      const [shape, axes, parameters] of [
        [[2, 5, 8], [-1], [8]],
        [[2, 8, 3, 5], [1], [8, 1, 1]],
        [[2, 6, 3, 5], [1], [6, 1, 1]],
        [[3, 4, 6], [1, 2], [4, 6]],
      ] as const
    ) {
      for (const opset of [13, 18]) {
        const { nodes, constants } = writtenOut({ square, quotient, axes: [...axes], opset, twoDifferences });
        const one: Case = {
          name: `${square}, ${quotient} of [${shape}] over [${axes}] in ${opset}`,
          opset,
          nodes,
          inputs: { x: randn(random, shape) },
          initializers: { ...constants, scale: randn(random, parameters), bias: randn(random, parameters) },
          outputs: ["y"],
          relative: 1e-4,
        };
        assertEquals(await operators(one), ["NormalizeRows"], one.name);
        await tester.check([one]);
      }
    }
  }
});

Deno.test("root-mean-square normalisation becomes one node; what only looks like one does not", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const build = (middle: NodeSpec[], extra: Record<string, HostTensor> = {}): Case => ({
    name: middle.map(({ op }) => op).join(),
    opset: 13,
    nodes: middle,
    inputs: { x: randn(random, [2, 3, 8]) },
    initializers: {
      two: hostTensor("f32", [], [2]),
      epsilon: hostTensor("f32", [], [1e-6]),
      scale: randn(random, [8]),
      ...extra,
    },
    outputs: ["y"],
    relative: 1e-4,
  });
  const start = [
    node("Pow", ["x", "two"], ["s"], {}, { name: "s" }),
    node("ReduceMean", ["s"], ["v"], { axes: [-1] }, { name: "v" }),
    node("Add", ["v", "epsilon"], ["e"], {}, { name: "e" }),
    node("Sqrt", ["e"], ["r"], {}, { name: "r" }),
  ];
  const whole = build([
    ...start,
    node("Div", ["x", "r"], ["n"], {}, { name: "n" }),
    node("Mul", ["n", "scale"], ["y"], {}, { name: "y" }),
  ]);
  assertEquals(await operators(whole), ["NormalizeRows"]);
  // Divides something else than what was squared.
  const { scale } = whole.initializers;
  const other = build([
    node("Add", ["x", "scale"], ["z"], {}, { name: "z" }),
    ...start,
    node("Div", ["z", "r"], ["y"], {}, { name: "y" }),
  ], { scale: scale! });
  const kept = await operators(other);
  assertEquals(kept.includes("NormalizeRows"), false, `${kept}`);
  await tester.check([whole, other]);
});

Deno.test("a value over its length, bounded from below, becomes one node", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  for (const [shape, axis] of [[[2, 16, 3, 5], 1], [[4, 9], -1], [[2, 6, 7], 1]] as const) {
    for (const spread of [false, true]) {
      const x = randn(random, shape);
      // A vector that is shorter than the bound.
      if (axis === -1) x.data.fill(1e-9, 0, 9);
      const one: Case = {
        name: `[${shape}] over its length along ${axis}${spread ? ", spread" : ""}`,
        opset: 13,
        nodes: [
          node("ReduceL2", ["x"], ["l"], { axes: [axis], keepdims: 1 }, { name: "length" }),
          node("Clip", ["l", "least"], ["c"], {}, { name: "bound" }),
          ...spread ? [node("Expand", ["c", "shape"], ["e"], {}, { name: "spread" })] : [],
          node("Div", ["x", spread ? "e" : "c"], ["y"], {}, { name: "quotient" }),
        ],
        inputs: { x },
        initializers: {
          least: hostTensor("f32", [], [1e-6]),
          ...(spread && { shape: hostTensor("i64", [shape.length], [...shape]) }),
        },
        outputs: ["y"],
      };
      assertEquals(await operators(one), ["NormalizeRows"], one.name);
      await tester.check([one]);
    }
  }
});
