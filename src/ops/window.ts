/**
 * The sliding window that convolution and pooling share: kernel, strides, dilations and padding over the spatial
 * dimensions.
 *
 * @module
 */
import { isFloat } from "../tensor/dtype.ts";
import { attr } from "./attribute.ts";
import type { Node } from "./node.ts";
import type { NodeContext } from "./operator.ts";

/** A window along one spatial dimension. */
export interface WindowAxis {
  /** Of the input. */
  readonly extent: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly padBegin: number;
  readonly padEnd: number;
  /** Extent of the output. */
  readonly out: number;
}

/** A window over height and width; 1-D windows have height 1. */
export interface Window {
  kernel: readonly [h: number, w: number];
  strides: readonly [h: number, w: number];
  dilations: readonly [h: number, w: number];
  padBegin: readonly [top: number, left: number];
  padEnd: readonly [bottom: number, right: number];
  out: readonly [h: number, w: number];
}

/** A window of one pixel, over an image of these extents. */
export function pointWindow(extents: readonly [h: number, w: number]): Window {
  return {
    kernel: [1, 1],
    strides: [1, 1],
    dilations: [1, 1],
    padBegin: [0, 0],
    padEnd: [0, 0],
    out: extents,
  };
}

/** The most spatial dimensions that kernels walk. */
const MAX_SPATIAL = 3;

/**
 * Reads the window's attributes and works out the output's extents, one axis a spatial dimension.
 *
 * @param kernelShape from the weights or the attribute, one number a spatial dimension.
 * @param samePadding what `auto_pad` SAME_UPPER and SAME_LOWER pad for: the window's reach, or, as ONNX Runtime does for
 * pooling, its kernel as if it were not dilated.
 * @throws {GraphError} for lists of the wrong length, or a window that does not fit into the padded input.
 */
