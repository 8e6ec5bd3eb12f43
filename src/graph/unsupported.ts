import { findOperator } from "../ops/registry.ts";
import { GraphError } from "../ops/error.ts";
import type { Graph } from "./graph.ts";

/** The newest version of ONNX's own operator set whose operators are known here. */
export const NEWEST_OPSET = 28;

/** An operator that the engine lacks, or has in other operator sets only. */
export interface UnsupportedOperator {
  op: string;
  domain: string;
  opset: number;
  /** Names of the nodes that use it. */
  nodes: string[];
  reason: string;
}

/** Everything in a network that the engine cannot run, all at once. */
export function findUnsupported(graph: Graph): UnsupportedOperator[] {
  const found = new Map<string, UnsupportedOperator>();
  for (const node of graph.nodes) {
    const opset = graph.opset(node);
    const operator = findOperator(node);
    const reason = operator ? reasonAgainst(opset, operator.opsets, node.domain) : "no such operator here";
    if (reason === undefined) continue;
    const key = `${node.domain}/${node.op}`;
    const entry = found.get(key) ?? { op: node.op, domain: node.domain, opset, nodes: [], reason };
    entry.nodes.push(node.name || node.outputs[0] || "?");
    found.set(key, entry);
  }
  return [...found.values()];
}

/** Why a form of an operator is not understood; undefined if it is. */
function reasonAgainst(
  opset: number,
  [first, last]: readonly [number, number],
  domain: string,
): string | undefined {
  const newest = domain === "" ? Math.min(last, NEWEST_OPSET) : last;
  if (opset >= first && opset <= newest) return undefined;
  return `operator sets ${first} to ${newest} are supported`;
}

/** @throws {GraphError} listing all that is unsupported. */
export function refuseUnsupported(graph: Graph): void {
  const unsupported = findUnsupported(graph);
  if (unsupported.length === 0) return;
  const lines = unsupported.map(({ op, domain, opset, nodes, reason }) =>
    `  ${domain ? `${domain}.` : ""}${op} (operator set ${opset}): ${reason}; ${nodes.length} node${
      nodes.length === 1 ? "" : "s"
    }, first "${nodes[0]}"`
  );
  throw new GraphError(
    `Cannot run the network: ${unsupported.length} operator${
      unsupported.length === 1 ? " is" : "s are"
    } unsupported:\n` +
      `${
        lines.join("\n")
      }\nexport it for another operator set, or replace these operators before exporting; docs/operators.md lists those that are here`,
  );
}
