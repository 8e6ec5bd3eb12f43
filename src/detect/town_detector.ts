/**
 * The detector that is used where no other is given.
 *
 * @module
 */
import { embeddedNetwork } from "../embedded/mod.ts";
import type { Device } from "../gpu/mod.ts";
import { loadGraph } from "../graph/load.ts";
import { planGraph, Session } from "../graph/session.ts";
import type { DetectionNetwork } from "./detector.ts";
import { HeadError, recogniseHead } from "./heads/mod.ts";

/**
 * The network `town-detector`, which comes with Framewise, with its head; the session is the caller's to end.
 *
 * @throws {EmbeddedNetworkError} if it cannot be read.
 */
export async function townDetector(device: Device): Promise<DetectionNetwork> {
  const { name, bytes, input, treatment, labels } = await embeddedNetwork("town-detector");
  const graph = await loadGraph(bytes, { movable: true });
  const plan = planGraph(graph, { [graph.inputs[0]!.name]: [1, 3, input.height, input.width] });
  const shapes = Object.fromEntries(plan.outputs.map(({ name, type }) => [name, type.shape]));
  const recognised = recogniseHead(shapes, input);
  if (!recognised.head) throw new HeadError(`Cannot detect with ${name}: ${recognised.reason}`);
  return { session: new Session(device, graph), head: recognised.head, treatment, input, labels };
}
