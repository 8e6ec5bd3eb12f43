import { assert, assertEquals } from "@std/assert";
import { kernelKey } from "../../src/gpu/kernel.ts";
import type { KernelTarget } from "../../src/gpu/mod.ts";
import { importGraph } from "../../src/graph/import.ts";
import type { Plan } from "../../src/graph/plan.ts";
import { layersOf } from "../../src/graph/tuning/plan_part.ts";
import { planGraph, Session } from "../../src/graph/session.ts";
import { parseModel } from "../../src/onnx/parse.ts";
import { elementCount, hostTensor } from "../../src/tensor/host_tensor.ts";
import { stationaryRuns } from "../../src/ops/conv_stationary.ts";
import type { KernelChoices } from "../../src/ops/kernel_choice.ts";
import { assertClose } from "../support/compare.ts";
import { node } from "../support/onnx_builder.ts";
import { runOrt } from "../support/ort.ts";
import { Random } from "../support/random.ts";
import { type Case, caseModel, opCase, OpTester, randn } from "./harness.ts";

/** A layer with a bias, small and odd, as a case. */
function convolution(
  random: Random,
  [inC, outC, groups]: [number, number, number],
  kernel: [number, number],
  [h, w]: [number, number],
  attributes: Record<string, number | number[]>,
  batch = 1,
  op: "Conv" | "ConvTranspose" = "Conv",
): Case {
  const channels = op === "Conv" ? [outC, inC / groups] : [inC, outC / groups];
  return opCase(
    op,
    [
      randn(random, [batch, inC, h, w]),
      { constant: randn(random, [...channels, ...kernel]) },
      { constant: randn(random, [outC]) },
    ],
    { group: groups, ...attributes },
    { relative: 1e-5 },
  );
}

/** A layer of bytes, with zero points. */
function ofBytes(
  random: Random,
  [inC, outC, groups]: [number, number, number],
  kernel: [number, number],
  [h, w]: [number, number],
  attributes: Record<string, number | number[]>,
): Case {
  const shape = [outC, inC / groups, ...kernel];
  const weights = random.uniforms(elementCount(shape), -128, 128).map(Math.floor);
  const pixels = random.uniforms(2 * inC * h * w, 0, 256).map(Math.floor);
  return opCase(
    "ConvInteger",
    [
      hostTensor("u8", [2, inC, h, w], Uint8Array.from(pixels)),
      { constant: hostTensor("i8", shape, Int8Array.from(weights)) },
      { constant: hostTensor("u8", [], Uint8Array.of(131)) },
      { constant: hostTensor("i8", [], Int8Array.of(-3)) },
    ],
    { group: groups, ...attributes },
  );
}

function product(random: Random, rows: number, depth: number, columns: number, constant: boolean): Case {
  const b = randn(random, [depth, columns]);
  return opCase("MatMul", [randn(random, [rows, depth]), constant ? { constant: b } : b], {}, {
    relative: 1e-5,
  });
}

