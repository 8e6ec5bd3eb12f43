/**
 * Softmax, LogSoftmax and Hardmax. Before operator set 13 they flatten to two dimensions at `axis`; from then on they act
 * along it. {@link https://onnx.ai/onnx/operators/onnx__Softmax.html}, {@link https://onnx.ai/onnx/operators/onnx__Hardmax.html}
 *
 * @module
 */
import ROWS from "../../shaders/softmax/rows.wgsl" with { type: "text" };
import STRIDED from "../../shaders/softmax/strided.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { attr } from "./attribute.ts";
import { isFloat } from "../tensor/dtype.ts";
import { type HostTensor, hostTensor, toNumbers } from "../tensor/host_tensor.ts";
import { denseStrides, isDenseImage, paddedChannels, type View, viewOffsets } from "../tensor/view.ts";
import type { Lowering, NodeContext, Operator } from "./operator.ts";
import { axesCount, chooseLanes, extentRow, mergeAxes, type StridedAxis, strideRow } from "./strided.ts";

const rowsKernel: KernelSource = { name: "softmax/rows", wgsl: ROWS };
const stridedKernel: KernelSource = { name: "softmax/strided", wgsl: STRIDED };

/** The kernel's numbers for the operators. */
const MODE_NUMBER = { Softmax: 0, LogSoftmax: 1, Hardmax: 2 } as const;

type Mode = keyof typeof MODE_NUMBER;

/** The dimensions that a row extends over. */
function rowAxes(node: NodeContext): number[] {
  const rank = node.shape(0).length;
  const flattens = node.opset < 13;
  const axis = node.axis(attr.int(node.node, "axis", flattens ? 1 : -1), rank);
  return flattens ? Array.from({ length: rank - axis }, (_, i) => axis + i) : [axis];
}

/** Only rows along channels are worth keeping as an image: everything else is read as a list. */
function isAlongChannels(x: View, axes: readonly number[]): boolean {
  return x.shape.length === 4 && isDenseImage(x) && axes.includes(1) &&
    axes.every((axis) => axis === 1 || x.shape[axis] === 1);
}

function lowerSoftmax(node: Lowering, mode: Mode): void {
  const x = node.view(0);
  const axes = rowAxes(node);
  const asImage = isAlongChannels(x, axes);
  // Padding is only zeroed where the channels are walked; otherwise any view without will do.
  const y = asImage ? node.output(0, "image") : node.output(0, "linear", (view) => !view.padded);
  const all = x.shape.map((extent, axis) => ({
    extent,
    strides: [x.strides[axis]!, y.strides[axis]!],
    axis,
  }));
  const outer = mergeAxes(all.filter(({ axis }) => !axes.includes(axis)));
  // Channels are walked beyond their last, into the padding: one dimension, even if it is of extent 1.
  const inner = asImage ? [{ extent: x.shape[1]!, strides: [1, 1] }] : mergeAxes(
    all.filter(({ axis }) => axes.includes(axis)),
  );
  if (
    mode !== "Hardmax" &&
    emitSideBySide(node, { x, y, outer, inner, asImage, logarithm: mode === "LogSoftmax" })
  ) {
    return;
  }
  const [count, length] = [axesCount(outer), axesCount(inner)];
  const lanes = chooseLanes(count, length, 3 * (inner.length + 1)) ??
    node.fail(`normalises rows of ${length} elements`, "use a smaller input");
  node.emit({
    kernel: stridedKernel,
    options: { overrides: { ...lanes, MODE: MODE_NUMBER[mode] } },
    bindings: { x, y },
    uniforms: {
      count,
      inner_count: length,
      written_count: asImage ? paddedChannels(x.shape[1]!) : length,
      outer_rank: outer.length,
      inner_rank: inner.length,
      x_offset: x.offset,
      y_offset: y.offset,
      lowest: -Infinity,
      outer_extents: extentRow(outer),
      outer_x_strides: strideRow(outer, 0),
      outer_y_strides: strideRow(outer, 1),
      inner_extents: extentRow(inner),
      inner_x_strides: strideRow(inner, 0),
      inner_y_strides: strideRow(inner, 1),
    },
    workgroups: foldWorkgroups(Math.ceil(count / (lanes.WG / lanes.LANES))),
  });
}

