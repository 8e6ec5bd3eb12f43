import { assert, assertEquals } from "@std/assert";
import { planGraph, Session } from "../../src/graph/session.ts";
import { importGraph } from "../../src/graph/import.ts";
import type { PlanStep } from "../../src/graph/plan.ts";
import { parseModel } from "../../src/onnx/parse.ts";
import type { HostTensor } from "../../src/tensor/host_tensor.ts";
import { assertClose } from "../support/compare.ts";
import { node } from "../support/onnx_builder.ts";
import { runOrt } from "../support/ort.ts";
import { Random } from "../support/random.ts";
import { type Case, caseModel, i64, OpTester, randn } from "./harness.ts";

/** A convolution, and what is behind it: a residual, a limit, more outputs. */
interface Layer {
  batch: number;
  inC: number;
  outC: number;
  groups?: number;
  kernel: readonly [number, number];
  size: readonly [number, number];
  strides: readonly [number, number];
  behind: "nothing" | "Relu" | "Silu" | "Add" | "both outputs" | "an alias";
}

function layerCase(random: Random, layer: Layer): Case {
  const { batch, inC, outC, groups = 1, kernel: [kh, kw], size: [h, w], strides, behind } = layer;
  const out = [Math.ceil(h / strides[0]), Math.ceil(w / strides[1])];
  const pads = [(kh - 1) >> 1, (kw - 1) >> 1, kh >> 1, kw >> 1];
  const fused = behind !== "nothing" && behind !== "an alias";
  const conv = node("Conv", ["x", "w", "b"], [fused ? "c" : "y"], {
    kernel_shape: [kh, kw],
    strides: [...strides],
    pads,
    group: groups,
  });
  const last = {
    "nothing": [],
    "Relu": [node("Relu", ["c"], ["y"])],
    "Silu": [node("Sigmoid", ["c"], ["s"]), node("Mul", ["c", "s"], ["y"])],
    "Add": [node("Add", ["c", "z"], ["y"])],
    "both outputs": [node("Sigmoid", ["c"], ["y"])],
    "an alias": [node("Identity", ["y"], ["c"])],
  }[behind];
  return {
    name: JSON.stringify(layer),
    nodes: [conv, ...last],
    inputs: {
      x: randn(random, [batch, inC, h, w]),
      ...(behind === "Add" && { z: randn(random, [batch, outC, ...out]) }),
    },
    initializers: { w: randn(random, [outC, inC / groups, kh, kw]), b: randn(random, [outC]) },
    outputs: behind === "both outputs" || behind === "an alias" ? ["y", "c"] : ["y"],
    opset: 13,
  };
}

/** Layers of all kinds of tiles: several pixels loaded at once and one, rows of less than four pixels, odd channels. */
function randomLayer(random: Random, behind: Layer["behind"], round: number): Layer {
  const below = (limit: number): number => Math.floor(random.uniform() * limit);
  return {
    batch: 1 + below(3),
    inC: 1 + below(20),
    outC: 1 + below(round % 2 === 0 ? 16 : 70),
    kernel: [[1, 1], [1, 1], [3, 3], [2, 1], [1, 3]][below(5)] as [number, number],
    size: [1 + below(13), 1 + below(40)],
    strides: [1 + below(2), 1 + below(2)],
    behind,
  };
}

