/**
 * RoiAlign and MaxRoiPool: regions of images pooled to a fixed size.
 * {@link https://onnx.ai/onnx/operators/onnx__RoiAlign.html}, {@link https://onnx.ai/onnx/operators/onnx__MaxRoiPool.html}
 *
 * @module
 */
import ALIGN from "../../shaders/roi/align.wgsl" with { type: "text" };
import MAX_POOL from "../../shaders/roi/max_pool.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { elementCount, type HostTensor, hostTensor } from "../tensor/host_tensor.ts";
import { attr } from "./attribute.ts";
import { addressUniforms, type Lowering, type NodeContext, type Operator } from "./operator.ts";
import { MAX_ITERATIONS } from "./strided.ts";

const alignKernel: KernelSource = { name: "roi/align", wgsl: ALIGN };
const maxPoolKernel: KernelSource = { name: "roi/max_pool", wgsl: MAX_POOL };

/** Positions along a side of a cell at most, where the node leaves the number open; the kernel has the same. */
const MOST_SAMPLES = 240;

/** How a RoiAlign pools. */
interface Alignment {
  maximum: boolean;
  half: boolean;
  scale: number;
  /** Positions along each side of a cell; 0: as many as it has pixels. */
  ratio: number;
  height: number;
  width: number;
}

function alignmentOf(node: NodeContext): Alignment {
  const mode = attr.string(node.node, "mode", "avg");
  if (mode !== "avg" && mode !== "max") node.fail(`mode "${mode}" is unknown`, "use avg or max");
  const first = node.opset < 16 ? "output_half_pixel" : "half_pixel";
  const transformation = attr.string(node.node, "coordinate_transformation_mode", first);
  if (transformation !== "half_pixel" && transformation !== "output_half_pixel") {
    node.fail(
      `coordinate_transformation_mode "${transformation}" is unknown`,
      "use half_pixel or output_half_pixel",
    );
  }
  const ratio = attr.int(node.node, "sampling_ratio", 0);
  if (ratio < 0 || ratio > MOST_SAMPLES) {
    node.fail(`sampling_ratio is ${ratio}`, `0 to ${MOST_SAMPLES} are supported`);
  }
  return {
    maximum: mode === "max",
    half: transformation === "half_pixel",
    scale: attr.float(node.node, "spatial_scale", 1),
    ratio,
    height: attr.int(node.node, "output_height", 1),
    width: attr.int(node.node, "output_width", 1),
  };
}

/** The shape of the pooled regions. */
function pooledShape(node: NodeContext, columns: number, height: number, width: number): number[] {
  const [x, rois] = [node.shape(0), node.shape(1)];
  if (x.length !== 4 || rois.length !== 2 || rois[1] !== columns) {
    node.fail(
      `pools regions [${rois.join(", ")}] of [${x.join(", ")}]`,
      `regions are [R, ${columns}], the image is [N, C, H, W]`,
    );
  }
  if (height < 1 || width < 1) node.fail(`pools to ${height} x ${width}`, "export the model again");
  const shape = [rois[0]!, x[1]!, height, width];
  if (elementCount(shape) > 0 && elementCount(x) === 0) {
    node.fail(`pools [${x.join(", ")}], which has no elements`, "give a larger input");
  }
  return shape;
}

/** What both kernels are told of the image and the regions. */
function lowerRegions(
  node: Lowering,
  kernel: KernelSource,
  overrides: Record<string, number | boolean>,
  batch: Record<"batch", ReturnType<Lowering["linear"]>> | undefined,
  scale: number,
): void {
  const x = node.image(0);
  const rois = node.linear(1);
  const y = node.imageOutput(0);
  const { n, c, c4, h, w } = y.address;
  const count = n * h * w * c4;
  node.emit({
    kernel,
    options: { overrides },
    bindings: { x: x.view, rois, ...batch, y: y.view },
    uniforms: {
      count,
      c,
      c4,
      in_n: x.address.n,
      in_h: x.address.h,
      in_w: x.address.w,
      out_h: h,
      out_w: w,
      rois_offset: rois.offset,
      ...(batch && { batch_offset: batch.batch.offset }),
      scale,
      ...addressUniforms("x", x.address),
      ...addressUniforms("y", y.address),
    },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  });
}

const roiAlign: Operator = {
  op: "RoiAlign",
  opsets: [10, 99],
  layout: "image",
  infer(node) {
    const { height, width } = alignmentOf(node);
    const shape = pooledShape(node, 4, height, width);
    const batch = node.shape(2);
    if (batch.length !== 1 || batch[0] !== shape[0]) {
      node.fail(`${shape[0]} regions have batch indices [${batch.join(", ")}]`, "export the model again");
    }
    return [{ dtype: node.type(0).dtype, shape }];
  },
  evaluate(node, [x, rois, batch]) {
    const alignment = alignmentOf(node);
    const { height, width } = alignment;
    return [
      poolHost(x!, pooledShape(node, 4, height, width), (region) => ({
        image: Number(batch!.data[region]),
        cell: alignedCell(alignment, numbersAt(rois!, region, 4), x!.shape),
      })),
    ];
  },
  lower(node) {
    const { maximum, half, scale, ratio } = alignmentOf(node);
    const overrides = { RATIO: ratio, HALF: half, MAXIMUM: maximum };
    lowerRegions(node, alignKernel, overrides, { batch: node.linear(2) }, scale);
  },
};

/** The pooled extents of a MaxRoiPool, and the scale of its regions. */
function maxPoolingOf(node: NodeContext): { height: number; width: number; scale: number } {
  const pooled = attr.ints(node.node, "pooled_shape");
  if (pooled.length !== 2) node.fail(`pooled_shape is [${pooled.join(", ")}]`, "give rows and columns");
  return { height: pooled[0]!, width: pooled[1]!, scale: attr.float(node.node, "spatial_scale", 1) };
}