/** What is normalised, as views and as a walk over them. */
interface Rows {
  x: View;
  y: View;
  outer: readonly StridedAxis[];
  inner: readonly StridedAxis[];
  asImage: boolean;
  logarithm: boolean;
}

/**
 * Rows whose elements lie side by side in x, read as vectors.
 *
 * @returns false where they do not, or rows are short, walked backwards or repeated in y, or an image off its `vec4`s.
 */
function emitSideBySide(node: Lowering, { x, y, outer, inner, asImage, logarithm }: Rows): boolean {
  const [row] = inner;
  const forward = outer.every(({ strides }) => strides.every((stride) => stride >= 0));
  const [xStep, yStep] = row?.strides ?? [];
  if (inner.length !== 1 || xStep !== 1 || yStep! < 1 || !forward) return false;
  const count = axesCount(outer);
  const lanes = chooseLanes(count, Math.ceil(row!.extent / 4) + 1, 2);
  if (!lanes || row!.extent < 8) return false;
  const beginnings = [x.offset, y.offset, ...outer.flatMap(({ strides }) => strides)];
  const whole = yStep === 1 && beginnings.every((step) => step % 4 === 0) &&
    (asImage || row!.extent % 4 === 0);
  if (asImage && !whole) return false;
  node.emit({
    kernel: rowsKernel,
    options: {
      overrides: { ...lanes, LOGARITHM: logarithm },
      ...(whole && { inject: { store: WHOLE_STORE } }),
    },
    bindings: { x, y },
    uniforms: {
      count,
      length: row!.extent,
      outer_rank: outer.length,
      x_offset: x.offset,
      y_offset: y.offset,
      y_step: yStep!,
      outer_extents: extentRow(outer),
      outer_x_strides: strideRow(outer, 0),
      outer_y_strides: strideRow(outer, 1),
    },
    workgroups: foldWorkgroups(Math.ceil(count / (lanes.WG / lanes.LANES))),
  });
  return true;
}

const WHOLE_STORE = `@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
fn store(row: u32, place: vec4i, value: vec4f) {
  y[(row + u32(place.x)) / 4u] = select(vec4f(), value, place < vec4i(i32(params.length)));
}`;

/** One row on the host. */
function hostRow(mode: Mode, row: readonly number[]): number[] {
  const largest = row.reduce((a, b) => Math.max(a, b), -Infinity);
  if (mode === "Hardmax") {
    const place = row.indexOf(largest);
    return row.map((_, i) => i === place ? 1 : 0);
  }
  const sum = row.reduce((total, value) => total + Math.exp(value - largest), 0);
  return row.map((value) =>
    mode === "Softmax" ? Math.exp(value - largest) / sum : value - largest - Math.log(sum)
  );
}

function evaluateSoftmax(node: NodeContext, x: HostTensor, mode: Mode): HostTensor {
  const axes = rowAxes(node);
  const strides = denseStrides(x.shape, "linear");
  const pick = (wanted: boolean): Pick<View, "shape" | "strides"> => {
    const chosen = x.shape.map((_, axis) => axis).filter((axis) => axes.includes(axis) === wanted);
    return { shape: chosen.map((axis) => x.shape[axis]!), strides: chosen.map((axis) => strides[axis]!) };
  };
  const numbers = toNumbers(x);
  const results = new Array<number>(numbers.length);
  for (const offset of viewOffsets({ ...pick(false), offset: 0 })) {
    const places = [...viewOffsets({ ...pick(true), offset })];
    hostRow(mode, places.map((at) => numbers[at]!)).forEach((value, i) => results[places[i]!] = value);
  }
  return hostTensor(x.dtype, x.shape, results);
}

function softmax(op: Mode): Operator {
  return {
    op,
    opsets: [1, 99],
    layout: "same",
    infer(node) {
      rowAxes(node);
      const { dtype, shape } = node.type(0);
      if (!isFloat(dtype)) node.fail(`works on ${dtype}`, "cast its input to float32");
      return [{ dtype, shape }];
    },
    evaluate: (node, [x]) => [evaluateSoftmax(node, x!, op)],
    lower: (node) => lowerSoftmax(node, op),
  };
}

/** Softmax, LogSoftmax and Hardmax. */
export const softmaxOperators: readonly Operator[] = [
  softmax("Softmax"),
  softmax("LogSoftmax"),
  softmax("Hardmax"),
];
