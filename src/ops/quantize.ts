/**
 * QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear: per tensor, per axis, in blocks. Scales and zero points
 * are read on the GPU, so they may be computed while the network runs.
 * {@link https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html},
 * {@link https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html},
 * {@link https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html}
 *
 * @module
 */
import DEQUANTIZE from "../../shaders/quantize/dequantize.wgsl" with { type: "text" };
import FINISH_RANGE from "../../shaders/quantize/finish_range.wgsl" with { type: "text" };
import QUANTIZE from "../../shaders/quantize/quantize.wgsl" with { type: "text" };
import RANGE from "../../shaders/quantize/range.wgsl" with { type: "text" };
import type { KernelSource } from "../gpu/mod.ts";
import { type DType, gpuScalar } from "../tensor/dtype.ts";
import { elementCount, type HostTensor, hostTensor, toNumbers } from "../tensor/host_tensor.ts";
import { isDenseImage, isLinear, storageElements, type View } from "../tensor/view.ts";
import { attr } from "./attribute.ts";
import type { Lowering, NodeContext, Operator } from "./operator.ts";
import { given, quantizedRange, saturate } from "./quantization.ts";
import { mapPlaces } from "./quantized_map.ts";
import { BYTES, FLOATS } from "./types.ts";

const dequantizeKernel: KernelSource = { name: "quantize/dequantize", wgsl: DEQUANTIZE };
const finishRange: KernelSource = { name: "quantize/finish_range", wgsl: FINISH_RANGE };
const quantizeKernel: KernelSource = { name: "quantize/quantize", wgsl: QUANTIZE };
const rangeKernel: KernelSource = { name: "quantize/range", wgsl: RANGE };

/** Microsoft's domain, which has operators of the same names. */
export const MICROSOFT = "com.microsoft";

/** Types as the attribute `output_dtype` numbers them. */
const OUTPUT_TYPES: ReadonlyMap<number, DType> = new Map<number, DType>([
  [1, "f32"],
  [2, "u8"],
  [3, "i8"],
  [4, "u16"],
  [5, "i16"],
  [10, "f16"],
]);

/**
 * Which scale belongs to an element, counting elements in ONNX's order: that at
 * `e / (inner * extent) * outerStep + (e / inner) % extent / block * axisStep + e % inner * innerStep`.
 */
interface Grain {
  /** The dimension along which scales differ; `undefined`: one scale for all. */
  axis: number | undefined;
  inner: number;
  extent: number;
  block: number;
  outerStep: number;
  axisStep: number;
  innerStep: number;
}

const ONE_FOR_ALL: Grain = {
  axis: undefined,
  inner: 1,
  extent: 1,
  block: 1,
  outerStep: 0,
  axisStep: 0,
  innerStep: 0,
};

function grainOf(node: NodeContext): Grain {
  const [shape, scale] = [node.shape(0), node.shape(1)];
  if (node.has(2)) {
    const zero = node.shape(2);
    if (elementCount(zero) !== elementCount(scale)) {
      node.fail(
        `its scale is [${scale.join(", ")}], its zero point [${zero.join(", ")}]`,
        "export the model again",
      );
    }
  }
  const block = attr.int(node.node, "block_size", 0);
  if (block === 0 && elementCount(scale) === 1 && scale.length <= 1) return ONE_FOR_ALL;
  const axis = node.axis(attr.int(node.node, "axis", 1), shape.length);
  const extent = shape[axis] ?? 1;
  const inner = elementCount(shape.slice(axis + 1));
  if (block === 0) {
    if (scale.length !== 1 || scale[0] !== extent) {
      node.fail(
        `its scale is [${scale.join(", ")}], and axis ${axis} of [${
          shape.join(", ")
        }] has ${extent} elements`,
        "export the model again",
      );
    }
    return { axis, inner, extent, block: 1, outerStep: 0, axisStep: 1, innerStep: 0 };
  }
  const blocks = Math.ceil(extent / block);
  const fits = block > 0 && scale.length === shape.length &&
    scale.every((count, at) => count === (at === axis ? blocks : shape[at]));
  if (!fits) {
    node.fail(
      `its scale is [${scale.join(", ")}] for [${shape.join(", ")}] in blocks of ${block} along axis ${axis}`,
      "export the model again",
    );
  }
  return { axis, inner, extent, block, outerStep: blocks * inner, axisStep: inner, innerStep: 1 };
}

function scaleIndex(
  { inner, extent, block, outerStep, axisStep, innerStep }: Grain,
  element: number,
): number {
  const along = Math.floor(element / inner);
  return Math.floor(along / extent) * outerStep + Math.floor(along % extent / block) * axisStep +
    element % inner * innerStep;
}

