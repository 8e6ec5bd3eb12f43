/**
 * Quantised operators: ONNX's own and Microsoft's.
 *
 * @module
 */
import { elementCount, type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import type { Draw, Operand } from "./draw.ts";
import { type Generator, generator, microsoft } from "./generator.ts";
import { factorShapes } from "./matrices.ts";
import { drawChannels, drawWindow, imageFor } from "./windows.ts";

type Byte = "i8" | "u8";

const BYTES: readonly Byte[] = ["i8", "u8"];

/** A scale: a power of two, whose products are exact, or any. */
function scaleValue(d: Draw, low = 0.01, high = 0.2): number {
  return d.chance(0.4)
    ? 2 ** d.int(Math.ceil(Math.log2(low)), Math.floor(Math.log2(high)))
    : Math.fround(d.uniform(low, high));
}

function scale(d: Draw, low = 0.01, high = 0.2): Operand {
  return { constant: hostTensor("f32", [], [scaleValue(d, low, high)]) };
}

function zeroPoint(d: Draw, dtype: Byte): Operand {
  return { constant: hostTensor(dtype, [], [dtype === "u8" ? d.int(90, 160) : d.int(-30, 30)]) };
}

/** Scale and zero point for one whole tensor. */
function whole(d: Draw, dtype: Byte, low = 0.01, high = 0.2): Operand[] {
  return [scale(d, low, high), zeroPoint(d, dtype)];
}

/**
 * Floats that are quantised by scales in another form, kept off the middle between two steps, where the last bit of a
 * quotient decides.
 */
function offTies(
  d: Draw,
  shape: readonly number[],
  scaleOf: (index: number) => number,
  zeroed = 60,
): HostTensor {
  const data = new Float32Array(elementCount(shape));
  for (let i = 0; i < data.length; i++) {
    data[i] = (d.int(-zeroed, zeroed) + d.uniform(-0.48, 0.48)) * scaleOf(i);
  }
  return hostTensor("f32", shape, data);
}

/** Which element of a list along an axis belongs to each element of a tensor. */
function along(shape: readonly number[], axis: number): (index: number) => number {
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  return (index) => Math.floor(index / inner) % shape[axis]!;
}

function quantize(d: Draw): ReturnType<Generator["draw"]> {
  const dtype = d.pick(BYTES);
  const shape = d.shape(1, 4);
  const axis = d.opset >= 13 && d.chance(0.5) ? d.int(0, shape.length - 1) : undefined;
  const count = axis === undefined ? 1 : shape[axis]!;
  const scales = new Float32Array(count).map(() => scaleValue(d));
  const at = axis === undefined ? () => 0 : along(shape, axis);
  const form = axis === undefined ? [] : [count];
  const zero = d.chance(0.7) || dtype === "i8"
    ? [d.operand(d.whole(dtype, form, dtype === "u8" ? 90 : -30, dtype === "u8" ? 160 : 30), 0.9)]
    : [];
  return {
    operands: [
      d.operand(offTies(d, shape, (i) => scales[at(i)]!), 0.1),
      d.operand(hostTensor("f32", form, scales), 0.9),
      ...zero,
    ],
    attributes: axis === undefined || (axis === 1 && d.chance(0.5))
      ? {}
      : { axis: d.signed(axis, shape.length) },
  };
}

function dequantize(d: Draw): ReturnType<Generator["draw"]> {
  const dtype = d.pick(["i8", "u8", "i8", "u8", "i32"] as const);
  const shape = d.shape(1, 4);
  const axis = d.opset >= 13 && d.chance(0.5) ? d.int(0, shape.length - 1) : undefined;
  const form = axis === undefined ? [] : [shape[axis]!];
  const scales = new Float32Array(elementCount(form)).map(() => scaleValue(d));
  const zero = dtype !== "i32" && d.chance(0.7)
    ? [d.operand(d.whole(dtype, form, dtype === "u8" ? 90 : -30, dtype === "u8" ? 160 : 30), 0.9)]
    : [];
  return {
    operands: [
      d.operand(d.tensor(dtype, shape), 0.2),
      d.operand(hostTensor("f32", form, scales), 0.9),
      ...zero,
    ],
    attributes: axis === undefined || (axis === 1 && d.chance(0.5))
      ? {}
      : { axis: d.signed(axis, shape.length) },
  };
}

/** Microsoft's forms, for one scale of a whole tensor. */
function quantizeBytes(d: Draw): ReturnType<Generator["draw"]> {
  const dtype = d.pick(BYTES);
  const step = scaleValue(d);
  return {
    operands: [
      offTies(d, d.shape(1, 4), () => step),
      { constant: hostTensor("f32", [], [step]) },
      zeroPoint(d, dtype),
    ],
  };
}

function dequantizeBytes(d: Draw): ReturnType<Generator["draw"]> {
  const dtype = d.pick(BYTES);
  return { operands: [d.tensor(dtype, d.shape(1, 4)), ...whole(d, dtype)] };
}

/**
 * Bytes to multiply others by. On a CPU without VNNI, ONNX Runtime adds pairs of products of unsigned and signed bytes
 * in 16 bits and clips them, so signed ones that meet unsigned ones are kept to seven bits.
 */
function factor(d: Draw, dtype: Byte, by: Byte, shape: readonly number[]): HostTensor {
  return dtype === "i8" && by === "u8" ? d.whole(dtype, shape, -64, 63) : d.tensor(dtype, shape);
}

function quantisedConvolution(d: Draw): ReturnType<Generator["draw"]> {
  const window = drawWindow(d, { spatial: 2, most: 4 });
  const { group, inputs, outputs } = drawChannels(d);
  const x = d.pick(BYTES);
  const w = x === "i8" ? "i8" : d.pick(BYTES);
  const perChannel = w === "i8" && d.chance(0.5);
  const form = perChannel ? [outputs] : [];
  const taps = (inputs / group) * window.kernel.reduce((a, b) => a * b, 1);
  return {
    operands: [
      d.tensor(x, imageFor(d, window, inputs)),
      ...whole(d, x),
      { constant: factor(d, w, x, [outputs, inputs / group, ...window.kernel]) },
      { constant: hostTensor("f32", form, new Float32Array(elementCount(form)).map(() => scaleValue(d))) },
      { constant: d.whole(w, form, w === "u8" ? 90 : 0, w === "u8" ? 160 : 0) },
      ...whole(d, x, 0.5 * Math.sqrt(taps), 4 * Math.sqrt(taps)),
      ...(d.chance(0.6) ? [{ constant: d.whole("i32", [outputs], -5000, 5000) }] : []),
    ],
    attributes: { ...window.attributes, ...(group > 1 ? { group } : {}), kernel_shape: window.kernel },
  };
}

/** An operator of one quantised operand: bytes, with scale and zero point before and after. */
function quantisedUnary(
  op: string,
  image: boolean,
  attributes: (d: Draw) => Record<string, { float: number }> = () => ({}),
): Generator {
  return microsoft(op, (d) => {
    const dtype = d.pick(BYTES);
    const shape = image ? d.image(2) : d.shape(1, 4);
    return {
      operands: [d.tensor(dtype, shape), ...whole(d, dtype), ...whole(d, dtype, 0.005, 0.1)],
      attributes: attributes(d),
    };
  });
}

function quantisedBinary(op: string): Generator {
  return microsoft(op, (d) => {
    const dtype = d.pick(BYTES);
    const [a, b] = d.broadcast(2) as [number[], number[]];
    return {
      operands: [
        d.operand(d.tensor(dtype, a), 0.1),
        ...whole(d, dtype),
        d.operand(d.tensor(dtype, b), 0.3),
        ...whole(d, dtype),
        ...whole(d, dtype, 0.02, 0.4),
      ],
      ties: true,
    };
  });
}

/** The generators of this family. */
export const quantisedGenerators: readonly Generator[] = [
  generator("QuantizeLinear", [10, 13, 19, 21, 23, 24], quantize),
  generator("DequantizeLinear", [10, 13, 19, 21, 23, 24], dequantize),
  generator("DynamicQuantizeLinear", [11], (d) => ({
    operands: [d.operand(d.floats(d.shape(1, 4)), 0.1)],
    outputs: 3,
    // The scale is a quotient of the drawn values, so a value may come to lie at the middle between two steps.
    steps: 1,
  })),
  generator("QLinearConv", [10], quantisedConvolution),
  generator("ConvInteger", [10], (d) => {
    const window = drawWindow(d, { most: 4, spatial: 2 });
    const { group, inputs, outputs } = drawChannels(d);
    const x = "u8", w = d.pick(BYTES);
    return {
      operands: [
        d.tensor(x, imageFor(d, window, inputs)),
        d.operand(factor(d, w, x, [outputs, inputs / group, ...window.kernel]), 0.85),
        ...(d.chance(0.7) ? [zeroPoint(d, x), ...(d.chance(0.6) ? [zeroPoint(d, w)] : [])] : []),
      ],
      attributes: { ...window.attributes, ...(group > 1 ? { group } : {}), kernel_shape: window.kernel },
    };
  }),
  generator("QLinearMatMul", [10, 21], (d) => {
    const [a, b] = factorShapes(d);
    const dtype = d.pick(BYTES), other = dtype === "i8" ? "i8" : d.pick(BYTES);
    const inner = a.at(-1)!;
    return {
      operands: [
        d.tensor(dtype, a.length === 1 ? [1, ...a] : a),
        ...whole(d, dtype),
        d.operand(factor(d, other, dtype, b.length === 1 ? [...b, 1] : b), 0.7),
        ...whole(d, other),
        ...whole(d, dtype, 0.5 * Math.sqrt(inner), 4 * Math.sqrt(inner)),
      ],
    };
  }),
  generator("MatMulInteger", [10], (d) => {
    const [a, b] = factorShapes(d);
    const left = d.pick(BYTES), right = d.pick(BYTES);
    return {
      operands: [
        d.tensor(left, a),
        d.operand(factor(d, right, left, b), 0.6),
        ...(d.chance(0.7) ? [zeroPoint(d, left), ...(d.chance(0.6) ? [zeroPoint(d, right)] : [])] : []),
      ],
    };
  }),
  microsoft("QuantizeLinear", quantizeBytes),
  microsoft("DequantizeLinear", dequantizeBytes),
  microsoft("QGemm", (d) => {
    const [rows, inner, columns] = [d.extent(1, 70), d.extent(1, 70), d.extent(1, 70)];
    const [transA, transB] = [d.int(0, 1), d.int(0, 1)];
    const dtype = d.pick(BYTES), other = dtype === "i8" ? "i8" : d.pick(BYTES);
    return {
      operands: [
        d.tensor(dtype, transA ? [inner, rows] : [rows, inner]),
        ...whole(d, dtype),
        { constant: factor(d, other, dtype, transB ? [columns, inner] : [inner, columns]) },
        ...whole(d, other),
        d.chance(0.7) ? { constant: d.whole("i32", [columns], -5000, 5000) } : undefined,
        ...whole(d, dtype, 0.5 * Math.sqrt(inner), 4 * Math.sqrt(inner)),
      ],
      attributes: { transA, transB },
    };
  }),
  quantisedBinary("QLinearAdd"),
  quantisedBinary("QLinearMul"),
  quantisedUnary("QLinearLeakyRelu", false, (d) => ({ alpha: { float: d.pick([0.1, 0.01, 0.25]) } })),
  quantisedUnary("QLinearSigmoid", false),
  quantisedUnary("QLinearGlobalAveragePool", true),
  microsoft("QLinearAveragePool", (d) => {
    const window = drawWindow(d, { most: 3, overlap: true, dilated: false, spatial: 2 });
    const dtype = d.pick(BYTES);
    return {
      operands: [
        d.tensor(dtype, imageFor(d, window, d.extent(1, 20))),
        ...whole(d, dtype),
        ...whole(d, dtype),
      ],
      attributes: { ...window.attributes, kernel_shape: window.kernel },
      // An average may lie at the middle between two steps, where the last bit of a quotient decides.
      steps: 1,
    };
  }),
  microsoft("QLinearSoftmax", (d) => {
    const dtype = d.pick(BYTES);
    // Of one element alone, the probability of 1 comes out of ONNX Runtime as 0: 256 steps of 1/256 in a byte.
    const shape = d.shape(1, 4, { extent: 2 });
    return {
      operands: [
        d.tensor(dtype, shape),
        ...whole(d, dtype),
        { constant: hostTensor("f32", [], [1 / 256]) },
        { constant: hostTensor(dtype, [], [dtype === "u8" ? 0 : -128]) },
      ],
      // Before operator set 13 all dimensions from the axis on are taken as one.
      attributes: { axis: d.opset < 13 ? shape.length - 1 : d.axis(shape.length), opset: d.opset },
      ties: true,
    };
  }),
  microsoft("QLinearConcat", (d) => {
    const shape = d.shape(1, 4);
    const axis = d.int(0, shape.length - 1);
    const dtype = d.pick(BYTES);
    const parts = Array.from(
      { length: d.int(1, 4) },
      () => shape.map((extent, i) => i === axis ? d.int(1, 9) : extent),
    );
    return {
      operands: [
        ...whole(d, dtype),
        ...parts.flatMap((part) => [d.operand(d.tensor(dtype, part), 0.15), ...whole(d, dtype)]),
      ],
      attributes: { axis: d.signed(axis, shape.length) },
    };
  }),
];
