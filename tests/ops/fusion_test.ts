import { assertEquals } from "@std/assert";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { node, type NodeSpec } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";
import { type Case, OpTester, randn } from "./harness.ts";

/** A network of named nodes on `x`, whose other inputs are constants or inputs. */
function network(
  name: string,
  nodes: readonly NodeSpec[],
  inputs: Readonly<Record<string, HostTensor>>,
  initializers: Readonly<Record<string, HostTensor>>,
  outputs: readonly string[] = ["y"],
  opset = 13,
): Case {
  return { name, nodes, inputs, initializers, outputs, opset };
}

function scalar(value: number): HostTensor {
  return hostTensor("f32", [], [value]);
}

/** Kernels of the plan without the copy that brings an output into ONNX's order. */
async function kernels(tester: OpTester, one: Case): Promise<string[]> {
  const { plan } = await tester.runCase(one);
  return plan.steps.map((step) => step.kernel.name).filter((name) => !name.startsWith("copy/"));
}

const ACTIVATIONS: [name: string, attributes: Record<string, number>][] = [
  ["Relu", {}],
  ["LeakyRelu", { alpha: 0.1 }],
  ["Sigmoid", {}],
  ["Tanh", {}],
  ["HardSigmoid", { alpha: 0.2 }],
  ["Elu", {}],
  ["Softplus", {}],
];

Deno.test("activations and residuals are fused into Conv, in both orders and of every broadcast", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  const weights = () => ({ w: randn(random, [5, 6, 1, 1]), b: randn(random, [5]) });
  const conv = (to: string) => node("Conv", ["x", "w", "b"], [to], {}, { name: "conv" });
  const x = () => ({ x: randn(random, [2, 6, 5, 4]) });
  for (const [op, attributes] of ACTIVATIONS) {
    cases.push(
      network(`Conv, ${op}`, [conv("t"), node(op, ["t"], ["y"], attributes, { name: op })], x(), weights()),
    );
  }
  for (const order of [["t", "r"], ["r", "t"]]) {
    for (const op of ["Add", "Sub", "Mul", "Div", "Max"]) {
      for (const shape of [[2, 5, 5, 4], [5, 1, 1], [1, 5, 1, 1], [2, 5, 1, 1], [2, 1, 5, 4], [4], [1]]) {
        if (random.next() < 0.5) continue;
        const count = shape.reduce((a, b) => a * b, 1);
        const residual = hostTensor("f32", shape, random.uniforms(count, 0.5, 2));
        const denominatorFirst = op === "Div" && order[0] === "r";
        cases.push(network(
          `Conv, ${op}(${order.join(", ")}) with [${shape.join(", ")}], Relu`,
          [
            conv(denominatorFirst ? "c" : "t"),
            // Away from zero, so that a quotient has a meaning.
            ...(denominatorFirst ? [node("Clip", ["c", "one", "ten"], ["t"], {}, { name: "clip" })] : []),
            node(op, order, ["s"], {}, { name: op }),
            node("Relu", ["s"], ["y"], {}, { name: "relu" }),
          ],
          { ...x(), r: residual },
          { ...weights(), one: scalar(1), ten: scalar(10) },
        ));
      }
    }
  }
  await tester.check(cases);
});

