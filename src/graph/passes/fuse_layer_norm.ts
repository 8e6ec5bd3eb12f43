import { attr } from "../../ops/attribute.ts";
import type { Node } from "../../ops/node.ts";
import { NORMALIZE_ROWS } from "../../ops/normalize_operator.ts";
import type { RowMeasure } from "../../ops/normalize_rows.ts";
import { NodeContext } from "../../ops/operator.ts";
import { toNumbers } from "../../tensor/host_tensor.ts";
import type { SpecialisedGraph } from "../specialise.ts";
import { affineBehind } from "./affine.ts";
import { holdsFloats } from "./types.ts";

/** A value divided by a measure of itself: what normalisations are before their parameters. */
interface Normalized {
  x: string;
  axes: readonly number[];
  measure: RowMeasure;
  epsilon: number;
}

/**
 * Makes one node of layer normalisation and of root-mean-square normalisation, written out as
 * `(x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon) * scale + bias`, with any of the usual spellings: squares as
 * Pow or Mul, the root as Sqrt or Pow, the quotient as Div, Mul with a Reciprocal or with 1 divided by the root. So it does
 * of a value over its length, `x / max(length(x), epsilon)`, and of the length's spread over x.
 */
export function fuseLayerNorm({ graph, types }: SpecialisedGraph): void {
  const producers = graph.producers();
  const consumers = graph.consumers();
  for (const quotient of [...graph.nodes]) {
    const found = readQuotient(quotient);
    if (!found) continue;
    const type = types.get(found.x);
    if (!type || !holdsFloats(type)) continue;
    const affine = affineBehind(graph, consumers, quotient, type.shape);
    const last = affine.nodes.at(-1) ?? quotient;
    const fused: Node = {
      name: quotient.name,
      op: NORMALIZE_ROWS,
      domain: "",
      inputs: [found.x, ...affine.inputs],
      outputs: [...last.outputs],
      attributes: new Map([
        ["axes", { type: "ints", value: found.axes }],
        ["measure", { type: "string", value: found.measure }],
        ["epsilon", { type: "float", value: found.epsilon }],
      ]),
    };
    for (const node of [quotient, ...affine.nodes]) if (node !== last) graph.removeNode(node);
    graph.replaceNode(last, fused);
    for (const output of fused.outputs) producers.set(output, fused);
  }
  // Moments that something else reads stay.
  graph.removeDeadNodes();

  function maker(value: string | undefined, ...ops: string[]): Node | undefined {
    const node = producers.get(value ?? "");
    return node && node.domain === "" && ops.includes(node.op) ? node : undefined;
  }

  /** The number that a constant of one element holds. */
  function number(value: string | undefined): number | undefined {
    const constant = graph.constants.get(value ?? "");
    return constant && constant.data.length === 1 ? toNumbers(constant)[0] : undefined;
  }

  /** Both orders of a node's two inputs. */
  function eitherWay(node: Node): [string, string][] {
    const [a, b] = node.inputs as [string, string];
    return [[a, b], [b, a]];
  }

  function readQuotient(node: Node): Normalized | undefined {
    if (node.domain !== "" || node.inputs.length !== 2) return undefined;
    if (node.op === "Div") {
      return readPair(node.inputs[0]!, rootOf(node.inputs[1]!)) ??
        readLength(node.inputs[0]!, node.inputs[1]!);
    }
    if (node.op !== "Mul") return undefined;
    for (const [value, factor] of eitherWay(node)) {
      const reciprocal = maker(factor, "Reciprocal", "Div", "Pow");
      if (!reciprocal) continue;
      const root = reciprocal.op === "Reciprocal"
        ? rootOf(reciprocal.inputs[0]!)
        : reciprocal.op === "Div"
        ? number(reciprocal.inputs[0]) === 1 ? rootOf(reciprocal.inputs[1]!) : undefined
        : number(reciprocal.inputs[1]) === -0.5
        ? reciprocal.inputs[0]
        : undefined;
      const found = readPair(value, root);
      if (found) return found;
    }
    return undefined;
  }

  /** `x` over `divisor`: a normalisation if that is x's length and at least a little. */
  function readLength(x: string, divisor: string): Normalized | undefined {
    const spread = maker(divisor, "Expand");
    const bound = maker(spread ? spread.inputs[0] : divisor, "Clip", "Max");
    const lengths = bound?.inputs.map((name) => maker(name, "ReduceL2")).find((node) => node !== undefined);
    if (!bound || !lengths || lengths.inputs[0] !== x) return undefined;
    const context = new NodeContext(bound, graph.opset(bound), types, graph.constants);
    const epsilon = bound.op === "Max"
      ? bound.inputs.length === 2
        ? number(bound.inputs.find((name) => name !== lengths.outputs[0]))
        : undefined
      : context.has(2) || attr.float(bound, "max", Infinity) < 3e38
      ? undefined
      : context.has(1)
      ? number(bound.inputs[1])
      : attr.float(bound, "min", 0);
    const axes = meanAxes(lengths);
    return axes && epsilon !== undefined && epsilon > 0
      ? { x, axes, measure: "boundedL2", epsilon }
      : undefined;
  }

  /** What a value is the square root of. */
  function rootOf(value: string): string | undefined {
    const root = maker(value, "Sqrt", "Pow");
    return root && (root.op === "Sqrt" || number(root.inputs[1]) === 0.5) ? root.inputs[0] : undefined;
  }

  /** `value` over the root of `radicand`: a normalisation if that is the mean of its squares and a little. */
  function readPair(value: string, radicand: string | undefined): Normalized | undefined {
    const sum = maker(radicand, "Add");
    if (!sum) return undefined;
    for (const [variance, little] of eitherWay(sum)) {
      const epsilon = number(little);
      const mean = maker(variance, "ReduceMean");
      const axes = mean && meanAxes(mean);
      const squared = mean && squareOf(mean.inputs[0]!);
      if (epsilon === undefined || !axes || squared === undefined) continue;
      const deviation = centredAt(value);
      const squaredDeviation = centredAt(squared);
      if (
        deviation && squaredDeviation && deviation.x === squaredDeviation.x &&
        String(deviation.axes) === String(axes) && String(squaredDeviation.axes) === String(axes)
      ) return { x: deviation.x, axes, measure: "variance", epsilon };
      if (squared === value) return { x: value, axes, measure: "square", epsilon };
    }
    return undefined;
  }

  /** What a value is the square of. */
  function squareOf(value: string): string | undefined {
    const square = maker(value, "Pow", "Mul");
    if (!square) return undefined;
    const isSquare = square.op === "Pow"
      ? number(square.inputs[1]) === 2
      : square.inputs[0] === square.inputs[1];
    return isSquare ? square.inputs[0] : undefined;
  }

  /** What a value is the deviation of from its mean, and over which dimensions. */
  function centredAt(value: string): { x: string; axes: readonly number[] } | undefined {
    const difference = maker(value, "Sub");
    const mean = maker(difference?.inputs[1], "ReduceMean");
    const axes = mean && meanAxes(mean);
    if (!difference || !axes || mean.inputs[0] !== difference.inputs[0]) return undefined;
    return { x: difference.inputs[0]!, axes };
  }

  /** The dimensions of a reduction that keeps them. */
  function meanAxes(mean: Node): readonly number[] | undefined {
    const context = new NodeContext(mean, graph.opset(mean), types, graph.constants);
    const [before, after] = [types.get(mean.inputs[0]!)?.shape, types.get(mean.outputs[0]!)?.shape];
    const listed = context.listFrom("axes", 1);
    if (!before || !after || before.length !== after.length || !listed || listed.length === 0) {
      return undefined;
    }
    return listed.map((axis) => context.axis(axis, before.length)).toSorted((a, b) => a - b);
  }
}
