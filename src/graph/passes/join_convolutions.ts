import { attr } from "../../ops/attribute.ts";
import type { HostedConcat } from "../../ops/concat.ts";
import { readConv } from "../../ops/conv.ts";
import { DEPTHWISE_POINTWISE } from "../../ops/conv_pair.ts";
import { type EpilogueStep, epilogueSteps, type FusedNode, stepInputs } from "../../ops/epilogue.ts";
import type { Node } from "../../ops/node.ts";
import { NodeContext } from "../../ops/operator.ts";
import { findOperator } from "../../ops/registry.ts";
import { type HostTensor, hostTensor, toFloat32 } from "../../tensor/host_tensor.ts";
import type { SpecialisedGraph } from "../specialise.ts";

/**
 * Operators that always compute what they make. Others may hand their input on as it lies, which is then read wherever their
 * own output is: a Resize to the same size, a Cast to the same type, a Max of one.
 */
const COMPUTING = ["Conv", "ConvTranspose", DEPTHWISE_POINTWISE];

/** A convolution that can be one of several in one. */
interface Part {
  node: Node;
  weights: HostTensor;
  bias: HostTensor | undefined;
  outC: number;
}

/**
 * Makes one convolution of several that read one value through the same window and have the same steps behind them: the
 * input is read once, and there is a dispatch in place of several. What each made is then a part of what it makes. Where one
 * of them goes into a concatenation, that must be possible in the same memory, the other part written over what nobody
 * reads any more (see {@linkcode HostedConcat}); else they stay apart, since a part would have to be copied.
 *
 * It is for the order that nodes are lowered in, so no pass behind it may change that. Joining a later group moves its
 * convolutions to the first one's place; none of them is what writes into an earlier group's memory, since a concatenation
 * that has a host gets no second one: the part that it keeps comes from a Split then.
 */
