/**
 * QLinearGlobalAveragePool and QLinearAveragePool of Microsoft's domain: means of bytes.
 * {@link https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md ONNX Runtime's operators}
 *
 * @module
 */
import AVERAGE from "../../shaders/quantize/average.wgsl" with { type: "text" };
import MEAN from "../../shaders/quantize/mean.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { elementCount, hostTensor } from "../tensor/host_tensor.ts";
import { denseView, permuteView, reshapeView, type View, viewOffsets } from "../tensor/view.ts";
import { attr } from "./attribute.ts";
import { addressed, addressUniforms, NodeContext, type Operator } from "./operator.ts";
import { given, saturate } from "./quantization.ts";
import { schemeOf } from "./quantized_microsoft.ts";
import { type Scheme, valueOf } from "./quantized_scheme.ts";
import { roundHalfEven } from "./rounding.ts";
import { MICROSOFT } from "./quantize.ts";
import { MAX_ITERATIONS } from "./strided.ts";
import { BYTES } from "./types.ts";
import { readWindow, type Window, windowUniforms } from "./window.ts";

const averageKernel: KernelSource = { name: "quantize/average", wgsl: AVERAGE };
const meanKernel: KernelSource = { name: "quantize/mean", wgsl: MEAN };

/** What a mean works on: the input as `[N, C, ...]`, and the factor of its sum. */
interface Mean {
  channelsLast: boolean;
  from: Scheme;
  to: Scheme;
  factor: number;
}

function meanOf(node: NodeContext): Mean {
  const shape = node.shape(0);
  if (shape.length < 3) node.fail(`its input is [${shape.join(", ")}]`, "an image is needed");
  const channelsLast = attr.int(node.node, "channels_last", 0) === 1;
  const [from, to] = [schemeOf(node, 0, 1, 2), schemeOf(node, 0, 3, 4)];
  const pixels = elementCount(channelsLast ? shape.slice(1, -1) : shape.slice(2));
  return { channelsLast, from, to, factor: Math.fround(from.scale / Math.fround(to.scale * pixels)) };
}

/** `[N, C, ...]` of a view of `[N, ..., C]`. */
function channelsSecond(view: View): View {
  return permuteView(view, [0, view.shape.length - 1, ...view.shape.map((_, axis) => axis).slice(1, -1)]);
}

