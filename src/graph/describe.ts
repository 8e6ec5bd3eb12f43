/**
 * A network as text: its nodes before and after simplification, as a Graphviz drawing and as a Markdown table.
 *
 * @module
 */
import type { KernelTarget } from "../gpu/mod.ts";
import { epilogueSteps } from "../ops/epilogue.ts";
import type { Node } from "../ops/node.ts";
import type { TensorType } from "../ops/operator.ts";
import type { Graph } from "./graph.ts";
import { runPasses } from "./passes/mod.ts";
import { buildPlan, type Plan } from "./plan.ts";
import { type InputShapes, type InputValues, specialise } from "./specialise.ts";

/** A value as it is read or made. */
export interface DescribedValue {
  /** Its name. */
  name: string;
  /** Type and extents, such as `f32 1x3x480x640`; empty where they are not known. */
  type: string;
}

/** A node, and what becomes of it on the GPU. */
export interface DescribedNode {
  /** The node's name. */
  name: string;
  /** Its operator, and those that were fused behind it. */
  operators: readonly string[];
  /** Values read that other nodes or the caller make; constants are left out, and views are looked through. */
  inputs: readonly DescribedValue[];
  /** Constants read. */
  constants: number;
  /** Values made. */
  outputs: readonly DescribedValue[];
  /** The kernels that are dispatched for it, in order; left out where nothing was planned. */
  kernels?: readonly string[];
  /** Multiply-adds of its kernels. */
  multiplyAdds?: number;
}

/** A network, its nodes in the order of execution. */
export interface GraphDescription {
  /** What is described. */
  title: string;
  /** The values that the caller gives. */
  inputs: readonly DescribedValue[];
  /** The nodes; of a planned network those for which something is dispatched. */
  nodes: readonly DescribedNode[];
  /** Nodes for which nothing is dispatched: their results are seen in the memory of what they read. */
  views?: number;
  /** Dispatches, those that only bring outputs into ONNX's order included; left out where nothing was planned. */
  dispatches?: number;
  /** The values that the caller gets, and the values that each is seen in. */
  outputs: readonly (DescribedValue & { from: readonly string[] })[];
}

/** A network as its file has it, and as it is run. */
export interface Simplification {
  /** The nodes of the file, but for those that only hold a constant. */
  before: GraphDescription;
  /** What is left when shapes are known, constants folded and nodes fused, with the kernels of each node. */
  after: GraphDescription;
}

/** Describes a network whose input shapes may be open. */
export function describeGraph(graph: Graph, title: string): GraphDescription {
  return describe(graph, title, new Map());
}

/**
 * Plans a network and describes it before and after.
 *
 * @param target what kernels are chosen for.
 * @throws {GraphError} if it cannot be planned.
 */
export function describeSimplification(
  graph: Graph,
  shapes: InputShapes = {},
  options: { target?: KernelTarget; values?: InputValues; title?: string } = {},
): Simplification {
  const title = options.title ?? (graph.name || "network");
  const specialised = specialise(graph, shapes, options.values);
  // Passes rename values and change types; the file's own are needed as they are.
  const before = describe(graph, `${title}: before`, new Map(specialised.types));
  runPasses(specialised);
  const plan = buildPlan(specialised, options.target ?? { software: false, subgroups: false });
  return { before, after: describe(specialised.graph, `${title}: after`, specialised.types, plan) };
}

function describe(
  graph: Graph,
  title: string,
  types: ReadonlyMap<string, TensorType>,
  plan?: Plan,
): GraphDescription {
  const value = (name: string): DescribedValue => ({ name, type: typeText(types.get(name)) });
  const steps = plan && Map.groupBy(plan.steps, ({ node }) => node);
  const run = graph.nodes.filter((node) => !steps || steps.has(node));
  const sources = sourcesOf(graph, new Set(run));
  const sourceValues = (names: readonly string[]): DescribedValue[] =>
    [...new Set(names.flatMap((name) => sources.get(name) ?? [name]))].map(value);
  const describeNode = (node: Node): DescribedNode => {
    const read = node.inputs.filter((name) => name !== "");
    const own = steps?.get(node) ?? [];
    return {
      name: node.name,
      operators: [
        node.domain === "" ? node.op : `${node.domain}.${node.op}`,
        ...epilogueSteps(node).map(({ op }) => op),
      ],
      inputs: sourceValues(read.filter((name) => !graph.constants.has(name))),
      constants: read.filter((name) => graph.constants.has(name)).length,
      outputs: node.outputs.filter((name) => name !== "").map(value),
      ...(steps && {
        kernels: own.map(({ kernel }) => kernel.name),
        multiplyAdds: own.reduce((sum, { multiplyAdds = 0 }) => sum + multiplyAdds, 0),
      }),
    };
  };
  return {
    title,
    inputs: graph.inputs.map(({ name, dtype, dims }) => ({
      name,
      type: typeText(types.get(name)) || `${dtype} ${dims.join("x")}`,
    })),
    nodes: run.map(describeNode),
    ...(plan && { views: graph.nodes.length - run.length, dispatches: plan.steps.length }),
    outputs: graph.outputs.map(({ name }) => ({
      ...value(name),
      from: sourceValues([name]).map(({ name }) => name),
    })),
  };
}

