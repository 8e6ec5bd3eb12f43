/**
 * A network of two convolutions with random weights: enough to tell pictures apart.
 *
 * @module
 */
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node, onnxModel, tensorInfo } from "./onnx_builder.ts";
import { Random } from "./random.ts";

/** Width and height of its input. */
export const EMBEDDING_INPUT = 32;
/** Elements of its descriptor. */
export const EMBEDDING_DIMENSIONS = 32;

/**
 * The model's bytes. Input `image` 1x3x32x32; outputs `map` 1x32x4x4, `tokens` 1x16x32 (its pixels in a row),
 * `embedding` 1x32 (its mean) and `layout` 1x512 (all of it), or those that are asked for.
 */
export function tinyEmbedding(
  outputs: readonly ("map" | "tokens" | "embedding" | "layout")[] = ["embedding"],
  seed = 5,
): Uint8Array<ArrayBuffer> {
  const random = new Random(seed);
  const channels = EMBEDDING_DIMENSIONS, middle = 12;
  const shapes = {
    map: [1, channels, 4, 4],
    tokens: [1, 16, channels],
    embedding: [1, channels],
    layout: [1, channels * 16],
  };
  return onnxModel({
    name: "tiny embedding",
    inputs: [tensorInfo("image", "f32", [1, 3, EMBEDDING_INPUT, EMBEDDING_INPUT])],
    outputs: outputs.map((name) => tensorInfo(name, "f32", shapes[name])),
    nodes: [
      node("Conv", ["image", "first", "shift"], ["a"], {
        kernel_shape: [5, 5],
        strides: [4, 4],
        pads: [2, 2, 2, 2],
      }),
      node("Relu", ["a"], ["b"]),
      node("Conv", ["b", "second"], ["c"], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
      node("Relu", ["c"], ["map"]),
      node("GlobalAveragePool", ["map"], ["mean"]),
      node("Flatten", ["mean"], ["embedding"]),
      node("Flatten", ["map"], ["layout"]),
      node("Reshape", ["map", "rows"], ["reshaped"]),
      node("Transpose", ["reshaped"], ["tokens"], { perm: [0, 2, 1] }),
    ],
    initializers: {
      first: hostTensor("f32", [middle, 3, 5, 5], random.normals(middle * 75, 0, 0.2)),
      shift: hostTensor("f32", [middle], random.normals(middle, 0, 0.1)),
      second: hostTensor("f32", [channels, middle, 3, 3], random.normals(channels * middle * 9, 0, 0.15)),
      rows: hostTensor("i64", [3], [1n, BigInt(channels), -1n]),
    },
  });
}
