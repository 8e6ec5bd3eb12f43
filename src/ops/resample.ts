/**
 * Resampling by tables of indices and weights, which the host works out, along the rows and columns of an image or along
 * any dimensions.
 *
 * @module
 */
import AXIS from "../../shaders/resize/axis.wgsl" with { type: "text" };
import CELLS from "../../shaders/resize/cells.wgsl" with { type: "text" };
import SEPARABLE from "../../shaders/resize/separable.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { type DType, gpuScalar, isFloat } from "../tensor/dtype.ts";
import { elementCount, type HostTensor, hostTensor } from "../tensor/host_tensor.ts";
import type { View } from "../tensor/view.ts";

import { epilogueSteps, planEpilogue } from "./epilogue.ts";
import { gatherDispatch } from "./gather.ts";
import { mapFlatDispatch } from "./map.ts";
import { addressUniforms, type Lowering } from "./operator.ts";
import { axesCount, extentRow, strideRow } from "./strided.ts";
import { typesOf } from "./types.ts";

const axisKernel: KernelSource = { name: "resize/axis", wgsl: AXIS };
const cells: KernelSource = { name: "resize/cells", wgsl: CELLS };
const separable: KernelSource = { name: "resize/separable", wgsl: SEPARABLE };

/** For each output position, `taps` pairs of an input position and its weight. */
export interface ResampleTable {
  taps: number;
  /** Index and weight in turn, `2 * taps` numbers for each output position. */
  pairs: Float32Array<ArrayBuffer>;
}

/** The first index of a position that the fill stands at. */
export const OUTSIDE = -1;

/** How sums of elements become elements again: as they are, cut off, or rounded and kept in the type's range. */
export type Finish = "cut" | "round";

/** What all resamplings of a node have in common. */
export interface ResampleRule {
  /** Each output position has one source, whose element is taken as it is. */
  moves: boolean;
  finish: Finish;
  /** The value where a position's first index is {@linkcode OUTSIDE}; left out where there is none. */
  fill?: number;
  /** What the tables were worked out from, to tell constants of one node apart. */
  key: string;
}

/** The output positions of a table. */
function extentOf(table: ResampleTable): number {
  return table.pairs.length / (2 * table.taps);
}

/** The table that leaves a dimension as it is. */
export function stillTable(extent: number): ResampleTable {
  const pairs = new Float32Array(extent * 2);
  for (let i = 0; i < extent; i++) pairs.set([i, 1], i * 2);
  return { taps: 1, pairs };
}

/** The least and the greatest value of the integer types that the GPU computes with. */
const RANGES: Partial<Record<DType, readonly [number, number]>> = {
  bool: [0, 1],
  i8: [-128, 127],
  u8: [0, 255],
  i16: [-32768, 32767],
  u16: [0, 65535],
};

/** WGSL of `finish` for an integer type; a float needs none. */
function finishOf(dtype: DType, finish: Finish, lanes: 1 | 4): Readonly<Record<string, string>> {
  if (gpuScalar(dtype) === "f32") return {};
  const [from, to] = lanes === 4 ? ["vec4f", "vec4i"] : ["f32", "i32"];
  const range = RANGES[dtype];
  const rounded = finish === "cut" ? `${to}(value)` : `${to}(floor(value + ${from}(0.5)))`;
  const kept = range ? `clamp(${rounded}, ${to}(${range[0]}), ${to}(${range[1]}))` : rounded;
  return { finish: `fn finish(value: ${from}) -> ${to} { return ${kept}; }` };
}

