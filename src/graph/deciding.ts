import type { Graph } from "./graph.ts";
import { findOperator } from "../ops/registry.ts";

/**
 * The inputs of a network that a value is computed from, other than by their shapes alone: to plan with that value known,
 * the planner must know theirs.
 */
export function decidingInputs(graph: Graph, value: string): string[] {
  const producers = graph.producers();
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  const found = new Set<string>();
  const seen = new Set<string>();
  const pending = [value];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === "" || seen.has(name)) continue;
    seen.add(name);
    if (inputs.has(name)) found.add(name);
    const maker = producers.get(name);
    if (maker && !findOperator(maker)?.dependsOnTypesOnly) pending.push(...maker.inputs);
  }
  return [...found];
}
