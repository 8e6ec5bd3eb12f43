/**
 * Bringing rows to zero mean and unit spread: what layer, group, instance and other normalisations have in common. A row
 * is any set of dimensions of any view.
 *
 * @module
 */
import ROWS from "../../shaders/normalization/rows.wgsl" with { type: "text" };
import STRIDED from "../../shaders/normalization/strided.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { elementCount, type HostTensor, toNumbers } from "../tensor/host_tensor.ts";
import { denseStrides, expandView, type View, viewOffsets } from "../tensor/view.ts";
import { hostViewOf } from "./host_elements.ts";
import type { Lowering } from "./operator.ts";
import {
  axesCount,
  chooseLanes,
  extentRow,
  MAX_STRIDED_RANK,
  mergeAxes,
  type StridedAxis,
} from "./strided.ts";

const rowsKernel: KernelSource = { name: "normalization/rows", wgsl: ROWS };
const stridedKernel: KernelSource = { name: "normalization/strided", wgsl: STRIDED };

/** What rows are brought to. */
export type RowMeasure =
  /** Zero mean; variance plus epsilon of one. */
  | "variance"
  /** Mean square plus epsilon of one. */
  | "square"
  /** Zero mean; standard deviation plus epsilon of one. */
  | "deviation"
  /** Sum of magnitudes of one. */
  | "l1"
  /** Root of the sum of squares of one. */
  | "l2"
  /** The same, but never multiplied by more than 1 / epsilon. */
  | "boundedL2";

/** A moment that is wanted besides: one number a row, written in WGSL from `mean`, `second` (variance) and `scale`. */
export interface KeptMoment {
  to: View;
  value: string;
  /** What `value` calls `old`: one number a row. */
  old?: View;
}

/** One normalisation; all views have x's shape. */
export interface RowNormalization {
  x: View;
  y: View;
  /** The dimensions of a row. */
  axes: readonly number[];
  measure: RowMeasure;
  epsilon: number;
  /** Factors, and what is added after them. */
  gain?: View | undefined;
  shift?: View | undefined;
  kept?: readonly KeptMoment[];
}

/** Whether a measure takes the mean away first. */
function isCentred(measure: RowMeasure): boolean {
  return measure === "variance" || measure === "deviation";
}

const FACTOR: Readonly<Record<RowMeasure, string>> = {
  variance: "1.0 / sqrt(second + params.epsilon)",
  square: "1.0 / sqrt(second + params.epsilon)",
  deviation: "1.0 / (sqrt(second) + params.epsilon)",
  l1: "select(1.0 / (second * count), 0.0, second == 0.0)",
  l2: "select(1.0 / sqrt(second * count), 0.0, second == 0.0)",
  boundedL2: "1.0 / max(sqrt(second * count), params.epsilon)",
};

/** Emits the one dispatch. */
export function emitRows(node: Lowering, rows: RowNormalization): void {
  const { x, y, gain, shift } = rows;
  const all = x.shape.map((extent, axis) => ({
    extent,
    strides: [x, y, gain, shift].map((view) => view?.strides[axis] ?? 0),
    axis,
  }));
  const outer = mergeAxes(all.filter(({ axis }) => !rows.axes.includes(axis)));
  // The densest dimension is walked fastest.
  const inner = mergeAxes(
    all.filter(({ axis }) => rows.axes.includes(axis))
      .toSorted((a, b) => Math.abs(b.strides[0]!) - Math.abs(a.strides[0]!)),
  );
  if (outer.length > MAX_STRIDED_RANK || inner.length > MAX_STRIDED_RANK) {
    node.fail(`works on ${x.shape.length} dimensions`, `up to ${MAX_STRIDED_RANK} are supported`);
  }
  const offsets = [x.offset, y.offset, gain?.offset ?? 0, shift?.offset ?? 0];
  if (!emitRuns(node, rows, outer, inner, offsets)) emitStrided(node, rows, outer, inner, offsets);
}

