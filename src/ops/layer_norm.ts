/**
 * Normalisations of rows: LayerNormalization, RMSNormalization, GroupNormalization, MeanVarianceNormalization,
 * LpNormalization, and Microsoft's forms with a sum before them.
 * {@link https://onnx.ai/onnx/operators/onnx__LayerNormalization.html},
 * {@link https://onnx.ai/onnx/operators/onnx__GroupNormalization.html}
 *
 * @module
 */
import { attr } from "./attribute.ts";
import { broadcastShapes } from "./broadcast.ts";
import { mapFlatDispatch } from "./map.ts";
import { planEpilogue } from "./epilogue.ts";
import { type DType, isFloat } from "../tensor/dtype.ts";
import { type HostTensor, hostTensor, toNumbers } from "../tensor/host_tensor.ts";
import { expandView, isDenseImage, reshapeView, type View } from "../tensor/view.ts";
import { emitRows, normalizeOnHost, type RowMeasure, spreadOnHost } from "./normalize_rows.ts";
import type { Lowering, NodeContext, Operator, TensorType } from "./operator.ts";

/** Fails for elements that are no floats. */
function checkFloat(node: NodeContext): DType {
  const { dtype } = node.type(0);
  if (!isFloat(dtype)) node.fail(`works on ${dtype}`, "cast its input to float32");
  return dtype;
}

/** Where a normalisation writes: as its input is stored, if no padding has to be made zero. */
export function rowsOutput(node: Lowering, x: View): View {
  const asImage = isDenseImage(x) && x.shape[1]! % 4 === 0;
  return asImage ? node.output(0, "image") : node.output(0, "linear", (view) => !view.padded);
}

/** The dimensions from `axis` to the last. */
function trailingAxes(node: NodeContext): number[] {
  const rank = node.shape(0).length;
  const axis = node.axis(attr.int(node.node, "axis", -1), rank);
  return Array.from({ length: rank - axis }, (_, i) => axis + i);
}

/** Type of a moment: x with its rows brought to one element. */
function momentType(node: NodeContext, axes: readonly number[]): TensorType {
  return { dtype: "f32", shape: node.shape(0).map((extent, axis) => axes.includes(axis) ? 1 : extent) };
}

/** Whether output `index` is asked for. */
function asksFor(node: NodeContext, index: number): boolean {
  return (node.node.outputs[index] ?? "") !== "";
}

function checkOperand(node: NodeContext, index: number, name: string): void {
  if (!node.has(index)) return;
  const [own, x] = [node.shape(index), node.shape(0)];
  if (broadcastShapes(own, x)?.join() !== x.join()) {
    node.fail(`${name} is [${own.join(", ")}], but its input is [${x.join(", ")}]`, "export the model again");
  }
}

/** Which inputs and outputs of an operator mean what. */
interface RowForm {
  measure: RowMeasure;
  gain: number;
  shift?: number;
  /** What is added to the input first. */
  addends: readonly number[];
  mean?: number;
  inverse?: number;
  sum?: number;
  opsets: readonly [number, number];
  domain?: string;
}

