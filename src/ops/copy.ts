/**
 * Moving elements from one view to another: the kernels behind changes of layout, concatenation and padding.
 *
 * @module
 */
import PLANES from "../../shaders/copy/planes.wgsl" with { type: "text" };
import STRIDED from "../../shaders/copy/strided.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import {
  hasPixelRows,
  type ImageAddress,
  imageAddress,
  paddedChannels,
  planesAddress,
  type View,
} from "../tensor/view.ts";
import { NO_EPILOGUE } from "./epilogue.ts";
import { mapImageDispatch } from "./map.ts";
import type { PlannedDispatch } from "./operator.ts";
import { MAX_STRIDED_RANK } from "./strided.ts";
import { typesOf } from "./types.ts";

const strided: KernelSource = { name: "copy/strided", wgsl: STRIDED };
const planes: KernelSource = { name: "copy/planes", wgsl: PLANES };

/** Copies between two views of one shape; the channel padding of a dense image is written as zero. */
export function copyDispatch(from: View, to: View): PlannedDispatch {
  const image = imageAddress(from);
  if (image && imageAddress(to)) return mapImageDispatch(from, to, NO_EPILOGUE);
  return (image && planesDispatch(image, from, to)) ?? padDispatch(from, to, from.shape.map(() => 0), 0);
}

/** Four pixels of this many blocks in a row are an invocation's. */
const BLOCKS = 2;

/** Stores four pixels of a plane at once. */
const VECTOR_STORE = `@group(0) @binding(1) var<storage, read_write> y: array<vec>;
fn store(at: u32, value: vec, count: u32) { y[at / 4u] = value; }`;

/** An image to a plane for each channel, or `undefined` if the pixels of either do not lie in one row. */
function planesDispatch(image: ImageAddress, from: View, to: View): PlannedDispatch | undefined {
  const { n: images, c: channels, h, w } = image;
  const pixels = h * w;
  const rowOfRows = h === 1 || image.strideH === image.strideW * w;
  if (!hasPixelRows(to) || !rowOfRows || pixels < 4) return undefined;
  const [strideN, strideC] = to.strides as [number, number];
  const runs = Math.ceil(pixels / (4 * BLOCKS));
  return {
    kernel: planes,
    options: {
      overrides: { BLOCKS },
      inject: { ...typesOf(from.dtype), ...(planesAddress(to) && { store: VECTOR_STORE }) },
    },
    bindings: { x: from, y: to },
    uniforms: {
      x_offset: image.offset,
      x_stride_n: image.strideN,
      x_stride_pixel: image.strideW,
      y_offset: to.offset,
      y_stride_n: strideN,
      y_stride_c: strideC,
      images,
      pixels,
      channels,
    },
    workgroups: foldWorkgroups(Math.ceil((images * image.c4 * runs) / 64)),
  };
}

/** One dimension of a copy: y's extent, the part of it that x covers, and a step in elements of each. */
interface CopyAxis {
  extent: number;
  xExtent: number;
  begin: number;
  xStride: number;
  yStride: number;
}

/** Elements that an invocation of the strided copy takes. */
const RUN = 8;
/** Fours of elements that it takes where four lie side by side in y, and are stored at once. */
const VECTOR_RUN = 4;
/** Stores four elements that lie side by side. */
const VECTOR_STRIDED_STORE = `@group(0) @binding(1) var<storage, read_write> y: array<vec>;
fn store(at: i32, value: vec) { y[at / 4] = value; }`;

/** What is walked where a copy has fewer dimensions than the kernel. */
const NO_AXIS: CopyAxis = { extent: 1, xExtent: 1, begin: 0, xStride: 0, yStride: 0 };

/**
 * Writes `from` into `to` beginning at `begin` (which may be negative, to crop) and `fill` around it.
 */
