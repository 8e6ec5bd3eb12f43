import { POINTWISE } from "../../ops/elementwise_steps.ts";
import type { Node } from "../../ops/node.ts";
import { UNARY } from "../../ops/pointwise_functions.ts";
import { findOperator } from "../../ops/registry.ts";
import type { SpecialisedGraph } from "../specialise.ts";
import { holdsFloats } from "./types.ts";

/** Operators whose output has its input's elements, each once. */
const REORDERING = ["Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"];

/**
 * Moves a function of one tensor before the reshapes and transposes in front of it, to the kernel that made the elements,
 * which can then apply it as it writes them: `Sigmoid(Reshape(Conv(x)))` becomes `Reshape(Sigmoid(Conv(x)))`.
 */
export function hoistActivations({ graph, types }: SpecialisedGraph): void {
  const producers = graph.producers();
  const consumers = graph.consumers();
  const readOnce = (value: string): boolean => consumers.get(value)?.length === 1 && !graph.isOutput(value);
  for (const activation of [...graph.nodes]) {
    if (!isFloatActivation(activation)) continue;
    let value = activation.inputs[0]!;
    let first: Node | undefined;
    for (;;) {
      const producer = producers.get(value);
      if (!producer || !readOnce(value) || !REORDERING.includes(producer.op)) break;
      first = producer;
      value = producer.inputs[0]!;
    }
    const maker = producers.get(value);
    if (!first || !maker || !readOnce(value) || !findOperator(maker)?.fusesEpilogue) continue;
    const last = producers.get(activation.inputs[0]!)!;
    const applied = graph.freshName(`${value} ${activation.op}`);
    types.set(applied, types.get(value)!);
    graph.removeNode(activation);
    graph.replaceNode(first, activation, first);
    last.outputs = [...activation.outputs];
    producers.set(last.outputs[0]!, last);
    activation.inputs = [value, ...activation.inputs.slice(1)];
    activation.outputs = [applied];
    producers.set(applied, activation);
    first.inputs = [applied, ...first.inputs.slice(1)];
    consumers.set(value, [activation]);
    consumers.set(applied, [first]);
  }

  /** A function of one computed tensor of floats that gives floats. */
  function isFloatActivation({ op, domain, inputs, outputs }: Node): boolean {
    if (!(Object.hasOwn(UNARY, op) || op === POINTWISE) || domain !== "" || outputs.length !== 1) {
      return false;
    }
    const others = inputs.slice(1).filter((name) => name !== "");
    if (others.some((name) => op === POINTWISE || !graph.constants.has(name))) return false;
    return [inputs[0]!, outputs[0]!].every((name) => holdsFloats(types.get(name)!));
  }
}
