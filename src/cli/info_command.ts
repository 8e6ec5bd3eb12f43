/**
 * `framewise info`: what a network file is, without a GPU.
 *
 * @module
 */
import { formatBytes } from "../gpu/mod.ts";
import {
  describeGraph,
  describeSimplification,
  type GraphDescription,
  type Simplification,
  toGraphviz,
  toMarkdown,
} from "../graph/describe.ts";
import type { Graph } from "../graph/graph.ts";
import type { Plan } from "../graph/plan.ts";
import { loadGraph } from "../graph/load.ts";
import { planGraph } from "../graph/session.ts";
import type { InputShapes } from "../graph/specialise.ts";
import { findUnsupported, type UnsupportedOperator } from "../graph/unsupported.ts";
import { bytesOf } from "../tensor/host_tensor.ts";
import { readArguments } from "./arguments.ts";
import type { CatalogueEntry } from "./catalogue.ts";
import { reportFailure, UsageError } from "./failure.ts";
import { openModel } from "./model_store.ts";
import { formatTable } from "./table.ts";

/** The text of `framewise info --help`. */
export const INFO_USAGE = `Usage:
  framewise info FILE|NAME [--shape INPUT=1x3x480x640] [--json] [--graph FOLDER]
                                            what a network is, what it costs, what is unsupported;
                                            --graph draws its nodes before and after simplification`;

/** Everything that `framewise info` tells. */
export interface ModelInfo {
  file: string;
  name?: string;
  opsets: Record<string, number>;
  inputs: { name: string; dtype: string; dims: (number | string)[] }[];
  outputs: { name: string; dims?: readonly (number | string)[] }[];
  operators: Record<string, number>;
  parameters: number;
  weightBytes: number;
  unsupported: UnsupportedOperator[];
  /** Left out when something is unsupported or an input has free dimensions. */
  plan?: {
    inputs: Record<string, readonly number[]>;
    multiplyAdds: number;
    dispatches: number;
    kernels: Record<string, number>;
    arenaBytes: number;
    largestTensorBytes: number;
  };
  /** What was written for `--graph`, where, and how many nodes there are before, and run after, simplification. */
  graph?: { nodesBefore: number; nodesAfter?: number; files: string[] };
}

/** Runs `framewise info ARGS`; returns the exit code. */
export async function infoCommand(args: readonly string[]): Promise<number> {
  try {
    const given = readArguments(args, { flags: ["json"], values: ["shape", "graph"] });
    if (given.flag("help")) {
      console.log(INFO_USAGE);
      return 0;
    }
    const [file, ...rest] = given.positional;
    if (file === undefined || rest.length > 0) throw new UsageError("info takes one file or name");
    const model = await openModel(file);
    const graph = await loadGraph(model.bytes, { place: model.path, movable: true });
    const shapes = readShapes(given.value("shape"), graph, model.entry);
    const info = describeModel(model.path, graph, shapes, model.entry);
    const folder = given.value("graph");
    if (folder !== undefined) info.graph = await writeGraphs(folder, graph, shapes, info);
    console.log(given.flag("json") ? JSON.stringify(info, null, 2) : formatInfo(info));
    return info.unsupported.length > 0 ? 1 : 0;
  } catch (error) {
    return reportFailure("framewise info", error, "see: framewise info --help");
  }
}

/** Draws the network before and, if it was planned, after simplification: a drawing and a table each. */
async function writeGraphs(
  folder: string,
  graph: Graph,
  shapes: InputShapes,
  { file, plan }: ModelInfo,
): Promise<NonNullable<ModelInfo["graph"]>> {
  const title = file.split(/[\\/]/).at(-1)!;
  const { before, after }: Partial<Simplification> & { before: GraphDescription } = plan
    ? describeSimplification(graph, shapes, { title })
    : { before: describeGraph(graph, `${title}: before`) };
  await Deno.mkdir(folder, { recursive: true });
  const files: string[] = [];
  for (const [name, described] of [["before", before], ["after", after]] as const) {
    if (!described) continue;
    for (const [ending, text] of [["dot", toGraphviz(described)], ["md", toMarkdown(described)]] as const) {
      const path = `${folder}/${name}.${ending}`;
      await Deno.writeTextFile(path, text);
      files.push(path);
    }
  }
  return { nodesBefore: before.nodes.length, ...(after && { nodesAfter: after.nodes.length }), files };
}

/** Shapes for inputs with free dimensions: as told, else the catalogue's size. */
export function readShapes(
  text: string | undefined,
  graph: Graph,
  entry: CatalogueEntry | undefined,
): InputShapes {
  if (text !== undefined) {
    return Object.fromEntries(
      text.split(",").map((one) => {
        const [, name, dims] = /^(.+)=(\d+(?:x\d+)*)$/.exec(one) ??
          (() => {
            throw new UsageError(`--shape is "${one}"; write it as INPUT=1x3x480x640`);
          })();
        return [name, dims!.split("x").map(Number)];
      }),
    );
  }
  const [input] = graph.inputs;
  const free = input?.dims.some((dim) => typeof dim === "string");
  return free && entry ? { [input!.name]: [1, 3, entry.input.height, entry.input.width] } : {};
}