export function joinConvolutions({ graph, types }: SpecialisedGraph): void {
  for (const parts of groups()) {
    const consumers = graph.consumers();
    const concats = concatsOf(parts, consumers);
    // What a concatenation keeps may be its first part or its last.
    const ordered = [parts, parts.toReversed()].find((some) =>
      concats?.every((one) => canHost(some, one, consumers))
    );
    if (concats && ordered) join(parts[0]!.node, ordered, concats);
  }

  /** Convolutions that differ in their weights alone, in the graph's order. */
  function groups(): Part[][] {
    const keyed = graph.nodes.flatMap((node) => {
      const found = partOf(node);
      return found ? [found] : [];
    });
    return [...Map.groupBy(keyed, ({ key }) => key).values()]
      .filter((group) => group.length > 1)
      .map((group) => group.map(({ part }) => part));
  }

  function partOf(node: FusedNode): { key: string; part: Part } | undefined {
    if (node.op !== "Conv" || graph.isOutput(node.outputs[0]!)) return undefined;
    const [x, w, b] = node.inputs.slice(0, node.arity ?? node.inputs.length);
    const weights = graph.constants.get(w!), bias = b ? graph.constants.get(b) : undefined;
    const steps: readonly EpilogueStep[] = epilogueSteps(node);
    if (weights?.dtype !== "f32" || (b && bias?.dtype !== "f32")) return undefined;
    if (steps.flatMap(stepInputs).length > 0) return undefined;
    const { groups, outC, axes } = readConv(new NodeContext(node, graph.opset(node), types, graph.constants));
    // Parts begin at whole vec4s.
    if (groups > 1 || axes.length !== 2 || outC % 4 !== 0) return undefined;
    return { key: JSON.stringify([x, axes, steps], exactly), part: { node, weights, bias, outC } };
  }

  /**
   * The concatenations that parts go into, one at the most; `undefined` if there are more, or a part is only seen in another
   * form, as which it may have a place already.
   */
  function concatsOf(parts: readonly Part[], consumers: ReadonlyMap<string, Node[]>): Node[] | undefined {
    const readers = parts.flatMap(({ node }) => consumers.get(node.outputs[0]!) ?? []);
    const concats = [...new Set(readers.filter(({ op }) => op === "Concat"))];
    return concats.length > 1 || readers.some((reader) => findOperator(reader)?.views) ? undefined : concats;
  }

  /** Whether a concatenation can be made in the memory of parts, one behind the other. */
  function canHost(
    parts: readonly Part[],
    concat: Node,
    consumers: ReadonlyMap<string, Node[]>,
  ): boolean {
    const value = concat.outputs[0]!;
    const { shape } = types.get(value)!;
    const channels = parts.reduce((total, { outC }) => total + outC, 0);
    const axis = attr.int(concat, "axis", 1);
    if (graph.isOutput(value) || shape.length !== 4 || (axis !== 1 && axis !== -3) || shape[1] !== channels) {
      return false;
    }
    if (consumers.get(value)?.some(({ op }) => op === "Concat")) return false;
    const producers = graph.producers();
    const order = new Map(graph.nodes.map((node, i) => [node, i]));
    const made = Math.min(...parts.map(({ node }) => order.get(node)!));
    let start = 0;
    return concat.inputs.every((name) => {
      const from = start, to = start += types.get(name)!.shape[1]!;
      let at = 0;
      return parts.every(({ node: { outputs: [part] }, outC }) => {
        const first = at, last = at += outC;
        if (name === part) return first === from;
        if (last <= from || first >= to) return true;
        // It is written over: after it was made, and after it was read for the last time.
        const writer = producers.get(name);
        if (!writer || writesEarly(writer)) return false;
        const written = order.get(writer)!;
        return written > made &&
          (consumers.get(part!) ?? []).every((reader) =>
            COMPUTING.includes(reader.op) && order.get(reader)! < written
          );
      });
    });
  }

  /** Puts one convolution in the place of the first of several. */
  function join(first: FusedNode, parts: readonly Part[], concats: readonly Node[]): void {
    const name = graph.freshName(parts.map(({ node }) => node.name || node.outputs[0]!).join(" and "));
    const outputs = parts.map(({ node }) => node.outputs[0]!);
    const sizes = parts.map(({ outC }) => outC);
    const channels = sizes.reduce((a, b) => a + b, 0);
    const { dtype, shape } = types.get(outputs[0]!)!;
    types.set(name, { dtype, shape: shape.with(1, channels) });
    const weights = constant(
      `${name} weights`,
      [channels, ...parts[0]!.weights.shape.slice(1)],
      parts.map((part) => part.weights),
    );
    const zeros = (size: number): HostTensor => hostTensor("f32", [size], new Float32Array(size));
    const bias = constant(`${name} bias`, [channels], parts.map(({ bias, outC }) => bias ?? zeros(outC)));
    const joined: FusedNode = {
      ...first,
      name,
      inputs: [first.inputs[0]!, weights, bias],
      arity: 3,
      outputs: [name],
    };
    const split: Node = {
      name: graph.freshName(`${name} parted`),
      op: "Split",
      domain: "",
      inputs: [name],
      outputs,
      attributes: new Map([
        ["axis", { type: "int", value: 1 }],
        ["split", { type: "ints", value: sizes }],
      ]),
    };
    graph.replaceNode(first, joined, split);
    for (const { node } of parts) if (node !== first) graph.removeNode(node);
    for (const concat of concats) {
      const within: HostedConcat = { ...concat, host: name };
      graph.replaceNode(concat, within);
    }
  }

  function constant(base: string, shape: readonly number[], tensors: readonly HostTensor[]): string {
    const data = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
    let at = 0;
    for (const tensor of tensors) {
      data.set(toFloat32(tensor), at);
      at += tensor.data.length;
    }
    const tensor = hostTensor("f32", shape, data);
    const name = graph.addConstant(base, tensor);
    types.set(name, tensor);
    return name;
  }
}

/** JSON has no infinite numbers, no NaN and no negative zero. */
function exactly(_: string, value: unknown): unknown {
  return typeof value === "number" ? Object.is(value, -0) ? "-0" : `${value}` : value;
}

/** Whether what a node makes may be written by the nodes before it, which then make it in its place. */
function writesEarly(node: Node): boolean {
  return node.op === "Concat" || findOperator(node)?.views !== undefined;
}
