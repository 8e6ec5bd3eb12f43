import { assert, assertEquals } from "@std/assert";
import type { KernelTarget } from "../../src/gpu/mod.ts";
import { importGraph } from "../../src/graph/import.ts";
import { planGraph, Session } from "../../src/graph/session.ts";
import { layersOf } from "../../src/graph/tuning/plan_part.ts";
import { parseModel } from "../../src/onnx/parse.ts";
import type { ConvShape } from "../../src/ops/conv_shape.ts";
import { canPair, pairCandidates, type PairShape } from "../../src/ops/conv_pair_candidates.ts";
import type { KernelChoices } from "../../src/ops/kernel_choice.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { assertClose } from "../support/compare.ts";
import { node, type NodeSpec } from "../support/onnx_builder.ts";
import { runOrt } from "../support/ort.ts";
import { Random } from "../support/random.ts";
import { type Case, caseModel, OpTester, randn } from "./harness.ts";
import { convolve, image } from "./reference.ts";

const SOFTWARE: KernelTarget = { software: true, subgroups: true };

/** A depthwise convolution, an activation, a 1x1 convolution, and what follows it. */
interface PairRow {
  channels: number;
  out: number;
  size: [h: number, w: number];
  kernel?: [h: number, w: number];
  strides?: [h: number, w: number];
  pads?: [top: number, left: number, bottom: number, right: number];
  batch?: number;
  bias?: boolean;
  /** Behind the first and the second convolution. */
  activations?: [Activation, Activation];
  /** Adds a tensor before the second activation. */
  residual?: boolean;
}

type Activation = "None" | "Relu" | "Relu6" | "Silu" | "Reciprocal";

const DEFAULTS = {
  kernel: [3, 3],
  strides: [1, 1],
  pads: [1, 1, 1, 1],
  batch: 1,
  bias: true,
  activations: ["Relu6", "None"],
  residual: false,
} as const;

function activate(activation: Activation, from: string, to: string): NodeSpec[] {
  switch (activation) {
    case "None":
      return [node("Identity", [from], [to], {}, { name: to })];
    case "Relu6":
      return [node("Clip", [from, "zero", "six"], [to], {}, { name: to })];
    case "Silu":
      return [
        node("Sigmoid", [from], [`${to} gate`], {}, { name: `${to} gate` }),
        node("Mul", [from, `${to} gate`], [to], {}, { name: to }),
      ];
    default:
      return [node(activation, [from], [to], {}, { name: to })];
  }
}

function pairCase(random: Random, row: PairRow): Case {
  const { channels, out, size, kernel, strides, pads, batch, bias, activations, residual } = {
    ...DEFAULTS,
    ...row,
  };
  const outSize = size.map((extent, i) =>
    Math.floor((extent + pads[i]! + pads[i + 2]! - kernel[i]!) / strides[i]!) + 1
  );
  // Far enough from zero for Reciprocal.
  const offset = activations[0] === "Reciprocal" ? 40 : 0;
  const biases = bias
    ? { b: hostTensor("f32", [channels], random.normals(channels, offset, 1)), b2: randn(random, [out]) }
    : {};
  return {
    name: `pair ${JSON.stringify(row)}, seed ${random.seed}`,
    nodes: [
      node("Conv", ["x", "w", ...(bias ? ["b"] : [])], ["a"], {
        kernel_shape: kernel,
        strides,
        pads,
        group: channels,
      }, { name: "depthwise" }),
      ...activate(activations[0], "a", "v"),
      node("Conv", ["v", "w2", ...(bias ? ["b2"] : [])], ["c"], {}, { name: "pointwise" }),
      ...(residual ? [node("Add", ["r", "c"], ["d"], {}, { name: "add" })] : []),
      ...activate(activations[1], residual ? "d" : "c", "y"),
    ],
    inputs: {
      x: randn(random, [batch, channels, ...size]),
      ...(residual && { r: randn(random, [batch, out, ...outSize]) }),
    },
    initializers: {
      w: randn(random, [channels, 1, ...kernel]),
      w2: randn(random, [out, channels, 1, 1]),
      ...biases,
      zero: hostTensor("f32", [], [0]),
      six: hostTensor("f32", [], [6]),
    },
    outputs: ["y"],
    opset: 13,
  };
}