Deno.test("a block as in YOLOX is one dispatch for each convolution, or for a depthwise one and the next", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const silu = (from: string, to: string): NodeSpec[] => [
    node("Sigmoid", [from], [`${to} gate`], {}, { name: `${to} sigmoid` }),
    node("Mul", [from, `${to} gate`], [to], {}, { name: `${to} mul` }),
  ];
  const one = network(
    "CSP bottleneck",
    [
      node("Conv", ["x", "w0", "b0"], ["c0"], {}, { name: "conv0" }),
      ...silu("c0", "a0"),
      node("Conv", ["a0", "w1"], ["c1"], { group: 8, pads: [1, 1, 1, 1] }, { name: "conv1" }),
      node("BatchNormalization", ["c1", "s", "o", "m", "v"], ["n1"], {}, { name: "norm" }),
      ...silu("n1", "a1"),
      node("Conv", ["a1", "w2", "b2"], ["c2"], {}, { name: "conv2" }),
      ...silu("c2", "a2"),
      node("Add", ["a0", "a2"], ["sum"], {}, { name: "residual" }),
      node("Conv", ["x", "w3"], ["c3"], {}, { name: "conv3" }),
      ...silu("c3", "a3"),
      node("Concat", ["sum", "a3"], ["cat"], { axis: 1 }, { name: "concat" }),
      node("Conv", ["cat", "w4"], ["y"], {}, { name: "conv4" }),
    ],
    { x: randn(random, [1, 4, 6, 7]) },
    {
      w0: randn(random, [8, 4, 1, 1]),
      b0: randn(random, [8]),
      w1: randn(random, [8, 1, 3, 3]),
      s: randn(random, [8]),
      o: randn(random, [8]),
      m: randn(random, [8]),
      v: hostTensor("f32", [8], random.uniforms(8, 0.5, 2)),
      w2: randn(random, [8, 8, 1, 1]),
      b2: randn(random, [8]),
      w3: randn(random, [8, 4, 1, 1]),
      w4: randn(random, [4, 16, 1, 1]),
    },
  );
  await tester.check([one]);
  const names = await kernels(tester, one);
  const { software, subgroups } = tester.device.target;
  assertEquals(names.length, software && subgroups ? 4 : 5, names.join(", "));
  assertEquals(names.filter((name) => !name.startsWith("conv/")), []);
});

Deno.test("hard swish written out is fused", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  const one = network(
    "hard swish",
    [
      node("Conv", ["x", "w"], ["c"], {}, { name: "conv" }),
      node("HardSigmoid", ["c"], ["g"], { alpha: 1 / 6, beta: 0.5 }, { name: "gate" }),
      node("Mul", ["g", "c"], ["y"], {}, { name: "mul" }),
    ],
    { x: randn(random, [1, 3, 4, 4]) },
    { w: randn(random, [6, 3, 1, 1], 3) },
  );
  await tester.check([one]);
  assertEquals((await kernels(tester, one)).length, 1);
});

Deno.test("steps are fused behind pooling, resizing and element-wise heads", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  const heads: [NodeSpec, Record<string, HostTensor>][] = [
    [node("MaxPool", ["x"], ["t"], { kernel_shape: [2, 2], strides: [2, 2] }, { name: "pool" }), {}],
    [node("AveragePool", ["x"], ["t"], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }, { name: "pool" }), {}],
    [node("GlobalAveragePool", ["x"], ["t"], {}, { name: "pool" }), {}],
    [node("Resize", ["x", "", "scales"], ["t"], { mode: "linear" }, { name: "resize" }), {
      scales: hostTensor("f32", [4], [1, 1, 2, 2]),
    }],
    [node("Tanh", ["x"], ["t"], {}, { name: "tanh" }), {}],
  ];
  const cases = heads.map(([head, initializers]) =>
    network(
      `${head.op}, Mul, Add, Sigmoid`,
      [
        head,
        node("Mul", ["t", "factor"], ["p"], {}, { name: "mul" }),
        node("Add", ["bias", "p"], ["s"], {}, { name: "add" }),
        node("Sigmoid", ["s"], ["y"], {}, { name: "sigmoid" }),
      ],
      { x: randn(random, [2, 5, 6, 8]) },
      { ...initializers, factor: randn(random, [5, 1, 1]), bias: randn(random, [1, 5, 1, 1]) },
    )
  );
  await tester.check(cases);
  for (const one of cases) assertEquals((await kernels(tester, one)).length, 1, one.name);
});

