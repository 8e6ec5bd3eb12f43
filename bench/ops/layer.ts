/**
 * Networks of a single operator, or of a few, for the benches of operators.
 *
 * @module
 */
import { elementCount, type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import {
  node,
  type NodeSpec,
  onnxModel,
  type TensorInfo,
  tensorInfo,
} from "../../tests/support/onnx_builder.ts";
import { Random } from "../../tests/support/random.ts";
import { type BatchedBench, benchNetwork, floats } from "../batched.ts";

/** A network of few nodes, its result `y`. */
export interface LayerBench extends Pick<BatchedBench, "group" | "name" | "target"> {
  nodes: readonly NodeSpec[];
  /** Shapes of inputs of 32-bit floats, by name. */
  inputs: Readonly<Record<string, readonly number[]>>;
  /** Made when the bench begins. */
  weights?: () => Record<string, HostTensor>;
}

/** Adds a bench of a layer. */
export function benchLayer({ nodes, inputs, weights = () => ({}), ...rest }: LayerBench): void {
  const infos = Object.entries(inputs).map(([name, shape]): TensorInfo => tensorInfo(name, "f32", shape));
  benchNetwork({
    ...rest,
    model: () => onnxModel({ opset: 18, inputs: infos, outputs: ["y"], nodes, initializers: weights() }),
    inputs: () => Object.fromEntries(Object.entries(inputs).map(([name, shape]) => [name, floats(shape)])),
  });
}

/** Normally distributed weights, of a size that leaves the magnitude of what they are applied to. */
export function normals(shape: readonly number[], fan: number, seed = 1): HostTensor {
  return hostTensor("f32", shape, new Random(seed).normals(elementCount(shape), 0, Math.sqrt(2 / fan)));
}

/** A layer of one node that reads `x` and gives `y`. */
export function single(
  op: string,
  attributes: NodeSpec["attributes"] = {},
  more: readonly string[] = [],
): NodeSpec[] {
  return [node(op, ["x", ...more], ["y"], attributes)];
}
