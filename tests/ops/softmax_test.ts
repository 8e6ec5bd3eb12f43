import { assert, assertEquals } from "@std/assert";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { node } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";
import { type Case, opCase, OpTester, randn } from "./harness.ts";

Deno.test("Softmax, LogSoftmax and Hardmax act along any axis, and flatten before operator set 13", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  for (const op of ["Softmax", "LogSoftmax", "Hardmax"]) {
    for (const opset of [11, 13]) {
      for (const shape of [[3, 5], [2, 5, 6, 7], [1, 8, 4, 4], [2, 3, 9], [1, 3, 1, 1]]) {
        for (let axis = -shape.length; axis < shape.length; axis++) {
          cases.push(opCase(op, [randn(random, shape, 3)], { axis }, { opset }));
        }
        cases.push(opCase(op, [randn(random, shape)], {}, { opset }));
      }
    }
  }
  await tester.check(cases);
});

Deno.test("Softmax takes rows of one element, of 100,000 and of very large numbers", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  await tester.check([
    opCase("Softmax", [randn(random, [7, 1])], { axis: 1 }),
    opCase("Softmax", [randn(random, [2, 600])], { axis: 1 }),
    opCase("Softmax", [randn(random, [1, 100_003])], { axis: 1 }, { relative: 1e-4 }),
    opCase("LogSoftmax", [randn(random, [2, 100_003])], { axis: 1 }),
    opCase("Softmax", [randn(random, [5000, 33])], { axis: 1 }),
    opCase("Softmax", [randn(random, [4, 9], 1e4)], { axis: 1 }),
    opCase("LogSoftmax", [randn(random, [4, 9], 1e4)], { axis: 1 }),
  ]);
});

Deno.test("Softmax keeps minus infinity at zero, and Hardmax takes the first of equals", async () => {
  using tester = await OpTester.create();
  const masked = hostTensor("f32", [2, 4], [1, -Infinity, 2, 3, -Infinity, 0, -Infinity, 1]);
  const equal = hostTensor("f32", [3, 4], [1, 2, 2, 0, 5, 5, 5, 5, -1, -3, -2, -1]);
  const long = hostTensor("f32", [1, 2000], new Array(2000).fill(0).with(700, 4).with(1500, 4));
  await tester.check([
    opCase("Softmax", [masked], { axis: 1 }),
    opCase("Hardmax", [equal], { axis: 1 }),
    opCase("Hardmax", [equal], { axis: 0 }),
    opCase("Hardmax", [long], { axis: -1 }),
  ]);
});

Deno.test("Softmax, LogSoftmax and Hardmax of constants are folded", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  for (const op of ["Softmax", "LogSoftmax", "Hardmax"]) {
    for (const opset of [11, 13]) {
      const one: Case = {
        name: `folded ${op}-${opset}`,
        opset,
        nodes: [
          node(op, ["c"], ["s"], { axis: 1 }, { name: "folded" }),
          node("Add", ["x", "s"], ["y"], {}, { name: "add" }),
        ],
        inputs: { x: randn(random, [2, 3, 4]) },
        initializers: { c: randn(random, [2, 3, 4]) },
        outputs: ["y"],
      };
      await tester.check([one]);
      const { plan } = await tester.runCase(one);
      assert(plan.steps.every((step) => step.node.op !== op), one.name);
    }
  }
});

Deno.test("Softmax reads rows as vectors wherever they begin", async () => {
  using tester = await OpTester.create();
  const random = new Random(5);
  const cases = [8, 9, 13, 64, 197, 1030].flatMap((length) =>
    ["Softmax", "LogSoftmax"].map((op) => opCase(op, [randn(random, [11, length], 4)], { axis: -1 }))
  );
  cases.push(opCase("Softmax", [randn(random, [5000, 10])], { axis: -1 }));
  const masked = hostTensor("f32", [3, 9], random.normals(27, 0, 1).map((one, i) => i % 2 ? -Infinity : one));
  cases.push(opCase("Softmax", [masked], { axis: -1 }));
  await tester.check(cases);
  const { plan } = await tester.runCase(cases[0]!);
  assertEquals(plan.steps.map((step) => step.kernel.name), ["softmax/rows"]);
});

/** The same numbers, 200 lower. */
function farBelow({ shape, data }: HostTensor<"f32">): HostTensor<"f32"> {
  return hostTensor("f32", shape, data.map((value) => value - 200));
}

Deno.test("Softmax over the channels of an image reads and writes them as vectors, and leaves zeros behind the last", async () => {
  using tester = await OpTester.create();
  const random = new Random(7);
  for (const shape of [[2, 13, 3, 5], [1, 10, 4, 3], [3, 16, 2, 2]]) {
    const op = shape[0] === 1 ? "LogSoftmax" : "Softmax";
    // The convolution behind it reads the padding as well: without its zeros the exponentials there would be infinite, since all
    // else lies far below.
    const one: Case = {
      name: `${op} [${shape}] and a convolution`,
      opset: 13,
      nodes: [
        node(op, ["x"], ["s"], { axis: 1 }, { name: "softmax" }),
        node("Conv", ["s", "w"], ["y"], {}, { name: "conv" }),
      ],
      inputs: { x: farBelow(randn(random, shape, 3)) },
      initializers: { w: randn(random, [6, shape[1]!, 1, 1]) },
      outputs: ["y"],
    };
    await tester.check([one]);
    const { plan } = await tester.runCase(one);
    assertEquals(plan.steps[0]!.kernel.name, "softmax/rows", one.name);
  }
});

Deno.test("Softmax writes rows whose elements lie apart, as where channels come last and go first again", async () => {
  using tester = await OpTester.create();
  const random = new Random(8);
  const one: Case = {
    name: "transposed, Softmax, transposed back, joined",
    opset: 13,
    nodes: [
      node("Transpose", ["x"], ["t"], { perm: [0, 2, 3, 1] }, { name: "last" }),
      node("Softmax", ["t"], ["s"], { axis: -1 }, { name: "softmax" }),
      node("Transpose", ["s"], ["u"], { perm: [0, 3, 1, 2] }, { name: "first" }),
      node("Concat", ["z", "u"], ["y"], { axis: 1 }, { name: "join" }),
    ],
    inputs: { x: randn(random, [1, 11, 3, 5], 3), z: randn(random, [1, 2, 3, 5]) },
    initializers: {},
    outputs: ["y"],
  };
  await tester.check([one]);
  const { plan } = await tester.runCase(one);
  assert(
    plan.steps.some(({ kernel, uniforms }) => kernel.name === "softmax/rows" && Number(uniforms.y_step) > 1),
  );
});

Deno.test("Softmax and LogSoftmax of empty tensors are empty, and tensors may have eight dimensions", async () => {
  using tester = await OpTester.create();
  const random = new Random(6);
  const empty = (...shape: number[]) => hostTensor("f32", shape, []);
  await tester.check([
    opCase("Softmax", [empty(0, 5)], { axis: -1 }),
    opCase("LogSoftmax", [empty(3, 0)], { axis: -1 }),
    opCase("Softmax", [empty(2, 0, 3)], { axis: 1 }),
    opCase("Softmax", [randn(random, [2, 1, 2, 3, 2, 1, 2, 4])], { axis: 3 }),
    opCase("Softmax", [randn(random, [2, 1, 2, 3, 2, 1, 2, 9])], { axis: -1 }),
  ]);
});