/** One layer of each kind, with the kernels that its candidates must have among them. */
function layers(random: Random): [Case, string[]][] {
  return [
    [convolution(random, [20, 36, 1], [1, 1], [5, 7], {}), ["implicit_gemm", "stationary"]],
    [convolution(random, [17, 19, 1], [3, 3], [9, 6], { pads: [1, 1, 1, 1] }), [
      "direct",
      "implicit_gemm",
      "winograd 2x2",
      "winograd 4x4",
    ]],
    [convolution(random, [3, 10, 1], [3, 3], [11, 19], { strides: [2, 2], pads: [0, 1, 1, 0] }), ["direct"]],
    [convolution(random, [10, 10, 10], [3, 3], [9, 13], { pads: [1, 1, 1, 1] }), ["depthwise"]],
    [convolution(random, [6, 6, 6], [5, 5], [12, 9], { strides: [2, 2], pads: [2, 2, 2, 2] }), ["depthwise"]],
    // Inputs of several pixels are loaded together, and some of the next row and image with them.
    [convolution(random, [3, 33, 1], [1, 1], [3, 9], {}, 3), ["stationary Q1", "stationary Q2"]],
    [convolution(random, [7, 70, 1], [1, 1], [5, 4], { strides: [2, 1] }, 2), ["stationary Q3"]],
    [convolution(random, [12, 130, 1], [1, 1], [1, 1], {}, 2), ["stationary Q5", "stationary Q3"]],
    // Runs of seven pixels and of five, for images of 7 x 7 and 14 x 14.
    [convolution(random, [24, 33, 1], [1, 1], [7, 7], {}, 1), ["implicit_gemm P7 Q4"]],
    [convolution(random, [16, 40, 1], [1, 1], [14, 14], {}), ["implicit_gemm P5 Q6"]],
    [convolution(random, [12, 12, 12], [3, 3], [7, 7], { pads: [1, 1, 1, 1] }, 2), ["depthwise R2 P7"]],
    [
      convolution(random, [2, 18, 1], [3, 2], [8, 9], { strides: [2, 1], pads: [2, 0, 1, 1] }, 2),
      ["stationary Q1", "direct"],
    ],
    [convolution(random, [9, 20, 1], [3, 3], [7, 6], { dilations: [2, 1], pads: [1, 1, 2, 0] }), [
      "stationary",
    ]],
    // With few output channels several pixels are gone through side by side: by quads, by pairs, by each invocation.
    [convolution(random, [5, 15, 1], [3, 3], [10, 9], { pads: [1, 1, 1, 1] }, 2), ["stationary Q1"]],
    [convolution(random, [4, 9, 1], [1, 1], [4, 7], {}, 3), ["stationary Q1"]],
    [convolution(random, [6, 7, 1], [2, 3], [9, 11], { strides: [1, 2], pads: [0, 1, 1, 1] }), [
      "stationary Q1",
    ]],
    [convolution(random, [3, 5, 1], [1, 1], [2, 5], {}, 2), ["stationary Q1"]],
    [convolution(random, [1, 4, 1], [3, 3], [12, 12], { pads: [1, 1, 1, 1] }, 2), ["stationary Q1"]],
    [convolution(random, [21, 2, 1], [1, 1], [9, 13], {}), ["stationary Q1"]],
    [convolution(random, [16, 24, 2], [3, 3], [7, 9], { pads: [1, 0, 1, 1] }, 2), [
      "direct",
      "implicit_gemm",
    ]],
    [convolution(random, [36, 12, 3], [1, 1], [6, 5], { strides: [1, 2] }), ["implicit_gemm"]],
    [
      convolution(
        random,
        [12, 18, 1],
        [4, 3],
        [5, 6],
        { strides: [2, 1], pads: [1, 1, 1, 0] },
        2,
        "ConvTranspose",
      ),
      ["direct", "implicit_gemm"],
    ],
    [convolution(random, [8, 16, 2], [2, 2], [6, 7], { strides: [2, 2] }, 2, "ConvTranspose"), [
      "implicit_gemm",
    ]],
    [ofBytes(random, [20, 37, 1], [3, 3], [8, 7], { pads: [1, 1, 0, 1] }), ["packed P4 Q2", "packed P8 Q4"]],
    [ofBytes(random, [8, 24, 2], [1, 1], [9, 5], { strides: [2, 1] }), ["packed P4 Q2", "packed P8 Q3"]],
    [product(random, 19, 22, 35, true), []],
    [product(random, 17, 24, 20, false), []],
    [product(random, 3, 40, 33, true), ["register"]],
  ];
}

/** Takes one candidate of one layer. */
function forced(layer: string, chosen: string): KernelChoices {
  return { find: (asked) => asked === layer ? { chosen, ms: {}, origin: "forced" } : undefined };
}

/** Runs every candidate of a layer on kernels for a target, and gives their names. */
async function checkAll(tester: OpTester, one: Case, target: KernelTarget): Promise<string[]> {
  const model = caseModel(one);
  const expected = await runOrt(model, one.inputs, { graphOptimizationLevel: "disabled" });
  const shapes = Object.fromEntries(Object.entries(one.inputs).map(([name, { shape }]) => [name, shape]));
  const found = layersOf(planGraph(importGraph(parseModel(model)), shapes, target));
  // A transposed convolution is several convolutions, each with a choice of its own.
  const several = one.name.includes("ConvTranspose");
  assert(
    several ? found.length > 0 : found.length === 1,
    `${one.name}: ${found.length} layers with a choice`,
  );
  const pairs = found.flatMap(({ choice }) => {
    assertEquals(
      new Set(choice.candidates).size,
      choice.candidates.length,
      `${one.name}: ${choice.candidates}`,
    );
    return choice.candidates.map((candidate) => ({ layer: choice.layer, candidate }));
  });
  for (const { layer, candidate } of pairs) {
    using session = await Session.load(tester.device, model, { target, choices: forced(layer, candidate) });
    const context = `${candidate} for ${layer} of ${one.name}, kernels for ${JSON.stringify(target)}`;
    const taken = session.plan(shapes).steps.find(({ choice }) => choice?.layer === layer)!.choice!;
    assertEquals([taken.chosen, taken.origin], [candidate, "forced"], context);
    const outputs = await session.run(one.inputs);
    for (const name of one.outputs) {
      assertClose(outputs[name]!, expected[name]!, { relative: 1e-5, absolute: 1e-7, context });
    }
  }
  return pairs.map(({ candidate }) => candidate);
}