/** Collects what is known of a network; plans it if its shapes are known and nothing is unsupported. */
export function describeModel(
  file: string,
  graph: Graph,
  shapes: InputShapes,
  entry?: CatalogueEntry,
): ModelInfo {
  const weights = [...graph.constants.values()].filter((constant) => constant.dtype !== "i64");
  const operators = countBy(graph.nodes.map((node) => node.domain ? `${node.domain}.${node.op}` : node.op));
  const unsupported = findUnsupported(graph);
  const open = graph.inputs.some(({ name, dims }) =>
    !shapes[name] && dims.some((dim) => typeof dim === "string")
  );
  const info: ModelInfo = {
    file,
    ...(entry && { name: entry.name }),
    opsets: Object.fromEntries(graph.opsets),
    inputs: graph.inputs,
    outputs: graph.outputs.map(({ name, dims }) => dims ? { name, dims } : { name }),
    operators,
    parameters: weights.reduce((sum, constant) => sum + constant.data.length, 0),
    weightBytes: weights.reduce((sum, constant) => sum + bytesOf(constant).length, 0),
    unsupported,
  };
  return unsupported.length > 0 || open ? info : { ...info, plan: describePlan(planGraph(graph, shapes)) };
}

function describePlan(plan: Plan): NonNullable<ModelInfo["plan"]> {
  return {
    inputs: Object.fromEntries(plan.inputs.map(({ name, type }) => [name, type.shape])),
    multiplyAdds: plan.multiplyAdds,
    dispatches: plan.steps.length,
    kernels: countBy(plan.steps.map((step) => step.kernel.name)),
    arenaBytes: plan.arenaBytes,
    largestTensorBytes: Math.max(
      ...plan.storages.map(({ bytes, weight }) => weight === undefined ? bytes : 0),
    ),
  };
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)));
}

/** `522.6 million`, and small numbers as they are. */
function formatCount(count: number): string {
  return count < 1e6 ? count.toLocaleString("en") : `${(count / 1e6).toFixed(1)} million`;
}

/** The report for people. */
export function formatInfo(info: ModelInfo): string {
  const dims = (list: readonly (number | string)[] | undefined): string => list ? `[${list.join(", ")}]` : "";
  const sets = Object.entries(info.opsets).map(([domain, version]) =>
    domain ? `${domain} ${version}` : `${version}`
  );
  const lines = [
    `${info.file}${info.name ? ` (${info.name} of the catalogue)` : ""}`,
    `operator set ${sets.join(", ")}; ${info.parameters.toLocaleString("en")} parameters, ${
      formatBytes(info.weightBytes)
    }`,
    "",
    formatTable([
      ["", "name", "type", "shape"],
      ...info.inputs.map((input) => ["input", input.name, input.dtype, dims(input.dims)]),
      ...info.outputs.map((output) => ["output", output.name, "", dims(output.dims)]),
    ]),
    "",
    formatTable([
      ["operator", "nodes"],
      ...Object.entries(info.operators).map(([op, count]) => [op, String(count)]),
    ]),
    "",
  ];
  if (info.unsupported.length > 0) {
    lines.push(
      "unsupported:",
      formatTable(info.unsupported.map(({ op, domain, opset, nodes, reason }) => [
        `  ${domain ? `${domain}.` : ""}${op}`,
        `operator set ${opset}`,
        `${nodes.length} node${nodes.length === 1 ? "" : "s"}, first "${nodes[0]}"`,
        reason,
      ])),
    );
  } else if (info.plan) {
    const { plan } = info;
    const inputs = Object.entries(plan.inputs).map(([name, shape]) => `${name} ${dims(shape)}`).join(", ");
    lines.push(
      `plan for ${inputs}: ${formatCount(plan.multiplyAdds)} multiply-adds in ${plan.dispatches} dispatches`,
      formatTable([
        ["kernel", "dispatches"],
        ...Object.entries(plan.kernels).map(([name, count]) => [name, String(count)]),
      ]),
      `memory: ${formatBytes(plan.arenaBytes)} for each frame in flight, largest tensor ${
        formatBytes(plan.largestTensorBytes)
      }`,
      "unsupported: nothing",
    );
  } else {
    lines.push("its input has free dimensions: give them by --shape to see the plan", "unsupported: nothing");
  }
  if (info.graph) {
    const { nodesBefore, nodesAfter, files } = info.graph;
    const left = nodesAfter === undefined
      ? "not simplified"
      : `${nodesAfter} of them run after simplification`;
    lines.push(`graph: ${nodesBefore} nodes, ${left}; written to ${files.join(", ")}`);
  }
  return lines.join("\n");
}
