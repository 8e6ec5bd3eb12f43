import { broadcastShapes } from "../../ops/broadcast.ts";
import type { Graph } from "../graph.ts";
import type { Node } from "../../ops/node.ts";

/** The product and the sum with constants that stand behind a node: a normalisation's own parameters. */
export interface Affine {
  /** Inputs to put behind the normalised one: factors and summands, "" or nothing where there are none. */
  readonly inputs: readonly string[];
  /** The nodes that multiply and add, in order. */
  readonly nodes: readonly Node[];
}

/** The only node that reads what `node` makes, if there is one and the caller does not get the value too. */
export function onlyReader(
  graph: Graph,
  consumers: ReadonlyMap<string, readonly Node[]>,
  node: Node,
): Node | undefined {
  const value = node.outputs[0]!;
  const readers = consumers.get(value) ?? [];
  return readers.length === 1 && !graph.isOutput(value) ? readers[0] : undefined;
}

/**
 * The Mul and the Add behind `node`, each with a constant that broadcasts to `shape`, as far as nothing else reads what
 * lies between.
 */
export function affineBehind(
  graph: Graph,
  consumers: ReadonlyMap<string, readonly Node[]>,
  node: Node,
  shape: readonly number[],
): Affine {
  const inputs: string[] = [];
  const nodes: Node[] = [];
  for (const [place, op] of ["Mul", "Add"].entries()) {
    const last = nodes.at(-1) ?? node;
    const next = onlyReader(graph, consumers, last);
    const other = next?.inputs.find((name) => name !== last.outputs[0]);
    const constant = graph.constants.get(other ?? "");
    if (next?.op !== op || next.domain !== "" || !constant) continue;
    if (broadcastShapes(constant.shape, shape)?.join() !== shape.join()) continue;
    while (inputs.length < place) inputs.push("");
    inputs.push(other!);
    nodes.push(next);
  }
  return { inputs, nodes };
}
