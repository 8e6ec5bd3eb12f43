import { assertEquals, assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { Random } from "../support/random.ts";
import { type Case, opCase, OpTester } from "./harness.ts";
import { checkEqual, constant, randomBytes, scalar, scales } from "./quantize_support.ts";

type Attributes = NonNullable<Parameters<typeof opCase>[2]>;

/** Input, weights, attributes: odd channels, strides, dilations, asymmetric padding, groups, 1-D. */
const SHAPES: readonly (readonly [readonly number[], readonly number[], Attributes])[] = [
  [[1, 3, 9, 11], [8, 3, 3, 3], { pads: [1, 1, 1, 1] }],
  [[2, 5, 7, 6], [9, 5, 1, 1], {}],
  [[1, 17, 12, 12], [33, 17, 3, 3], { pads: [0, 1, 2, 1], strides: [2, 2] }],
  [[1, 8, 10, 10], [8, 1, 3, 3], { pads: [1, 1, 1, 1], group: 8 }],
  [[2, 6, 10, 10], [6, 1, 5, 3], { pads: [1, 2, 1, 1], group: 6, strides: [1, 2] }],
  [[1, 8, 10, 10], [16, 4, 3, 3], { pads: [1, 1, 1, 1], group: 2, dilations: [2, 2] }],
  [[1, 6, 8, 8], [9, 2, 3, 3], { pads: [1, 1, 1, 1], group: 3 }],
  [[1, 6, 20], [5, 6, 3], { pads: [1, 1] }],
  [[1, 4, 8, 8], [4, 4, 2, 2], { auto_pad: "SAME_UPPER" }],
];

/** Bytes of the output's type that lie well within its range. */
const ZERO = { u8: 117, i8: -7 };

/**
 * Cases of both operators. Signed weights against unsigned inputs are of 7 bits: ONNX Runtime's kernels for older
 * processors add pairs of such products in 16 bits, and would cut them off.
 */
function cases(random: Random): Case[] {
  const made: Case[] = [];
  for (const [xType, wType] of [["u8", "u8"], ["u8", "i8"], ["i8", "i8"]] as const) {
    for (const [shape, weights, attributes] of SHAPES) {
      const outC = weights[0]!;
      const w = constant(randomBytes(random, wType, weights, wType === "i8" ? 7 : 8));
      const perChannel = wType === "i8";
      const wScale = constant(perChannel ? scales(random, 0.02, outC) : scalar("f32", 0.02));
      const wZero = perChannel
        ? constant(hostTensor(wType, [outC], new Array(outC).fill(0)))
        : constant(scalar(wType, 121));
      const bias = constant(
        hostTensor("i32", [outC], Array.from({ length: outC }, () => random.int(-2000, 2000))),
      );
      const linear = [
        randomBytes(random, xType, shape),
        constant(scalar("f32", 0.031)),
        constant(scalar(xType, ZERO[xType])),
        w,
        wScale,
        wZero,
        constant(scalar("f32", 0.3)),
        constant(scalar(xType, ZERO[xType] + 9)),
      ];
      made.push(
        opCase("QLinearConv", [...linear, bias], attributes),
        opCase("QLinearConv", linear, attributes),
      );
      if (xType === "i8") continue;
      const x = randomBytes(random, xType, shape);
      const zeros = [scalar(xType, 133), constant(scalar(wType, wType === "u8" ? 120 : 0))];
      made.push(
        opCase("ConvInteger", [x, w, ...zeros], attributes),
        opCase("ConvInteger", [x, w], attributes),
      );
    }
  }
  return made;
}

Deno.test("QLinearConv and ConvInteger equal ONNX Runtime, by packed dot products", async () => {
  using tester = await OpTester.create();
  await checkEqual(tester, cases(new Random(1)), { ...tester.device.target, dot4: true });
});

Deno.test("QLinearConv and ConvInteger equal ONNX Runtime where there is no packed dot product", async () => {
  using tester = await OpTester.create();
  await checkEqual(tester, cases(new Random(2)), { ...tester.device.target, dot4: false });
});

Deno.test("QLinearConv and ConvInteger equal ONNX Runtime by the general kernel", async () => {
  using tester = await OpTester.create();
  await checkEqual(tester, cases(new Random(3)), { ...tester.device.target, plain: true });
});

/** The sums of a 1x1 convolution in plain loops. */
function sums(x: HostTensor, w: HostTensor): number[] {
  const [, inC, h, width] = x.shape as [number, number, number, number];
  const outC = w.shape[0]!;
  return Array.from({ length: outC * h * width }, (_, i) => {
    const [co, pixel] = [Math.floor(i / (h * width)), i % (h * width)];
    let sum = 0;
    for (let ci = 0; ci < inC; ci++) {
      sum += (Number(x.data[ci * h * width + pixel]) - 3) * Number(w.data[co * inC + ci]);
    }
    return sum;
  });
}

Deno.test("unsigned inputs against signed weights of 8 bits are summed without loss", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  const [x, w] = [randomBytes(random, "u8", [1, 40, 5, 6]), randomBytes(random, "i8", [7, 40, 1, 1])];
  const one = opCase("ConvInteger", [x, constant(w), scalar("u8", 3)]);
  const expected = () => ({ y0: hostTensor("i32", [1, 7, 5, 6], sums(x, w)) });
  for (const plain of [false, true]) {
    await checkEqual(tester, [{ ...one, expected }], { ...tester.device.target, plain });
  }
});

Deno.test("a QLinearConv is one packing dispatch and one of the convolution", async () => {
  using tester = await OpTester.create();
  const { plan } = await tester.runCase(cases(new Random(5))[0]!);
  assertEquals(
    plan.steps.map(({ kernel }) => kernel.name).filter((name) => name.startsWith("quantize/")),
    ["quantize/pack", "quantize/conv_packed"],
  );
});

Deno.test("what does not fit is refused with its numbers", async () => {
  using tester = await OpTester.create();
  const random = new Random(6);
  const x = randomBytes(random, "u8", [1, 4, 5, 5]);
  const w = constant(randomBytes(random, "u8", [3, 5, 1, 1]));
  await assertRejects(() => tester.runCase(opCase("ConvInteger", [x, w])), GraphError, "4 input channels");
  const wide = constant(hostTensor("i32", [3, 4, 1, 1], new Array(12).fill(1)));
  await assertRejects(() => tester.runCase(opCase("ConvInteger", [x, wide])), GraphError, "input 1 is i32");
});

Deno.test("convolutions of bytes whose sums are longer than a kernel's loops may be are refused", async () => {
  using tester = await OpTester.create();
  const x = hostTensor("u8", [1, 64, 64, 64], new Uint8Array(64 ** 3));
  const w = hostTensor("i8", [1, 64, 64, 64], new Int8Array(64 ** 3));
  await assertRejects(
    () => tester.runCase(opCase("ConvInteger", [x, constant(w)])),
    GraphError,
    "sums over 64 channels of 64 x 64 pixels in 69696 steps; up to 60000 are supported",
  );
});
