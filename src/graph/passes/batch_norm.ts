import { attr } from "../../ops/attribute.ts";
import type { Node } from "../../ops/node.ts";
import { type HostTensor, toFloat32 } from "../../tensor/host_tensor.ts";
import type { SpecialisedGraph } from "../specialise.ts";
import { holdsFloats } from "./types.ts";

/** A BatchNormalization as `y = x * factor + offset` for each channel. */
export interface ChannelAffine {
  factors: Float32Array<ArrayBuffer>;
  offsets: Float32Array<ArrayBuffer>;
}

/**
 * The product and sum that a node does if it is a BatchNormalization with constant parameters, as in a finished network:
 * `factor = scale / sqrt(variance + epsilon)`, `offset = shift - mean * factor`.
 */
export function channelAffine({ graph, types }: SpecialisedGraph, norm: Node): ChannelAffine | undefined {
  if (norm.op !== "BatchNormalization" || norm.domain !== "") return undefined;
  const input = types.get(norm.inputs[0]!)!;
  if (!holdsFloats(input) || attr.int(norm, "training_mode", 0) !== 0) return undefined;
  if (norm.outputs.slice(1).some((name) => name !== "")) return undefined;
  const parameters = norm.inputs.slice(1, 5).map((name) => graph.constants.get(name));
  // Until operator set 9 the parameters could be as many as the elements of an image.
  if (parameters.some((one) => one === undefined || one.data.length !== (input.shape[1] ?? 1))) {
    return undefined;
  }
  const [scale, shift, mean, variance] = (parameters as HostTensor[]).map(toFloat32);
  const epsilon = attr.float(norm, "epsilon", 1e-5);
  const factors = scale!.map((value, i) => value / Math.sqrt(variance![i]! + epsilon));
  const offsets = shift!.map((value, i) => value - mean![i]! * factors[i]!);
  return { factors, offsets };
}