Deno.test("a convolution whose weights stay writes what leaves the network in ONNX's order itself, where pixels come in fours", async () => {
  using tester = await OpTester.create();
  const { target } = tester.device;
  if (!target.software || !target.subgroups) {
    console.log("left out: weights stay on software adapters with subgroups only");
    return;
  }
  const random = new Random(31);
  const seen = { itself: 0, copied: 0 };
  const streams = new Set<unknown>();
  // Rows that are wide enough for several streams of four pixels each.
  const wide = [[3, 28], [4, 32], [7, 12], [13, 8]].map(([outC, w], i): Layer => ({
    batch: 1 + i % 2,
    inC: 2 + 3 * i,
    outC: outC!,
    kernel: i % 2 === 0 ? [3, 3] : [1, 1],
    size: [5, w!],
    strides: [1, 1],
    behind: i % 2 === 0 ? "Add" : "nothing",
  }));
  const layers = Array.from(
    { length: 30 },
    (_, round) => randomLayer(random, (["nothing", "Relu", "Add"] as const)[round % 3]!, round),
  );
  for (const [round, layer] of [...layers, ...wide].entries()) {
    await eachCandidate(tester, layerCase(random, layer), /^stationary/, (steps, y, candidate) => {
      const copied = copies(steps);
      if (y.shape[2]! * y.shape[3]! % 4 !== 0) assert(copied, `round ${round}, ${candidate}`);
      seen[copied ? "copied" : "itself"]++;
      if (!copied) streams.add(steps.at(-1)!.options?.overrides?.STREAMS);
    });
  }
  assert(seen.itself >= 10 && seen.copied >= 10, JSON.stringify(seen));
  assertEquals([...streams].sort(), [1, 2, 4, 8], "pixels side by side");
});

Deno.test("a depthwise convolution does so where rows are fours of pixels and its epilogue is no long one", async () => {
  using tester = await OpTester.create();
  if (!tester.device.target.software) {
    console.log("left out: depthwise convolutions write planes on software adapters only");
    return;
  }
  const random = new Random(35);
  const below = (limit: number): number => Math.floor(random.uniform() * limit);
  const seen = { itself: 0, copied: 0, long: 0 };
  const tiles = new Set<string>();
  for (let round = 0; round < 16; round++) {
    const channels = 2 + below(40), stride = 1 + below(2);
    const layer: Layer = {
      batch: 1 + below(2),
      inC: channels,
      outC: channels,
      groups: channels,
      kernel: [[3, 3], [5, 5], [3, 1], [2, 3]][below(4)] as [number, number],
      size: [1 + below(13), stride * (round % 3 === 0 ? 1 + below(20) : 4 * (1 + below(5)))],
      strides: [1 + below(2), stride],
      behind: (["nothing", "Relu", "Silu", "Add"] as const)[round % 4]!,
    };
    const one = layerCase(random, layer);
    const kind = new RegExp(`^depthwise ${["R1 P4", "R2 P7", "R2 P4", "R4 P4"][round >> 2]}`);
    await eachCandidate(tester, one, kind, (steps, y, candidate) => {
      const copied = copies(steps);
      const long = layer.behind === "Silu" && candidate.includes("R4");
      assertEquals(copied, y.shape[3]! % 4 !== 0 || long, `round ${round}, ${candidate} of ${one.name}`);
      seen[long ? "long" : copied ? "copied" : "itself"]++;
      if (!copied) tiles.add(candidate.replace(/ WG.*/, ""));
    });
  }
  assert(Object.values(seen).every((count) => count >= 2), JSON.stringify(seen));
  assertEquals([...tiles].sort(), ["R1 P4", "R2 P4", "R2 P7", "R4 P4"].map((tile) => `depthwise ${tile}`));
});

/** Whether anything is copied after what computes it. */
function copies(steps: readonly PlanStep[]): boolean {
  return steps.some(({ kernel }) => kernel.name.startsWith("copy/") && kernel.name !== "copy/fill");
}