const ROWS: readonly PairRow[] = [
  { channels: 8, out: 8, size: [9, 7] },
  { channels: 6, out: 5, size: [7, 6], activations: ["Silu", "Silu"] },
  { channels: 17, out: 24, size: [12, 11], strides: [2, 2], activations: ["Relu", "Relu"], batch: 2 },
  { channels: 3, out: 33, size: [5, 9], bias: false, activations: ["None", "Silu"] },
  { channels: 12, out: 64, size: [10, 6], residual: true },
  { channels: 5, out: 12, size: [11, 13], pads: [0, 1, 1, 0], strides: [2, 1], residual: true, batch: 2 },
  { channels: 9, out: 40, size: [8, 8], kernel: [1, 3], pads: [0, 2, 0, 1] },
  { channels: 6, out: 10, size: [9, 9], kernel: [2, 3], pads: [2, 0, 0, 2], activations: ["None", "None"] },
  // What an activation makes of the lanes behind the last channel is infinite.
  { channels: 7, out: 18, size: [6, 5], activations: ["Reciprocal", "Relu"] },
  { channels: 4, out: 1, size: [1, 1] },
];

function shapesOf({ inputs }: Case): Record<string, readonly number[]> {
  return Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, shape]));
}

/** Takes one candidate of one layer. */
function forced(layer: string, chosen: string): KernelChoices {
  return { find: (asked) => asked === layer ? { chosen, ms: {}, origin: "forced" } : undefined };
}

/** Runs candidates of the pair in a case, all or the first ones, and gives their names. */
async function checkAll(tester: OpTester, one: Case, expected: HostTensor, most = 9): Promise<string[]> {
  const model = caseModel(one);
  const { target } = tester.device;
  const found = layersOf(planGraph(importGraph(parseModel(model)), shapesOf(one), target));
  const pair = found.find(({ choice }) => choice.layer.includes("then 1x1"));
  assert(pair && found.length === 1, `${one.name}: ${found.map(({ choice }) => choice.layer)}`);
  const { layer } = pair.choice;
  const candidates = pair.choice.candidates.slice(0, most);
  for (const candidate of candidates) {
    const context = `${candidate} of ${one.name}`;
    using session = await Session.load(tester.device, model, { choices: forced(layer, candidate) });
    const kernels = session.plan(shapesOf(one)).steps.filter(({ choice }) => choice).map(({ kernel }) =>
      kernel.name
    );
    if (candidate === "separate") assertEquals([kernels.length, kernels[0]], [2, "conv/depthwise"], context);
    else {
      const kept = candidate.startsWith("kept");
      assertEquals(kernels, [kept ? "conv/depthwise_stationary" : "conv/depthwise_pointwise"], context);
    }
    const { y } = await session.run(one.inputs);
    assertClose(y!, expected, { relative: 1e-5, absolute: 1e-6, context });
  }
  return candidates;
}

/** Whether this adapter takes one dispatch for two convolutions; says so where it does not. */
function pairs({ device: { target } }: OpTester): boolean {
  const there = target.software && target.subgroups;
  if (!there) console.log("left out: this adapter takes other kernels");
  return there;
}

Deno.test("a depthwise and a 1x1 convolution in one dispatch give what ONNX Runtime gives, with every tile", async () => {
  using tester = await OpTester.create();
  if (!pairs(tester)) return;
  for (const [i, row] of ROWS.entries()) {
    const one = pairCase(new Random(i), row);
    const { y } = await runOrt(caseModel(one), one.inputs, { graphOptimizationLevel: "disabled" });
    // Compiling takes longest: every tile of some.
    const names = await checkAll(tester, one, y!, i % 4 === 1 ? 9 : 2);
    assert(names.includes("separate") && names.length >= 2, `${one.name}: ${names}`);
  }
});