const maxRoiPool: Operator = {
  op: "MaxRoiPool",
  opsets: [1, 99],
  layout: "image",
  infer(node) {
    const { height, width } = maxPoolingOf(node);
    return [{ dtype: node.type(0).dtype, shape: pooledShape(node, 5, height, width) }];
  },
  evaluate(node, [x, rois]) {
    const { height, width, scale } = maxPoolingOf(node);
    return [
      poolHost(x!, pooledShape(node, 5, height, width), (region) => {
        const [image, ...box] = numbersAt(rois!, region, 5);
        return { image: image!, cell: pixelCell(box, scale, [height, width], x!.shape) };
      }),
    ];
  },
  lower(node) {
    const { height, width, scale } = maxPoolingOf(node);
    const [, , h, w] = node.shape(0) as [number, number, number, number];
    const pixels = (Math.ceil(h / height) + 1) * (Math.ceil(w / width) + 1);
    if (pixels > MAX_ITERATIONS) {
      node.fail(`pools up to ${pixels} pixels to one`, `at most ${MAX_ITERATIONS} are supported`);
    }
    lowerRegions(node, maxPoolKernel, {}, undefined, scale);
  },
};

function numbersAt(rois: HostTensor, region: number, columns: number): number[] {
  return Array.from({ length: columns }, (_, i) => Number(rois.data[region * columns + i]));
}

/** One cell of a region's output: of the pixels of a plane, given by `read`. */
type Cell = (row: number, column: number, read: (h: number, w: number) => number) => number;

/** The pooled regions, plane by plane. */
function poolHost(
  x: HostTensor,
  shape: readonly number[],
  regionAt: (region: number) => { image: number; cell: Cell },
): HostTensor {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const [regions, , height, width] = shape as [number, number, number, number];
  const out: number[] = [];
  for (let region = 0; region < regions; region++) {
    const { image, cell } = regionAt(region);
    const inside = Math.min(Math.max(image, 0), n - 1);
    for (let channel = 0; channel < c; channel++) {
      const start = (inside * c + channel) * h * w;
      for (let row = 0; row < height; row++) {
        for (let column = 0; column < width; column++) {
          out.push(cell(row, column, (y, x_) => Number(x.data[start + y * w + x_])));
        }
      }
    }
  }
  return hostTensor(x.dtype, shape, out);
}

/** Pixels before and behind a position, and their weights; none more than a pixel outside. */
function between(at: number, extent: number): [number, number][] {
  if (!(at >= -1 && at <= extent)) return [];
  const inner = Math.max(at, 0);
  const low = Math.min(Math.floor(inner), extent - 1);
  const part = low + 1 >= extent ? 0 : inner - low;
  return [[low, 1 - part], [Math.min(low + 1, extent - 1), part]];
}

function alignedCell(alignment: Alignment, box: readonly number[], shape: readonly number[]): Cell {
  const { maximum, half, scale, ratio, height, width } = alignment;
  const [left, top, right, bottom] = box.map((edge) => edge * scale - (half ? 0.5 : 0)) as [
    number,
    number,
    number,
    number,
  ];
  const [tall, wide] = [bottom - top, right - left].map((size) => half ? size : Math.max(size, 1)) as [
    number,
    number,
  ];
  const along = (start: number, step: number, at: number, extent: number): [number, number][][] => {
    const count = ratio > 0 ? ratio : Math.min(Math.max(Math.ceil(step), 0), MOST_SAMPLES);
    return Array.from(
      { length: count },
      (_, i) => between(start + step * at + (i + 0.5) * step / count, extent),
    );
  };
  return (row, column, read) => {
    const rows = along(top, tall / height, row, shape[2]!);
    const columns = along(left, wide / width, column, shape[3]!);
    const values = rows.flatMap((ys) =>
      columns.map((xs) => ys.flatMap(([y, v]) => xs.map(([x, u]) => u * v * read(y, x))))
    );
    if (maximum) {
      return values.length === 0
        ? 0
        : values.reduce((most, one) => Math.max(most, ...padded(one)), -Infinity);
    }
    return values.flat().reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1);
  };
}

/** A position outside counts as zero. */
function padded(values: readonly number[]): readonly number[] {
  return values.length === 0 ? [0] : values;
}

/** The nearest whole number; halves go away from zero. */
function roundAway(value: number): number {
  return Math.sign(value) * Math.floor(Math.abs(value) + 0.5);
}

function pixelCell(
  box: readonly number[],
  scale: number,
  [height, width]: readonly [number, number],
  shape: readonly number[],
): Cell {
  const [left, top, right, bottom] = box.map((edge) => roundAway(edge * scale)) as [
    number,
    number,
    number,
    number,
  ];
  const span = (start: number, end: number, cells: number, at: number, extent: number): [number, number] => {
    const step = Math.fround(Math.max(end - start + 1, 1) / cells);
    const clamp = (value: number): number => Math.min(Math.max(value + start, 0), extent);
    return [clamp(Math.floor(Math.fround(at * step))), clamp(Math.ceil(Math.fround((at + 1) * step)))];
  };
  return (row, column, read) => {
    const [h0, h1] = span(top, bottom, height, row, shape[2]!);
    const [w0, w1] = span(left, right, width, column, shape[3]!);
    let most = h1 > h0 && w1 > w0 ? -Infinity : 0;
    for (let h = h0; h < h1; h++) for (let w = w0; w < w1; w++) most = Math.max(most, read(h, w));
    return most;
  };
}

/** RoiAlign and MaxRoiPool. */
export const roiOperators: readonly Operator[] = [roiAlign, maxRoiPool];
