/**
 * Resampling of an image's rows and columns by tables of indices and weights, which the host works out: what resizing
 * and padding have in common.
 *
 * @module
 */
import SEPARABLE from "../../shaders/resize/separable.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { planEpilogue } from "./epilogue.ts";
import { type Addressed, addressUniforms, type Lowering } from "./operator.ts";

const separable: KernelSource = { name: "resize/separable", wgsl: SEPARABLE };

/** For each output position, `taps` pairs of an input position and its weight. */
export interface ResampleTable {
  taps: number;
  /** Index and weight in turn, `2 * taps` numbers for each output position. */
  pairs: Float32Array<ArrayBuffer>;
}

/** How the rows and columns of an image become others. */
export interface Resampling {
  rows: ResampleTable;
  columns: ResampleTable;
  /** The value where a row or column has a first weight of zero; nowhere if left out. */
  fill?: number;
}

/** The output positions of a table. */
function extentOf(table: ResampleTable): number {
  return table.pairs.length / (2 * table.taps);
}

/** Emits the dispatch to output 0 of a node, with what is fused behind it. */
export function lowerResampling(node: Lowering, x: Addressed, y: Addressed, resampling: Resampling): void {
  const { rows, columns, fill } = resampling;
  const { n, c, c4, h, w } = x.address;
  const [outH, outW] = [extentOf(rows), extentOf(columns)];
  const epilogue = planEpilogue(node, node.outputType(0).shape, "image");
  const count = n * outH * outW * c4;
  node.emit({
    kernel: separable,
    options: {
      overrides: { TAPS_H: rows.taps, TAPS_W: columns.taps, FILL: fill !== undefined },
      inject: epilogue.inject,
    },
    bindings: {
      x: x.view,
      y: y.view,
      table: node.weights(`table ${h}x${w} to ${outH}x${outW}`, () => {
        const table = new Float32Array(rows.pairs.length + columns.pairs.length);
        table.set(rows.pairs);
        table.set(columns.pairs, rows.pairs.length);
        return table;
      }),
      ...epilogue.bindings,
    },
    uniforms: {
      count,
      c,
      c4,
      out_h: outH,
      out_w: outW,
      fill: fill ?? 0,
      ...addressUniforms("x", x.address),
      ...addressUniforms("y", y.address),
      operands: epilogue.operands,
    },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  });
}