/** A normalisation over the last dimensions. */
function trailing(op: string, form: RowForm): Operator {
  const axesOf = (node: NodeContext): number[] =>
    form.domain ? [node.shape(0).length - 1] : trailingAxes(node);
  return {
    op,
    ...(form.domain !== undefined && { domain: form.domain }),
    opsets: form.opsets,
    infer(node) {
      const dtype = checkFloat(node);
      const axes = axesOf(node);
      checkOperand(node, form.gain, "scale");
      if (form.shift !== undefined) checkOperand(node, form.shift, "bias");
      for (const index of form.addends) checkOperand(node, index, `input ${index}`);
      const types: TensorType[] = [{ dtype, shape: node.shape(0) }];
      for (const index of [form.mean, form.inverse]) {
        if (index !== undefined) types[index] = momentType(node, axes);
      }
      if (form.sum !== undefined) types[form.sum] = types[0]!;
      return types;
    },
    evaluate(node, inputs) {
      const [x] = inputs as [HostTensor];
      const axes = axesOf(node);
      const spread = (index: number | undefined): number[] | undefined =>
        index === undefined || !inputs[index] ? undefined : spreadOnHost(inputs[index], x.shape);
      const total = toNumbers(x);
      for (const index of form.addends) spread(index)?.forEach((value, i) => total[i]! += value);
      const sum = hostTensor(x.dtype, x.shape, total);
      const { y, means, scales } = normalizeOnHost(sum, {
        axes,
        measure: form.measure,
        epsilon: attr.float(node.node, "epsilon", form.domain ? 1e-12 : 1e-5),
        gain: spread(form.gain),
        shift: spread(form.shift),
      });
      const results: HostTensor[] = [hostTensor(x.dtype, x.shape, y)];
      const { dtype, shape } = momentType(node, axes);
      if (form.mean !== undefined) results[form.mean] = hostTensor(dtype, shape, means);
      if (form.inverse !== undefined) results[form.inverse] = hostTensor(dtype, shape, scales);
      if (form.sum !== undefined) results[form.sum] = sum;
      return results;
    },
    lower(node) {
      const x = summed(node, form);
      const operand = (index: number | undefined): View | undefined =>
        index !== undefined && node.has(index) ? expandView(node.view(index), x.shape) : undefined;
      const kept = ([[form.mean, "mean"], [form.inverse, "scale"]] as const)
        .filter(([index]) => index !== undefined && asksFor(node, index))
        .map(([index, value]) => ({ to: node.output(index!, "linear"), value }));
      emitRows(node, {
        x,
        y: rowsOutput(node, x),
        axes: axesOf(node),
        measure: form.measure,
        epsilon: attr.float(node.node, "epsilon", form.domain ? 1e-12 : 1e-5),
        gain: operand(form.gain),
        shift: operand(form.shift),
        kept,
      });
    },
  };
}

/** The input, with what is to be added to it. */
function summed(node: Lowering, form: RowForm): View {
  const addends = form.addends.filter((index) => node.has(index));
  if (addends.length === 0) {
    if (form.sum !== undefined && asksFor(node, form.sum)) node.alias(form.sum, node.view(0));
    return node.view(0);
  }
  const { dtype, shape } = node.type(0);
  const asked = form.sum !== undefined && asksFor(node, form.sum);
  const sum = asked ? node.flatOutput(form.sum!) : node.temporary({ dtype, shape }, "linear");
  const steps = addends.map((input) => ({ kind: "operand", op: "Add", input, swapped: false }) as const);
  node.emit(mapFlatDispatch(node.linear(0), sum, planEpilogue(node, shape, "linear", steps)));
  return sum;
}

/** Groups of channels: the shape with the groups apart, and how the parameters are seen in it. */
function grouping(node: NodeContext): { split: number[]; axes: number[]; parameter: number[] } {
  const shape = node.shape(0);
  const groups = attr.int(node.node, "num_groups");
  const [n, c] = shape as [number, number];
  if (shape.length < 3 || groups < 1 || c % groups !== 0) {
    node.fail(`${c} channels of [${shape.join(", ")}] in ${groups} groups`, "export the model again");
  }
  // Operator set 18 has a number for each group, 21 one for each channel.
  const [wanted, what] = node.opset < 21 ? [groups, "groups"] : [c, "channels"];
  for (const [index, name] of [[1, "scale"], [2, "bias"]] as const) {
    const own = node.shape(index);
    if (own.length !== 1 || own[0] !== wanted) {
      node.fail(`${name} is [${own.join(", ")}], but there are ${wanted} ${what}`, "export the model again");
    }
  }
  const split = [n, groups, c / groups, ...shape.slice(2)];
  const ones = shape.slice(2).map(() => 1);
  return {
    split,
    axes: split.map((_, axis) => axis).slice(2),
    parameter: node.opset < 21 ? [1, groups, 1, ...ones] : [1, groups, c / groups, ...ones],
  };
}

