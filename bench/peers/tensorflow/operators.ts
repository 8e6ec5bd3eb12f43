/**
 * The operators of ONNX that occur in the networks compared, said in TensorFlow.js.
 *
 * @module
 */
import { attr } from "../../../src/ops/attribute.ts";
import type { NodeContext } from "../../../src/ops/operator.ts";
import { toFloat32, toNumbers } from "../../../src/tensor/host_tensor.ts";
import type { Tensor, TensorFlow } from "./api.ts";
import { CHANNELS_LAST, plain, renamed, reshaped, type Value } from "./arrangement.ts";
import type { NodeBuilder } from "./rebuild.ts";
import { channelsLastFilter, windowsOf } from "./windows.ts";

/** What TensorFlow.js applies within a convolution or product. */
export interface Activation {
  activation: string;
  leakyreluAlpha?: number;
}

/** Gives a node's outputs. */
export type Rebuild = (node: NodeBuilder) => Value[];

/** Operators that take the activation behind them. */
export const TAKES_ACTIVATION: ReadonlySet<string> = new Set(["Conv", "Gemm"]);

/** The node as an activation within the one before, if TensorFlow.js has it. */
export function activationOf(node: NodeContext): Activation | undefined {
  const { op } = node.node;
  if (op === "Relu") return { activation: "relu" };
  if (op === "Sigmoid") return { activation: "sigmoid" };
  if (op === "LeakyRelu") {
    return { activation: "leakyrelu", leakyreluAlpha: attr.float(node.node, "alpha", 0.01) };
  }
  if (op !== "Clip") return undefined;
  const [low, high] = bounds(node);
  return low === 0 && high === 6 ? { activation: "relu6" } : undefined;
}

function bounds(node: NodeContext): [number, number] {
  const bound = (name: string, index: number): number =>
    node.numbers(index, name)?.[0] ?? (attr.has(node.node, name) ? attr.float(node.node, name) : NaN);
  const low = bound("min", 1), high = bound("max", 2);
  return [Number.isNaN(low) ? -Infinity : low, Number.isNaN(high) ? Infinity : high];
}

const unary = (apply: (tf: TensorFlow, x: Tensor, node: NodeBuilder) => Tensor): Rebuild => (node) => {
  const { tensor, order } = node.value(0);
  return [{ tensor: apply(node.tf, tensor, node), order }];
};

const binary = (apply: (tf: TensorFlow, a: Tensor, b: Tensor) => Tensor): Rebuild => (node) => {
  const order = commonOrder(node);
  return [{ tensor: apply(node.tf, node.broadcast(0, order), node.broadcast(1, order)), order }];
};

/** The order of the largest input that is computed, which so stays where it is. */
function commonOrder(node: NodeBuilder): readonly number[] {
  const { shape } = node.outputType(0);
  let most = -1, order: readonly number[] = plain(shape.length);
  for (let i = 0; i < node.arity; i++) {
    if (node.constant(i) || node.shape(i).length !== shape.length) continue;
    const value = node.value(i);
    const count = node.shape(i).reduce((product, extent) => product * extent, 1);
    if (count > most) [most, order] = [count, value.order];
  }
  return order;
}

const reduce =
  (apply: (tf: TensorFlow, x: Tensor, axes: number[], keep: boolean) => Tensor): Rebuild => (node) => {
    const { tensor, order } = node.value(0);
    const rank = order.length;
    const axes = (node.listFrom("axes", 1) ?? plain(rank)).map((axis) => node.axis(axis, rank));
    const keep = attr.int(node.node, "keepdims", 1) === 1;
    const reduced = apply(node.tf, tensor, axes.map((axis) => order.indexOf(axis)), keep);
    return [{ tensor: reduced, order: keep ? order : withoutAxes(order, axes) }];
  };

/** The order that is left when axes go. */
function withoutAxes(order: readonly number[], axes: readonly number[]): number[] {
  return order.filter((axis) => !axes.includes(axis))
    .map((axis) => axis - axes.filter((gone) => gone < axis).length);
}

