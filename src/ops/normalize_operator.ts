/**
 * The operators that passes make of normalisations written out in smaller ones. No file holds them.
 *
 * @module
 */
import { attr } from "./attribute.ts";
import { expandView, reshapeView, type View } from "../tensor/view.ts";
import { rowsOutput } from "./layer_norm.ts";
import { emitRows, type RowMeasure } from "./normalize_rows.ts";
import type { Operator } from "./operator.ts";

/** Name of the operator below. */
export const NORMALIZE_ROWS = "NormalizeRows";

/**
 * Brings the dimensions `axes` of its first input to what `measure` and `epsilon` say (see {@linkcode RowMeasure}), and
 * applies its second input as factors and its third as summands where they are given; both broadcast to the first.
 */
export const normalizeRows: Operator = {
  op: NORMALIZE_ROWS,
  opsets: [1, 99],
  layout: "same",
  infer(node) {
    const { dtype, shape } = node.type(0);
    return [{ dtype, shape }];
  },
  lower(node) {
    const x = node.view(0);
    const operand = (index: number): View | undefined =>
      node.has(index) ? expandView(node.view(index), x.shape) : undefined;
    emitRows(node, {
      x,
      y: rowsOutput(node, x),
      axes: attr.ints(node.node, "axes"),
      measure: attr.string(node.node, "measure") as RowMeasure,
      epsilon: attr.float(node.node, "epsilon"),
      gain: operand(1),
      shift: operand(2),
    });
  },
};

/** Name of the operator below. */
export const NORMALIZE_GROUPS = "NormalizeGroups";

/**
 * Brings each of `groups` groups of channels of its first input to zero mean and a variance of one, `epsilon` being added
 * before the root, and applies its second input as factors and its third as summands where they are given; both broadcast
 * to the first.
 */
export const normalizeGroups: Operator = {
  op: NORMALIZE_GROUPS,
  opsets: [1, 99],
  layout: "same",
  infer(node) {
    const { dtype, shape } = node.type(0);
    return [{ dtype, shape }];
  },
  lower(node) {
    const [n, c, ...rest] = node.shape(0) as [number, number, ...number[]];
    const groups = attr.int(node.node, "groups");
    const split = [n, groups, c / groups, ...rest];
    const given = node.view(0);
    const x = reshapeView(given, split) ? given : node.linear(0);
    const operand = (index: number): View | undefined => {
      if (!node.has(index)) return undefined;
      const whole = expandView(node.view(index), node.shape(0));
      return reshapeView(whole, split) ?? reshapeView(node.copy(whole, "linear"), split)!;
    };
    const y = rowsOutput(node, x);
    emitRows(node, {
      x: reshapeView(x, split)!,
      y: reshapeView(y, split) ?? node.fail("writes into a slice of channels", "report this network"),
      axes: split.map((_, axis) => axis).slice(2),
      measure: "variance",
      epsilon: attr.float(node.node, "epsilon"),
      gain: operand(1),
      shift: operand(2),
    });
  },
};
