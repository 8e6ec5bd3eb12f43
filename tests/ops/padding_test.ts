import { assertEquals, assertGreater } from "@std/assert";
import type { BufferRange } from "../../src/gpu/mod.ts";
import { writeInput } from "../../src/graph/prepared.ts";
import { planGraph, Session } from "../../src/graph/session.ts";
import { canBeImage, type View } from "../../src/tensor/view.ts";
import { node } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";
import { type Case, caseModel, i64, OpTester, randn } from "./harness.ts";
import { allOperatorCases } from "./operator_cases.ts";

/** Offsets of the elements behind the last channel, up to the next multiple of 4. */
function paddingOffsets(view: View): number[] {
  if (!view.padded || !canBeImage(view.shape)) return [];
  const channels = view.shape[1]!;
  const lanes = Array.from({ length: (4 - channels % 4) % 4 }, (_, i) => channels + i);
  let offsets = lanes.map((lane) => view.offset + lane);
  view.shape.forEach((extent, axis) => {
    if (axis === 1) return;
    offsets = offsets.flatMap((offset) =>
      Array.from({ length: extent }, (_, i) => offset + i * view.strides[axis]!)
    );
  });
  return offsets;
}

/**
 * Runs a plan step by step over memory that holds sevens, and counts padding lanes seen: of all that a step reads,
 * before it, and of what it writes, after it. Each must be zero.
 */
async function checkPadding(tester: OpTester, one: Case): Promise<number> {
  const { device } = tester;
  using session = await Session.load(device, caseModel(one));
  const shapes = Object.fromEntries(Object.entries(one.inputs).map(([name, { shape }]) => [name, shape]));
  const plan = planGraph(session.graph, shapes, device.target);
  using stream = device.stream();
  using arena = stream.allocate(Math.max(plan.arenaBytes, 16), "arena");
  const sevens = new Float32Array(Math.max(plan.arenaBytes, 16) / 4).fill(7);
  device.gpu.queue.writeBuffer(arena.buffer, arena.offset, sevens);
  using bound = await session.bind(plan, arena);
  for (const value of plan.inputs) {
    writeInput(device, bound.inputs[value.name]!, value, one.inputs[value.name]!);
  }
  let lanes = 0;
  const check = async (step: number, when: string, binding: string): Promise<void> => {
    const target = plan.steps[step]!.bindings[binding]!;
    if (!("storage" in target)) return;
    const storage = plan.storages[target.storage]!;
    const offsets = paddingOffsets(target);
    if (offsets.length === 0 || storage.offset === undefined) return;
    const range: BufferRange = {
      buffer: arena.buffer,
      offset: arena.offset + storage.offset,
      bytes: storage.bytes,
    };
    const memory = new Float32Array(await device.read(range));
    const kernel = plan.steps[step]!.kernel.name;
    for (const offset of offsets) {
      assertEquals(
        memory[offset],
        0,
        `${one.name}: ${binding} ${when} step ${step} (${kernel}), lane at ${offset}`,
      );
    }
    lanes += offsets.length;
  };
  for (const [i, step] of plan.steps.entries()) {
    for (const binding of Object.keys(step.bindings)) if (binding !== "y") await check(i, "before", binding);
    stream.run(bound.dispatches[i]!);
    stream.submit();
    await check(i, "after", "y");
  }
  return lanes;
}

Deno.test("every kernel writes the padding behind the channels of an image as zero", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const seen = new Set<string>();
  let lanes = 0;
  for (const { one, image } of allOperatorCases(random)) {
    if (!image) continue;
    const count = await checkPadding(tester, one);
    if (count > 0) seen.add(one.nodes[0]!.op);
    lanes += count;
  }
  const missing = ["Conv", "MaxPool", "Resize", "Relu", "Softmax", "GlobalAveragePool", "Concat"]
    .filter((op) => !seen.has(op));
  assertEquals(missing, []);
  assertGreater(lanes, 100);
});

Deno.test("padding stays zero through concatenation, sigmoid of it, and a copy into an image", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const one: Case = {
    name: "concatenation of odd channels",
    opset: 13,
    nodes: [
      node("Conv", ["x", "w0"], ["a"], {}, { name: "conv0" }),
      node("Conv", ["x", "w1"], ["b"], {}, { name: "conv1" }),
      node("Concat", ["a", "b"], ["c"], { axis: 1 }, { name: "concat" }),
      node("Sigmoid", ["c"], ["s"], {}, { name: "sigmoid" }),
      node("Transpose", ["s"], ["t"], { perm: [0, 3, 1, 2] }, { name: "transpose" }),
      node("Conv", ["t", "w2"], ["d"], {}, { name: "conv2" }),
      node("Exp", ["d"], ["e"], {}, { name: "exp" }),
      node("Slice", ["e", "from", "to", "axis"], ["p"], {}, { name: "slice" }),
      node("Exp", ["p"], ["y"], {}, { name: "exp2" }),
    ],
    inputs: { x: randn(random, [2, 5, 6, 7]) },
    initializers: {
      w0: randn(random, [3, 5, 1, 1]),
      w1: randn(random, [3, 5, 1, 1]),
      w2: randn(random, [5, 7, 1, 1], 0.1),
      from: i64(1).constant,
      to: i64(4).constant,
      axis: i64(1).constant,
    },
    outputs: ["y"],
  };
  await tester.check([one]);
  assertGreater(await checkPadding(tester, one), 100);
});

Deno.test("padding stays zero through a depthwise and a 1x1 convolution in one dispatch, and in two", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  for (const [channels, out] of [[6, 5], [3, 18], [9, 66]] as const) {
    const one: Case = {
      name: `depthwise ${channels} and 1x1 to ${out}, sigmoids behind both`,
      opset: 13,
      nodes: [
        node("Conv", ["x", "w0"], ["a"], { group: channels, pads: [1, 1, 1, 1] }, { name: "depthwise" }),
        node("Sigmoid", ["a"], ["b"], {}, { name: "sigmoid" }),
        node("Conv", ["b", "w1"], ["c"], {}, { name: "pointwise" }),
        node("Sigmoid", ["c"], ["d"], {}, { name: "sigmoid1" }),
        node("MaxPool", ["d"], ["y"], { kernel_shape: [2, 2] }, { name: "pool" }),
      ],
      inputs: { x: randn(random, [2, channels, 7, 6]) },
      initializers: {
        w0: randn(random, [channels, 1, 3, 3]),
        w1: randn(random, [out, channels, 1, 1]),
      },
      outputs: ["y"],
    };
    await tester.check([one]);
    assertGreater(await checkPadding(tester, one), 100, one.name);
  }
});