Deno.test("every candidate of a layer is taken when it is asked for, and gives what ONNX Runtime gives", async () => {
  using tester = await OpTester.create();
  for (const [one, expected] of layers(new Random(1))) {
    const names = await checkAll(tester, one, tester.device.target);
    for (const name of expected) {
      assert(names.some((candidate) => candidate.startsWith(name)), `${one.name}: no ${name} among ${names}`);
    }
  }
});

Deno.test("weights that stay: no tile is taken that has as many blocks as a smaller one", () => {
  const tiles = (outC: number): string[] => {
    const one = convolution(new Random(4), [8, outC, 1], [1, 1], [20, 20], {});
    const graph = importGraph(parseModel(caseModel(one)));
    const target = { software: true, subgroups: true };
    const { candidates } = layersOf(planGraph(graph, { x0: [1, 8, 20, 20] }, target))[0]!.choice;
    return candidates.filter((name) => name.startsWith("stationary")).sort();
  };
  assertEquals(tiles(144), ["stationary Q1", "stationary Q2", "stationary Q3", "stationary Q5"]);
  assertEquals(tiles(192), ["stationary Q1", "stationary Q2", "stationary Q3", "stationary Q6"]);
  assertEquals(tiles(96), ["stationary Q1", "stationary Q2", "stationary Q3"]);
  assertEquals(tiles(16), ["stationary Q1"]);
});

Deno.test("products over 7 x 7 pixels are taken by sevens on software, unmeasured", () => {
  const chosen = (side: number, target: KernelTarget): string => {
    const one = convolution(new Random(7), [400, 64, 1], [1, 1], [side, side], {});
    const graph = importGraph(parseModel(caseModel(one)));
    return layersOf(planGraph(graph, { x0: [1, 400, side, side] }, target))[0]!.choice.chosen;
  };
  const software = { software: true, subgroups: true };
  assertEquals(chosen(7, software), "implicit_gemm P7 Q2");
  assertEquals(chosen(13, software), "implicit_gemm P4 Q4");
  assertEquals(chosen(7, { software: false, subgroups: false }).split(" ")[0], "gemm_tiled");
});

Deno.test("small depthwise images are spread over small workgroups, large ones fill large ones", () => {
  const chosen = (side: number, target: KernelTarget): string => {
    const one = convolution(new Random(5), [48, 48, 48], [3, 3], [side, side], { pads: [1, 1, 1, 1] });
    const graph = importGraph(parseModel(caseModel(one)));
    return layersOf(planGraph(graph, { x0: [1, 48, side, side] }, target))[0]!.choice.chosen;
  };
  for (const software of [true, false]) {
    const target = { software, subgroups: software };
    assertEquals(chosen(14, target).split(" ").at(-1), "WG16");
    assertEquals(chosen(160, target).split(" ").at(-1), "WG64");
  }
});

Deno.test("on hardware, the first three candidates are of three kernels", () => {
  const one = convolution(new Random(6), [32, 32, 1], [3, 3], [24, 24], { pads: [1, 1, 1, 1] });
  const graph = importGraph(parseModel(caseModel(one)));
  const target = { software: false, subgroups: false };
  const { candidates } = layersOf(planGraph(graph, { x0: [1, 32, 24, 24] }, target))[0]!.choice;
  assertEquals(new Set(candidates.slice(0, 3).map((name) => name.split(" ")[0])).size, 3, `${candidates}`);
});