/** `X, X_scale, X_zero_point, Y_scale, Y_zero_point`: the mean over all pixels. */
const globalAveragePool: Operator = {
  op: "QLinearGlobalAveragePool",
  domain: MICROSOFT,
  opsets: [1, 99],
  types: BYTES,
  layout: "image",
  infer(node) {
    const { channelsLast, to } = meanOf(node);
    const shape = node.shape(0);
    const channels = channelsLast ? shape.length - 1 : 1;
    return [{
      dtype: to.dtype,
      shape: shape.map((extent, axis) => axis === 0 || axis === channels ? extent : 1),
    }];
  },
  evaluate(node, [x]) {
    const { channelsLast, from, to, factor } = meanOf(node);
    const { dtype, shape, data } = given(x);
    const dense = denseView(0, dtype, shape, "linear");
    const view = channelsLast ? channelsSecond(dense) : dense;
    const pixels = { shape: view.shape.slice(2), strides: view.strides.slice(2) };
    const channels = { shape: view.shape.slice(0, 2), strides: view.strides.slice(0, 2), offset: 0 };
    const numbers = Array.from(viewOffsets(channels), (offset) => {
      let sum = 0;
      for (const at of viewOffsets({ ...pixels, offset })) sum += Number(data[at]) - from.zero;
      return saturate(Math.fround(Math.fround(sum) * factor), to.zero, [to.low, to.high]);
    });
    return [hostTensor(to.dtype, this.infer(node)[0]!.shape, numbers)];
  },
  lower(node) {
    const { channelsLast, from, to, factor } = meanOf(node);
    const given = channelsLast ? channelsSecond(node.view(0)) : node.view(0);
    const [n, c] = given.shape as [number, number];
    // One spatial dimension stands for all where the kernel would need more than two.
    const source = given.shape.length <= 4
      ? given
      : reshapeView(node.materialise(given, "linear"), [n, c, elementCount(given.shape.slice(2))])!;
    const x = addressed(node.materialise(source, "image"));
    const own = !channelsLast && given.shape.length <= 4;
    const y = own
      ? node.imageOutput(0)
      : addressed(node.temporary({ dtype: to.dtype, shape: [n, c, 1, 1] }, "image"));
    const { h, w, c4 } = x.address;
    if (h * w > MAX_ITERATIONS * 64) {
      node.fail(
        `takes the mean of ${h * w} pixels`,
        `at most ${MAX_ITERATIONS * 64} are supported; use a smaller input`,
      );
    }
    node.emit({
      kernel: meanKernel,
      bindings: { x: x.view, y: y.view },
      uniforms: {
        n,
        c,
        c4: Math.max(c4, 1),
        h,
        w,
        ...addressUniforms("x", x.address),
        y_offset: y.address.offset,
        y_stride_n: y.address.strideN,
        x_zero: from.zero,
        y_zero: to.zero,
        factor,
        low: to.low,
        high: to.high,
      },
      workgroups: foldWorkgroups(n * c4),
    });
    if (own) return;
    const { shape } = node.outputType(0);
    const channels = channelsLast ? shape.length - 1 : 1;
    const strides = shape.map((_, axis) => axis === 0 ? y.view.strides[0]! : axis === channels ? 1 : 0);
    node.alias(0, { ...y.view, shape, strides, padded: false });
  },
};

/** What a windowed mean works on: the input as `[N, C, H, W]` or `[N, C, W]`. */
interface Average {
  channelsLast: boolean;
  from: Scheme;
  to: Scheme;
  window: Window;
  /** The input's extents, channels second. */
  shape: readonly number[];
  countPadding: boolean;
}

function averageOf(node: NodeContext): Average {
  const channelsLast = attr.int(node.node, "channels_last", 0) === 1;
  const given = node.shape(0);
  const shape = channelsLast ? [given[0]!, given.at(-1)!, ...given.slice(1, -1)] : given;
  // The window is read from the extents as they are with channels second.
  const { dtype } = node.type(0);
  const image = { ...node.node, inputs: ["x"] };
  const turned = new NodeContext(image, node.opset, new Map([["x", { dtype, shape }]]), new Map());
  const window = readWindow(turned, attr.ints(node.node, "kernel_shape"));
  const [kernelH, kernelW] = window.kernel;
  if (kernelH * (kernelW + 1) > MAX_ITERATIONS) {
    node.fail(
      `its window of ${kernelH} x ${kernelW} is too large`,
      `up to about ${MAX_ITERATIONS} elements are supported; use QLinearGlobalAveragePool`,
    );
  }
  return {
    channelsLast,
    from: schemeOf(node, 0, 1, 2),
    to: schemeOf(node, 0, 3, 4),
    window,
    shape,
    countPadding: attr.int(node.node, "count_include_pad", 0) === 1,
  };
}

function averageShape({ channelsLast, window, shape }: Average): number[] {
  const spatial = shape.length === 3 ? [window.out[1]] : [...window.out];
  const [n, c] = shape as [number, number];
  return channelsLast ? [n, ...spatial, c] : [n, c, ...spatial];
}