Deno.test("a depthwise and a 1x1 convolution in one dispatch give what plain loops give", async () => {
  using tester = await OpTester.create();
  if (!pairs(tester)) return;
  const one = pairCase(new Random(20), {
    channels: 10,
    out: 14,
    size: [9, 12],
    strides: [2, 2],
    activations: ["Relu", "None"],
  });
  const floats = (name: string): Float32Array => one.initializers[name]!.data as Float32Array;
  const first = convolve(
    image(1, 10, 9, 12, one.inputs.x!.data as Float32Array),
    floats("w"),
    floats("b"),
    10,
    10,
    { kernel: [3, 3], strides: [2, 2], dilations: [1, 1], pads: [1, 1, 1, 1] },
  );
  const between = image(1, 10, first.h, first.w, first.data.map((value) => Math.max(value, 0)));
  const { h, w, data } = convolve(between, floats("w2"), floats("b2"), 14, 1, {
    kernel: [1, 1],
    strides: [1, 1],
    dilations: [1, 1],
    pads: [0, 0, 0, 0],
  });
  await checkAll(tester, one, hostTensor("f32", [1, 14, h, w], data));
});

Deno.test("a depthwise and a 1x1 convolution in one dispatch give what ONNX Runtime gives, over 8 random pairs", async () => {
  using tester = await OpTester.create();
  if (!pairs(tester)) return;
  for (let seed = 300; seed < 308; seed++) {
    const random = new Random(seed);
    const pad = (): number => random.int(0, 2);
    const activation = (): Activation => random.pick(["None", "Relu", "Relu6", "Silu"]);
    const one = pairCase(random, {
      channels: random.int(2, 21),
      out: random.int(1, 64),
      size: [random.int(4, 13), random.int(4, 13)],
      kernel: [random.int(1, 3), random.int(2, 3)],
      strides: [random.int(1, 3), random.int(1, 2)],
      pads: [pad(), pad(), pad(), pad()],
      batch: random.int(1, 2),
      bias: random.next() < 0.7,
      activations: [activation(), activation()],
      residual: random.next() < 0.5,
    });
    const { outputs, plan } = await tester.runCase(one);
    assert(plan.steps.some(({ node }) => node.op === "DepthwisePointwise"), one.name);
    const { y } = await runOrt(caseModel(one), one.inputs, { graphOptimizationLevel: "disabled" });
    assertClose(outputs.y!, y!, { relative: 1e-5, absolute: 1e-6, context: one.name });
  }
});

Deno.test("a depthwise and a 1x1 convolution in one dispatch give about the same with 16 bits between kernels", async () => {
  using tester = await OpTester.create();
  if (!pairs(tester)) return;
  if (!tester.device.features.has("shader-f16")) {
    console.log("left out: this adapter lacks shader-f16");
    return;
  }
  const one = pairCase(new Random(30), { channels: 10, out: 22, size: [9, 8], residual: true });
  const { x, r } = one.inputs;
  // Between kernels of their own, so that input and output are kept in 16 bits.
  const within: Case = {
    ...one,
    nodes: [
      node("Abs", ["x0"], ["x"], {}, { name: "abs" }),
      ...one.nodes,
      node("MaxPool", ["y"], ["z"], { kernel_shape: [2, 2] }, { name: "pool" }),
    ],
    inputs: { x0: x!, r: r! },
    outputs: ["z"],
  };
  const model = caseModel(within);
  // The estimate would take two for so small an image.
  const choices: KernelChoices = {
    find: (layer) =>
      layer.includes("then 1x1") ? { chosen: "paired R2 P2 Q6", ms: {}, origin: "forced" } : undefined,
  };
  using session = await Session.load(tester.device, model, { precision: "f16", choices });
  const { steps } = session.plan(shapesOf(within));
  const step = steps.find(({ kernel }) => kernel.name === "conv/depthwise_pointwise");
  assertEquals(step?.options?.half?.toSorted(), ["x", "y"], within.name);
  const { z } = await session.run(within.inputs);
  const expected = await runOrt(model, within.inputs, { graphOptimizationLevel: "disabled" });
  assertClose(z!, expected.z!, { relative: 2e-3, context: within.name });
});

/** The operators and kernels that a network comes to. */
function planned(one: Case, target: KernelTarget = SOFTWARE): [op: string, kernel: string][] {
  return planGraph(importGraph(parseModel(caseModel(one))), shapesOf(one), target).steps
    .filter(({ kernel }) => !kernel.name.startsWith("copy/"))
    .map(({ node, kernel }) => [node.op, kernel.name]);
}

