import { assert, assertEquals } from "@std/assert";
import type { KernelTarget } from "../../src/gpu/mod.ts";
import type { ConvShape } from "../../src/ops/conv_shape.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { Session } from "../../src/graph/session.ts";
import { winogradPass } from "../../src/ops/winograd.ts";
import { chooseWinograd } from "../../src/ops/winograd_choice.ts";
import { assertClose } from "../support/compare.ts";
import { runOrt } from "../support/ort.ts";
import { Random } from "../support/random.ts";
import { node } from "../support/onnx_builder.ts";
import { type Case, caseModel, opCase, OpTester, randn } from "./harness.ts";

/** Convolutions that the algorithm computes, as a table: channels, size, paddings (top, left, bottom, right), batch. */
const ROWS: readonly [
  inC: number,
  outC: number,
  size: [number, number],
  pads: [number, number, number, number],
  batch: number,
][] = [
  [4, 4, [8, 8], [1, 1, 1, 1], 1],
  [3, 8, [9, 7], [1, 1, 1, 1], 1],
  [5, 7, [11, 13], [0, 0, 0, 0], 2],
  [1, 1, [3, 3], [0, 0, 0, 0], 1],
  [6, 3, [1, 1], [1, 1, 1, 1], 2],
  [2, 5, [2, 3], [2, 2, 2, 2], 1],
  [8, 12, [6, 17], [0, 1, 2, 0], 1],
  [9, 10, [15, 4], [2, 0, 0, 1], 2],
  [13, 33, [10, 10], [1, 2, 0, 2], 1],
  [17, 34, [19, 5], [2, 2, 1, 1], 3],
  [64, 64, [13, 14], [1, 1, 1, 1], 1],
  [40, 70, [21, 22], [1, 1, 1, 1], 1],
];

function cases(random: Random): Case[] {
  return ROWS.map(([inC, outC, size, pads, batch]) => {
    const bias = random.next() < 0.7 ? { constant: randn(random, [outC]) } : undefined;
    return opCase("Conv", [randn(random, [batch, inC, ...size]), {
      constant: randn(random, [outC, inC, 3, 3]),
    }, bias], {
      pads,
    }, { relative: 1e-5 });
  });
}

Deno.test("Winograd's convolution gives what ONNX Runtime gives, over channels, sizes, paddings and batches", async () => {
  using tester = await OpTester.create();
  for (const winograd of [2, 4] as const) {
    await tester.check(cases(new Random(winograd)), { ...tester.device.target, winograd });
  }
});

Deno.test("Winograd's convolution gives what ONNX Runtime gives with the kernels for a GPU without subgroups", async () => {
  using tester = await OpTester.create();
  for (const winograd of [2, 4] as const) {
    const target: KernelTarget = { software: false, subgroups: false, winograd };
    await tester.check(cases(new Random(winograd)).filter((_, i) => i % 2 === 1), target);
  }
});

Deno.test("Winograd's convolution reads and writes slices of concatenations, and applies what was fused behind it", async () => {
  using tester = await OpTester.create();
  const random = new Random(5);
  const one: Case = {
    name: "two convolutions of the halves of a tensor, with residuals and activations, concatenated",
    nodes: [
      node("Split", ["x"], ["x1", "x2"], { axis: 1 }, { name: "split" }),
      node("Conv", ["x1", "w1", "b1"], ["c1"], { pads: [1, 1, 1, 1] }, { name: "first" }),
      node("Relu", ["c1"], ["a1"], {}, { name: "relu" }),
      node("Conv", ["x2", "w2", "b2"], ["c2"], { pads: [1, 1, 1, 1] }, { name: "second" }),
      node("Add", ["c2", "r"], ["s2"], {}, { name: "add" }),
      node("Sigmoid", ["s2"], ["g2"], {}, { name: "sigmoid" }),
      node("Mul", ["s2", "g2"], ["a2"], {}, { name: "mul" }),
      node("Concat", ["a1", "x", "a2"], ["y"], { axis: 1 }, { name: "concat" }),
      node("Conv", ["y", "w3"], ["z"], { pads: [0, 1, 0, 1] }, { name: "third" }),
    ],
    inputs: { x: randn(random, [2, 16, 9, 11]), r: randn(random, [2, 12, 9, 11]) },
    initializers: {
      w1: randn(random, [4, 8, 3, 3]),
      b1: randn(random, [4]),
      w2: randn(random, [12, 8, 3, 3]),
      b2: randn(random, [12]),
      w3: randn(random, [6, 32, 3, 3]),
    },
    outputs: ["y", "z"],
    opset: 13,
  };
  for (const winograd of [2, 4] as const) {
    await tester.check([one], { ...tester.device.target, winograd });
    const { plan } = await tester.run(caseModel(one), one.inputs, { ...tester.device.target, winograd });
    const names = plan.steps.map(({ kernel }) => kernel.name);
    assertEquals(names.filter((name) => name === `conv/winograd_output_${winograd}x${winograd}`).length, 3);
    assertEquals(names.filter((name) => name === "conv/winograd_product").length, 3);
    // Activations and residuals are where they are with other kernels.
    const { plan: direct } = await tester.run(caseModel(one), one.inputs, {
      ...tester.device.target,
      winograd: 0,
    });
    assertEquals(plan.steps.length, direct.steps.length + 2 * 3, names.join(", "));
  }
});