/** Runs a case with each candidate of a kind, and compares what comes out with what is expected. */
async function eachCandidate(
  tester: OpTester,
  one: Case,
  kind: RegExp,
  check: (steps: readonly PlanStep[], y: HostTensor, candidate: string) => void,
): Promise<void> {
  const model = caseModel(one);
  const { y } = await runOrt(model, one.inputs, { graphOptimizationLevel: "disabled" });
  const shapes = Object.fromEntries(Object.entries(one.inputs).map(([name, { shape }]) => [name, shape]));
  const { choice } = planGraph(importGraph(parseModel(model)), shapes, tester.device.target)
    .steps.find(({ choice }) => choice) ?? {};
  for (const candidate of choice?.candidates.filter((name) => kind.test(name)) ?? []) {
    using session = await Session.load(tester.device, model, {
      choices: {
        find: (asked) =>
          asked === choice!.layer ? { chosen: candidate, ms: {}, origin: "forced" } : undefined,
      },
    });
    check(session.plan(shapes).steps, y!, candidate);
    assertClose((await session.run(one.inputs)).y!, y!, {
      relative: 1e-5,
      absolute: 1e-6,
      context: `${candidate} of ${one.name}`,
    });
  }
}

Deno.test("what leaves as another view of a convolution's output is copied from it", async () => {
  using tester = await OpTester.create();
  const { target } = tester.device;
  const random = new Random(33);
  const steps = [
    node("Transpose", ["c"], ["y"], { perm: [0, 1, 3, 2] }, { name: "turned" }),
    node("Slice", ["c", "from", "to", "axes"], ["y"], {}, { name: "cut" }),
  ];
  for (const last of steps) {
    const one: Case = {
      name: `Conv and ${last.op}`,
      opset: 13,
      nodes: [node("Conv", ["x", "w"], ["c"], {}, { name: "conv" }), last],
      inputs: { x: randn(random, [1, 5, 6, 8]) },
      initializers: {
        w: randn(random, [20, 5, 1, 1]),
        ...(last.op === "Slice" && { from: i64(0).constant, to: i64(8).constant, axes: i64(1).constant }),
      },
      outputs: ["y"],
    };
    await tester.check([one]);
    const { plan } = await tester.runCase(one);
    const kernel = plan.steps.find(({ choice }) => choice)!.kernel.name;
    if (target.software && target.subgroups) assertEquals(kernel, "conv/stationary", one.name);
    assertEquals(plan.steps.length, 2, one.name);
  }
});

Deno.test("layers that are timed write as inside a network, and what leaves is copied", async () => {
  using tester = await OpTester.create();
  const random = new Random(34);
  const layer: Layer = {
    batch: 1,
    inC: 4,
    outC: 24,
    kernel: [1, 1],
    size: [6, 8],
    strides: [1, 1],
    behind: "nothing",
  };
  const graph = importGraph(parseModel(caseModel(layerCase(random, layer))));
  const { target } = tester.device;
  const plan = planGraph(graph, { x: [1, 4, 6, 8] }, target, { copyOutputs: true });
  assertEquals(plan.steps.at(-1)!.kernel.name, "copy/planes");
  const itself = target.software && target.subgroups ? 1 : 2;
  assertEquals(planGraph(graph, { x: [1, 4, 6, 8] }, target).steps.length, itself);
});

Deno.test("what others read too, or leaves under two names, is copied for each", async () => {
  using tester = await OpTester.create();
  const random = new Random(32);
  for (const behind of ["both outputs", "an alias"] as const) {
    const one = layerCase(random, {
      ...randomLayer(random, behind, 1),
      kernel: [1, 1],
      size: [4, 6],
      strides: [1, 1],
    });
    const model = caseModel(one);
    const expected = await runOrt(model, one.inputs, { graphOptimizationLevel: "disabled" });
    using session = await Session.load(tester.device, model);
    const outputs = await session.run(one.inputs);
    for (const name of ["y", "c"]) {
      assertClose(outputs[name]!, expected[name]!, { relative: 1e-5, absolute: 1e-6, context: one.name });
    }
    const shapes = { x: one.inputs.x!.shape };
    const { steps } = session.plan(shapes);
    assertEquals(steps.filter(({ kernel }) => kernel.name === "copy/planes").length, 2);
    const { software, subgroups } = tester.device.target;
    if (software && subgroups) assertEquals(steps[0]!.kernel.name, "conv/stationary", one.name);
  }
});
