/**
 * Reduces the pixels of an image, channel by channel: global pooling, reductions over height and width, moments.
 *
 * @module
 */
import PIXELS from "../../shaders/reduce/pixels.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { gpuScalar } from "../tensor/dtype.ts";
import type { View } from "../tensor/view.ts";
import type { PlannedEpilogue } from "./epilogue.ts";
import { NO_EPILOGUE } from "./epilogue.ts";
import { type Addressed, addressed, addressUniforms, type Lowering } from "./operator.ts";
import { typesOf } from "./types.ts";

const pixelsKernel: KernelSource = { name: "reduce/pixels", wgsl: PIXELS };

/** How values are brought together. */
export type ReduceMode = "sum" | "mean" | "max" | "min" | "prod";

/** What is reduced, and how. */
export interface PixelReduction {
  mode: ReduceMode;
  /** Text of `fn term(value: vec4f, at: u32) -> vec4f`, done to each value first. */
  term?: string;
  /** Text of `fn finish(total: vec4f) -> vec4f`, done to each result, in place of the division of a mean. */
  finish?: string;
  /** Further bindings that `term` declares. */
  bindings?: Readonly<Record<string, View>>;
}

/** The kernels' numbers for the modes. */
export const MODE_NUMBER: Readonly<Record<ReduceMode, number>> = { sum: 0, mean: 0, max: 1, min: 2, prod: 3 };

/** For `//#inject bounds` and `finish` where elements are integers, whose mean is not supported. */
const INTEGERS = {
  bounds: "const LEAST = vec4i(-2147483647 - 1);\nconst GREATEST = vec4i(2147483647);",
  finish: "fn finish(total: vec4i) -> vec4i { return total; }",
};

/** What no values at all give. */
export const IDENTITY: Readonly<Record<ReduceMode, number>> = {
  sum: 0,
  mean: 0,
  max: -Infinity,
  min: Infinity,
  prod: 1,
};

/** For `//#inject share` where an invocation reduces its channels alone: no workgroup memory, no barrier. */
const ALONE = `
fn own_item(place: u32, local: u32) -> u32 { return place * WG + local; }
fn own_first(local: u32) -> u32 { return 0u; }
fn own_step() -> u32 { return 1u; }
fn together(total: vec, local: u32) -> vec { return total; }
`;

/** Invocations that software adapters run at once, as lanes. */
const LANES = 8;
/** What sharing costs there, in pixels that eight invocations could have read in that time (measured: 9 us, 20 ns a pixel). */
const SHARING_PIXELS = 450;

/** Whether channels are reduced by one invocation each: on software adapters, where barriers are dear, if few lanes idle. */
function alone({ target }: Lowering, count: number, pixels: number): boolean {
  if (!target.software || pixels > SEGMENT_PIXELS * 2) return false;
  return Math.ceil(count / LANES) * pixels < count * (Math.ceil(pixels / LANES) + SHARING_PIXELS);
}

/** Pixels that one workgroup takes when an image is split. */
const SEGMENT_PIXELS = 8192;

/** Emits the dispatches: one, or two for large images, of which the first reduces segments. */
export function lowerPixels(
  node: Lowering,
  x: Addressed,
  y: Addressed,
  reduction: PixelReduction,
  epilogue: PlannedEpilogue = NO_EPILOGUE,
): void {
  const { n, c, h, w } = x.address;
  const pixels = h * w;
  const scale = reduction.mode === "mean" ? 1 / Math.max(pixels, 1) : 1;
  if (n * c === 0) return;
  if (pixels <= SEGMENT_PIXELS * 2) {
    emitPixels(node, x, y, 1, reduction, scale, epilogue);
    return;
  }
  const segments = Math.ceil(pixels / SEGMENT_PIXELS);
  const { dtype } = x.view;
  const parts = addressed(node.temporary({ dtype, shape: [n, c, 1, segments] }, "image"));
  const { mode, term, bindings, finish } = reduction;
  const first = { mode, ...(term !== undefined && { term }), ...(bindings && { bindings }) };
  emitPixels(node, x, parts, segments, first, 1, NO_EPILOGUE);
  emitPixels(node, parts, y, 1, { mode, ...(finish !== undefined && { finish }) }, scale, epilogue);
}

function emitPixels(
  node: Lowering,
  x: Addressed,
  y: Addressed,
  segments: number,
  { mode, term, finish, bindings }: PixelReduction,
  scale: number,
  epilogue: PlannedEpilogue,
): void {
  const { n, c, c4, h, w } = x.address;
  const segmentPixels = Math.ceil(h * w / segments);
  const count = n * segments * c4;
  const source = addressUniforms("x", x.address);
  const single = alone(node, count, segmentPixels);
  const invocations = single ? LANES : segmentPixels > 1024 ? 256 : 64;
  node.emit({
    kernel: pixelsKernel,
    options: {
      overrides: { WG: invocations, MODE: MODE_NUMBER[mode] },
      inject: {
        ...typesOf(x.view.dtype),
        ...(gpuScalar(x.view.dtype) === "i32" && INTEGERS),
        ...epilogue.inject,
        ...(term !== undefined && { term }),
        ...(finish !== undefined && { finish }),
        ...(single && { share: ALONE }),
      },
    },
    bindings: { x: x.view, y: y.view, ...bindings, ...epilogue.bindings },
    uniforms: {
      count,
      c,
      c4,
      w,
      pixels: h * w,
      segments,
      segment_pixels: segmentPixels,
      scale,
      identity: IDENTITY[mode],
      ...source,
      y_offset: y.address.offset,
      y_stride_n: segments > 1 ? y.address.strideW : y.address.strideN,
      operands: epilogue.operands,
    },
    workgroups: foldWorkgroups(single ? Math.ceil(count / LANES) : count),
  });
}