/** Rows made of runs of whole `vec4`s. @returns false if they are not. */
function emitRuns(
  node: Lowering,
  rows: RowNormalization,
  outer: readonly StridedAxis[],
  inner: readonly StridedAxis[],
  offsets: readonly number[],
): boolean {
  const run = inner.at(-1);
  const [repeat] = inner.length === 2 ? inner : [{ extent: 1, strides: [0, 0, 0, 0] }];
  if (!run || inner.length > 2 || run.extent % 4 !== 0) return false;
  if (run.strides[0] !== 1 || run.strides[1] !== 1) return false;
  // Gain and shift are whole vec4s along the run, or one number a row.
  const splat = [2, 3].map((i) => run.strides[i] === 0);
  const operands = [rows.gain, rows.shift];
  for (const [i, view] of operands.entries()) {
    if (view && (repeat!.strides[i + 2] !== 0 || (!splat[i] && run.strides[i + 2] !== 1))) return false;
  }
  const wholes = [0, 1, ...[2, 3].filter((i) => operands[i - 2] && !splat[i - 2])];
  const steps = wholes.flatMap((i) =>
    [...outer, repeat!].map(({ strides }) => strides[i]!).concat(offsets[i]!)
  );
  if (steps.some((step) => step % 4 !== 0)) return false;
  const inVec4s = (numbers: readonly number[]): number[] =>
    numbers.map((one, i) => wholes.includes(i) ? one / 4 : one);
  const count = axesCount(outer);
  const lanes = chooseLanes(count, repeat!.extent * run.extent / 4, 2);
  if (!lanes) return false;
  const functions = [
    `fn term(value: vec4f) -> vec4f { return ${rows.measure === "l1" ? "abs(value)" : "value * value"}; }`,
    ...["gain", "shift"].map((name, i) => {
      const value = !operands[i]
        ? `vec4f(${i === 0 ? "1.0" : "0.0"})`
        : splat[i]
        ? `vec4f(${name}s[row])`
        : `${name}s[row + at]`;
      return `fn ${name}(row: i32, at: i32) -> vec4f { return ${value}; }`;
    }),
  ];
  const types = operands.map((_, i) => splat[i] ? "f32" : "vec4f");
  node.emit({
    kernel: rowsKernel,
    ...kernelParts(rows, lanes, functions, types),
    uniforms: {
      count,
      runs: repeat!.extent,
      run: run.extent / 4,
      x_run_stride: repeat!.strides[0]! / 4,
      y_run_stride: repeat!.strides[1]! / 4,
      outer_rank: outer.length,
      epsilon: rows.epsilon,
      offsets: inVec4s(offsets),
      outer_extents: extentRow(outer),
      outer_strides: strideRows(outer.map((axis) => ({ ...axis, strides: inVec4s(axis.strides) }))),
    },
    workgroups: foldWorkgroups(Math.ceil(count / (lanes.WG / lanes.LANES))),
  });
  return true;
}

function emitStrided(
  node: Lowering,
  rows: RowNormalization,
  outer: readonly StridedAxis[],
  inner: readonly StridedAxis[],
  offsets: readonly number[],
): void {
  const [count, length] = [axesCount(outer), axesCount(inner)];
  const lanes = chooseLanes(count, length, 2 * (inner.length + 1)) ??
    node.fail(`normalises rows of ${length} elements`, "use a smaller input");
  const functions = [
    `fn term(value: f32) -> f32 { return ${rows.measure === "l1" ? "abs(value)" : "value * value"}; }`,
    `fn gain(at: i32) -> f32 { return ${rows.gain ? "gains[at]" : "1.0"}; }`,
    `fn shift(at: i32) -> f32 { return ${rows.shift ? "shifts[at]" : "0.0"}; }`,
  ];
  node.emit({
    kernel: stridedKernel,
    ...kernelParts(rows, lanes, functions, ["f32", "f32"]),
    uniforms: {
      count,
      inner_count: length,
      outer_rank: outer.length,
      inner_rank: inner.length,
      epsilon: rows.epsilon,
      offsets: [...offsets],
      outer_extents: extentRow(outer),
      inner_extents: extentRow(inner),
      outer_strides: strideRows(outer),
      inner_strides: strideRows(inner),
    },
    workgroups: foldWorkgroups(Math.ceil(count / (lanes.WG / lanes.LANES))),
  });
}