Deno.test("candidates for other adapters are right as well: hardware, and software without subgroups", async () => {
  using tester = await OpTester.create();
  const all = layers(new Random(2)).map(([one]) => one);
  const hardware = { software: false, subgroups: false };
  const tiled = await checkAll(tester, all[1]!, hardware);
  assert(tiled.filter((name) => name.startsWith("gemm_tiled")).length > 2, tiled.join(", "));
  const [constant, computed] = all.filter(({ name }) => name.startsWith("MatMul"));
  for (const product of [constant!, computed!]) {
    const names = await checkAll(tester, product, hardware);
    assert(names.filter((name) => name.startsWith("tiled")).length > 3, names.join(", "));
  }
  const others = all.filter(({ name }) => /^Conv(Transpose|Integer)|"group":[23]\b/.test(name));
  assertEquals(others.length, 6, "groups, transposed convolutions and bytes, two of each");
  for (const one of others) await checkAll(tester, one, hardware);
  await checkAll(tester, all[0]!, { software: true, subgroups: false });
  await checkAll(tester, computed!, { software: true, subgroups: false });
});

Deno.test("weights stay for no more pixels than a loop may take turns, on images of any size", () => {
  for (const side of [1, 7, 100, 1000, 5000, 20_000]) {
    for (const blocks of [1, 3, 60]) {
      const pixels = side * side;
      const runs = stationaryRuns(pixels, blocks);
      assert(
        Number.isInteger(runs) && runs >= 1 && pixels / runs <= 30_000,
        `${pixels} pixels: ${runs} runs`,
      );
    }
  }
});

Deno.test("what is known of a layer is left aside where it names no candidate", () => {
  const [one] = layers(new Random(3))[1]!;
  const graph = importGraph(parseModel(caseModel(one)));
  const target = { software: true, subgroups: true };
  const shapes = { x0: [1, 17, 9, 6] };
  const { layer, chosen } = layersOf(planGraph(graph, shapes, target))[0]!.choice;
  const choices = forced(layer, "direct P9 Q9");
  const { choice } = planGraph(graph, shapes, target, { choices }).steps.find(({ choice }) => choice)!;
  assertEquals([choice!.chosen, choice!.origin, choice!.ms], [chosen, "estimate", {}]);
});

Deno.test("equal layers have one name, whatever their nodes are called; other precisions have another", () => {
  const named = (seed: number): string[] => {
    const [one] = layers(new Random(seed))[1]!;
    const graph = importGraph(parseModel(caseModel(one)));
    const target = { software: true, subgroups: true };
    return [false, true].map((half) =>
      layersOf(planGraph(graph, { x0: [1, 17, 9, 6] }, target, { half }))[0]!.choice.layer
    );
  };
  assertEquals(named(1), named(2));
  assertEquals(named(1), [
    "conv 3x3/1x1 17>19 at 1x9x6",
    "conv 3x3/1x1 17>19 at 1x9x6 f16",
  ]);
});

Deno.test("of layers whose kernels are about as fast, the second takes the first one's", () => {
  const random = new Random(12);
  const one: Case = {
    name: "two layers",
    opset: 13,
    nodes: [
      node("Conv", ["x", "v"], ["c"], {}, { name: "first" }),
      node("MaxPool", ["c"], ["p"], { kernel_shape: [2, 2], strides: [2, 2] }, { name: "pool" }),
      node("Conv", ["p", "w"], ["y"], {}, { name: "second" }),
    ],
    inputs: { x: randn(random, [1, 16, 12, 12]) },
    initializers: { v: randn(random, [16, 16, 1, 1]), w: randn(random, [16, 16, 1, 1]) },
    outputs: ["y"],
  };
  const graph = importGraph(parseModel(caseModel(one)));
  const target = { software: true, subgroups: false };
  const plan = (choices?: KernelChoices): Plan =>
    planGraph(graph, { x: [1, 16, 12, 12] }, target, { copyOutputs: true, ...(choices && { choices }) });
  const [first, second] = layersOf(plan()).map(({ choice }) => choice);
  const [usual, other] = first!.candidates;
  for (const [ms, expected] of [[1.05, usual], [1.2, other]] as const) {
    const { steps } = plan({
      find: (layer) => ({
        chosen: layer === second!.layer ? other! : usual!,
        ms: layer === second!.layer ? { [usual!]: ms, [other!]: 1 } : { [usual!]: 1 },
        origin: "table",
      }),
    });
    const [a, b] = steps.filter(({ choice }) => choice);
    assertEquals(b!.choice!.chosen, expected);
    const texts = [a, b].map((step) => kernelKey(step!.kernel, step!.options ?? {}));
    assertEquals(texts[0] === texts[1], expected === usual, `${ms} times the time`);
  }
});
