/**
 * The network as the passes see it: nodes that read and make named values, and the values that are constant.
 * Every value is made once (by one node, input or constant); the order of `nodes` is a valid order of execution.
 *
 * @module
 */

import type { DType } from "../tensor/dtype.ts";
import type { HostTensor } from "../tensor/host_tensor.ts";
import { describeNode, GraphError } from "../ops/error.ts";
import type { Node } from "../ops/node.ts";

/** A value that the network takes. */
export interface ValueInfo {
  /** The value's name. */
  name: string;
  /** The elements' type. */
  dtype: DType;
  /** Extents, or names of extents that the caller is free to choose. */
  dims: (number | string)[];
}

/** A value that the network gives, with what the file says about it; the plan works out the rest. */
export interface OutputInfo {
  /** The value's name. */
  name: string;
  /** The elements' type, if the file says. */
  dtype?: DType;
  /** Extents, or names of extents, if the file says. */
  dims?: (number | string)[];
}

/** A network that passes may change. */
export class Graph {
  /** The network's name; may be empty. */
  name: string;
  /** The operator sets that the nodes draw on, by domain. */
  readonly opsets: Map<string, number>;
  /** The values that the caller gives; never constants. */
  inputs: ValueInfo[] = [];
  /** The values that the caller gets. */
  outputs: OutputInfo[] = [];
  /** The operators, in a valid order of execution. */
  nodes: Node[] = [];
  /** The values known beforehand, by name. */
  readonly constants: Map<string, HostTensor> = new Map();

  /** An empty network. */
  constructor(name = "", opsets: ReadonlyMap<string, number> = new Map()) {
    this.name = name;
    this.opsets = new Map(opsets);
  }

  /** The same network, sharing its nodes and constants, with other outputs. */
  withOutputs(outputs: readonly OutputInfo[]): Graph {
    const graph = new Graph(this.name, this.opsets);
    graph.inputs = this.inputs;
    graph.outputs = [...outputs];
    graph.nodes = this.nodes;
    for (const [name, constant] of this.constants) graph.constants.set(name, constant);
    return graph;
  }

  /** The version of the operator set that a node's operator belongs to. */
  opset(node: Node): number {
    const version = this.opsets.get(node.domain);
    if (version === undefined) {
      throw new GraphError(
        `${
          describeNode(node)
        }: the model imports no operator set of domain "${node.domain}"; export it again`,
      );
    }
    return version;
  }

  /** The node that makes each value. Values of inputs and constants are not in it. */
  producers(): Map<string, Node> {
    const producers = new Map<string, Node>();
    for (const node of this.nodes) {
      for (const output of node.outputs) if (output !== "") producers.set(output, node);
    }
    return producers;
  }

  /** The nodes that read each value, in order, each named once; a value that nothing reads is not in it. */
  consumers(): Map<string, Node[]> {
    const consumers = new Map<string, Node[]>();
    for (const node of this.nodes) {
      for (const input of new Set(node.inputs)) {
        if (input === "") continue;
        const readers = consumers.get(input);
        if (readers) readers.push(node);
        else consumers.set(input, [node]);
      }
    }
    return consumers;
  }

  /** Whether the caller gets this value. */
  isOutput(value: string): boolean {
    return this.outputs.some((output) => output.name === value);
  }

  /**
   * Puts the nodes into an order in which every value is made before it is read, keeping the present order where it
   * is free to. Time is linear in nodes and edges.
   *
   * @throws {GraphError} naming the nodes of one cycle, if there is one.
   */
  sort(): void {
    this.nodes = sorted(this.nodes, this.producers());
  }