/** The type that QuantizeLinear makes. */
function quantizedType(node: NodeContext): DType {
  const wanted = attr.int(node.node, "output_dtype", 0);
  const zero = node.has(2) ? node.type(2).dtype : undefined;
  const dtype = wanted === 0 ? zero ?? "u8" : OUTPUT_TYPES.get(wanted) ??
    node.fail(`output_dtype is ${wanted}`, "8-bit and 16-bit integers are supported");
  if (zero !== undefined && zero !== dtype) {
    node.fail(`its zero point is ${zero}, its output ${dtype}`, "export the model again");
  }
  quantizedRange(node, dtype);
  return dtype;
}

function inferQuantize(node: NodeContext): [{ dtype: DType; shape: readonly number[] }] {
  const { dtype, shape } = node.type(0);
  if (dtype !== "f32" && dtype !== "f16" && dtype !== "i32") {
    node.fail(`its input is ${dtype}`, "f32, f16 and i32 are supported");
  }
  grainOf(node);
  return [{ dtype: quantizedType(node), shape }];
}

function evaluateQuantize(
  node: NodeContext,
  [x, scale, zero]: readonly (HostTensor | undefined)[],
): HostTensor[] {
  const dtype = quantizedType(node);
  const range = quantizedRange(node, dtype);
  const grain = grainOf(node);
  const [steps, shifts] = [toNumbers(given(scale)), zero ? toNumbers(zero) : undefined];
  const numbers = toNumbers(given(x)).map((value, element) => {
    const at = scaleIndex(grain, element);
    return saturate(Math.fround(Math.fround(value) / steps[at]!), shifts?.[at] ?? 0, range);
  });
  return [hostTensor(dtype, x!.shape, numbers)];
}

function inferDequantize(node: NodeContext): [{ dtype: DType; shape: readonly number[] }] {
  const { dtype, shape } = node.type(0);
  if (dtype !== "i32") quantizedRange(node, dtype);
  if (node.has(2) && node.type(2).dtype !== dtype) {
    node.fail(`its input is ${dtype}, its zero point ${node.type(2).dtype}`, "export the model again");
  }
  grainOf(node);
  const wanted = attr.int(node.node, "output_dtype", 0);
  const result = wanted === 0 ? node.type(1).dtype : OUTPUT_TYPES.get(wanted);
  if (result !== "f32" && result !== "f16") {
    node.fail(`dequantises to ${result ?? `type number ${wanted}`}`, "f32 and f16 are supported");
  }
  return [{ dtype: result, shape }];
}

function evaluateDequantize(
  node: NodeContext,
  [x, scale, zero]: readonly (HostTensor | undefined)[],
): HostTensor[] {
  const [{ dtype }] = inferDequantize(node);
  const grain = grainOf(node);
  const [steps, shifts] = [toNumbers(given(scale)), zero ? toNumbers(zero) : undefined];
  const numbers = toNumbers(given(x)).map((value, element) => {
    const at = scaleIndex(grain, element);
    return Math.fround(value - (shifts?.[at] ?? 0)) * steps[at]!;
  });
  return [hostTensor(dtype, x!.shape, numbers)];
}

/** Where the scales lie for the kernels, and what tells an element's own. */
interface Scales {
  scale: View;
  zero: View | undefined;
  grain: Grain;
}

/** Emits a kernel over the input and output 0, as images where the input is one and scales differ by channel at most. */
function emitScaled(
  node: Lowering,
  kernel: KernelSource,
  { scale, zero, grain }: Scales,
  extra: { options?: { inject: Record<string, string> }; uniforms?: Record<string, number> } = {},
): void {
  const byChannel = grain.axis === undefined ||
    (grain.axis === 1 && grain.block === 1 && grain.innerStep === 0);
  const { image, inputs, y, uniforms, workgroups } = mapPlaces(node, { x: node.view(0) }, byChannel);
  node.emit({
    kernel,
    ...(extra.options && { options: extra.options }),
    bindings: {
      x: inputs[0]!,
      scale,
      zero: zero ?? node.weights("no zero point", () => new Int32Array(1)),
      y,
    },
    uniforms: {
      ...uniforms,
      inner: image ? 1 : Math.max(grain.inner, 1),
      extent: Math.max(grain.extent, 1),
      block: grain.block,
      outer_step: grain.outerStep,
      axis_step: grain.axisStep,
      inner_step: grain.innerStep,
      scale_offset: scale.offset,
      zero_offset: zero?.offset ?? 0,
      zero_factor: zero ? 1 : 0,
      ...extra.uniforms,
    },
    workgroups,
  });
}