export function readAxes(
  node: NodeContext,
  kernelShape: readonly number[],
  samePadding: "reach" | "kernel" = "reach",
): WindowAxis[] {
  const spatial = spatialExtents(node);
  const rank = spatial.length;
  if (kernelShape.length !== rank) {
    node.fail(`its kernel has ${kernelShape.length} dimensions, its input ${rank}`, "export the model again");
  }
  const strides = readList(node, "strides", 1, rank);
  const dilations = readList(node, "dilations", 1, rank);
  const pads = readList(node, "pads", 0, rank * 2);
  const autoPad = readAutoPad(node);
  const ceilMode = attr.int(node.node, "ceil_mode", 0) === 1;
  return spatial.map((extent, i): WindowAxis => {
    const [kernel, stride, dilation] = [kernelShape[i]!, strides[i]!, dilations[i]!];
    checkSteps(node, kernel, stride, dilation);
    const reach = (kernel - 1) * dilation + 1;
    // What SAME leaves to be padded, before the window itself is counted.
    const wanted = (Math.ceil(extent / stride) - 1) * stride - extent;
    const [padBegin, padEnd] = autoPad === "NOTSET"
      ? [pads[i]!, pads[i + rank]!]
      : autoPad === "VALID"
      ? [0, 0]
      : samePads(autoPad, samePadding === "kernel" ? wanted + kernel : Math.max(0, wanted + reach));
    const room = extent + padBegin + padEnd - reach;
    if (room < 0) {
      node.fail(
        `a window of ${reach} does not fit into ${extent} with padding ${padBegin} and ${padEnd}`,
        "give a larger input",
      );
    }
    let out = (ceilMode ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1;
    // A window that would begin in the padding behind the input is left out, as PyTorch and ONNX Runtime do.
    if (ceilMode && (out - 1) * stride >= extent + padBegin) out--;
    return { extent, kernel, stride, dilation, padBegin, padEnd, out };
  });
}

/**
 * Padding dealt out to both sides. Where kernels are smaller than strides it may be negative: ONNX Runtime's pooling then
 * leaves out rows on both sides, its convolution does not.
 */
function samePads(autoPad: "SAME_UPPER" | "SAME_LOWER", total: number): [begin: number, end: number] {
  const begin = Math.trunc((autoPad === "SAME_UPPER" ? total : total + 1) / 2);
  return [begin, total - begin];
}

/**
 * The same for kernels that walk height and width.
 *
 * @throws {GraphError} also for more than two spatial dimensions.
 */
export function readWindow(node: NodeContext, kernelShape: readonly number[]): Window {
  const axes = readAxes(node, kernelShape);
  if (axes.length > 2) node.fail(`works on ${axes.length} spatial dimensions`, "1 and 2 are supported");
  return planarWindow(axes);
}

/** One or two axes as height and width. */
export function planarWindow(axes: readonly WindowAxis[]): Window {
  const pair = (of: (axis: WindowAxis) => number): [number, number] => {
    const [h, w] = padAxes(axes, 2);
    return [of(h!), of(w!)];
  };
  return {
    kernel: pair(({ kernel }) => kernel),
    strides: pair(({ stride }) => stride),
    dilations: pair(({ dilation }) => dilation),
    padBegin: pair(({ padBegin }) => padBegin),
    padEnd: pair(({ padEnd }) => padEnd),
    out: pair(({ out }) => out),
  };
}

/** What a dimension of extent 1 adds to a window: nothing. */
const NO_AXIS: WindowAxis = { extent: 1, kernel: 1, stride: 1, dilation: 1, padBegin: 0, padEnd: 0, out: 1 };

function padAxes(axes: readonly WindowAxis[], rank: number): WindowAxis[] {
  return [...new Array<WindowAxis>(rank - axes.length).fill(NO_AXIS), ...axes];
}

/** Uniforms of the kernels that walk depth, height and width: one vector each, the fourth number unused. */
export function axesUniforms(axes: readonly WindowAxis[]): Record<string, number[]> {
  const row = (of: (axis: WindowAxis) => number): number[] => [...padAxes(axes, MAX_SPATIAL).map(of), 1];
  return {
    extent: row(({ extent }) => extent),
    out: row(({ out }) => out),
    kernel: row(({ kernel }) => kernel),
    stride: row(({ stride }) => stride),
    dilation: row(({ dilation }) => dilation),
    pad: row(({ padBegin }) => padBegin),
  };
}

/** Uniforms of the kernels that walk height and width: where windows lie. */
export function windowUniforms({ out, strides, dilations, padBegin }: Window): Record<string, number> {
  return {
    out_h: out[0],
    out_w: out[1],
    stride_h: strides[0],
    stride_w: strides[1],
    dilation_h: dilations[0],
    dilation_w: dilations[1],
    // Kernels take them as i32: a window may begin behind the image's edge.
    pad_top: padBegin[0] >>> 0,
    pad_left: padBegin[1] >>> 0,
  };
}

/** The output's spatial extents in the input's own rank. */
export function spatialOut(node: NodeContext, window: Window): number[] {
  return node.shape(0).length === 3 ? [window.out[1]] : [...window.out];
}

/** Taps of the whole window. */
export function tapCount(axes: readonly WindowAxis[]): number {
  return axes.reduce((product, { kernel }) => product * kernel, 1);
}

/** The most loop iterations of nested loops over the taps, and `inner` more for each tap. */
export function loopIterations(axes: readonly WindowAxis[], inner: number): number {
  return axes.reduceRight((steps, { kernel }) => kernel * (1 + steps), inner);
}

/**
 * The spatial extents of input 0.
 *
 * @throws {GraphError} if there are none, or too many.
 */
export function spatialExtents(node: NodeContext): readonly number[] {
  const spatial = node.shape(0).slice(2);
  if (spatial.length < 1 || spatial.length > MAX_SPATIAL || node.shape(0).length < 3) {
    node.fail(`works on ${node.shape(0).length - 2} spatial dimensions`, `1 to ${MAX_SPATIAL} are supported`);
  }
  return spatial;
}

/** Refuses whole numbers, for which the operator means nothing. */
export function requireFloats(node: NodeContext): void {
  const { dtype } = node.type(0);
  if (!isFloat(dtype)) {
    node.fail(`its input is ${dtype}`, "floats are needed; cast it when exporting the model");
  }
}

/** A list attribute. @throws {GraphError} if it has another length. */
export function readList(node: NodeContext, name: string, fallback: number, count: number): number[] {
  const values = [...attr.ints(node.node, name, new Array(count).fill(fallback))];
  if (values.length !== count) {
    node.fail(
      `attribute "${name}" has ${values.length} numbers, but ${count} are needed`,
      "export the model again",
    );
  }
  return values;
}

/** How padding is found. */
export type AutoPad = "NOTSET" | "VALID" | "SAME_UPPER" | "SAME_LOWER";

/** Whether padding is given in numbers. */
export function padsAreGiven(node: Node): boolean {
  return ["NOTSET", ""].includes(attr.string(node, "auto_pad", "NOTSET"));
}

/** The attribute `auto_pad`. @throws {GraphError} if it is none of ONNX's. */
export function readAutoPad(node: NodeContext): AutoPad {
  const autoPad = attr.string(node.node, "auto_pad", "NOTSET");
  switch (autoPad) {
    case "":
      return "NOTSET";
    case "NOTSET":
    case "VALID":
    case "SAME_UPPER":
    case "SAME_LOWER":
      return autoPad;
    default:
      return node.fail(
        `auto_pad "${autoPad}" is unknown`,
        "NOTSET, VALID, SAME_UPPER and SAME_LOWER are supported",
      );
  }
}

/** Refuses windows that go nowhere. */
export function checkSteps(node: NodeContext, kernel: number, stride: number, dilation: number): void {
  if (stride >= 1 && kernel >= 1 && dilation >= 1) return;
  node.fail(
    `stride ${stride}, kernel ${kernel} and dilation ${dilation} must be 1 or more`,
    "export the model again",
  );
}