/** Emits the dispatch from an image to output 0 of a node, with what is fused behind it. */
export function lowerImageResampling(
  node: Lowering,
  rows: ResampleTable,
  columns: ResampleTable,
  rule: ResampleRule,
): void {
  const x = node.image(0);
  const y = node.imageOutput(0);
  const { dtype, shape } = node.outputType(0);
  const { n, c, c4 } = x.address;
  const [outH, outW] = [extentOf(rows), extentOf(columns)];
  const epilogue = planEpilogue(node, shape, "image");
  const inject = { ...typesOf(dtype), ...finishOf(dtype, rule.finish, 4), ...epilogue.inject };
  const bindings = { x: x.view, y: y.view, ...epilogue.bindings };
  const common = {
    c,
    c4,
    out_h: outH,
    out_w: outW,
    ...addressUniforms("x", x.address),
    ...addressUniforms("y", y.address),
    operands: epilogue.operands,
  };
  const grid = rule.fill === undefined ? gridOf(rows, columns) : undefined;
  if (grid) {
    const count = n * grid.rows.length * grid.columns.length * c4;
    const table = node.weights(
      `cells ${rule.key}`,
      () => new Float32Array([...grid.rows, ...grid.columns].flat()),
      "texture",
    );
    node.emit({
      kernel: cells,
      options: { overrides: { MOVE: rule.moves }, inject },
      bindings: { ...bindings, table },
      uniforms: { ...common, count, cells_h: grid.rows.length, cells_w: grid.columns.length },
      workgroups: foldWorkgroups(Math.ceil(count / 64)),
    });
    return;
  }
  const count = n * outH * outW * c4;
  const [tall, wide] = [rows, columns].map(({ taps }) => Math.ceil(taps / 2)) as [number, number];
  node.emit({
    kernel: separable,
    options: {
      overrides: { TEXELS_H: tall, TEXELS_W: wide, MOVE: rule.moves, FILL: rule.fill !== undefined },
      inject,
    },
    bindings: {
      ...bindings,
      table: node.weights(
        `table ${rule.key}`,
        () => new Float32Array([...pairedTaps(rows), ...pairedTaps(columns)]),
        "texture",
      ),
    },
    uniforms: { ...common, count, fill: rule.fill ?? 0 },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  });
}

/** The pairs of a table, an even number for each position: two fill a texel. */
function pairedTaps({ taps, pairs }: ResampleTable): Float32Array {
  if (taps % 2 === 0) return pairs;
  const even = new Float32Array(pairs.length / taps * (taps + 1));
  for (let i = 0; i * taps * 2 < pairs.length; i++) {
    even.set(pairs.subarray(i * taps * 2, (i + 1) * taps * 2), i * (taps + 1) * 2);
  }
  return even;
}

/** Outputs in a cell at most: the kernel has room for their weights in one texel. */
const CELL_OUTPUTS = 4;

/** Fewer outputs for each cell than this, and the work of a cell is not worth sharing. */
const WORTHWHILE_OUTPUTS = 1.5;

/** Two texels of numbers for each row and column of cells. */
interface CellGrid {
  rows: number[][];
  columns: number[][];
}

/** The cells of an enlargement; `undefined` for tables of more than two taps and where cells have too few outputs. */
function gridOf(rows: ResampleTable, columns: ResampleTable): CellGrid | undefined {
  if (rows.taps > 2 || columns.taps > 2) return undefined;
  const grid = { rows: cellsOf(rows), columns: cellsOf(columns) };
  const outputs = extentOf(rows) * extentOf(columns);
  const worthwhile = outputs >= WORTHWHILE_OUTPUTS * grid.rows.length * grid.columns.length;
  return worthwhile ? grid : undefined;
}

/** Output positions side by side with the same sources, up to four together. */
function cellsOf({ taps, pairs }: ResampleTable): number[][] {
  const found: number[][] = [];
  for (let at = 0; at < pairs.length / (2 * taps); at++) {
    const first = pairs[at * taps * 2]!;
    const [second, weight] = taps === 2 ? [pairs[at * 4 + 2]!, pairs[at * 4 + 3]!] : [first, 0];
    const last = found.at(-1);
    if (last && last[0] === first && last[1] === second && last[3]! < CELL_OUTPUTS) {
      last[4 + last[3]!] = weight;
      last[3]!++;
    } else {
      found.push([first, second, at, 1, weight, 0, 0, 0]);
    }
  }
  return found;
}