Deno.test("what others read is not fused away, nor is an output", async () => {
  using tester = await OpTester.create();
  const random = new Random(5);
  const conv = node("Conv", ["x", "w"], ["c"], {}, { name: "conv" });
  const inputs = () => ({ x: randn(random, [1, 4, 3, 3]) });
  const weights = { w: randn(random, [5, 4, 1, 1]) };
  await tester.check([
    network(
      "the convolution is an output",
      [conv, node("Relu", ["c"], ["y"], {}, { name: "r" })],
      inputs(),
      weights,
      [
        "c",
        "y",
      ],
    ),
    network(
      "the convolution is read twice",
      [
        conv,
        node("Relu", ["c"], ["r"], {}, { name: "r" }),
        node("Sigmoid", ["c"], ["s"], {}, { name: "s" }),
        node("Add", ["r", "s"], ["y"], {}, { name: "a" }),
      ],
      inputs(),
      weights,
    ),
    network(
      "the gate of a SiLU is an output",
      [
        conv,
        node("Sigmoid", ["c"], ["g"], {}, { name: "g" }),
        node("Mul", ["c", "g"], ["y"], {}, { name: "m" }),
      ],
      inputs(),
      weights,
      ["g", "y"],
    ),
    network("squared", [conv, node("Mul", ["c", "c"], ["y"], {}, { name: "m" })], inputs(), weights),
    network(
      "broadcast to more than the convolution gives",
      [conv, node("Add", ["c", "r"], ["y"], {}, { name: "a" })],
      { ...inputs(), r: randn(random, [2, 5, 3, 3]) },
      weights,
    ),
    network(
      "two convolutions summed, each a residual of the other",
      [
        conv,
        node("Conv", ["x", "v"], ["d"], {}, { name: "conv2" }),
        node("Add", ["c", "d"], ["s"], {}, { name: "a" }),
        node("Relu", ["s"], ["y"], {}, { name: "r" }),
      ],
      inputs(),
      { ...weights, v: randn(random, [5, 4, 1, 1]) },
    ),
  ]);
});

Deno.test("more operands than a kernel binds are left to another dispatch", async () => {
  using tester = await OpTester.create();
  const random = new Random(6);
  const names = ["a", "b", "c", "d", "e", "f"];
  const one = network(
    "six residuals",
    [
      node("Conv", ["x", "w"], ["t0"], {}, { name: "conv" }),
      ...names.map((name, i) =>
        node("Add", [`t${i}`, name], [i === names.length - 1 ? "y" : `t${i + 1}`], {}, {
          name: `add ${name}`,
        })
      ),
    ],
    Object.fromEntries([
      ["x", randn(random, [1, 3, 4, 4])],
      ...names.map((name) => [name, randn(random, [1, 5, 4, 4])]),
    ]),
    { w: randn(random, [5, 3, 1, 1]) },
  );
  await tester.check([one]);
  assertEquals((await kernels(tester, one)).length, 2);
});

Deno.test("BatchNormalization is folded into Conv with and without bias, groups and depthwise too", async () => {
  using tester = await OpTester.create();
  const random = new Random(7);
  const cases = [[1, true], [1, false], [2, true], [6, false]].map(([groups, bias]) =>
    network(
      `groups ${groups}, bias ${bias}`,
      [
        node("Conv", bias ? ["x", "w", "b"] : ["x", "w"], ["c"], { group: Number(groups) }, { name: "conv" }),
        node("BatchNormalization", ["c", "s", "o", "m", "v"], ["n"], { epsilon: 1e-3 }, { name: "norm" }),
        node("Relu", ["n"], ["y"], {}, { name: "relu" }),
      ],
      { x: randn(random, [1, 6, 5, 5]) },
      {
        w: randn(random, [6, 6 / Number(groups), 3, 3]),
        b: randn(random, [6]),
        s: randn(random, [6]),
        o: randn(random, [6]),
        m: randn(random, [6]),
        v: hostTensor("f32", [6], random.uniforms(6, 0.1, 2)),
      },
    )
  );
  await tester.check(cases);
  for (const one of cases) assertEquals((await kernels(tester, one)).length, 1, one.name);
});
