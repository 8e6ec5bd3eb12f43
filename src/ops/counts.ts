/**
 * Counts of elements that mean something, where operators hand them on.
 *
 * @module
 */
import type { Counts, NodeContext } from "./operator.ts";

/** The counts of input `index`, one entry for each axis. */
export function countsOf(node: NodeContext, index: number): (string | undefined)[] {
  const { counts, shape } = node.type(index);
  return shape.map((_, axis) => counts?.[axis]);
}

/** Counts, or `undefined` if there is none among them. */
export function anyCounts(counts: Counts): Counts | undefined {
  return counts.some((name) => name !== undefined) ? counts : undefined;
}

/** Throws: the operator works along an axis of which only a part means something. */
export function refuseCount(node: NodeContext, axis: number): never {
  node.fail(
    `works along axis ${axis}, of which a part means something that is known only while the network runs`,
    "end the network there, and do the rest with its outputs",
  );
}