const globalPool = (pool: "mean" | "max"): Rebuild => (node) => {
  const axes = plain(node.shape(0).length).slice(2);
  const { tensor, order } = node.value(0);
  return [{ tensor: node.tf[pool](tensor, axes.map((axis) => order.indexOf(axis)), true), order }];
};

const reshape: Rebuild = (node) => [reshaped(node.tf, node.value(0), node.outputType(0).shape)];

function conv(node: NodeBuilder): Value[] {
  const { tf } = node;
  const weights = node.constant(1);
  if (!weights) throw new Error("convolution with computed weights");
  const [outputs, inputs, rows, columns] = weights.shape as [number, number, number, number];
  const { strides, dilations, pad } = windowsOf(node, [rows, columns]);
  const group = attr.int(node.node, "group", 1);
  const x = node.arranged(0, CHANNELS_LAST);
  const bias = node.has(2) ? node.uploaded(2, [outputs], [0]) : undefined;
  const options = { strides, pad, dataFormat: "NHWC" as const, dilations, ...node.activation };
  const depthwise = inputs === 1 && group === node.shape(0)[1];
  const filter = node.kept(`${node.node.inputs[1]} filter`, () => {
    const data = channelsLastFilter(toFloat32(weights), [outputs, inputs, rows, columns]);
    // [rows, columns, 1, out] is [rows, columns, in, multiplier] where there is one input channel to each group.
    return tf.tensor(
      data,
      depthwise ? [rows, columns, group, outputs / group] : [rows, columns, inputs, outputs],
    );
  });
  const all = { x, filter, ...options, ...(bias && { bias }) };
  if (depthwise) return [{ tensor: tf.fused.depthwiseConv2d(all), order: CHANNELS_LAST }];
  if (group === 1) return [{ tensor: tf.fused.conv2d(all), order: CHANNELS_LAST }];
  const each = outputs / group;
  const parts = Array.from({ length: group }, (_, g) => {
    const part = (tensor: Tensor, count: number): Tensor => {
      const begin = tensor.shape.map((_, axis) => axis === tensor.shape.length - 1 ? g * count : 0);
      return tf.slice(tensor, begin, [...tensor.shape.slice(0, -1), count]);
    };
    return tf.fused.conv2d({
      ...options,
      x: part(x, inputs),
      filter: node.kept(`${node.node.inputs[1]} filter ${g}`, () => part(filter, each)),
      ...(bias && { bias: node.kept(`${node.node.inputs[2]} bias ${g}`, () => part(bias, each)) }),
    });
  });
  return [{ tensor: tf.concat(parts, 3), order: CHANNELS_LAST }];
}

const pool = (kind: "maxPool" | "avgPool"): Rebuild => (node) => {
  const { size, strides, dilations, pad, zeros } = windowsOf(node, attr.ints(node.node, "kernel_shape"));
  if (dilations.some((step) => step !== 1)) throw new Error("pool with dilations");
  const x = node.arranged(0, CHANNELS_LAST);
  const counted = kind === "avgPool" && pad !== "valid" && attr.int(node.node, "count_include_pad", 0) === 1;
  const tensor = counted
    ? node.tf.avgPool(node.tf.pad(x, [[0, 0], ...zeros, [0, 0]], 0), size, strides, "valid")
    : node.tf[kind](x, size, strides, pad);
  return [{ tensor, order: CHANNELS_LAST }];
};

function gemm(node: NodeBuilder): Value[] {
  if (attr.float(node.node, "alpha", 1) !== 1 || attr.float(node.node, "beta", 1) !== 1) {
    throw new Error("Gemm with factors");
  }
  const outputs = node.outputType(0).shape[1]!;
  const bias = node.has(2) ? node.uploaded(2, [outputs], [0]) : undefined;
  // Transposed beforehand: the WebAssembly backend gives wrong products of a second factor that it is to transpose.
  const order = attr.int(node.node, "transB", 0) === 1 ? [1, 0] : [0, 1];
  const tensor = node.tf.fused.matMul({
    a: node.arranged(0, [0, 1]),
    b: node.constant(1) ? node.uploaded(1, node.shape(1), order) : node.arranged(1, order),
    transposeA: attr.int(node.node, "transA", 0) === 1,
    transposeB: false,
    ...(bias && { bias }),
    ...node.activation,
  });
  return [{ tensor, order: [0, 1] }];
}

