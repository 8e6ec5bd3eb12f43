/**
 * How an epilogue reads another tensor beside the output that its kernel writes: the address of an operand's `vec4` for
 * a pixel and a group of channels, with broadcasting.
 *
 * @module
 */
import { elementCount } from "../tensor/host_tensor.ts";
import type { Layout, View } from "../tensor/view.ts";
import { expandView, imageAddress, isLinear } from "../tensor/view.ts";
import type { Lowering } from "./operator.ts";
import { gpuScalar } from "../tensor/dtype.ts";
import { mergeRows } from "./volume.ts";

/** First binding index of operands; kernels keep their own below it. */
export const OPERAND_BINDING = 8;

/** An operand as an epilogue reads it. */
export interface BoundOperand {
  view: View;
  /** WGSL for the four elements at `pixel` and `c4`. */
  text: string;
  /** The four numbers that the text calls `params.operands[slot]`. */
  uniforms: readonly [x: number, y: number, z: number, w: number];
}

/**
 * Binds a view, broadcast to `shape`, for a kernel that writes in `layout`; one that cannot be addressed is copied to
 * the output's size first.
 */
export function bindOperand(
  lowering: Lowering,
  view: View,
  shape: readonly number[],
  layout: Layout,
  slot: number,
): BoundOperand {
  const single = singleOperand(view, slot);
  if (single) return single;
  if (layout === "image") {
    return imageOperand(view, shape, slot) ??
      imageOperand(lowering.copy(expandView(view, shape), "image"), shape, slot)!;
  }
  return linearOperand(view, shape, slot) ??
    linearOperand(lowering.materialise(expandView(view, shape), "linear"), shape, slot)!;
}

/** WGSL of four equal elements. */
function spread(view: View, slot: number, element: string): string {
  const vector = gpuScalar(view.dtype) === "f32" ? "vec4f" : "vec4i";
  return `${vector}(${scalarAt(slot, element)})`;
}

function scalarAt(slot: number, element: string): string {
  return `operand${slot}[(${element}) / 4u][(${element}) % 4u]`;
}

/** One element for the whole output: x is where it lies. */
function singleOperand(view: View, slot: number): BoundOperand | undefined {
  if (elementCount(view.shape) !== 1) return undefined;
  return { view, text: spread(view, slot, `params.operands[${slot}].x`), uniforms: [view.offset, 0, 0, 0] };
}

/** x: offset, y: step by pixel, z: step by group of channels, all in `vec4`s, w: pixels that share or repeat one. */
function imageOperand(view: View, shape: readonly number[], slot: number): BoundOperand | undefined {
  const missing = shape.length - view.shape.length;
  const own = [...new Array<number>(missing).fill(1), ...view.shape];
  const strides = [...new Array<number>(missing).fill(0), ...view.strides];
  const p = `params.operands[${slot}]`;
  const at = (pixel: string): string => `operand${slot}[${p}.x + ${pixel} * ${p}.y + c4 * ${p}.z]`;
  const splat = own[1] === 1 && shape[1] !== 1;
  const lanes = (text: string): string =>
    splat ? `${gpuScalar(view.dtype) === "f32" ? "vec4f" : "vec4i"}(${text}.x)` : text;
  if (!splat && own.every((extent, axis) => axis === 1 || extent === 1)) {
    // [C, 1, 1] or [1, C, 1, 1]: any storage with channels side by side and room to read whole groups.
    const aligned = strides[1] === 1 && view.offset % 4 === 0 &&
      (own[1]! % 4 === 0 || view.padded || isLinear(view));
    if (aligned) return { view, text: at("pixel"), uniforms: [view.offset / 4, 0, 1, 0] };
  }
  const address = imageAddress(mergeRows({ ...view, shape: own, strides }));
  if (!address) return undefined;
  const { h, w, n, strideW, strideH, strideN, offset } = address;
  const pixels = elementCount(shape.slice(2));
  const group = splat ? 0 : 1;
  const spatial = own.slice(2).every((extent, i) => extent === shape[i + 2]);
  if (own[0] === shape[0] && own.slice(2).every((extent) => extent === 1)) {
    return { view, text: lanes(at(`(pixel / ${p}.w)`)), uniforms: [offset, strideN, group, pixels] };
  }
  const step = w > 1 ? strideW : h > 1 ? strideH : strideN;
  const even = h === 1 || strideH === step * w;
  if (!spatial || !even) return undefined;
  if (own[0] === shape[0] && (n === 1 || strideN === step * w * h)) {
    return { view, text: lanes(at("pixel")), uniforms: [offset, step, group, 0] };
  }
  if (own[0] !== 1) return undefined;
  return { view, text: lanes(at(`(pixel % ${p}.w)`)), uniforms: [offset, step, group, pixels] };
}

/**
 * Of a linear output, of which `c4` counts the `vec4`s. x: offset; y: elements of the output that share one; w: after how
 * many the operand begins again. Broadcasting along outer or inner dimensions can be said so, but not both at once.
 */
function linearOperand(view: View, shape: readonly number[], slot: number): BoundOperand | undefined {
  if (!isLinear(view)) return undefined;
  const own = [...new Array<number>(shape.length - view.shape.length).fill(1), ...view.shape];
  const first = own.findIndex((extent, axis) => extent !== 1 && extent === shape[axis]);
  const last = own.findLastIndex((extent, axis) => extent !== 1 && extent === shape[axis]);
  const solid = own.every((extent, axis) => axis < first || axis > last || extent === shape[axis]);
  if (!solid) return undefined;
  const count = elementCount(view.shape);
  const shared = elementCount(shape.slice(last + 1));
  const p = `params.operands[${slot}]`;
  const { offset } = view;
  if (shared === 1 && offset % 4 === 0) {
    if (count === elementCount(shape)) {
      return { view, text: `operand${slot}[${p}.x + c4]`, uniforms: [offset / 4, 0, 0, 0] };
    }
    if (count % 4 === 0) {
      return { view, text: `operand${slot}[${p}.x + c4 % ${p}.w]`, uniforms: [offset / 4, 0, 0, count / 4] };
    }
  }
  if (shared % 4 === 0) {
    const element = `${p}.x + (c4 / ${p}.y) % ${p}.w`;
    return { view, text: spread(view, slot, element), uniforms: [offset, shared / 4, 0, count] };
  }
  const vector = gpuScalar(view.dtype) === "f32" ? "vec4f" : "vec4i";
  const lane = (i: number): string => scalarAt(slot, `${p}.x + ((4u * c4 + ${i}u) / ${p}.y) % ${p}.w`);
  return {
    view,
    text: `${vector}(${[0, 1, 2, 3].map(lane).join(", ")})`,
    uniforms: [offset, shared, 0, count],
  };
}
