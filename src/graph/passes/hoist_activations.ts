import { stepsOf } from "../../ops/elementwise_steps.ts";
import { stepInputs } from "../../ops/epilogue.ts";
import type { Node } from "../../ops/node.ts";
import { NodeContext } from "../../ops/operator.ts";
import { findOperator } from "../../ops/registry.ts";
import type { SpecialisedGraph } from "../specialise.ts";
import { holdsFloats, sameShape } from "./types.ts";

/** Operators whose output has its input's elements, each once. */
const REORDERING = ["Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"];

/**
 * Moves a function of one tensor and numbers before the reshapes and transposes in front of it, to the kernel that made
 * the elements, which can then apply it as it writes them: `Sigmoid(Reshape(Conv(x)))` becomes `Reshape(Sigmoid(Conv(x)))`.
 */
export function hoistActivations({ graph, types }: SpecialisedGraph): void {
  const producers = graph.producers();
  const consumers = graph.consumers();
  const readOnce = (value: string): boolean => consumers.get(value)?.length === 1 && !graph.isOutput(value);
  for (const activation of [...graph.nodes]) {
    const running = runningInput(activation);
    if (running === undefined) continue;
    let value = activation.inputs[running]!;
    let first: Node | undefined;
    for (;;) {
      const producer = producers.get(value);
      if (!producer || !readOnce(value) || !REORDERING.includes(producer.op)) break;
      first = producer;
      value = producer.inputs[0]!;
    }
    const maker = producers.get(value);
    if (!first || !maker || !readOnce(value) || !findOperator(maker)?.fusesEpilogue) continue;
    const last = producers.get(activation.inputs[running]!)!;
    const applied = graph.freshName(`${value} ${activation.op}`);
    types.set(applied, types.get(value)!);
    graph.removeNode(activation);
    graph.replaceNode(first, activation, first);
    last.outputs = [...activation.outputs];
    producers.set(last.outputs[0]!, last);
    activation.inputs = activation.inputs.with(running, value);
    activation.outputs = [applied];
    producers.set(applied, activation);
    first.inputs = [applied, ...first.inputs.slice(1)];
    consumers.set(value, [activation]);
    consumers.set(applied, [first]);
  }

  /** The one computed input of a function of it and numbers, if both it and the result are floats of one type. */
  function runningInput(node: Node): number | undefined {
    const computed = node.inputs.flatMap((name, i) => name === "" || graph.constants.has(name) ? [] : [i]);
    const [running] = computed;
    if (running === undefined || computed.length > 1 || node.outputs.length !== 1) return undefined;
    const [before, after] = [types.get(node.inputs[running]!), types.get(node.outputs[0]!)];
    if (!before || !after || before.dtype !== after.dtype || !sameShape(before, after)) return undefined;
    if (!holdsFloats(before)) return undefined;
    const steps = stepsOf(new NodeContext(node, graph.opset(node), types, graph.constants), running);
    return steps && steps.flatMap(stepInputs).length === 0 ? running : undefined;
  }
}