/** For each value that a node outside `run` makes: the values that it is seen in. */
function sourcesOf(graph: Graph, run: ReadonlySet<Node>): Map<string, string[]> {
  const sources = new Map<string, string[]>();
  for (const node of graph.nodes) {
    if (run.has(node)) continue;
    const read = node.inputs.filter((name) => name !== "" && !graph.constants.has(name));
    const own = [...new Set(read.flatMap((name) => sources.get(name) ?? [name]))];
    for (const name of node.outputs) if (name !== "") sources.set(name, own);
  }
  return sources;
}

function typeText(type: TensorType | undefined): string {
  if (!type) return "";
  return `${type.dtype} ${type.shape.length === 0 ? "scalar" : type.shape.join("x")}`;
}

/** How often each operator occurs, the most frequent first: `27 Conv, 2 Resize`. */
function countOperators({ nodes }: GraphDescription): string {
  const counts = new Map<string, number>();
  for (const { operators: [op] } of nodes) counts.set(op!, (counts.get(op!) ?? 0) + 1);
  return [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .map(([op, count]) => `${count} ${op}`).join(", ");
}

/** A drawing for Graphviz' `dot`. */
export function toGraphviz(graph: GraphDescription): string {
  const makers = new Map<string, string>();
  const lines = [
    `digraph ${quote(graph.title)} {`,
    `  label=${quote(summary(graph))};`,
    '  labelloc="t";',
    '  node [shape="box", style="rounded", fontname="sans-serif"];',
    '  edge [fontname="sans-serif", fontsize="10"];',
  ];
  graph.inputs.forEach(({ name, type }, i) => {
    makers.set(name, `in${i}`);
    lines.push(`  in${i} [shape="ellipse", label=${quote(`${name}\n${type}`)}];`);
  });
  graph.nodes.forEach((node, i) => {
    for (const { name } of node.outputs) makers.set(name, `n${i}`);
    const label = [
      node.operators.join(" + "),
      node.name,
      ...(node.kernels ?? []),
      ...(node.multiplyAdds ? [`${count(node.multiplyAdds)} multiply-adds`] : []),
    ];
    lines.push(`  n${i} [label=${quote(label.join("\n"))}];`);
  });
  graph.nodes.forEach(({ inputs }, i) => {
    for (const { name, type } of inputs) lines.push(edge(makers.get(name), `n${i}`, type));
  });
  graph.outputs.forEach(({ name, type, from }, i) => {
    lines.push(`  out${i} [shape="ellipse", label=${quote(`${name}\n${type}`.trim())}];`);
    for (const source of from) lines.push(edge(makers.get(source), `out${i}`, type));
  });
  // A value that is made nowhere (an output that is constant) has no arrow.
  return [...lines.filter((line) => line !== ""), "}", ""].join("\n");
}

function edge(from: string | undefined, to: string, type: string): string {
  return from === undefined ? "" : `  ${from} -> ${to} [label=${quote(type)}];`;
}

/** A double-quoted string of Graphviz' language. */
function quote(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}

function summary(graph: GraphDescription): string {
  const { dispatches, nodes: { length } } = graph;
  const planned = dispatches === undefined ? "" : `, ${dispatches} dispatch${dispatches === 1 ? "" : "es"}`;
  const views = graph.views ? ` (and ${graph.views} that only look at others' results)` : "";
  return `${graph.title}, ${length} node${length === 1 ? "" : "s"}${views}${planned}`;
}

/** A Markdown page: the counts, and a row for each node. */
export function toMarkdown(graph: GraphDescription): string {
  const planned = graph.dispatches !== undefined;
  const values = (list: readonly DescribedValue[]): string =>
    list.map(({ name, type }) => type === "" ? name : `${name} (${type})`).join(", ");
  const header = [
    "node",
    "operator",
    "reads",
    "constants",
    "makes",
    ...(planned ? ["kernels", "multiply-adds"] : []),
  ];
  const rows = graph.nodes.map((node) => [
    node.name,
    node.operators.join(" + "),
    values(node.inputs),
    String(node.constants),
    values(node.outputs),
    ...(planned ? [(node.kernels ?? []).join(", "), node.multiplyAdds ? count(node.multiplyAdds) : ""] : []),
  ]);
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("\\", "\\\\").replaceAll("|", "\\|")).join(" | ")} |`;
  return [
    `# ${summary(graph)}`,
    "",
    `Takes ${values(graph.inputs) || "nothing"}; gives ${values(graph.outputs)}.`,
    "",
    countOperators(graph) || "No nodes: everything is constant.",
    "",
    line(header),
    line(header.map(() => "---")),
    ...rows.map(line),
    "",
  ].join("\n");
}

function count(number: number): string {
  return number.toLocaleString("en");
}