Deno.test("Winograd's convolution does an image in passes where what lies between would be too large", async () => {
  using tester = await OpTester.create();
  const random = new Random(6);
  const target = { ...tester.device.target, winograd: 2 } as const;
  const one = opCase("Conv", [
    randn(random, [1, 4, 512, 262]),
    { constant: randn(random, [4, 4, 3, 3]) },
    { constant: randn(random, [4]) },
  ], { pads: [1, 1, 1, 1] });
  await tester.check([one], target);
  const { plan } = await tester.run(caseModel(one), one.inputs, target);
  assertEquals(plan.steps.filter(({ kernel }) => kernel.name === "conv/winograd_product").length, 2);
  assert(plan.arenaBytes < 14 << 20, `${plan.arenaBytes} bytes`);
});

Deno.test("Winograd's convolution keeps what lies between in 32 bits where activations are kept in 16", async () => {
  using tester = await OpTester.create();
  const { device } = tester;
  if (!device.features.has("shader-f16") || !device.target.software || !device.target.subgroups) {
    console.log("left out: this adapter lacks shader-f16, or takes other kernels");
    return;
  }
  const random = new Random(7);
  // Sums of such inputs pass the largest number of 16 bits, 65,504; the outputs do not.
  const one: Case = {
    name: "a large tensor and a convolution",
    nodes: [
      node("Mul", ["x", "scale"], ["large"], {}, { name: "mul" }),
      node("Conv", ["large", "w"], ["c"], { pads: [1, 1, 1, 1] }, { name: "conv" }),
      node("Identity", ["c"], ["y"], {}, { name: "identity" }),
    ],
    inputs: { x: randn(random, [1, 64, 20, 20]) },
    initializers: {
      scale: hostTensor("f32", [], [9000]),
      w: randn(random, [64, 64, 3, 3], 1 / 24),
    },
    outputs: ["y"],
    opset: 13,
  };
  const model = caseModel(one);
  using session = await Session.load(device, model, { precision: "f16" });
  const { steps } = session.plan({ x: [1, 64, 20, 20] });
  assert(steps.some(({ kernel }) => kernel.name === "conv/winograd_input_4x4"), "no Winograd");
  const { y } = await session.run(one.inputs);
  const expected = await runOrt(model, one.inputs, { graphOptimizationLevel: "disabled" });
  assertClose(y!, expected.y!, { relative: 2e-3, context: one.name });
});

Deno.test("passes have whole eights of tiles, none larger than allowed, as few and even as can be", () => {
  for (
    const [channels, tiles, bytes] of [[64, 400, 1 << 20], [8, 1000, 1 << 17], [512, 4, 1 << 20], [3, 65, 1]]
  ) {
    for (const tile of [2, 4] as const) {
      const shape = { inC: channels!, outC: 4 };
      const most = winogradPass(shape, tile, tiles!, bytes!);
      const context = `${channels} channels, ${tiles} tiles of ${tile}, ${bytes} bytes: ${most}`;
      assert(most === tiles || most % 64 === 0, context);
      const each = (tile + 2) ** 2 * Math.ceil(channels! / 4) * 16;
      assert(most * each <= Math.max(bytes!, 64 * each), context);
    }
  }
});

/** A 3x3 convolution with padding 1. */
function shapeOf(inC: number, outC: number, size: number, more: Partial<ConvShape> = {}): ConvShape {
  return {
    batch: 1,
    inC,
    outC,
    groups: 1,
    kernel: [3, 3],
    strides: [1, 1],
    dilations: [1, 1],
    padBegin: [1, 1],
    padEnd: [1, 1],
    out: [size, size],
    ...more,
  };
}

Deno.test("Winograd's convolution is chosen for many channels on software adapters, with small tiles for small images", () => {
  const software: KernelTarget = { software: true, subgroups: true };
  assertEquals(chooseWinograd(shapeOf(64, 64, 56), software), 4);
  assertEquals(chooseWinograd(shapeOf(128, 128, 28), software), 4);
  assertEquals(chooseWinograd(shapeOf(256, 256, 14), software), 4);
  assertEquals(chooseWinograd(shapeOf(512, 512, 7), software), 2);
  for (
    const [inC, outC, size] of [[3, 32, 300], [1, 4, 640], [16, 16, 160], [8, 8, 20], [64, 2, 80], [
      64,
      64,
      1,
    ]] as const
  ) {
    assertEquals(chooseWinograd(shapeOf(inC, outC, size), software), undefined, `${inC} > ${outC}, ${size}`);
  }
  const wide = shapeOf(64, 64, 56);
  for (
    const other of [
      { strides: [2, 1] },
      { dilations: [2, 2] },
      { kernel: [3, 5] },
      { groups: 2 },
    ] as const
  ) {
    assertEquals(
      chooseWinograd({ ...wide, ...other }, { ...software, winograd: 4 }),
      undefined,
      JSON.stringify(other),
    );
  }
  assertEquals(chooseWinograd(wide, { software: false, subgroups: true }), undefined);
  assertEquals(chooseWinograd(wide, { software: true, subgroups: false }), undefined);
  assertEquals(chooseWinograd(wide, { ...software, plain: true }), undefined);
  assertEquals(chooseWinograd(wide, { ...software, winograd: 0 }), undefined);
  assertEquals(chooseWinograd(wide, { software: false, subgroups: false, winograd: 2 }), 2);
});