  /**
   * Removes the nodes whose results reach no output, and the constants that nothing reads.
   *
   * @returns how many nodes were removed.
   */
  removeDeadNodes(): number {
    const producers = this.producers();
    const live = new Set<string>();
    const liveNodes = new Set<Node>();
    const pending = this.outputs.map((output) => output.name);
    for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
      if (live.has(value)) continue;
      live.add(value);
      const node = producers.get(value);
      if (node === undefined || liveNodes.has(node)) continue;
      liveNodes.add(node);
      for (const input of node.inputs) if (input !== "") pending.push(input);
    }
    const before = this.nodes.length;
    this.nodes = this.nodes.filter((node) => liveNodes.has(node));
    for (const name of [...this.constants.keys()]) if (!live.has(name)) this.constants.delete(name);
    return before - this.nodes.length;
  }

  /**
   * Makes every reader of the value `from` read `to` instead. Names of outputs belong to the caller and stay: if
   * `from` is an output, then `to` is renamed to `from` throughout, for which the node that makes `from` must be
   * removed by the caller.
   *
   * @returns false, with nothing changed, if that cannot be: `from` is an output, and `to` is an input or an output
   * itself. A node must then remain between the two.
   *
   * @example Taking an Identity out:
   * ```ts ignore
   * if (graph.replaceUses(identity.outputs[0]!, identity.inputs[0]!)) graph.removeNode(identity);
   * ```
   */
  replaceUses(from: string, to: string): boolean {
    if (!this.isOutput(from)) {
      this.#rename(from, to);
      return true;
    }
    if (this.isOutput(to) || this.inputs.some((input) => input.name === to)) return false;
    const constant = this.constants.get(to);
    if (constant !== undefined) {
      this.constants.delete(to);
      this.constants.set(from, constant);
    }
    for (const node of this.nodes) {
      // The old maker of `from` keeps an output under another name, so that the value still has one maker.
      node.outputs = node.outputs.map((name) => name === from ? "" : name === to ? from : name);
    }
    this.#rename(to, from);
    return true;
  }

  /** Takes a node out of the graph. What it made must have been replaced before. */
  removeNode(node: Node): void {
    const index = this.nodes.indexOf(node);
    if (index < 0) throw new GraphError(`${describeNode(node)}: cannot be removed: it is not in the graph`);
    this.nodes.splice(index, 1);
  }

  /** Puts `fresh` where `old` was. */
  replaceNode(old: Node, ...fresh: Node[]): void {
    const index = this.nodes.indexOf(old);
    if (index < 0) throw new GraphError(`${describeNode(old)}: cannot be replaced: it is not in the graph`);
    this.nodes.splice(index, 1, ...fresh);
  }

  /** A name that no value and no node bears, made from `base`. */
  freshName(base: string): string {
    const taken = this.#names();
    if (!taken.has(base)) return base;
    for (let i = 1;; i++) {
      const name = `${base}_${i}`;
      if (!taken.has(name)) return name;
    }
  }

  /** Adds a constant under a fresh name made from `base`, and returns that name. */
  addConstant(base: string, tensor: HostTensor): string {
    const name = this.freshName(base);
    this.constants.set(name, tensor);
    return name;
  }

  #rename(from: string, to: string): void {
    for (const node of this.nodes) {
      for (let i = 0; i < node.inputs.length; i++) if (node.inputs[i] === from) node.inputs[i] = to;
    }
  }

  #names(): Set<string> {
    const names = new Set<string>(this.constants.keys());
    for (const { name } of [...this.inputs, ...this.outputs]) names.add(name);
    for (const node of this.nodes) {
      names.add(node.name);
      for (const value of [...node.inputs, ...node.outputs]) names.add(value);
    }
    return names;
  }
}

/** Depth first along the inputs, from each node in turn: a list that is in order already stays as it is. */
function sorted(nodes: readonly Node[], producers: ReadonlyMap<string, Node>): Node[] {
  const done = new Set<Node>();
  const underWay = new Set<Node>();
  for (const start of nodes) {
    if (done.has(start)) continue;
    // A path of nodes, each waiting for the one after it, with the input to look at next.
    const path: { node: Node; next: number }[] = [{ node: start, next: 0 }];
    underWay.add(start);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const { node } = top;
      if (top.next === node.inputs.length) {
        done.add(node);
        underWay.delete(node);
        path.pop();
        continue;
      }
      const maker = producers.get(node.inputs[top.next++]!);
      if (maker === undefined || done.has(maker)) continue;
      if (underWay.has(maker)) throw cycleError(path.map(({ node }) => node), maker);
      underWay.add(maker);
      path.push({ node: maker, next: 0 });
    }
  }
  return [...done];
}

function cycleError(path: readonly Node[], from: Node): GraphError {
  const cycle = path.slice(path.indexOf(from)).reverse();
  const names = cycle.slice(0, 8).map(describeNode).join(" -> ");
  return new GraphError(
    `The graph has a cycle of ${cycle.length} node${cycle.length === 1 ? "" : "s"}: ${names}` +
      `${cycle.length > 8 ? " -> ..." : ""}; no order can run it, export the model again`,
  );
}