export function padDispatch(from: View, to: View, begin: readonly number[], fill: number): PlannedDispatch {
  const axes = mergeCopyAxes(
    to.shape.map((extent, axis): CopyAxis => ({
      // Lanes of channel padding are written too, as zero.
      extent: axis === 1 && to.padded ? paddedChannels(extent) : extent,
      xExtent: from.shape[axis]!,
      begin: begin[axis]!,
      xStride: from.strides[axis]!,
      yStride: to.strides[axis]!,
    })),
  );
  if (axes.length > MAX_STRIDED_RANK) {
    throw new RangeError(
      `Cannot copy a tensor of shape [${to.shape.join(", ")}]: more than ${MAX_STRIDED_RANK} dimensions`,
    );
  }
  const run = takeRunAxis(axes);
  const inner = axes.pop() ?? NO_AXIS;
  const vectors = inner.yStride === 1 && inner.extent % 4 === 0 && to.offset % 4 === 0 &&
    [run, ...axes].every(({ extent, yStride }) => extent === 1 || yStride % 4 === 0);
  const [length, lanes] = vectors ? [VECTOR_RUN, 4] : [RUN, 1];
  const count = axes.reduce(
    (product, { extent }) => product * extent,
    inner.extent / lanes * Math.ceil(run.extent / length),
  );
  const row = (pick: (axis: CopyAxis) => number): number[] =>
    Array.from({ length: MAX_STRIDED_RANK }, (_, i) => pick(axes[i] ?? NO_AXIS));
  return {
    kernel: strided,
    options: {
      overrides: { RUN: length, LANES: lanes, OUTER: axes.length },
      inject: { ...typesOf(from.dtype), ...(vectors && { store: VECTOR_STRIDED_STORE }) },
    },
    bindings: { x: from, y: to },
    uniforms: {
      count,
      x_offset: from.offset,
      y_offset: to.offset,
      fill,
      ...axisUniforms("inner", inner),
      ...axisUniforms("run", run),
      extents: row(({ extent }) => extent),
      x_extents: row(({ xExtent }) => xExtent),
      begins: row(({ begin }) => begin),
      x_strides: row(({ xStride }) => xStride),
      y_strides: row(({ yStride }) => yStride),
    },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  };
}

/** From the widest step in y to the densest; those of extent 1 left out, neighbours merged where x covers them whole. */
function mergeCopyAxes(axes: readonly CopyAxis[]): CopyAxis[] {
  const merged: CopyAxis[] = [];
  const walked = axes.filter(({ extent, begin, xExtent }) => extent !== 1 || begin !== 0 || xExtent !== 1);
  for (const axis of walked.toSorted((a, b) => Math.abs(b.yStride) - Math.abs(a.yStride))) {
    const outer = merged.at(-1);
    const { extent, xStride, yStride } = axis;
    const whole = axis.begin === 0 && axis.xExtent === extent;
    if (whole && outer?.xStride === xStride * extent && outer.yStride === yStride * extent) {
      merged[merged.length - 1] = {
        extent: outer.extent * extent,
        xExtent: outer.xExtent * extent,
        begin: outer.begin * extent,
        xStride,
        yStride,
      };
    } else {
      merged.push(axis);
    }
  }
  return merged;
}

/**
 * Takes out the dimension along which each invocation makes its run: of those long enough, the one that lies densest in
 * x, as the invocations beside one another already follow y.
 */
function takeRunAxis(axes: CopyAxis[]): CopyAxis {
  const outer = axes.slice(0, -1);
  const long = outer.filter(({ extent }) => extent >= RUN / 2);
  const best =
    (long.length > 0 ? long : outer).toSorted((a, b) => Math.abs(a.xStride) - Math.abs(b.xStride))[0];
  return axes.splice(best ? axes.indexOf(best) : 0, 1)[0] ?? NO_AXIS;
}

function axisUniforms(name: string, axis: CopyAxis): Record<string, number> {
  return {
    [`${name}_extent`]: axis.extent,
    [`${name}_x_extent`]: axis.xExtent,
    [`${name}_begin`]: axis.begin,
    [`${name}_x_stride`]: axis.xStride,
    [`${name}_y_stride`]: axis.yStride,
  };
}
