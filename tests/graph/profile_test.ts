import process from "node:process";
import { assert, assertAlmostEquals, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { Device, type Kernel, type KernelSource } from "../../src/gpu/mod.ts";
import { changesWhatItReads, median } from "../../src/graph/dispatch_times.ts";
import { importGraph } from "../../src/graph/import.ts";
import { Session } from "../../src/graph/mod.ts";
import type { PlanStep } from "../../src/graph/plan.ts";
import {
  type Profile,
  type ProfiledDispatch,
  profileNetwork,
  slowForTheirKind,
} from "../../src/graph/profile.ts";
import { chromeTrace } from "../../src/graph/profile_trace.ts";
import { bytesMoved, kindOf, shapeOf } from "../../src/graph/step_shape.ts";
import { parseModel } from "../../src/onnx/parse.ts";
import { GraphError } from "../../src/ops/error.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import type { View } from "../../src/tensor/view.ts";
import { node, onnxModel, tensorInfo } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";

/** A heavy convolution between light ones, a reduction, a product, and a scatter that adds to what is there. */
function mixed(): Session["graph"] {
  const random = new Random(7);
  const weights = (...shape: number[]) =>
    hostTensor("f32", shape, random.normals(shape.reduce((product, extent) => product * extent)));
  return importGraph(parseModel(onnxModel({
    opset: 18,
    inputs: [tensorInfo("x", "f32", [1, 4, 32, 32])],
    outputs: [tensorInfo("y", "f32"), tensorInfo("scattered", "f32")],
    nodes: [
      node("Conv", ["x", "w1"], ["a"], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
      node("Conv", ["a", "w2"], ["b"], { kernel_shape: [5, 5], pads: [2, 2, 2, 2] }, { name: "heavy" }),
      node("Relu", ["b"], ["c"]),
      node("Conv", ["c", "w3"], ["d"], { kernel_shape: [3, 3], group: 96, pads: [1, 1, 1, 1] }),
      node("GlobalAveragePool", ["d"], ["e"]),
      node("Flatten", ["e"], ["f"]),
      node("ScatterElements", ["f", "at", "more"], ["scattered"], { axis: 1, reduction: "add" }),
      node("Gemm", ["scattered", "w4"], ["y"]),
    ],
    initializers: {
      w1: weights(32, 4, 3, 3),
      w2: weights(96, 32, 5, 5),
      w3: weights(96, 1, 3, 3),
      w4: weights(96, 16),
      at: hostTensor("i64", [1, 4], new BigInt64Array([1n, 1n, 5n, 95n])),
      more: weights(1, 4),
    },
  })));
}

const METHODS = ["timestamps", "repeated", "processor"] as const;

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

for (const method of METHODS) {
  Deno.test(`profileNetwork() by ${method} accounts for every dispatch, and finds the heavy one`, async () => {
    using device = await Device.request({ pool: false });
    if (method === "timestamps" && !device.features.has("timestamp-query")) {
      console.log("left out: the adapter has no timestamps");
      return;
    }
    if (method === "processor" && !device.target.software) {
      console.log("left out: the adapter is no software");
      return;
    }
    using session = new Session(device, mixed());
    using network = await session.prepare();
    const x = hostTensor("f32", [1, 4, 32, 32], new Random(3).normals(4096));
    const before = await network.run({ x });
    const progress: number[] = [];
    const profile = await profileNetwork(session, network, {
      method,
      inputs: { x },
      budgetMs: 200,
      ...(method === "processor" && { processorMs }),
      onProgress: (done, total) => progress.push(done / total),
    });
    assertEquals(profile.method, method);
    assertEquals(profile.dispatches.length, network.plan.steps.length);
    assertEquals(profile.multiplyAdds, network.plan.multiplyAdds);
    const sum = (of: (one: ProfiledDispatch) => number): number =>
      profile.dispatches.reduce((total, one) => total + of(one), 0);
    assertAlmostEquals(sum(({ ms }) => ms), profile.sumMs, 1e-9);
    assertAlmostEquals(sum(({ share }) => share), 1, 1e-9);
    assertEquals(sum(({ multiplyAdds }) => multiplyAdds), network.plan.multiplyAdds);
    assertAlmostEquals(profile.kernels.reduce((total, { ms }) => total + ms, 0), profile.sumMs, 1e-9);
    for (const { ms, copyMs, leastMs, kernel } of profile.dispatches) {
      assertGreater(ms, 0, kernel);
      assert(copyMs >= 0 && copyMs <= ms && leastMs > 0, `${kernel}: ${copyMs} of ${ms}, least ${leastMs}`);
    }
    assertGreater(profile.planMs, 0);
    assertGreater(profile.frameMs, 0);
    const slowest = profile.dispatches.toSorted((a, b) => b.leastMs - a.leastMs)[0]!;
    assertEquals([slowest.node, slowest.kind], ["heavy", "convolution"]);
    assertEquals(progress.at(-1), 1);
    assertEquals(await network.run({ x }), before);
  });
}

Deno.test("profileNetwork() tells shapes, kinds and bytes as one does by hand", async () => {
  using device = await Device.request({ pool: false });
  using session = new Session(device, mixed());
  using network = await session.prepare();
  const { dispatches } = await profileNetwork(session, network, { budgetMs: 1 });
  const first = (op: string): ProfiledDispatch[] =>
    dispatches.filter(({ operators, multiplyAdds }) => operators[0] === op && multiplyAdds > 0);
  assertEquals(first("Conv").map(({ shape, kind }) => [shape, kind]), [
    ["3x3/2 4>32 at 16x16", "convolution"],
    ["5x5 32>96 at 16x16", "convolution"],
    ["3x3 depthwise 96 at 16x16", "depthwise"],
  ]);
  assertEquals(first("Conv")[1]!.operators, ["Conv", "Relu"]);
  const [product] = first("Gemm");
  assertEquals([product!.shape, product!.kind], ["1 x 96 x 16", "product"]);
  // Input and output of the depthwise convolution, nine weights and a bias a channel; textures are whole rows.
  const [, , depthwise] = first("Conv");
  const least = 4 * (2 * 96 * 256 + 96 * 9);
  assert(
    depthwise!.bytes >= least && depthwise!.bytes <= least + 4 * 96 + 2 * 16384,
    `${depthwise!.bytes} bytes, not ${least}`,
  );
  const pool = dispatches.find(({ operators }) => operators[0] === "GlobalAveragePool")!;
  assertEquals([pool.shape, pool.kind], ["1x96x16x16 > 1x96x1x1", "data movement"]);
});

Deno.test("profileNetwork() tells of inputs that the network does not have, and of a clock that is missing", async () => {
  using device = await Device.request({ pool: false });
  using session = new Session(device, mixed());
  using network = await session.prepare();
  await assertRejects(
    () => profileNetwork(session, network, { inputs: { z: hostTensor("f32", [1], [0]) } }),
    GraphError,
    'there is no input "z"; it takes "x"',
  );
  await assertRejects(
    () => profileNetwork(session, network, { method: "processor" }),
    GraphError,
    "give processorMs",
  );
});

Deno.test("a dispatch that computes part of a convolution has the shapes of what it reads and writes", () => {
  const view = (storage: number, shape: number[]): View => ({
    storage,
    dtype: "f32",
    shape,
    strides: shape.map((_, axis) => shape.slice(axis + 1).reduce((product, extent) => product * extent, 1)),
    offset: 0,
    padded: false,
  });
  const step = (multiplyAdds: number): PlanStep => ({
    kernel: { name: "conv/direct", wgsl: "" },
    bindings: { x: view(0, [1, 8, 6, 6]), y: view(1, [1, 16, 6, 6]) },
    uniforms: {},
    workgroups: [1, 1, 1],
    multiplyAdds,
    label: "conv",
    node: {
      name: "conv",
      op: "Conv",
      domain: "",
      inputs: [],
      outputs: [],
      attributes: new Map([["kernel_shape", { type: "ints", value: [3, 3] }]]),
    },
    disjoint: [],
  });
  const whole = step(16 * 36 * 8 * 9), part = step(16 * 36 * 4 * 9);
  assertEquals([shapeOf(whole, ["y"]), kindOf(whole)], ["3x3 8>16 at 6x6", "convolution"]);
  assertEquals([shapeOf(part, ["y"]), kindOf(part)], ["1x8x6x6 > 1x16x6x6", "convolution"]);
  assertEquals(bytesMoved(whole, () => 0), 4 * 36 * 24);
});

Deno.test("changesWhatItReads() knows kernels that may not be repeated in place", () => {
  const judge = (body: string): boolean => {
    const wgsl = `
      // y[0] += 1.0;
      @group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
      @group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
      @compute @workgroup_size(1) fn main() { ${body} }`;
    const source: KernelSource = { name: "test", wgsl };
    const bindings = [
      { name: "x", index: 0, kind: "storage", written: false },
      { name: "y", index: 1, kind: "storage", written: true },
    ];
    return changesWhatItReads({ kernel: source } as PlanStep, { kernel: { bindings } as unknown as Kernel });
  };
  for (
    const harmless of [
      "y[0] = x[0];",
      "y[u32(x[1].x)] = x[0] == x[1];",
      "y[i[j]].x = 1.0;",
      "if (i < arrayLength(&y)) { y[i] = x[i]; }",
      "let a = p.y + q.y; y[0] = a;",
    ]
  ) assertEquals(judge(harmless), false, harmless);
  for (
    const harmful of [
      "y[0] += x[0];",
      "y[0] = y[1];",
      "y[0].x *= 2.0;",
      "let a = y[0];",
      "y[0]++;",
      "atomicAdd(&y[0], 1u);",
      "let p = &y;",
      "if (y[0] == x[0]) { y[1] = x[1]; }",
    ]
  ) assertEquals(judge(harmful), true, harmful);
});

Deno.test("median() is the middle, or between the two in the middle", () => {
  assertEquals([[3, 1, 2], [4, 1, 3, 2], [7], []].map(median), [2, 2.5, 7, 0]);
});

/** A profile of dispatches with given times. */
function profileOf(parts: readonly Partial<ProfiledDispatch>[]): Profile {
  const sumMs = parts.reduce((sum, { ms = 1 }) => sum + ms, 0);
  const dispatches = parts.map((part, index): ProfiledDispatch => ({
    index,
    node: `node ${index}`,
    operators: ["Conv"],
    kernel: "conv/direct",
    kind: "convolution",
    shape: "3x3 8>8 at 8x8",
    workgroups: [1, 1, 1],
    ms: 1,
    copyMs: 0,
    multiplyAdds: 0,
    bytes: 100,
    copiedBytes: 0,
    ...part,
    share: (part.ms ?? 1) / sumMs,
    leastMs: part.ms ?? 1,
  }));
  return {
    method: "timestamps",
    rounds: 3,
    dispatches,
    kernels: [],
    sumMs,
    leastMs: sumMs,
    copyMs: 0,
    planMs: sumMs,
    planLeastMs: sumMs,
    frameMs: sumMs,
    multiplyAdds: 0,
  };
}

Deno.test("slowForTheirKind() compares rates within a kind, where the time matters", () => {
  const profile = profileOf([
    { ms: 10, multiplyAdds: 1000, kind: "1x1" }, // the best of its kind
    { ms: 10, multiplyAdds: 200, kind: "1x1" }, // a fifth of it
    { ms: 10, multiplyAdds: 500, kind: "1x1" }, // half of it
    { ms: 10, multiplyAdds: 10, kind: "depthwise" }, // alone
    { ms: 1, multiplyAdds: 1, kind: "1x1" }, // slow, but hardly any time
    { ms: 10, bytes: 1000, kind: "data movement" },
    { ms: 10, bytes: 100, kind: "data movement" }, // a tenth
  ]);
  const slow = slowForTheirKind(profile);
  assertEquals(slow.map(({ dispatch, best }) => [dispatch.index, best.index]), [[1, 0], [6, 5]]);
  assertAlmostEquals(slow[0]!.ratio, 0.2, 1e-12);
  assertEquals(slowForTheirKind(profile, { share: 0.001 }).length, 3);
});

Deno.test("chromeTrace() lays the dispatches end to end, copies before their kernels, nodes over their dispatches", () => {
  const profile = profileOf([
    { ms: 2, node: "a" },
    { ms: 3, node: "b", copyMs: 0.5, kernel: "conv/gemm" },
    { ms: 1.5, node: "b" },
  ]);
  const trace = chromeTrace(profile, "net.onnx", { adapter: "some" });
  const lasting = (tid: number) =>
    trace.traceEvents.filter((event) => event.ph === "X" && event.tid === tid).map((
      { ts, dur, name },
    ) => [ts, dur, name]);
  assertEquals(lasting(1), [
    [0, 2000, "conv/direct 3x3 8>8 at 8x8"],
    [2500, 2500, "conv/gemm 3x3 8>8 at 8x8"],
    [5000, 1500, "conv/direct 3x3 8>8 at 8x8"],
  ]);
  assertEquals(lasting(2), [[2000, 500, "copy for conv/gemm"]]);
  assertEquals(lasting(3), [[0, 2000, "a"], [2000, 4500, "b"]]);
  assertEquals(trace.otherData, { adapter: "some", method: "timestamps" });
  assertEquals(JSON.parse(JSON.stringify(trace)), trace);
});
