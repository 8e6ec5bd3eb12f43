import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { Session } from "../../src/graph/session.ts";
import { type HostTensor, hostTensor, toNumbers } from "../../src/tensor/host_tensor.ts";
import { type Case, caseModel, OpTester, randn } from "../ops/harness.ts";
import { randomBytes, scalar, scales } from "../ops/quantize_support.ts";
import { assertClose } from "../support/compare.ts";
import { node, type NodeSpec } from "../support/onnx_builder.ts";
import { runOrt } from "../support/ort.ts";
import { Random } from "../support/random.ts";

/** A scale and zero point of unsigned bytes. */
type Scheme = readonly [scale: number, zero: number];

/** Writes networks as quantisers do: every value is quantised and dequantised before it is read. */
class Builder {
  readonly nodes: NodeSpec[] = [];
  readonly initializers: Record<string, HostTensor> = {};
  readonly inputs: Record<string, HostTensor> = {};
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  input(name: string, ...shape: number[]): string {
    this.inputs[name] = randn(this.#random, shape);
    return name;
  }

  constant(name: string, tensor: HostTensor): string {
    this.initializers[name] = tensor;
    return name;
  }

  quantised(value: string, [scale, zero]: Scheme): string {
    const by = [
      this.constant(`${value} scale`, scalar("f32", scale)),
      this.constant(`${value} zero`, scalar("u8", zero)),
    ];
    this.nodes.push(
      node("QuantizeLinear", [value, ...by], [`${value} q`], {}, { name: `${value} quantise` }),
      node("DequantizeLinear", [`${value} q`, ...by], [`${value} dq`], {}, { name: `${value} dequantise` }),
    );
    return `${value} dq`;
  }

  /** Weights of 7 bits, with a scale for each element along `axis`: see quantize_conv_test.ts. */
  weights(name: string, shape: readonly number[], axis = 0): string {
    const channels = shape[axis]!;
    const inputs = [
      this.constant(`${name} q`, randomBytes(this.#random, "i8", shape, 7)),
      this.constant(`${name} scale`, scales(this.#random, 0.01, channels)),
      this.constant(`${name} zero`, hostTensor("i8", [channels], new Array(channels).fill(0))),
    ];
    this.nodes.push(node("DequantizeLinear", inputs, [name], { axis }, { name }));
    return name;
  }

  /** A bias in steps of the products. */
  bias(name: string, weights: string, inputScale: number): string {
    const steps = this.initializers[`${weights} scale`]!;
    const channels = steps.data.length;
    const whole = Array.from({ length: channels }, () => this.#random.int(-500, 500));
    const inputs = [
      this.constant(`${name} q`, hostTensor("i32", [channels], whole)),
      this.constant(
        `${name} scale`,
        hostTensor("f32", [channels], toNumbers(steps).map((step) => step * inputScale)),
      ),
      this.constant(`${name} zero`, hostTensor("i32", [channels], new Array(channels).fill(0))),
    ];
    this.nodes.push(node("DequantizeLinear", inputs, [name], { axis: 0 }, { name }));
    return name;
  }

  op(op: string, inputs: readonly string[], output: string, attributes = {}): string {
    this.nodes.push(node(op, inputs, [output], attributes, { name: output }));
    return output;
  }

  build(output: string, opset = 13): Case {
    const { nodes, initializers, inputs } = this;
    return { name: output, nodes, initializers, inputs, outputs: [output], opset };
  }
}

/** Runs a network here and, optimised or not, in ONNX Runtime; gives the kernels that were used. */
async function check(
  one: Case,
  kernels: readonly string[],
  { step = 0, level = "all" as "all" | "disabled" } = {},
): Promise<void> {
  using tester = await OpTester.create();
  const { outputs, plan } = await tester.runCase(one);
  const expected = await runOrt(caseModel(one), one.inputs, { graphOptimizationLevel: level });
  const name = one.outputs[0]!;
  const [got, want] = [outputs[name]!, expected[name]!];
  assertEquals(got.shape, want.shape);
  let different = 0;
  want.data.forEach((value, i) => {
    const difference = Math.abs(Number(value) - Number(got.data[i]));
    if (difference > 0) different++;
    assertLessOrEqual(difference, step * 1.001, `element ${i} is ${got.data[i]} and not ${value}`);
  });
  assert(different <= Math.max(1, want.data.length / 100), `${different} of ${want.data.length} differ`);
  // Into ONNX's order and back.
  const names = plan.steps.map((one) => one.kernel.name).filter((name) => !name.startsWith("copy/"));
  assertEquals(names, kernels);
}

Deno.test("a quantised residual network is one of bytes from its first QuantizeLinear to its last DequantizeLinear", async () => {
  const b = new Builder(1);
  const x = b.quantised(b.input("x", 1, 3, 16, 20), [0.03, 120]);
  const w0 = b.weights("w0", [8, 3, 3, 3]);
  b.op("Conv", [x, w0, b.bias("b0", w0, 0.03)], "conv0", { pads: [1, 1, 1, 1] });
  const first = b.quantised(b.op("Relu", ["conv0"], "relu0"), [0.02, 0]);
  b.op("Conv", [first, b.weights("w1", [8, 1, 3, 3])], "conv1", { pads: [1, 1, 1, 1], group: 8 });
  b.constant("six", scalar("f32", 1.5));
  b.constant("none", scalar("f32", 0));
  const second = b.quantised(b.op("Clip", ["conv1", "none", "six"], "clip1"), [0.01, 5]);
  const third = b.quantised(b.op("Conv", [second, b.weights("w2", [8, 8, 1, 1])], "conv2"), [0.02, 128]);
  const sum = b.quantised(b.op("Relu", [b.op("Add", [first, third], "sum")], "relu1"), [0.03, 10]);
  const pooled = b.quantised(
    b.op("MaxPool", [sum], "pooled", { kernel_shape: [2, 2], strides: [2, 2] }),
    [0.03, 10],
  );
  const gate = b.quantised(b.op("Sigmoid", [pooled], "gate"), [1 / 256, 0]);
  const gated = b.quantised(b.op("Mul", [pooled, gate], "gated"), [0.03, 8]);
  const joined = b.quantised(b.op("Concat", [pooled, gated], "joined", { axis: 1 }), [0.03, 10]);
  const mean = b.quantised(b.op("GlobalAveragePool", [joined], "mean"), [0.01, 3]);
  const flat = b.quantised(b.op("Flatten", [mean], "flat"), [0.01, 3]);
  const wf = b.weights("wf", [10, 16], 0);
  const y = b.quantised(b.op("Gemm", [flat, wf, b.bias("bf", wf, 0.01)], "logits", { transB: 1 }), [
    0.02,
    128,
  ]);
  await check(b.build(y), [
    "quantize/quantize",
    "quantize/pack",
    "quantize/conv_packed",
    "quantize/conv_depthwise",
    "quantize/conv_packed",
    "quantize/pair",
    "pool/tiled",
    "quantize/table",
    "quantize/pair",
    "quantize/table",
    "quantize/mean",
    "quantize/pack",
    "quantize/conv_packed",
    "quantize/dequantize",
  ], { step: 0.02 });
});

Deno.test("a bias of floats is rounded to steps of the products", async () => {
  const b = new Builder(2);
  const x = b.quantised(b.input("x", 2, 5, 9, 7), [0.03, 120]);
  b.constant("bias", randn(new Random(3), [6]));
  const y = b.quantised(b.op("Conv", [x, b.weights("w", [6, 5, 3, 3]), "bias"], "conv"), [0.05, 128]);
  await check(
    b.build(y),
    ["quantize/quantize", "quantize/pack", "quantize/conv_packed", "quantize/dequantize"],
    { step: 0.05, level: "disabled" },
  );
});

Deno.test("matrix products of bytes: by a constant with a scale for each column, and of two computed values", async () => {
  const b = new Builder(4);
  const x = b.quantised(b.input("x", 2, 6, 9), [0.03, 120]);
  const projected = b.quantised(b.op("MatMul", [x, b.weights("w", [9, 5], 1)], "projected"), [0.02, 128]);
  const turned = b.quantised(b.op("Transpose", [projected], "turned", { perm: [0, 2, 1] }), [0.02, 128]);
  const y = b.quantised(b.op("MatMul", [projected, turned], "product"), [0.05, 128]);
  await check(b.build(y), [
    "quantize/quantize",
    "quantize/pack",
    "quantize/conv_packed",
    "quantize/matmul_strided",
    "quantize/dequantize",
  ], { step: 0.05 });
});

Deno.test("quantising again in the same way is nothing; in another way, with functions on the way, one table", async () => {
  const b = new Builder(5);
  const x = b.quantised(b.quantised(b.quantised(b.input("x", 1, 5, 6, 7), [0.03, 120]), [0.03, 120]), [
    0.03,
    120,
  ]);
  b.constant("half", scalar("f32", 0.5));
  const leaky = b.op("LeakyRelu", [b.op("Transpose", [x], "turned", { perm: [0, 1, 3, 2] })], "leaky", {
    alpha: 0.2,
  });
  const y = b.quantised(
    b.op("MaxPool", [b.op("Mul", ["half", leaky], "scaled")], "pooled", { kernel_shape: [2, 2] }),
    [0.02, 30],
  );
  await check(b.build(y), ["quantize/quantize", "quantize/table", "pool/tiled", "quantize/dequantize"], {
    level: "disabled",
  });
});

Deno.test("a mean without its dimensions, and one over other dimensions than all pixels", async () => {
  const b = new Builder(6);
  const x = b.quantised(b.input("x", 2, 5, 6, 7), [0.03, 120]);
  const mean = b.quantised(b.op("ReduceMean", [x], "mean", { axes: [-1, 2], keepdims: 0 }), [0.01, 128]);
  await check(b.build(mean), ["quantize/quantize", "quantize/mean", "quantize/dequantize"], {
    step: 0.01,
    level: "disabled",
  });
  const other = new Builder(7);
  const z = other.quantised(other.input("x", 2, 5, 6, 7), [0.03, 120]);
  const rows = other.quantised(other.op("ReduceMean", [z], "rows", { axes: [1, 2], keepdims: 1 }), [
    0.01,
    128,
  ]);
  await check(
    other.build(rows),
    [
      "quantize/quantize",
      "quantize/dequantize",
      "reduce/strided",
      "quantize/quantize",
      "quantize/dequantize",
    ],
    { step: 0.01, level: "disabled" },
  );
});

Deno.test("a mean over a window", async () => {
  const b = new Builder(11);
  const x = b.quantised(b.input("x", 1, 5, 9, 7), [0.03125, 120]);
  const window = { kernel_shape: [2, 2], strides: [2, 1], pads: [0, 0, 1, 1] };
  const y = b.quantised(b.op("AveragePool", [x], "mean", window), [0.0625, 101]);
  await check(b.build(y), ["quantize/quantize", "quantize/average", "quantize/dequantize"]);
});

Deno.test("a convolution whose floats are read, too, stays one of floats; so does one of quantised weights alone", async () => {
  const b = new Builder(8);
  const x = b.quantised(b.input("x", 1, 4, 6, 7), [0.03, 120]);
  const conv = b.op("Conv", [x, b.weights("w", [4, 4, 1, 1])], "conv");
  const y = b.op("Add", [b.quantised(conv, [0.02, 128]), conv], "sum");
  using tester = await OpTester.create();
  const both = b.build(y);
  const weightsOnly = new Builder(9);
  const input = weightsOnly.input("x", 1, 4, 6, 7);
  const alone = weightsOnly.build(
    weightsOnly.op("Conv", [input, weightsOnly.weights("w", [4, 4, 3, 3])], "conv"),
  );
  for (const one of [both, alone]) {
    const { outputs, plan } = await tester.runCase(one);
    const expected = await runOrt(caseModel(one), one.inputs, { graphOptimizationLevel: "disabled" });
    assertClose(outputs[one.outputs[0]!]!, expected[one.outputs[0]!]!, { relative: 1e-5 });
    const names = plan.steps.map(({ kernel }) => kernel.name);
    assert(names.some((name) => name.startsWith("conv/")), `a convolution of floats is among ${names}`);
    assertEquals(names.filter((name) => /^quantize\/(conv|pack)/.test(name)), []);
  }
});

/** A chain of convolutions, dense and depthwise, of odd channels. */
function chain(seed: number): Case {
  const b = new Builder(seed);
  let value = b.quantised(b.input("x", 2, 3, 12, 10), [0.03, 120]);
  const layers = [
    [[6, 3, 3, 3], { pads: [1, 1, 1, 1], strides: [2, 1] }],
    [[6, 1, 3, 3], { pads: [1, 1, 1, 1], group: 6 }],
    [[13, 6, 1, 1], {}],
    [[13, 1, 5, 5], { pads: [2, 2, 2, 2], group: 13 }],
    [[8, 13, 3, 3], { pads: [0, 1, 2, 1] }],
    [[8, 4, 1, 1], { group: 2 }],
    [[9, 8, 1, 1], {}],
  ] as const;
  layers.forEach(([shape, attributes], i) => {
    const conv = b.op("Conv", [value, b.weights(`w${i}`, shape)], `conv${i}`, attributes);
    value = b.quantised(conv, [0.04, 100 + i]);
  });
  return b.build(value);
}

Deno.test("convolutions hand over bytes packed, with and without packed dot products, and to a session's inner outputs not", async () => {
  using tester = await OpTester.create();
  const one = chain(10);
  const model = caseModel(one);
  const expected = toNumbers((await runOrt(model, one.inputs))[one.outputs[0]!]!);
  for (const target of [{ dot4: true }, { dot4: false }, { plain: true }]) {
    const { outputs, plan } = await tester.run(model, one.inputs, { ...tester.device.target, ...target });
    assertEquals(toNumbers(outputs[one.outputs[0]!]!), expected, JSON.stringify(target));
    const packs = plan.steps.filter(({ kernel }) => kernel.name === "quantize/pack").length;
    assertEquals(packs, target.plain ? 0 : 1, JSON.stringify(target));
  }
  using session = await Session.load(tester.device, model, { outputs: ["conv2 q"] });
  const inner = await session.run(one.inputs);
  assertEquals(toNumbers(inner[one.outputs[0]!]!), expected);
  const reference = await runOrt(caseModel({ ...one, outputs: ["conv2 q"] }), one.inputs);
  assertEquals(toNumbers(inner["conv2 q"]!), toNumbers(reference["conv2 q"]!));
});
