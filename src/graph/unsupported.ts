import { findOperator, MADE_BY_PASSES } from "../ops/registry.ts";
import { describeNode, GraphError } from "../ops/error.ts";
import type { DType } from "../tensor/dtype.ts";
import type { Graph } from "./graph.ts";
import type { SpecialisedGraph } from "./specialise.ts";

/** The newest version of ONNX's own operator set whose operators are known here. */
export const NEWEST_OPSET = 28;

/** A message shows no more values than this. */
const SHOWN = 20;

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
    const operator = MADE_BY_PASSES.has(node.op) ? undefined : findOperator(node);
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

/** Element types that the host computes with, and the GPU cannot hold. */
const HOST_ONLY: readonly DType[] = ["f64", "u32", "u64", "string"];

/**
 * Refuses what is left to run on the GPU of types that it cannot hold; what the host could fold is gone by now.
 *
 * @throws {GraphError} listing all values of such types.
 */
export function refuseHostOnlyTypes({ graph, types }: SpecialisedGraph): void {
  const lines: string[] = [];
  const check = (name: string, where: string): void => {
    const dtype = types.get(name)?.dtype;
    if (dtype && HOST_ONLY.includes(dtype)) lines.push(`  "${name}" (${dtype}), ${where}`);
  };
  for (const { name } of graph.inputs) check(name, "an input");
  for (const node of graph.nodes) {
    node.outputs.forEach((name) => check(name, `made by ${describeNode(node)}`));
  }
  if (lines.length === 0) return;
  const more = lines.length > SHOWN ? [`  and ${lines.length - SHOWN} more`] : [];
  const many = lines.length > 1;
  throw new GraphError(
    `Cannot run the network: ${lines.length} value${
      many ? "s are of types" : " is of a type"
    } that the GPU cannot ` +
      `hold:\n${[...lines.slice(0, SHOWN), ...more].join("\n")}\n` +
      "export it with 32-bit floats and signed integers",
  );
}