/** Emits dispatches for one dimension after the other, between views of any kind, to output 0 of a node. */
export function lowerAxisResampling(
  node: Lowering,
  tables: ReadonlyMap<number, ResampleTable>,
  rule: ResampleRule,
): void {
  const { dtype, shape } = node.outputType(0);
  const fused = epilogueSteps(node.node).length > 0;
  let from = node.view(0);
  let left = tables.size;
  for (const [axis, table] of tables) {
    const last = --left === 0;
    const type = {
      dtype: last || rule.moves ? dtype : "f32" as const,
      shape: from.shape.with(axis, extentOf(table)),
    };
    const to = last && !fused ? node.output(0, "linear") : node.temporary(type, "linear");
    if (rule.moves && rule.fill === undefined) {
      const indices = node.weights(
        `indices ${axis} ${rule.key}`,
        () => Int32Array.from(table.pairs.filter((_, i) => i % 2 === 0)),
      );
      node.emit(gatherDispatch(from, to, axis, indices));
    } else {
      emitAxis(node, from, to, axis, table, rule);
    }
    from = to;
  }
  if (!fused) return;
  node.emit(mapFlatDispatch(from, node.flatOutput(0), planEpilogue(node, shape, "linear")));
}

function emitAxis(
  node: Lowering,
  from: View,
  to: View,
  axis: number,
  table: ResampleTable,
  { finish, fill, key }: ResampleRule,
): void {
  const axes = to.shape.map((extent, at) => ({ extent, strides: [from.strides[at]!, to.strides[at]!] }));
  const count = axesCount(axes);
  const operands = (["x", "y"] as const).map((name, i) =>
    `@group(0) @binding(${i}) var<storage, read_write> ${name}: array<${gpuScalar([from, to][i]!.dtype)}>;`
  );
  node.emit({
    kernel: axisKernel,
    options: {
      overrides: { FILL: fill !== undefined },
      inject: { operands: operands.join("\n"), ...finishOf(to.dtype, finish, 1) },
    },
    bindings: { x: from, y: to, table: node.weights(`pairs ${axis} ${key}`, () => table.pairs) },
    uniforms: {
      count,
      rank: axes.length,
      axis,
      taps: table.taps,
      fill: fill ?? 0,
      x_offset: from.offset,
      y_offset: to.offset,
      extents: extentRow(axes),
      x_strides: strideRow(axes, 0),
      y_strides: strideRow(axes, 1),
    },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  });
}

/** The same on the host, in double precision. */
export function resampleHost(
  x: HostTensor,
  tables: ReadonlyMap<number, ResampleTable>,
  { moves, finish, fill }: ResampleRule,
): HostTensor {
  let shape: readonly number[] = x.shape;
  let values: ArrayLike<number | bigint> = x.data;
  for (const [axis, table] of tables) {
    const to = shape.with(axis, extentOf(table));
    values = moves && fill === undefined
      ? resampleAxis(values, shape, axis, table, (take) => take(0))
      : resampleAxis(values, shape, axis, table, (take, weights, outside) => {
        if (fill !== undefined && outside) return fill;
        return weights.reduce((sum, weight, t) => sum + weight * Number(take(t)), 0);
      });
    shape = to;
  }
  if (isFloat(x.dtype) || moves && fill === undefined) {
    return hostTensor(x.dtype, shape, values as ArrayLike<number>);
  }
  const [low, high] = RANGES[x.dtype] ?? [-Infinity, Infinity];
  const whole = Array.from(values, (value) => {
    const rounded = finish === "cut" ? Math.trunc(Number(value)) : Math.floor(Number(value) + 0.5);
    return Math.min(Math.max(rounded, low), high);
  });
  return hostTensor(x.dtype, shape, whole);
}

/** One dimension: `value` gets the elements that a position mixes, by tap, and their weights. */
function resampleAxis(
  values: ArrayLike<number | bigint>,
  shape: readonly number[],
  axis: number,
  { taps, pairs }: ResampleTable,
  value: (take: (tap: number) => number | bigint, weights: number[], outside: boolean) => number | bigint,
): (number | bigint)[] {
  const extent = shape[axis]!;
  const inner = elementCount(shape.slice(axis + 1));
  const outer = elementCount(shape.slice(0, axis));
  const positions = pairs.length / (2 * taps);
  const out: (number | bigint)[] = [];
  for (let o = 0; o < outer; o++) {
    for (let at = 0; at < positions; at++) {
      const own = pairs.subarray(at * taps * 2, (at + 1) * taps * 2);
      const weights = Array.from({ length: taps }, (_, t) => own[2 * t + 1]!);
      for (let i = 0; i < inner; i++) {
        const take = (t: number): number | bigint => values[(o * extent + own[2 * t]!) * inner + i]!;
        out.push(value(take, weights, own[0] === OUTSIDE));
      }
    }
  }
  return out;
}
