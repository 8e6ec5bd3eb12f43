/**
 * Einsum: sums of products by labelled dimensions. One operand is a sum over a view, two are a matrix product of views.
 * {@link https://onnx.ai/onnx/operators/onnx__Einsum.html}
 *
 * @module
 */
import { attr } from "./attribute.ts";
import { type HostTensor, hostTensor } from "../tensor/host_tensor.ts";
import { permuteView, reshapeView, type View, viewOffsets } from "../tensor/view.ts";
import { hostViewOf } from "./host_elements.ts";
import { emitProduct } from "./matrix_product.ts";
import type { Lowering, NodeContext, Operator } from "./operator.ts";
import { lowerSum } from "./reduce.ts";
import { FLOATS } from "./types.ts";

/** An equation with the ellipsis written out: one label a dimension, "0", "1", ... for those of the ellipsis. */
interface Equation {
  operands: string[][];
  output: string[];
  extents: Map<string, number>;
}

const ELLIPSIS = "...";

function readEquation(node: NodeContext): Equation {
  const text = attr.string(node.node, "equation").replaceAll(" ", "");
  const [left, right, ...more] = text.split("->");
  const terms = left!.split(",");
  const shapes = node.node.inputs.map((_, i) => node.shape(i));
  if (more.length > 0 || terms.length !== shapes.length) {
    node.fail(`"${text}" does not describe ${shapes.length} operands`, "export the model again");
  }
  if (shapes.length > 2) {
    node.fail(`"${text}" has ${shapes.length} operands`, "export it as Einsums of two operands each");
  }
  const hidden = terms.map((term, i) =>
    term.includes(ELLIPSIS) ? shapes[i]!.length - (term.length - ELLIPSIS.length) : 0
  );
  const most = Math.max(...hidden);
  // Dimensions of an ellipsis are matched from the last.
  const labels = (term: string, count: number): string[] => {
    const at = term.indexOf(ELLIPSIS);
    const own = (part: string): string[] => [...part];
    if (at < 0) return own(term);
    const inner = Array.from({ length: count }, (_, i) => String(most - count + i));
    return [...own(term.slice(0, at)), ...inner, ...own(term.slice(at + ELLIPSIS.length))];
  };
  const operands = terms.map((term, i) => labels(term, Math.max(hidden[i]!, 0)));
  const extents = new Map<string, number>();
  operands.forEach((own, i) => {
    const shape = shapes[i]!;
    if (own.length !== shape.length || !own.every((label) => /^[A-Za-z0-9]$/.test(label))) {
      node.fail(
        `"${terms[i]}" of "${text}" does not describe [${shape.join(", ")}]`,
        "export the model again",
      );
    }
    own.forEach((label, axis) => {
      const [known, extent] = [extents.get(label) ?? 1, shape[axis]!];
      if (known !== 1 && extent !== 1 && known !== extent) {
        node.fail(
          `dimension "${label}" of "${text}" is ${known} and ${extent}`,
          "check the input's size, or export the model again",
        );
      }
      extents.set(label, known === 1 ? extent : known);
    });
  });
  const output = right === undefined ? implicitOutput(operands) : labels(right, most);
  if (output.some((label) => !extents.has(label)) || new Set(output).size !== output.length) {
    node.fail(
      `the result of "${text}" has a dimension that no operand has, or one twice`,
      "export the model again",
    );
  }
  return { operands, output, extents };
}

/** The ellipsis first, then every letter that stands once, in order. */
function implicitOutput(operands: readonly string[][]): string[] {
  const all = operands.flat();
  const hidden = [...new Set(all.filter((label) => /\d/.test(label)))];
  const once = all.filter((label) => !/\d/.test(label) && all.indexOf(label) === all.lastIndexOf(label));
  return [...hidden.toSorted(), ...once.toSorted()];
}

/** What of a view says where elements lie. */
type Place = Pick<View, "shape" | "strides">;

/** A view with one dimension for each of `labels`: a label that stands twice walks the diagonal, one that is absent stays. */
function labelled<V extends Place>(
  view: V,
  own: readonly string[],
  labels: readonly string[],
  equation: Equation,
): V {
  const strides = labels.map((label) =>
    own.reduce(
      (sum, one, axis) => one === label && view.shape[axis] !== 1 ? sum + view.strides[axis]! : sum,
      0,
    )
  );
  return { ...view, shape: labels.map((label) => equation.extents.get(label)!), strides, padded: false };
}