const groupNormalization: Operator = {
  op: "GroupNormalization",
  opsets: [18, 99],
  layout: "same",
  infer(node) {
    grouping(node);
    return [{ dtype: checkFloat(node), shape: node.shape(0) }];
  },
  evaluate(node, inputs) {
    const [x, scale, bias] = inputs as [HostTensor, HostTensor, HostTensor];
    const { split, axes, parameter } = grouping(node);
    const { y } = normalizeOnHost(hostTensor(x.dtype, split, x.data), {
      axes,
      measure: "variance",
      epsilon: attr.float(node.node, "epsilon", 1e-5),
      gain: spreadOnHost(scale, split, parameter),
      shift: spreadOnHost(bias, split, parameter),
    });
    return [hostTensor(x.dtype, x.shape, y)];
  },
  lower(node) {
    const { split, axes, parameter } = grouping(node);
    const given = node.view(0);
    const x = reshapeView(given, split) ? given : node.linear(0);
    const y = rowsOutput(node, x);
    const operand = (index: number): View => expandView(reshapeView(node.linear(index), parameter)!, split);
    emitRows(node, {
      x: reshapeView(x, split)!,
      y: reshapeView(y, split) ?? node.fail("writes into a slice of channels", "report this network"),
      axes,
      measure: "variance",
      epsilon: attr.float(node.node, "epsilon", 1e-5),
      gain: operand(1),
      shift: operand(2),
    });
  },
};

/** A normalisation of any dimensions without parameters. */
function plain(
  op: string,
  opsets: readonly [number, number],
  read: (node: NodeContext) => { axes: number[]; measure: RowMeasure; epsilon: number },
): Operator {
  return {
    op,
    opsets,
    layout: "same",
    infer(node) {
      read(node);
      return [{ dtype: checkFloat(node), shape: node.shape(0) }];
    },
    evaluate: (node, [x]) => [hostTensor(x!.dtype, x!.shape, normalizeOnHost(x!, read(node)).y)],
    lower(node) {
      const x = node.view(0);
      emitRows(node, { x, y: rowsOutput(node, x), ...read(node) });
    },
  };
}

const meanVarianceNormalization = plain("MeanVarianceNormalization", [9, 99], (node) => {
  const rank = node.shape(0).length;
  const axes = attr.ints(node.node, "axes", [0, 2, 3]).map((axis) => node.axis(axis, rank));
  return { axes, measure: "deviation", epsilon: 1e-9 };
});

const lpNormalization = plain("LpNormalization", [1, 99], (node) => {
  const p = attr.int(node.node, "p", 2);
  if (p !== 1 && p !== 2) node.fail(`p is ${p}`, "1 and 2 are supported");
  const axis = node.axis(attr.int(node.node, "axis", -1), node.shape(0).length);
  return { axes: [axis], measure: p === 1 ? "l1" : "l2", epsilon: 0 };
});

const MICROSOFT = "com.microsoft";

/** All normalisations of rows. */
export const rowNormalizations: readonly Operator[] = [
  trailing("LayerNormalization", {
    measure: "variance",
    gain: 1,
    shift: 2,
    addends: [],
    mean: 1,
    inverse: 2,
    opsets: [1, 99],
  }),
  trailing("RMSNormalization", { measure: "square", gain: 1, addends: [], opsets: [23, 99] }),
  trailing("SimplifiedLayerNormalization", {
    measure: "square",
    gain: 1,
    addends: [],
    inverse: 1,
    opsets: [1, 99],
  }),
  trailing("SkipLayerNormalization", {
    measure: "variance",
    gain: 2,
    shift: 3,
    addends: [1, 4],
    mean: 1,
    inverse: 2,
    sum: 3,
    opsets: [1, 99],
    domain: MICROSOFT,
  }),
  groupNormalization,
  meanVarianceNormalization,
  lpNormalization,
];
