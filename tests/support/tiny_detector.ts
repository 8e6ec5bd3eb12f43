/**
 * A detector of one class in three layers, whose results are known beforehand.
 *
 * @module
 */
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node, onnxModel, tensorInfo } from "./onnx_builder.ts";

const STRIDES = [8, 16, 32];
const CHANNELS = 6;

/** Width and height of the network's input. */
export const TINY_INPUT = 32;

/**
 * A YOLOX network for white squares on black: each cell of 8, 16 or 32 pixels that is more than half white is an object
 * as large as the cell, scored by how white it is. Input `1x3x32x32`, 0 to 255; output `1x21x6`.
 */
export function tinyDetector(): Uint8Array<ArrayBuffer> {
  const brightness = 2 / 255 / 3;
  // Centre of the cell, size of the cell (as logarithm), objectness, the one class's score.
  const weights = Array.from({ length: CHANNELS }, (_, c) => c === 4 ? Array(3).fill(brightness) : [0, 0, 0]);
  const cells = STRIDES.map((stride) => (TINY_INPUT / stride) ** 2);
  return onnxModel({
    inputs: [tensorInfo("images", "f32", [1, 3, TINY_INPUT, TINY_INPUT])],
    outputs: [tensorInfo("output", "f32", [1, cells.reduce((sum, count) => sum + count), CHANNELS])],
    nodes: [
      ...STRIDES.flatMap((stride) => [
        node("AveragePool", ["images"], [`pool${stride}`], {
          kernel_shape: [stride, stride],
          strides: [stride, stride],
        }),
        node("Conv", [`pool${stride}`, "weight", "bias"], [`cells${stride}`], { kernel_shape: [1, 1] }),
        node("Clip", [`cells${stride}`, "low", "high"], [`clipped${stride}`]),
        node("Reshape", [`clipped${stride}`, "flat"], [`flat${stride}`]),
      ]),
      node("Concat", STRIDES.map((stride) => `flat${stride}`), ["all"], { axis: 2 }),
      node("Transpose", ["all"], ["output"], { perm: [0, 2, 1] }),
    ],
    initializers: {
      weight: hostTensor("f32", [CHANNELS, 3, 1, 1], new Float32Array(weights.flat())),
      bias: hostTensor("f32", [CHANNELS], new Float32Array([0.5, 0.5, 0, 0, -1, 1])),
      low: hostTensor("f32", [], new Float32Array([0])),
      high: hostTensor("f32", [], new Float32Array([1])),
      flat: hostTensor("i64", [3], new BigInt64Array([1n, BigInt(CHANNELS), -1n])),
    },
  });
}