/** Labels by what becomes of them in a product of two operands. */
function classify({ operands: [a, b], output, extents }: Equation): {
  batch: string[];
  rows: string[];
  columns: string[];
  depth: string[];
} {
  const [left, right] = [new Set(a), new Set(b)];
  return {
    batch: output.filter((label) => left.has(label) && right.has(label)),
    rows: output.filter((label) => left.has(label) && !right.has(label)),
    columns: output.filter((label) => !left.has(label) && right.has(label)),
    depth: [...extents.keys()].filter((label) => !output.includes(label)),
  };
}

function count(labels: readonly string[], { extents }: Equation): number {
  return labels.reduce((product, label) => product * extents.get(label)!, 1);
}

/** One dimension for each of three groups of labels after the batch's; `copy` where strides cannot say it. */
function asMatrix(
  view: View,
  own: readonly string[],
  groups: readonly [batch: string[], first: string[], second: string[]],
  equation: Equation,
  copy: (view: View) => View,
): View {
  const seen = labelled(view, own, groups.flat(), equation);
  const [batch, first, second] = groups;
  const shape = [
    ...batch.map((label) => equation.extents.get(label)!),
    count(first, equation),
    count(second, equation),
  ];
  return reshapeView(seen, shape) ?? reshapeView(copy(seen), shape)!;
}

function lowerTwo(node: Lowering, equation: Equation): void {
  const { batch, rows, columns, depth } = classify(equation);
  const { dtype } = node.outputType(0);
  const copy = (view: View): View => node.copy(view, "linear");
  const [a, b] = equation.operands as [string[], string[]];
  const order = [...batch, ...rows, ...columns];
  const straight = order.every((label, i) => label === equation.output[i]);
  const shape = order.map((label) => equation.extents.get(label)!);
  const y = straight ? node.output(0, "linear") : node.temporary({ dtype, shape }, "linear");
  emitProduct(node, {
    a: asMatrix(node.view(0), a, [batch, rows, depth], equation, copy),
    b: asMatrix(node.view(1), b, [batch, depth, columns], equation, copy),
    bIndex: -1,
    y,
  });
  if (!straight) node.alias(0, permuteView(y, equation.output.map((label) => order.indexOf(label))));
}

function lowerOne(node: Lowering, equation: Equation): void {
  const [own] = equation.operands as [string[]];
  const summed = [...equation.extents.keys()].filter((label) => !equation.output.includes(label));
  const x = labelled(node.view(0), own, [...equation.output, ...summed], equation);
  if (summed.length === 0) node.alias(0, x);
  else lowerSum(node, x, summed.map((_, i) => equation.output.length + i));
}

function evaluateEinsum(node: NodeContext, [a, b]: readonly HostTensor[]): HostTensor {
  const equation = readEquation(node);
  const { output, extents } = equation;
  const depth = [...extents.keys()].filter((label) => !output.includes(label));
  const places = (tensor: HostTensor, own: readonly string[], labels: readonly string[]): number[] => [
    ...viewOffsets({ ...labelled(hostViewOf(tensor), own, labels, equation), offset: 0 }),
  ];
  // Where an element of the result begins in each operand, and the steps from there to what is summed for it.
  const operands = [a!, ...b ? [b] : []].map((tensor, i) => ({
    data: tensor.data,
    starts: places(tensor, equation.operands[i]!, output),
    steps: places(tensor, equation.operands[i]!, depth),
  }));
  const sums = Array.from({ length: operands[0]!.starts.length }, (_, at) => {
    let sum = 0;
    for (let k = 0; k < operands[0]!.steps.length; k++) {
      sum += operands.reduce(
        (product, { data, starts, steps }) => product * Number(data[starts[at]! + steps[k]!]),
        1,
      );
    }
    return sum;
  });
  return hostTensor(a!.dtype, output.map((label) => extents.get(label)!), sums);
}

/** Einsum. */
export const einsum: Operator = {
  op: "Einsum",
  opsets: [12, 99],
  types: [...FLOATS, "i32", "i64"],
  infer(node) {
    const { output, extents } = readEquation(node);
    return [{ dtype: node.type(0).dtype, shape: output.map((label) => extents.get(label)!) }];
  },
  evaluate: (node, inputs) => [evaluateEinsum(node, inputs as HostTensor[])],
  lower(node) {
    const equation = readEquation(node);
    if (equation.operands.length === 2) lowerTwo(node, equation);
    else lowerOne(node, equation);
  },
};