Deno.test("a depthwise convolution is joined with the 1x1 convolution that alone reads it, residual and all", () => {
  const one = pairCase(new Random(40), { channels: 32, out: 32, size: [40, 40], residual: true });
  assertEquals(planned(one), [["DepthwisePointwise", "conv/depthwise_stationary"]]);
  for (const other of [{ software: false, subgroups: true }, { software: true, subgroups: false }]) {
    assertEquals(planned(one, other).map(([op]) => op), ["Conv", "Conv"], JSON.stringify(other));
  }
  assertEquals(planned(one, { ...SOFTWARE, plain: true }).map(([op]) => op), ["Conv", "Conv"]);
});

Deno.test("convolutions stay apart where something else reads what lies between, or weights are computed", () => {
  const one = pairCase(new Random(41), { channels: 32, out: 16, size: [20, 20] });
  const apart = (changed: Case, context: string): void => {
    const ops = planned(changed).map(([op]) => op);
    assert(ops.includes("Conv") && !ops.includes("DepthwisePointwise"), `${context}: ${ops}`);
  };
  apart({ ...one, outputs: ["y", "v"] }, "an output");
  apart({ ...one, nodes: [...one.nodes, node("Sqrt", ["v"], ["z"])], outputs: ["y", "z"] }, "another reader");
  const { w2, ...rest } = one.initializers;
  apart({ ...one, initializers: rest, inputs: { ...one.inputs, w2: w2! } }, "computed weights");
  // The first activation is a product with a tensor, which the dispatch would have to read for every block.
  const gated = one.nodes.map((spec) =>
    spec.outputs[0] === "v" ? node("Mul", ["a", "gate"], ["v"], {}, { name: "gated" }) : spec
  );
  apart(
    { ...one, nodes: gated, inputs: { ...one.inputs, gate: randn(new Random(42), [1, 32, 20, 20]) } },
    "gate",
  );
});

/** A pair with 3x3 windows. */
function shapeOf(
  channels: number,
  out: number,
  size: number,
  depthwise: Partial<ConvShape> = {},
  pointwise: Partial<ConvShape> = {},
): PairShape {
  const plain = { batch: 1, inC: channels, strides: [1, 1], dilations: [1, 1], out: [size, size] } as const;
  const pads = (pad: number) => ({ padBegin: [pad, pad], padEnd: [pad, pad] }) as const;
  return {
    depthwise: { ...plain, ...pads(1), kernel: [3, 3], outC: channels, groups: channels, ...depthwise },
    pointwise: { ...plain, ...pads(0), kernel: [1, 1], outC: out, groups: 1, ...pointwise },
  };
}

Deno.test("two convolutions can be one dispatch with windows of nine taps and 64 channels at most", () => {
  assert(canPair(shapeOf(96, 24, 56)));
  assert(canPair(shapeOf(96, 64, 56, { strides: [2, 2] })));
  for (
    const [what, shape] of [
      ["65 channels", shapeOf(96, 65, 56)],
      ["a window of 5x5", shapeOf(96, 24, 56, { kernel: [5, 5] })],
      ["a dilated window", shapeOf(96, 24, 56, { dilations: [2, 2] })],
      ["two channels a group", shapeOf(96, 24, 56, { groups: 48 })],
      ["a second window", shapeOf(96, 24, 56, {}, { kernel: [1, 3] })],
      ["a second stride", shapeOf(96, 24, 28, {}, { strides: [2, 2] })],
      ["second padding", shapeOf(96, 24, 56, {}, { padEnd: [0, 1] })],
      ["second groups", shapeOf(96, 24, 56, {}, { groups: 2 })],
    ] as const
  ) {
    assert(!canPair(shape), what);
  }
});

Deno.test("the estimate takes the tiles that were measured to be best, or nearly", () => {
  const first = (channels: number, out: number, size: number): string =>
    pairCandidates(shapeOf(channels, out, size), SOFTWARE)[0]!.id;
  assertEquals(first(32, 32, 52), "kept P1");
  assertEquals(first(64, 64, 52), "kept P1");
  // More weights than registers hold.
  assertEquals(first(384, 64, 14), "paired R1 P2 Q16");
  assertEquals(first(32, 64, 112), "kept P1");
  // Of sixteen tiles of 4x4 pixels half of an eight would have nothing to do.
  for (const { id, tile } of pairCandidates(shapeOf(16, 7, 20), SOFTWARE)) {
    assert(!tile || tile.keeps || tile.r * tile.p * tile.q <= 32 && tile.q === 2, id);
  }
});
