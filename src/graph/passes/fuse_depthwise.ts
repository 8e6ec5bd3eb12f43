import { readConv } from "../../ops/conv.ts";
import type { ConvShape } from "../../ops/conv_shape.ts";
import { DEPTHWISE_POINTWISE, PAIR_ARITY, type PairNode } from "../../ops/conv_pair.ts";
import { canPair } from "../../ops/conv_pair_candidates.ts";
import { epilogueSteps, type FusedNode, stepInputs, withInputs } from "../../ops/epilogue.ts";
import type { Node } from "../../ops/node.ts";
import { NodeContext } from "../../ops/operator.ts";
import { planarWindow } from "../../ops/window.ts";
import type { SpecialisedGraph } from "../specialise.ts";

/**
 * Makes one node of a depthwise convolution and the 1x1 convolution that alone reads it, each with what was fused behind it
 * before. What lies between is then no value any more, so this is for plans whose inner values are not outputs.
 */
export function fuseDepthwise({ graph, types }: SpecialisedGraph): void {
  const consumers = graph.consumers();
  for (const first of [...graph.nodes]) {
    const value = first.outputs[0]!;
    const [second, ...others] = consumers.get(value) ?? [];
    if (!second || others.length > 0 || graph.isOutput(value)) continue;
    if (second.inputs.lastIndexOf(value) !== 0 || epilogueSteps(first).flatMap(stepInputs).length > 0) {
      continue;
    }
    const [depthwise, pointwise] = [planar(first), planar(second)];
    if (!depthwise || !pointwise || !canPair({ depthwise, pointwise })) continue;
    const shift = PAIR_ARITY - arityOf(second);
    const fused: PairNode = {
      ...second,
      op: DEPTHWISE_POINTWISE,
      inputs: [...ownInputs(first), ...ownInputs(second).slice(1), ...second.inputs.slice(arityOf(second))],
      arity: PAIR_ARITY,
      attributes: first.attributes,
      inner: epilogueSteps(first),
      epilogue: epilogueSteps(second).map((step) => withInputs(step, (input) => input + shift)),
    };
    graph.removeNode(first);
    graph.replaceNode(second, fused);
  }

  /** A convolution of images with constant weights and bias in numbers; `undefined` for any other node. */
  function planar(node: Node): ConvShape | undefined {
    const constant = (name: string): boolean => name === "" || graph.constants.has(name);
    if (node.op !== "Conv" || !ownInputs(node).slice(1).every(constant)) return undefined;
    const context = new NodeContext(node, graph.opset(node), types, graph.constants);
    const { axes, ...conv } = readConv(context);
    return axes.length === 2 ? { ...planarWindow(axes), ...conv } : undefined;
  }
}

/** How many inputs are the operator's own. */
function arityOf(node: FusedNode): number {
  return node.arity ?? node.inputs.length;
}

/** Input, weights and bias of a convolution; the bias is empty where there is none. */
function ownInputs(node: Node): string[] {
  const [x, weights, bias] = node.inputs.slice(0, arityOf(node));
  return [x!, weights!, bias ?? ""];
}