function matMul(node: NodeBuilder): Value[] {
  const order = plain(node.outputType(0).shape.length);
  return [{ tensor: node.tf.matMul(node.broadcast(0, order), node.broadcast(1, order)), order }];
}

function concat(node: NodeBuilder): Value[] {
  const order = commonOrder(node);
  const axis = node.axis(attr.int(node.node, "axis"), order.length);
  const parts = node.node.inputs.map((_, i) => node.broadcast(i, order));
  return [{ tensor: node.tf.concat(parts, order.indexOf(axis)), order }];
}

function transpose(node: NodeBuilder): Value[] {
  const reversed = plain(node.shape(0).length).reverse();
  return [renamed(node.value(0), attr.ints(node.node, "perm", reversed))];
}

function slice(node: NodeBuilder): Value[] {
  const { tensor, order } = node.value(0);
  const shape = node.shape(0), sizes = node.outputType(0).shape;
  const starts = node.listFrom("starts", 1)!;
  const axes = (node.listFrom("axes", 3) ?? plain(starts.length)).map((axis) =>
    node.axis(axis, shape.length)
  );
  const steps = node.numbers(4, "steps") ?? starts.map(() => 1);
  if (steps.some((step) => step < 1)) throw new Error("Slice backwards");
  const begin = shape.map(() => 0), step = shape.map(() => 1);
  axes.forEach((axis, i) => {
    const start = starts[i]!, extent = shape[axis]!;
    begin[axis] = Math.min(start < 0 ? Math.max(0, start + extent) : start, extent);
    step[axis] = steps[i]!;
  });
  const laid = <T>(list: readonly T[]): T[] => order.map((axis) => list[axis]!);
  if (step.every((one) => one === 1)) {
    return [{ tensor: node.tf.slice(tensor, laid(begin), laid(sizes)), order }];
  }
  // Along one axis at a time, by indices: the WebAssembly backend's strided slice takes ten times as long.
  let sliced = tensor;
  order.forEach((axis, p) => {
    const indices = Array.from({ length: sizes[axis]! }, (_, i) => begin[axis]! + i * step[axis]!);
    if (indices.length === shape[axis] && step[axis] === 1) return;
    sliced = node.tf.gather(sliced, indexTensor(node, indices), p);
  });
  return [{ tensor: sliced, order }];
}

function split(node: NodeBuilder): Value[] {
  const { tensor, order } = node.value(0);
  const p = order.indexOf(node.axis(attr.int(node.node, "axis", 0), order.length));
  let at = 0;
  return node.node.outputs.map((_, i) => {
    const size = [...tensor.shape], begin = size.map(() => 0);
    begin[p] = at;
    at += size[p] = node.outputType(i).shape[node.axis(attr.int(node.node, "axis", 0), order.length)]!;
    return { tensor: node.tf.slice(tensor, begin, size), order };
  });
}

function gather(node: NodeBuilder): Value[] {
  const { tensor, order } = node.value(0);
  const axis = node.axis(attr.int(node.node, "axis", 0), order.length), p = order.indexOf(axis);
  const constant = node.constant(1);
  if (!constant || constant.shape.length > 1) {
    throw new Error("Gather with computed indices, or several axes of them");
  }
  const extent = tensor.shape[p]!;
  const indices = toNumbers(constant).map((index) => index < 0 ? index + extent : index);
  const gathered = node.tf.gather(tensor, indexTensor(node, indices), p);
  if (constant.shape.length === 1) return [{ tensor: gathered, order }];
  const shape = gathered.shape.filter((_, i) => i !== p);
  return [{ tensor: node.tf.reshape(gathered, shape), order: withoutAxes(order, [axis]) }];
}

/** Indices on the device. */
function indexTensor(node: NodeBuilder, indices: readonly number[]): Tensor {
  return node.kept(
    `indices ${indices}`,
    () => node.tf.tensor(Int32Array.from(indices), [indices.length], "int32"),
  );
}

