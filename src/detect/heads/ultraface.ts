/**
 * UltraFace, and any head that gives decoded corners beside probabilities with a background class.
 * Source: https://github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB
 *
 * @module
 */
import type { KernelSource } from "../../gpu/mod.ts";
import type { Size } from "../../vision/fit.ts";
import {
  gridOf,
  HeadError,
  type HeadOutputs,
  type HeadPlan,
  outputRange,
  type OutputShapes,
} from "./head.ts";
import wgsl from "../../../shaders/detect/decode_corners.wgsl" with { type: "text" };

/** Outputs `[1, N, 1 + classes]` (background first) and `[1, N, 4]` (left, top, right, bottom, 0..1). */
export interface UltraFaceHead {
  readonly family: "ultraface";
  /** Name of the output with the probabilities. */
  readonly scores: string;
  /** Name of the output with the boxes. */
  readonly boxes: string;
  /** Default 1. */
  readonly classes?: number;
}

/** Stride and boxes a cell of UltraFace's four maps. */
const MAPS = [[8, 3], [16, 2], [32, 2], [64, 3]] as const;
const KERNEL: KernelSource = { name: "detect/decode_corners", wgsl };

/** The head, if these are UltraFace's outputs; else why not. */
export function recogniseUltraFace(shapes: OutputShapes, input: Size): UltraFaceHead | string {
  const entries = Object.entries(shapes);
  const boxes = entries.find(([, shape]) => shape.length === 3 && shape[0] === 1 && shape[2] === 4);
  const scores = entries.find(([, shape]) => shape.length === 3 && shape[0] === 1 && shape[2] === 2);
  if (entries.length !== 2 || !boxes || !scores) {
    return "its outputs are scores [1, N, 2] and boxes [1, N, 4]";
  }
  const anchors = MAPS.reduce((sum, [stride, count]) => sum + gridOf(input, stride).cells * count, 0);
  if (boxes[1][1] !== anchors || scores[1][1] !== anchors) {
    return `an input of ${input.width}x${input.height} has ${anchors} anchors, the outputs have ` +
      `${scores[1][1]} scores and ${boxes[1][1]} boxes`;
  }
  return { family: "ultraface", scores: scores[0], boxes: boxes[0] };
}

/**
 * How UltraFace's outputs are decoded.
 *
 * @throws {HeadError} if scores and boxes do not belong together.
 */
export function planUltraFace(head: UltraFaceHead, outputs: HeadOutputs, input: Size): HeadPlan {
  const { scores, boxes, classes = 1 } = head;
  const shape = outputs[boxes]?.shape;
  if (shape && (shape.length !== 3 || shape[0] !== 1 || shape[2] !== 4)) {
    throw new HeadError(
      `Cannot decode UltraFace: output "${boxes}" is [${shape.join(", ")}]; it must be [1, N, 4]`,
    );
  }
  const anchors = shape?.[1] ?? 0;
  return {
    family: "ultraface",
    anchors,
    classes,
    candidatesPerAnchor: classes,
    keypoints: 0,
    steps: [{
      label: "head: ultraface",
      kernel: KERNEL,
      inputs: {
        x: outputRange(outputs, boxes, anchors * 4),
        scores: outputRange(outputs, scores, anchors * (classes + 1)),
      },
      uniforms: { size: [input.width, input.height, 0, 0] },
      anchors,
      first: 0,
    }],
  };
}
