import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import type { Graph } from "../../src/graph/graph.ts";
import type { Plan } from "../../src/graph/plan.ts";
import { loadGraph } from "../../src/graph/load.ts";
import { planGraph } from "../../src/graph/session.ts";
import { findUnsupported } from "../../src/graph/unsupported.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import type { View } from "../../src/tensor/view.ts";
import { node, type NodeSpec, onnxModel, tensorInfo } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";

function load(
  nodes: readonly NodeSpec[],
  initializers: Readonly<Record<string, HostTensor>> = {},
  dims: (number | string)[] = [1, 4, 8, 8],
  outputs: string[] = ["y"],
): Promise<Graph> {
  return loadGraph(onnxModel({ nodes, initializers, inputs: [tensorInfo("x", "f32", dims)], outputs }));
}

/** A random chain of convolutions with skips and joins. */
async function randomPlan(seed: number): Promise<Plan> {
  const random = new Random(seed);
  const nodes: NodeSpec[] = [];
  const initializers: Record<string, HostTensor> = {};
  const values: [name: string, channels: number][] = [["x", 4]];
  for (let i = 0; i < 12; i++) {
    const [from, channels] = random.pick(values);
    const to = `v${i}`;
    if (random.next() < 0.3) {
      const [other, more] = random.pick(values);
      nodes.push(node("Concat", [from, other], [to], { axis: 1 }, { name: to }));
      values.push([to, channels + more]);
    } else {
      const out = random.int(1, 9);
      initializers[`w${i}`] = hostTensor("f32", [out, channels, 1, 1], new Float32Array(out * channels));
      nodes.push(node("Conv", [from, `w${i}`], [to], {}, { name: to }));
      values.push([to, out]);
    }
  }
  nodes.push(node("Relu", [values.at(-1)![0]], ["y"], {}, { name: "y" }));
  return planGraph(await load(nodes, initializers));
}

Deno.test("no step of a plan writes what a later step still reads from another tensor", async () => {
  for (let seed = 0; seed < 40; seed++) {
    const plan = await randomPlan(seed);
    const rangeOf = (storage: number): [number, number] | undefined => {
      const { offset, bytes } = plan.storages[storage]!;
      return offset === undefined ? undefined : [offset, offset + bytes];
    };
    // For each storage: when it is first and last touched, as the steps themselves say.
    const touched = new Map<number, [number, number]>();
    const touch = (storage: number, step: number): void => {
      const [first, last] = touched.get(storage) ?? [step, step];
      touched.set(storage, [Math.min(first, step), Math.max(last, step)]);
    };
    for (const { view } of plan.inputs) touch(view.storage, -1);
    plan.steps.forEach((step, i) =>
      Object.values(step.bindings).forEach((one) => "storage" in one && touch((one as View).storage, i))
    );
    for (const { view } of plan.outputs) touch(view.storage, plan.steps.length);
    const alive = [...touched].filter(([storage]) => rangeOf(storage));
    for (const [i, [a, [firstA, lastA]]] of alive.entries()) {
      for (const [b, [firstB, lastB]] of alive.slice(i + 1)) {
        if (firstA > lastB || firstB > lastA) continue;
        const [[startA, endA], [startB, endB]] = [rangeOf(a)!, rangeOf(b)!];
        assert(
          endA <= startB || endB <= startA,
          `seed ${seed}: storages ${a} and ${b} share memory while alive`,
        );
      }
    }
    assert(
      [...touched.keys()].every((storage) => {
        const range = rangeOf(storage);
        return !range || range[1] <= plan.arenaBytes;
      }),
      `seed ${seed}: a storage lies outside the arena`,
    );
  }
});

Deno.test("a plan is the same every time", async () => {
  const describe = (plan: Plan): string =>
    JSON.stringify([
      plan.steps.map(({ label, uniforms }) => [label, uniforms]),
      plan.storages,
      plan.arenaBytes,
    ]);
  assertEquals(describe(await randomPlan(7)), describe(await randomPlan(7)));
});

Deno.test("a deep chain takes two tensors of memory", async () => {
  const nodes = Array.from(
    { length: 30 },
    (_, i) =>
      node("MaxPool", [i === 0 ? "x" : `v${i}`], [i === 29 ? "y" : `v${i + 1}`], {
        kernel_shape: [3, 3],
        pads: [1, 1, 1, 1],
      }, { name: `pool${i}` }),
  );
  const plan = planGraph(await load(nodes, {}, [1, 4, 32, 32]));
  assertEquals(plan.arenaBytes, 2 * 4 * 32 * 32 * 4);
});

