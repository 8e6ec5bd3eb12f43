/**
 * Reduces the pixels of an image, channel by channel: global pooling, reductions over height and width, moments.
 *
 * @module
 */
import PIXELS from "../../shaders/reduce/pixels.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import type { View } from "../tensor/view.ts";
import type { PlannedEpilogue } from "./epilogue.ts";
import { NO_EPILOGUE } from "./epilogue.ts";
import { type Addressed, addressed, addressUniforms, type Lowering } from "./operator.ts";

const pixelsKernel: KernelSource = { name: "reduce/pixels", wgsl: PIXELS };

/** How values are brought together. */
export type ReduceMode = "sum" | "mean" | "max" | "min" | "prod";

/** What is reduced, and how. */
export interface PixelReduction {
  mode: ReduceMode;
  /** Text of `fn term(value: vec4f, at: u32) -> vec4f`, done to each value first. */
  term?: string;
  /** Further bindings that `term` declares. */
  bindings?: Readonly<Record<string, View>>;
}

/** The kernels' numbers for the modes. */
export const MODE_NUMBER: Readonly<Record<ReduceMode, number>> = { sum: 0, mean: 0, max: 1, min: 2, prod: 3 };

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
  if (pixels <= SEGMENT_PIXELS * 2) {
    emitPixels(node, x, y, 1, reduction, scale, epilogue);
    return;
  }
  const segments = Math.ceil(pixels / SEGMENT_PIXELS);
  const { dtype } = x.view;
  const parts = addressed(node.temporary({ dtype, shape: [n, c, 1, segments] }, "image"));
  emitPixels(node, x, parts, segments, reduction, 1, NO_EPILOGUE);
  emitPixels(node, parts, y, 1, { mode: reduction.mode }, scale, epilogue);
}

function emitPixels(
  node: Lowering,
  x: Addressed,
  y: Addressed,
  segments: number,
  { mode, term, bindings }: PixelReduction,
  scale: number,
  epilogue: PlannedEpilogue,
): void {
  const { n, c, c4, h, w } = x.address;
  const segmentPixels = Math.ceil(h * w / segments);
  const count = n * segments * c4;
  const source = addressUniforms("x", x.address);
  node.emit({
    kernel: pixelsKernel,
    options: {
      overrides: { WG: segmentPixels > 1024 ? 256 : 64, MODE: MODE_NUMBER[mode] },
      inject: { ...epilogue.inject, ...(term !== undefined && { term }) },
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
      ...source,
      y_offset: y.address.offset,
      y_stride_n: segments > 1 ? y.address.strideW : y.address.strideN,
      operands: epilogue.operands,
    },
    workgroups: foldWorkgroups(count),
  });
}
