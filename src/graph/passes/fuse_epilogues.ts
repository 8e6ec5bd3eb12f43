import { stepOf } from "../../ops/elementwise.ts";
import { type EpilogueStep, type FusedNode, MAX_OPERANDS } from "../../ops/epilogue.ts";
import { NodeContext } from "../../ops/operator.ts";
import { findOperator } from "../../ops/registry.ts";
import type { Node } from "../../ops/node.ts";
import type { SpecialisedGraph } from "../specialise.ts";

/**
 * Appends element-wise nodes to the kernel that makes their input, where nothing else reads it: activations, sums with
 * a residual, products with constants. The fused node stands where the last one stood, so that its operands are made.
 */
export function fuseEpilogues({ graph, types }: SpecialisedGraph): void {
  const consumers = graph.consumers();
  const removed = new Set<Node>();
  for (const start of [...graph.nodes]) {
    if (removed.has(start) || !findOperator(start)?.fusesEpilogue || start.outputs.length !== 1) continue;
    const head: FusedNode = start;
    const arity = head.inputs.length;
    for (;;) {
      const value = head.outputs[0]!;
      const readers = consumers.get(value) ?? [];
      const next = readers[0];
      if (readers.length !== 1 || !next || graph.isOutput(value) || next.outputs.length !== 1) break;
      const step = fusable(head, next, value);
      if (!step) break;
      head.arity = arity;
      head.epilogue = [...head.epilogue ?? [], step];
      if (step.kind === "operand") consumers.get(next.inputs[1 - next.inputs.indexOf(value)]!)?.push(head);
      head.outputs = [...next.outputs];
      removed.add(next);
      graph.removeNode(head);
      graph.replaceNode(next, head);
    }
  }

  function fusable(head: FusedNode, next: Node, value: string): EpilogueStep | undefined {
    if (next.domain !== "" || next.inputs.filter((name) => name === value).length !== 1) return undefined;
    const running = next.inputs.indexOf(value);
    const step = stepOf(new NodeContext(next, graph.opset(next), types, graph.constants), running);
    if (!step) return undefined;
    const [before, after] = [types.get(value)!, types.get(next.outputs[0]!)!];
    const sameShape = before.shape.length === after.shape.length &&
      before.shape.every((extent, axis) => extent === after.shape[axis]);
    if (!sameShape || before.dtype !== "f32") return undefined;
    if (step.kind !== "operand") return step;
    const operands = (head.epilogue ?? []).filter((one) => one.kind === "operand").length;
    if (operands + operandsOf(head) >= MAX_OPERANDS) return undefined;
    head.inputs.push(next.inputs[1 - running]!);
    return { ...step, input: head.inputs.length - 1 };
  }
}

/** Operands that an element-wise head reads by itself. */
function operandsOf(head: Node): number {
  return head.op === "Conv" ? 0 : Math.max(0, ((head as FusedNode).arity ?? head.inputs.length) - 1);
}
