import { POINTWISE, stepsOf } from "../../ops/elementwise_steps.ts";
import {
  type EpilogueStep,
  type FusedNode,
  MAX_OPERANDS,
  stepInputs,
  withInputs,
} from "../../ops/epilogue.ts";
import type { Node } from "../../ops/node.ts";
import { NodeContext } from "../../ops/operator.ts";
import { BINARY } from "../../ops/pointwise_functions.ts";
import type { SpecialisedGraph } from "../specialise.ts";
import { holdsFloats, sameShape } from "./types.ts";

/** A value that another one is made of by element-wise nodes alone, whose results nothing else reads. */
interface Origin {
  readonly root: string;
  readonly steps: readonly EpilogueStep[];
  readonly nodes: readonly Node[];
  /** What the steps read: their inputs count these. */
  readonly operands: readonly string[];
}

/** How far back origins are looked for; no exporter writes an activation longer than this. */
const MAX_STEPS = 12;

/** How many origins of one value are looked at: trees of sums have one for each path. */
const MAX_ORIGINS = 64;

/**
 * Makes one `Pointwise` node of element-wise nodes that leave one value and join again: activations as exporters write them
 * out, such as `x * 0.5 * (1 + Erf(x / sqrt(2)))` or `x * Tanh(Softplus(x))`. What is joined becomes one step, so it can be
 * fused behind the kernel that makes the value.
 */
export function fuseBranches({ graph, types }: SpecialisedGraph): void {
  let producers = graph.producers();
  let consumers = graph.consumers();
  for (const join of [...graph.nodes]) {
    if (!Object.hasOwn(BINARY, join.op) || join.domain !== "" || join.inputs.length !== 2) continue;
    const result = types.get(join.outputs[0]!);
    if (!result || !holdsFloats(result)) continue;
    const common = commonOrigin(join);
    if (!common) continue;
    const [left, right] = common;
    const operands = [...left.operands, ...right.operands];
    const shifted = right.steps.map((step) => withInputs(step, (input) => input + left.operands.length));
    // What follows the function of two elements, as Mean's division does, stays behind it.
    const [first, ...rest] = stepsOf(contextOf(join), 0, false)!;
    const branch: EpilogueStep = { kind: "branch", op: first!.op, left: left.steps, right: shifted };
    const fused: FusedNode = {
      ...join,
      op: POINTWISE,
      inputs: [left.root, ...operands],
      attributes: new Map(),
      arity: 1,
      // Inputs were counted among the operands, which come after the root.
      epilogue: [withInputs(branch, (input) => input + 1), ...rest],
    };
    graph.replaceNode(join, fused);
    for (const node of [...left.nodes, ...right.nodes]) graph.removeNode(node);
    producers = graph.producers();
    consumers = graph.consumers();
  }

  function contextOf(node: Node): NodeContext {
    return new NodeContext(node, graph.opset(node), types, graph.constants);
  }

  /** The nearest value that both inputs are made of. */
  function commonOrigin(join: Node): [Origin, Origin] | undefined {
    const result = types.get(join.outputs[0]!)!;
    const [left, right] = join.inputs.map((name) => originsOf(name, MAX_STEPS));
    const pairs = left!.flatMap((a) => right!.filter((b) => b.root === a.root).map((b) => [a, b] as const))
      .filter(([a, b]) => {
        const root = types.get(a.root)!;
        return !graph.constants.has(a.root) && holdsFloats(root) && sameShape(root, result) &&
          a.operands.length + b.operands.length <= MAX_OPERANDS;
      });
    const length = ([a, b]: readonly [Origin, Origin]): number => a.nodes.length + b.nodes.length;
    const [nearest] = pairs.toSorted((a, b) => length(a) - length(b));
    return nearest && [...nearest];
  }

  function originsOf(value: string, reach: number): Origin[] {
    const origins: Origin[] = [{ root: value, steps: [], nodes: [], operands: [] }];
    const node = producers.get(value);
    const readOnce = consumers.get(value)?.length === 1 && !graph.isOutput(value);
    if (!node || reach === 0 || !readOnce || node.outputs.length !== 1) return origins;
    const type = types.get(value)!;
    node.inputs.forEach((input, running) => {
      const before = types.get(input);
      if (!before || graph.constants.has(input) || !holdsFloats(before) || !sameShape(before, type)) return;
      if (node.inputs.filter((name) => name === input).length !== 1) return;
      const steps = stepsOf(contextOf(node), running);
      if (!steps || steps.flatMap(stepInputs).length > MAX_OPERANDS) return;
      for (const origin of originsOf(input, reach - 1)) {
        const operands = [...origin.operands];
        const own = steps.map((step) => withInputs(step, (index) => operands.push(node.inputs[index]!) - 1));
        if (operands.length > MAX_OPERANDS || origins.length >= MAX_ORIGINS) continue;
        origins.push({
          root: origin.root,
          steps: [...origin.steps, ...own],
          nodes: [...origin.nodes, node],
          operands,
        });
      }
    });
    return origins;
  }
}