function pad(node: NodeBuilder): Value[] {
  const { tensor, order } = node.value(0);
  if (attr.string(node.node, "mode", "constant") !== "constant") {
    throw new Error("Pad other than with a constant");
  }
  const pads = node.listFrom("pads", 1)!;
  const value = node.numbers(2, "value")?.[0] ?? attr.float(node.node, "value", 0);
  const rank = order.length;
  const each = order.map((axis): [number, number] => [pads[axis]!, pads[axis + rank]!]);
  return [{ tensor: node.tf.pad(tensor, each, value), order }];
}

function resize(node: NodeBuilder): Value[] {
  const { node: { op }, tf } = node;
  const from = node.shape(0), to = node.outputType(0).shape;
  const x = node.arranged(0, CHANNELS_LAST);
  const size: [number, number] = [to[2]!, to[3]!];
  const mode = attr.string(node.node, "mode", "nearest");
  const coordinates = op === "Upsample"
    ? "asymmetric"
    : attr.string(node.node, "coordinate_transformation_mode", "half_pixel");
  if (mode === "nearest") {
    // Whole factors: every rule takes the same pixel, except where corners are aligned.
    const whole = size.every((extent, i) => extent % from[i + 2]! === 0) && coordinates !== "align_corners";
    const same = coordinates === "asymmetric" && attr.string(node.node, "nearest_mode", "") === "floor";
    if (!whole && !same) throw new Error(`Resize to the nearest, ${coordinates}`);
    return [{ tensor: tf.image.resizeNearestNeighbor(x, size, false, false), order: CHANNELS_LAST }];
  }
  const known = ["asymmetric", "align_corners", "half_pixel", "pytorch_half_pixel"];
  if (mode !== "linear" || !known.includes(coordinates)) throw new Error(`Resize ${mode}, ${coordinates}`);
  const half = coordinates.endsWith("half_pixel");
  return [{
    tensor: tf.image.resizeBilinear(x, size, coordinates === "align_corners", half),
    order: CHANNELS_LAST,
  }];
}

function softmax(node: NodeBuilder): Value[] {
  const { order } = node.value(0);
  const rank = order.length, axis = node.axis(attr.int(node.node, "axis", node.opset < 13 ? 1 : -1), rank);
  if (node.opset < 13 && node.shape(0).slice(axis + 1).some((extent) => extent !== 1)) {
    throw new Error("Softmax over several axes");
  }
  const last = [...order.filter((one) => one !== axis), axis];
  return [{ tensor: node.tf.softmax(node.arranged(0, last), -1), order: last }];
}

/** The scale and offset of each channel, to be multiplied and added. */
function perChannel(node: NodeBuilder, index: number): Tensor {
  const channels = node.shape(1)[0]!;
  return node.uploaded(index, [1, channels, 1, 1], CHANNELS_LAST);
}

function instanceNormalization(node: NodeBuilder): Value[] {
  const { tf } = node, x = node.arranged(0, CHANNELS_LAST);
  const centred = tf.sub(x, tf.mean(x, [1, 2], true));
  const variance = tf.mean(tf.square(centred), [1, 2], true);
  const epsilon = node.kept(
    `epsilon of ${node.node.name}`,
    () => tf.tensor(new Float32Array([attr.float(node.node, "epsilon", 1e-5)]), []),
  );
  const scale = tf.mul(tf.rsqrt(tf.add(variance, epsilon)), perChannel(node, 1));
  return [{ tensor: tf.add(tf.mul(centred, scale), perChannel(node, 2)), order: CHANNELS_LAST }];
}

function batchNormalization(node: NodeBuilder): Value[] {
  const [scale, bias, mean, variance] = [1, 2, 3, 4].map((i) => toFloat32(node.constant(i)!));
  const epsilon = attr.float(node.node, "epsilon", 1e-5), { tf } = node, count = scale!.length;
  const factors = scale!.map((value, i) => value / Math.sqrt(variance![i]! + epsilon));
  const offsets = bias!.map((value, i) => value - mean![i]! * factors[i]!);
  const x = node.arranged(0, CHANNELS_LAST);
  const factor = node.kept(`factors of ${node.node.name}`, () => tf.tensor(factors, [count]));
  const offset = node.kept(`offsets of ${node.node.name}`, () => tf.tensor(offsets, [count]));
  return [{ tensor: tf.add(tf.mul(x, factor), offset), order: CHANNELS_LAST }];
}

