import { POINTWISE, stepsOf } from "../../ops/elementwise_steps.ts";
import {
  type EpilogueStep,
  epilogueSteps,
  type FusedNode,
  MAX_OPERANDS,
  stepInputs,
  withInputs,
} from "../../ops/epilogue.ts";
import { NodeContext, type TensorType } from "../../ops/operator.ts";
import { findOperator } from "../../ops/registry.ts";
import type { Node } from "../../ops/node.ts";
import type { SpecialisedGraph } from "../specialise.ts";
import { holdsFloats, sameShape } from "./types.ts";

/**
 * Appends element-wise nodes to the kernel that makes their input, where nothing else reads it: activations, sums with
 * a residual, products with constants. The fused node stands where the last one stood, so that its operands are made.
 * Behind element-wise nodes the type may change from step to step; other kernels hand over and write floats.
 */
export function fuseEpilogues({ graph, types }: SpecialisedGraph): void {
  const consumers = graph.consumers();
  const removed = new Set<Node>();
  const contextOf = (node: Node): NodeContext =>
    new NodeContext(node, graph.opset(node), types, graph.constants);
  for (const start of [...graph.nodes]) {
    if (removed.has(start) || !findOperator(start)?.fusesEpilogue || start.outputs.length !== 1) continue;
    const head: FusedNode = start;
    const arity = head.arity ?? head.inputs.length;
    const mapped = stepsOf(contextOf(head), 0) !== undefined;
    for (;;) {
      const value = head.outputs[0]!;
      const readers = consumers.get(value) ?? [];
      const next = readers[0];
      if (readers.length !== 1 || !next || graph.isOutput(value) || next.outputs.length !== 1) break;
      const steps = fusable(head, mapped, next, value);
      if (!steps) break;
      head.arity = arity;
      const fused = steps.map((step) =>
        withInputs(step, (input) => {
          const name = next.inputs[input]!;
          head.inputs.push(name);
          consumers.get(name)?.push(head);
          return head.inputs.length - 1;
        })
      );
      head.epilogue = [...epilogueSteps(head), ...fused];
      head.outputs = [...next.outputs];
      removed.add(next);
      graph.removeNode(head);
      graph.replaceNode(next, head);
    }
  }

  function fusable(head: FusedNode, mapped: boolean, next: Node, value: string): EpilogueStep[] | undefined {
    if (next.inputs.filter((name) => name === value).length !== 1) return undefined;
    const [before, after]: (TensorType | undefined)[] = [types.get(value), types.get(next.outputs[0]!)];
    if (!before || !after || !sameShape(before, after)) return undefined;
    if (!mapped && !(holdsFloats(before) && holdsFloats(after))) return undefined;
    const steps = stepsOf(contextOf(next), next.inputs.indexOf(value));
    if (!steps) return undefined;
    const read = steps.flatMap(stepInputs);
    const operands = epilogueSteps(head).flatMap(stepInputs).length + ownOperands(head, mapped);
    return read.length === 0 || operands + read.length <= MAX_OPERANDS ? steps : undefined;
  }

  /** Operands that a head reads by itself, beside its first input; a convolution's are none of the epilogue's. */
  function ownOperands(head: FusedNode, mapped: boolean): number {
    if (head.op === "Conv" || head.op === POINTWISE) return 0;
    if (mapped) return (stepsOf(contextOf(head), 0) ?? []).flatMap(stepInputs).length;
    return Math.max(0, (head.arity ?? head.inputs.length) - 1);
  }
}