function scalesOf(node: Lowering): Scales {
  return { scale: node.linear(1), zero: node.has(2) ? node.linear(2) : undefined, grain: grainOf(node) };
}

function quantizeOptions(
  node: Lowering,
): { options: { inject: Record<string, string> }; uniforms: Record<string, number> } {
  const [low, high] = quantizedRange(node, node.outputType(0).dtype);
  const source = gpuScalar(node.type(0).dtype) === "i32" ? { source: "alias source = vec4i;" } : {};
  return { options: { inject: { ...source } }, uniforms: { low, high } };
}

function quantizeLinear(domain: string, opsets: readonly [number, number]): Operator {
  return {
    op: "QuantizeLinear",
    domain,
    opsets,
    types: [...FLOATS, "i32"],
    layout: "same",
    infer: inferQuantize,
    evaluate: evaluateQuantize,
    lower: (node) => emitScaled(node, quantizeKernel, scalesOf(node), quantizeOptions(node)),
  };
}

function dequantizeLinear(domain: string, opsets: readonly [number, number]): Operator {
  return {
    op: "DequantizeLinear",
    domain,
    opsets,
    types: [...BYTES, "i16", "u16", "i32"],
    layout: "same",
    infer: inferDequantize,
    evaluate: evaluateDequantize,
    lower: (node) => emitScaled(node, dequantizeKernel, scalesOf(node)),
  };
}

/** Workgroups that look for the range of a tensor at most: what one invocation reads at the end. */
const MAX_PARTS = 64;

/** DynamicQuantizeLinear: to `u8`, by the range of the values themselves, which always takes in zero. */
const dynamicQuantizeLinear: Operator = {
  op: "DynamicQuantizeLinear",
  opsets: [11, 99],
  types: ["f32"],
  layout: "same",
  infer(node) {
    const { dtype, shape } = node.type(0);
    if (dtype !== "f32") node.fail(`its input is ${dtype}`, "f32 is supported");
    return [{ dtype: "u8", shape }, { dtype: "f32", shape: [] }, { dtype: "u8", shape: [] }];
  },
  evaluate(_, [x]) {
    const numbers = toNumbers(given(x));
    const least = numbers.reduce((a, b) => Math.min(a, b), 0);
    const most = numbers.reduce((a, b) => Math.max(a, b), 0);
    const scale = most === least ? 1 : Math.fround(Math.fround(most - least) / 255);
    const zero = saturate(Math.fround(-least / scale), 0, [0, 255]);
    const quantised = numbers.map((value) => saturate(Math.fround(value / scale), zero, [0, 255]));
    return [
      hostTensor("u8", x!.shape, quantised),
      hostTensor("f32", [], [scale]),
      hostTensor("u8", [], [zero]),
    ];
  },
  lower(node) {
    const given = node.view(0);
    const x = isDenseImage(given) && given.offset % 4 === 0 ? given : node.linear(0);
    const count = storageElements(x.shape, isLinear(x) ? "linear" : "image");
    const parts = Math.max(1, Math.min(MAX_PARTS, Math.ceil(count / (64 * 4 * 4))));
    const ranges = node.temporary({ dtype: "f32", shape: [parts, 2] }, "linear");
    node.emit({
      kernel: rangeKernel,
      bindings: { x, y: ranges },
      uniforms: { x_offset: x.offset / 4, count },
      workgroups: [parts, 1, 1],
    });
    const [scale, zero] = [1, 2].map((index) =>
      node.node.outputs[index]
        ? node.output(index, "linear")
        : node.temporary({ dtype: index === 1 ? "f32" : "u8", shape: [] }, "linear")
    ) as [View, View];
    node.emit({
      kernel: finishRange,
      bindings: { ranges, y: scale, zero },
      uniforms: { count: parts, y_offset: scale.offset, zero_offset: zero.offset },
      workgroups: [1, 1, 1],
    });
    emitScaled(node, quantizeKernel, { scale, zero, grain: ONE_FOR_ALL }, {
      uniforms: { low: 0, high: 255 },
    });
  },
};

/** Between floats and their quantised forms. */
export const quantizeOperators: readonly Operator[] = [
  quantizeLinear("", [10, 99]),
  quantizeLinear(MICROSOFT, [1, 99]),
  dequantizeLinear("", [10, 99]),
  dequantizeLinear(MICROSOFT, [1, 99]),
  dynamicQuantizeLinear,
];
