/**
 * What the heads have in common: they take a network's outputs and say which kernels decode them.
 *
 * @module
 */
import type { BufferRange, KernelSource, UniformValues } from "../../gpu/mod.ts";
import type { Size } from "../../vision/fit.ts";

/** The families of output layouts that can be decoded. */
export type HeadFamily = "yolox" | "fastestdet" | "ultraface" | "yunet" | "ssd";

/** One output of a network on the GPU: f32, row-major, in the order of its ONNX shape. */
export interface HeadOutput {
  readonly range: BufferRange;
  readonly shape: readonly number[];
}

/** A network's outputs by name. */
export type HeadOutputs = Readonly<Record<string, HeadOutput>>;

/** The shapes of a network's outputs by name. */
export type OutputShapes = Readonly<Record<string, readonly number[]>>;

/** One kernel that decodes one map; what all of them share (boxes, keys, threshold) is added when it is prepared. */
export interface DecodeStep {
  readonly label: string;
  readonly kernel: KernelSource;
  readonly overrides?: Readonly<Record<string, number | boolean>>;
  /** The outputs it reads, by binding. */
  readonly inputs: Readonly<Record<string, BufferRange>>;
  /** Numbers that it reads and that never change, by binding. */
  readonly constants?: Readonly<Record<string, Float32Array<ArrayBuffer>>>;
  /** The parameters that are its own. */
  readonly uniforms: UniformValues;
  /** Anchors of its map. */
  readonly anchors: number;
  /** Number of its first anchor among all of the network's. */
  readonly first: number;
  /** Whether it writes keypoints. */
  readonly keypoints?: boolean;
}

/** How a network's outputs are decoded. */
export interface HeadPlan {
  readonly family: HeadFamily;
  /** Anchors of all maps. */
  readonly anchors: number;
  /** Classes, the background not counted. */
  readonly classes: number;
  /** Candidates that one anchor may give at most. */
  readonly candidatesPerAnchor: number;
  /** Keypoints of a detection. */
  readonly keypoints: number;
  readonly steps: readonly DecodeStep[];
}

/** Outputs do not fit the head they were given to. The message says which shapes were found and which would fit. */
export class HeadError extends Error {
  override readonly name = "HeadError";
}

/** `a [1, 2], b [3]`. */
export function describeShapes(shapes: OutputShapes): string {
  return Object.entries(shapes).map(([name, shape]) => `${name} [${shape.join(", ")}]`).join(", ") || "none";
}

/** The shapes of outputs. */
export function shapesOf(outputs: HeadOutputs): OutputShapes {
  return Object.fromEntries(Object.entries(outputs).map(([name, { shape }]) => [name, shape]));
}

/**
 * The range of one output.
 *
 * @throws {HeadError} if there is no such output, it has another number of elements, or its range is too short.
 */
export function outputRange(outputs: HeadOutputs, name: string, elements: number): BufferRange {
  const output = outputs[name];
  if (!output) {
    throw new HeadError(
      `Cannot decode: the network has no output "${name}"; it has ${describeShapes(shapesOf(outputs))}`,
    );
  }
  const count = output.shape.reduce((product, extent) => product * extent, 1);
  if (count !== elements) {
    throw new HeadError(
      `Cannot decode output "${name}": shape [${output.shape.join(", ")}] has ${count} elements, ` +
        `the head takes ${elements}`,
    );
  }
  if (output.range.bytes < elements * 4) {
    throw new HeadError(
      `Cannot decode output "${name}": its range has ${output.range.bytes} bytes, ${elements} f32 take ${
        elements * 4
      }`,
    );
  }
  return output.range;
}

/** Width and height of the map of one stride: rounded up, as convolutions with padding give it. */
export function gridOf(input: Size, stride: number): { columns: number; rows: number; cells: number } {
  const columns = Math.ceil(input.width / stride);
  const rows = Math.ceil(input.height / stride);
  return { columns, rows, cells: columns * rows };
}
