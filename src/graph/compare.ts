/**
 * Where a network's values begin to depart from another engine's.
 *
 * @module
 */
import { type HostTensor, toNumbers } from "../tensor/host_tensor.ts";
import type { Plan } from "./plan.ts";

/** Gives the values of another engine, by name; it may leave out what it does not know. */
export type Reference = (names: readonly string[]) => Promise<Readonly<Record<string, HostTensor>>>;

/** How values are compared. */
export interface CompareOptions {
  /** The largest difference that is none, as a part of the value's largest magnitude; 1e-4 if left out. */
  tolerance?: number;
}

/** How far one value is off. */
export interface ComparedValue {
  /** The value's name. */
  name: string;
  /** The node that makes it, such as `Conv "conv1"`; of several that were fused into one kernel, the one that leads. */
  node: string;
  /** The largest difference, as a part of the largest magnitude of the reference; infinite if shapes or NaNs differ. */
  error: number;
  /** Whether that is more than the tolerance. */
  departs: boolean;
}

/** What a comparison found. */
export interface Comparison {
  /** All values that both know, in the order in which they are computed. */
  values: readonly ComparedValue[];
  /** The first that departs, if one does. */
  first: ComparedValue | undefined;
}

/** Compares what a plan gave with what a reference gave. */
export function compareValues(
  plan: Plan,
  own: Readonly<Record<string, HostTensor>>,
  reference: Readonly<Record<string, HostTensor>>,
  { tolerance = 1e-4 }: CompareOptions = {},
): Comparison {
  const makers = new Map<string, string>();
  const order = new Map<string, number>();
  plan.steps.forEach(({ node }, step) => {
    for (const name of node.outputs) {
      makers.set(name, `${node.op} "${node.name}"`);
      if (!order.has(name)) order.set(name, step);
    }
  });
  const values = Object.keys(own)
    .filter((name) => reference[name] !== undefined)
    .sort((a, b) => (order.get(a) ?? -1) - (order.get(b) ?? -1))
    .map((name): ComparedValue => {
      const error = relativeError(own[name]!, reference[name]!);
      return { name, node: makers.get(name) ?? "no kernel", error, departs: !(error <= tolerance) };
    });
  return { values, first: values.find(({ departs }) => departs) };
}

function relativeError(actual: HostTensor, expected: HostTensor): number {
  if (actual.shape.join() !== expected.shape.join()) return Infinity;
  const [got, want] = [toNumbers(actual), toNumbers(expected)];
  let [largest, magnitude] = [0, 0];
  for (const [i, value] of want.entries()) {
    if (Number.isFinite(value)) magnitude = Math.max(magnitude, Math.abs(value));
    if (Object.is(got[i], value) || got[i] === value) continue;
    const difference = Math.abs(got[i]! - value);
    largest = Number.isFinite(difference) ? Math.max(largest, difference) : Infinity;
  }
  return largest === 0 ? 0 : largest / (magnitude || 1);
}