/** What both kernels take alike: constants, text and bindings. */
function kernelParts(
  { x, y, gain, shift, measure, kept = [] }: RowNormalization,
  lanes: { WG: number; LANES: number },
  functions: readonly string[],
  types: readonly string[],
): {
  options: { overrides: Record<string, number | boolean>; inject: Record<string, string> };
  bindings: Record<string, View>;
} {
  const bindings: Record<string, View> = { x, y };
  const declarations: string[] = [];
  const bind = (name: string, view: View | undefined, type: string): void => {
    if (!view) return;
    bindings[name] = view;
    const at = Object.keys(bindings).length;
    declarations.push(`@group(0) @binding(${at}) var<storage, read_write> ${name}: array<${type}>;`);
  };
  bind("gains", gain, types[0]!);
  bind("shifts", shift, types[1]!);
  const lines = kept.map(({ to, value, old }, i) => {
    bind(`kept${i}`, to, "f32");
    bind(`old${i}`, old, "f32");
    const before = old ? `let old = old${i}[${old.offset}u + row];` : "";
    return `  { ${before} kept${i}[${to.offset}u + row] = ${value}; }`;
  });
  const text = [
    ...declarations,
    ...functions,
    `fn factor(second: f32, count: f32) -> f32 { return ${FACTOR[measure]}; }`,
    "fn keep(row: u32, mean: f32, second: f32, scale: f32) {",
    ...lines,
    "}",
  ].join("\n");
  return {
    options: { overrides: { ...lanes, CENTRED: isCentred(measure) }, inject: { functions: text } },
    bindings,
  };
}

/** The steps of all views as an `array<vec4i, 8>`. */
function strideRows(axes: readonly StridedAxis[]): number[] {
  return Array.from({ length: MAX_STRIDED_RANK }, (_, i) => axes[i]?.strides ?? [0, 0, 0, 0]).flat();
}

/** The same on the host. */
export function normalizeOnHost(
  x: HostTensor,
  { axes, measure, epsilon, gain, shift }: {
    axes: readonly number[];
    measure: RowMeasure;
    epsilon: number;
    gain?: readonly number[] | undefined;
    shift?: readonly number[] | undefined;
  },
): { y: number[]; means: number[]; scales: number[]; seconds: number[] } {
  const values = toNumbers(x);
  const strides = denseStrides(x.shape, "linear");
  const pick = (wanted: boolean): Pick<View, "shape" | "strides"> => {
    const chosen = x.shape.map((_, axis) => axis).filter((axis) => axes.includes(axis) === wanted);
    return { shape: chosen.map((axis) => x.shape[axis]!), strides: chosen.map((axis) => strides[axis]!) };
  };
  const y = new Array<number>(values.length);
  const [means, scales, seconds]: [number[], number[], number[]] = [[], [], []];
  for (const offset of viewOffsets({ ...pick(false), offset: 0 })) {
    const places = [...viewOffsets({ ...pick(true), offset })];
    const count = Math.max(places.length, 1);
    const sum = (value: (at: number) => number): number => places.reduce((total, at) => total + value(at), 0);
    const mean = isCentred(measure) ? sum((at) => values[at]!) / count : 0;
    const second = sum((at) => measure === "l1" ? Math.abs(values[at]!) : (values[at]! - mean) ** 2) / count;
    const scale = hostFactor(measure, second, count, epsilon);
    for (const at of places) y[at] = (values[at]! - mean) * scale * (gain?.[at] ?? 1) + (shift?.[at] ?? 0);
    means.push(mean);
    scales.push(scale);
    seconds.push(second);
  }
  return { y, means, scales, seconds };
}

function hostFactor(measure: RowMeasure, second: number, count: number, epsilon: number): number {
  switch (measure) {
    case "variance":
    case "square":
      return 1 / Math.sqrt(second + epsilon);
    case "deviation":
      return 1 / (Math.sqrt(second) + epsilon);
    case "l1":
      return second === 0 ? 0 : 1 / (second * count);
    case "boundedL2":
      return 1 / Math.max(Math.sqrt(second * count), epsilon);
    case "l2":
      return second === 0 ? 0 : 1 / Math.sqrt(second * count);
  }
}

/** The numbers of a host tensor, repeated as ONNX broadcasts it to a shape. */
export function spreadOnHost(tensor: HostTensor, shape: readonly number[], seenAs = tensor.shape): number[] {
  const numbers = toNumbers(tensor);
  const view = hostViewOf({ ...tensor, shape: seenAs });
  if (elementCount(shape) === 0) return [];
  return Array.from(viewOffsets(expandView(view, shape)), (at) => numbers[at]!);
}
