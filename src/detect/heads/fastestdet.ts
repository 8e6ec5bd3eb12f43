/**
 * FastestDet: one map, one box a cell. Source: https://github.com/dog-qiuqiu/FastestDet
 *
 * @module
 */
import type { KernelSource } from "../../gpu/mod.ts";
import type { Size } from "../../vision/fit.ts";
import { HeadError, type HeadOutputs, type HeadPlan, outputRange, type OutputShapes } from "./head.ts";
import wgsl from "../../../shaders/detect/decode_fastestdet.wgsl" with { type: "text" };

/** A FastestDet output `[1, 5 + classes, rows, columns]`: objectness, offsets, extents, class scores. */
export interface FastestDetHead {
  readonly family: "fastestdet";
  /** Name of the output. */
  readonly output: string;
  readonly classes: number;
}

const STRIDE = 16;
const KERNEL: KernelSource = { name: "detect/decode_fastestdet", wgsl };

/** The head, if these are a FastestDet network's outputs; else why not. */
export function recogniseFastestDet(shapes: OutputShapes, input: Size): FastestDetHead | string {
  const [entry, ...others] = Object.entries(shapes);
  if (!entry || others.length > 0) return `it takes one output, not ${Object.keys(shapes).length}`;
  const [output, shape] = entry;
  const [rows, columns] = [Math.ceil(input.height / STRIDE), Math.ceil(input.width / STRIDE)];
  if (shape.length !== 4 || shape[0] !== 1 || shape[1]! < 6 || shape[2] !== rows || shape[3] !== columns) {
    return `its output is [1, 5 + classes, ${rows}, ${columns}] for an input of ${input.width}x${input.height}`;
  }
  return { family: "fastestdet", output, classes: shape[1]! - 5 };
}

/**
 * How a FastestDet output is decoded. Its map may have any size; a cell is the input's size divided by the map's.
 *
 * @throws {HeadError} if the output has no such shape.
 */
export function planFastestDet(head: FastestDetHead, outputs: HeadOutputs, input: Size): HeadPlan {
  const { output, classes } = head;
  const shape = outputs[output]?.shape ?? [];
  const [rows = 0, columns = 0] = shape.slice(2);
  if (
    outputs[output] && (shape.length !== 4 || shape[0] !== 1 || shape[1] !== classes + 5 || !(rows * columns))
  ) {
    throw new HeadError(
      `Cannot decode FastestDet: output "${output}" is [${shape.join(", ")}]; it must be ` +
        `[1, ${classes + 5}, rows, columns] for ${classes} classes`,
    );
  }
  const anchors = rows * columns;
  return {
    family: "fastestdet",
    anchors,
    classes,
    candidatesPerAnchor: 1,
    keypoints: 0,
    steps: [{
      label: "head: fastestdet",
      kernel: KERNEL,
      inputs: { x: outputRange(outputs, output, anchors * (classes + 5)) },
      uniforms: {
        map: [columns, 0, 0, 0],
        size: [input.width / columns, input.height / rows, input.width, input.height],
      },
      anchors,
      first: 0,
    }],
  };
}