function clip(node: NodeBuilder): Value[] {
  const { tensor, order } = node.value(0), [low, high] = bounds(node), { tf } = node;
  if (low === 0 && high === Infinity) return [{ tensor: tf.relu(tensor), order }];
  return [{ tensor: low === 0 && high === 6 ? tf.relu6(tensor) : tf.clipByValue(tensor, low, high), order }];
}

/** x times a sixth of relu6(x + 3). */
function hardSwish(node: NodeBuilder): Value[] {
  const { tensor, order } = node.value(0), { tf } = node;
  const number = (value: number): Tensor =>
    node.kept(`number ${value}`, () => tf.tensor(new Float32Array([value]), []));
  return [{ tensor: tf.mul(tf.mul(tensor, number(1 / 6)), tf.relu6(tf.add(tensor, number(3)))), order }];
}

function hardSigmoid(node: NodeBuilder): Value[] {
  const { tensor, order } = node.value(0), { tf } = node;
  const number = (value: number): Tensor =>
    node.kept(`number ${value}`, () => tf.tensor(new Float32Array([value]), []));
  const alpha = number(attr.float(node.node, "alpha", 0.2)),
    beta = number(attr.float(node.node, "beta", 0.5));
  return [{ tensor: tf.clipByValue(tf.add(tf.mul(tensor, alpha), beta), 0, 1), order }];
}

/** All operators that are rebuilt, by ONNX's name. */
export const OPERATORS: Readonly<Record<string, Rebuild>> = {
  Conv: conv,
  Gemm: gemm,
  MatMul: matMul,
  MaxPool: pool("maxPool"),
  AveragePool: pool("avgPool"),
  GlobalAveragePool: globalPool("mean"),
  GlobalMaxPool: globalPool("max"),
  ReduceMean: reduce((tf, x, axes, keep) => tf.mean(x, axes, keep)),
  ReduceSum: reduce((tf, x, axes, keep) => tf.sum(x, axes, keep)),
  ReduceMax: reduce((tf, x, axes, keep) => tf.max(x, axes, keep)),
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  Softmax: softmax,
  Relu: unary((tf, x) => tf.relu(x)),
  Sigmoid: unary((tf, x) => tf.sigmoid(x)),
  Tanh: unary((tf, x) => tf.tanh(x)),
  Exp: unary((tf, x) => tf.exp(x)),
  Log: unary((tf, x) => tf.log(x)),
  Sqrt: unary((tf, x) => tf.sqrt(x)),
  Neg: unary((tf, x) => tf.neg(x)),
  Abs: unary((tf, x) => tf.abs(x)),
  Erf: unary((tf, x) => tf.erf(x)),
  Softplus: unary((tf, x) => tf.softplus(x)),
  LeakyRelu: unary((tf, x, { node }) => tf.leakyRelu(x, attr.float(node, "alpha", 0.01))),
  Identity: unary((_, x) => x.clone()),
  Clip: clip,
  HardSwish: hardSwish,
  HardSigmoid: hardSigmoid,
  Add: binary((tf, a, b) => tf.add(a, b)),
  Sub: binary((tf, a, b) => tf.sub(a, b)),
  Mul: binary((tf, a, b) => tf.mul(a, b)),
  Div: binary((tf, a, b) => tf.div(a, b)),
  Pow: binary((tf, a, b) => tf.pow(a, b)),
  Concat: concat,
  Reshape: reshape,
  Flatten: reshape,
  Squeeze: reshape,
  Unsqueeze: reshape,
  Transpose: transpose,
  Slice: slice,
  Split: split,
  Gather: gather,
  Pad: pad,
  Resize: resize,
  Upsample: resize,
};
