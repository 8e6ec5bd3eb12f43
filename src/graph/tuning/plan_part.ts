/**
 * The layers of a plan among whose kernels there is a choice, and plans of one layer alone, to time it.
 *
 * @module
 */
import { alignUp } from "../../gpu/mod.ts";
import type { LayerChoice } from "../../ops/kernel_choice.ts";
import type { View } from "../../tensor/view.ts";
import type { Plan, PlannedStorage, PlanStep } from "../plan.ts";

/** A layer with several ways to compute it. */
export interface PlannedLayer {
  choice: LayerChoice;
  /** How many times the plan computes it. */
  count: number;
  /** Multiply-adds of all of them. */
  multiplyAdds: number;
}

/** The distinct layers with a choice, those with the most multiply-adds first. */
export function layersOf(plan: Plan): PlannedLayer[] {
  const found = new Map<string, PlannedLayer & { nodes: Set<unknown> }>();
  for (const { choice, node, multiplyAdds = 0 } of plan.steps) {
    if (!choice || choice.candidates.length < 2) continue;
    const known = found.get(choice.layer) ?? { choice, count: 0, multiplyAdds: 0, nodes: new Set() };
    known.nodes.add(node);
    known.multiplyAdds += multiplyAdds;
    found.set(choice.layer, known);
  }
  return [...found.values()]
    .map(({ choice, nodes, multiplyAdds }) => ({ choice, count: nodes.size, multiplyAdds }))
    .sort((a, b) => b.multiplyAdds - a.multiplyAdds);
}

/** Binding offsets of storage buffers are multiples of this. */
const ALIGNMENT = 256;

/** The steps of the first node that computes a layer, as a plan over an arena of their own that nobody writes first. */
export function partOfPlan(plan: Plan, layer: string): Plan {
  const first = plan.steps.find(({ choice }) => choice?.layer === layer);
  const steps = plan.steps.filter(({ choice, node }) => choice?.layer === layer && node === first?.node);
  const used = new Set(steps.flatMap(storagesOf));
  let bytes = 0;
  const storages = plan.storages.map((storage, i): PlannedStorage => {
    if (!used.has(i) || storage.weight !== undefined) return storage;
    const offset = bytes;
    bytes += alignUp(storage.bytes, ALIGNMENT);
    return { ...storage, offset, external: undefined };
  });
  const constants = new Set([
    ...steps.flatMap(({ bindings }) =>
      Object.values(bindings).flatMap((target) => "weight" in target ? [target.weight] : [])
    ),
    ...[...used].flatMap((i) => plan.storages[i]!.weight ?? []),
  ]);
  return {
    steps,
    inputs: [],
    outputs: [],
    counts: [],
    arenaBytes: bytes,
    storages,
    weights: new Map([...plan.weights].filter(([key]) => constants.has(key))),
    multiplyAdds: steps.reduce((sum, step) => sum + (step.multiplyAdds ?? 0), 0),
  };
}

function storagesOf({ bindings }: PlanStep): number[] {
  return Object.values(bindings)
    .filter((target): target is View => "storage" in target)
    .map(({ storage }) => storage);
}