/** `X, X_scale, X_zero_point, Y_scale, Y_zero_point`: the mean over a window. */
const averagePool: Operator = {
  op: "QLinearAveragePool",
  domain: MICROSOFT,
  opsets: [1, 99],
  types: BYTES,
  layout: "image",
  infer(node) {
    const average = averageOf(node);
    return [{ dtype: average.to.dtype, shape: averageShape(average) }];
  },
  evaluate(node, [x]) {
    const { fround } = Math;
    const average = averageOf(node);
    const { channelsLast, from, to, window, countPadding } = average;
    const dense = denseView(0, from.dtype, given(x).shape, "linear");
    const view = channelsLast ? channelsSecond(dense) : dense;
    const [n, c] = view.shape as [number, number];
    const [inH, inW] = [view.shape.length === 3 ? 1 : view.shape[2]!, view.shape.at(-1)!];
    const [strideH, strideW] = [view.shape.length === 3 ? 0 : view.strides[2]!, view.strides.at(-1)!];
    const [outH, outW] = window.out;
    const means: number[] = [];
    for (const plane of viewOffsets({ shape: [n, c], strides: view.strides.slice(0, 2), offset: 0 })) {
      for (let at = 0; at < outH * outW; at++) {
        const top = Math.floor(at / outW) * window.strides[0] - window.padBegin[0];
        const left = at % outW * window.strides[1] - window.padBegin[1];
        let [sum, taps] = [0, 0];
        for (let ky = 0; ky < window.kernel[0]; ky++) {
          for (let kx = 0; kx < window.kernel[1]; kx++) {
            const [h, w] = [top + ky * window.dilations[0], left + kx * window.dilations[1]];
            const inside = h >= 0 && h < inH && w >= 0 && w < inW;
            if (inside) sum = fround(sum + valueOf(from, Number(x!.data[plane + h * strideH + w * strideW])));
            const counted = countPadding && h < inH + window.padEnd[0] && w < inW + window.padEnd[1];
            if (inside || counted) taps++;
          }
        }
        const mean = fround(sum / Math.max(taps, 1));
        const value = roundHalfEven(fround(fround(mean / to.scale) + to.zero));
        means.push(Math.min(Math.max(value, to.low), to.high));
      }
    }
    const shape = averageShape(average);
    if (!channelsLast) return [hostTensor(to.dtype, shape, means)];
    const made = denseView(0, to.dtype, [n, c, ...shape.slice(1, -1)], "linear");
    const order = permuteView(made, [0, ...made.shape.map((_, axis) => axis).slice(2), 1]);
    return [hostTensor(to.dtype, shape, Array.from(viewOffsets(order), (offset) => means[offset]!))];
  },
  lower(node) {
    const average = averageOf(node);
    const { channelsLast, from, to, window, shape, countPadding } = average;
    const source = channelsLast ? channelsSecond(node.view(0)) : node.view(0);
    const x = addressed(node.materialise(source, "image"));
    const spatial = shape.length === 3 ? [window.out[1]] : [...window.out];
    const y = channelsLast
      ? addressed(node.temporary({ dtype: to.dtype, shape: [shape[0]!, shape[1]!, ...spatial] }, "image"))
      : node.imageOutput(0);
    const { n, c, c4, h, w } = x.address;
    node.emit({
      kernel: averageKernel,
      options: { overrides: { COUNT_PADDING: countPadding ? 1 : 0 } },
      bindings: { x: x.view, y: y.view },
      uniforms: {
        batch: n,
        c,
        c4: Math.max(c4, 1),
        in_h: h,
        in_w: w,
        ...windowUniforms(window),
        ...addressUniforms("x", x.address),
        ...addressUniforms("y", y.address),
        kernel_h: window.kernel[0],
        kernel_w: window.kernel[1],
        pad_bottom: window.padEnd[0],
        pad_right: window.padEnd[1],
        x_zero: from.zero,
        x_scale: from.scale,
        y_scale: to.scale,
        y_zero: to.zero,
        low: to.low,
        high: to.high,
      },
      workgroups: foldWorkgroups(Math.ceil(n * window.out[0] * window.out[1] * c4 / 64)),
    });
    if (!channelsLast) return;
    const axes = y.view.shape.map((_, axis) => axis);
    node.alias(0, permuteView(y.view, [0, ...axes.slice(2), 1]));
  },
};

/** Means of bytes. */
export const quantizedPoolOperators: readonly Operator[] = [globalAveragePool, averagePool];