Deno.test("multiply-adds are counted", async () => {
  const weights = { w: hostTensor("f32", [6, 4, 3, 3], new Float32Array(216)) };
  const plan = planGraph(
    await load(
      [node("Conv", ["x", "w"], ["y"], { strides: [2, 2], pads: [1, 1, 1, 1] }, { name: "c" })],
      weights,
    ),
  );
  assertEquals(plan.multiplyAdds, 4 * 4 * 6 * 4 * 9);
});

Deno.test("everything unsupported is listed at once, with operator sets and nodes", async () => {
  const graph = await loadGraph(onnxModel({
    opset: 6,
    opsets: { "com.example": 1 },
    nodes: [
      node("StringNormalizer", ["x"], ["a"], {}, { name: "first" }),
      node("StringNormalizer", ["a"], ["b"], {}, { name: "second" }),
      node("Special", ["b"], ["c"], {}, { name: "own", domain: "com.example" }),
      node("BatchNormalization", ["c", "c", "c", "c", "c"], ["d"], {}, { name: "norm" }),
      node("Relu", ["d"], ["y"], {}, { name: "relu" }),
    ],
    inputs: [tensorInfo("x", "f32", [2, 2])],
    outputs: ["y"],
  }));
  assertEquals(findUnsupported(graph).map(({ op, domain, nodes }) => [op, domain, nodes]), [
    ["StringNormalizer", "", ["first", "second"]],
    ["Special", "com.example", ["own"]],
    ["BatchNormalization", "", ["norm"]],
  ]);
  const error = assertThrows(() => planGraph(graph), GraphError);
  assertStringIncludes(error.message, "3 operators are unsupported");
  assertStringIncludes(
    error.message,
    'StringNormalizer (operator set 6): no such operator here; 2 nodes, first "first"',
  );
  assertStringIncludes(error.message, "com.example.Special");
  assertStringIncludes(error.message, "operator sets 7 to 28 are supported");
});

Deno.test("free dimensions must be given, and must agree with one another and with the file", async () => {
  const graph = await load([node("Relu", ["x"], ["y"], {}, { name: "r" })], {}, ["n", 3, "size", "size"]);
  assertThrows(() => planGraph(graph), GraphError, 'input "x" has free dimensions [n, 3, size, size]');
  const refused = (shape: number[]): void => {
    assertThrows(
      () => planGraph(graph, { x: shape }),
      GraphError,
      `input "x" takes [n, 3, size, size], but [${shape.join(", ")}] was given`,
    );
  };
  refused([1, 3, 4, 5]);
  refused([1, 4, 4, 4]);
  refused([1, 3, 4]);
  refused([1, 3, 4.5, 4.5]);
  assertEquals(planGraph(graph, { x: [2, 3, 5, 5] }).outputs[0]!.type.shape, [2, 3, 5, 5]);
});

Deno.test("an input that the network does not have is refused, with those that it has", async () => {
  const graph = await load([node("Relu", ["x"], ["y"], {}, { name: "r" })]);
  assertThrows(
    () => planGraph(graph, { image: [1, 4, 8, 8] }),
    GraphError,
    'the network has no input "image"; its inputs are "x" [1, 4, 8, 8]',
  );
});

Deno.test("an output may be an input, a constant, or the same value twice under two names", async () => {
  const graph = await load(
    [node("Identity", ["x"], ["y"], {}, { name: "i" }), node("Relu", ["x"], ["z"], {}, { name: "r" })],
    { c: hostTensor("f32", [2], [1, 2]) },
    [1, 4, 8, 8],
    ["x", "y", "z", "c"],
  );
  const plan = planGraph(graph);
  assertEquals(plan.outputs.map(({ name }) => name), ["x", "y", "z", "c"]);
});

Deno.test("an output that the operator does not give is refused by node and name", async () => {
  const nodes = [node("Relu", ["x"], ["y", "mask"], {}, { name: "relu" })];
  const graph = await load(nodes, {}, [1, 4, 8, 8], ["y", "mask"]);
  assertThrows(
    () => planGraph(graph),
    GraphError,
    'Relu (node "relu"): its output "mask" is not supported',
  );
});
