/**
 * YOLOX: anchor-free, three grids in one output. Source: Ge et al., "YOLOX: Exceeding YOLO Series in 2021",
 * arXiv:2107.08430.
 *
 * @module
 */
import type { KernelSource } from "../../gpu/mod.ts";
import type { Size } from "../../vision/fit.ts";
import { describeShapes, gridOf, HeadError, type HeadOutputs, type HeadPlan, outputRange } from "./head.ts";
import type { OutputShapes } from "./head.ts";
import wgsl from "../../../shaders/detect/decode_yolox.wgsl" with { type: "text" };

/** A YOLOX output `[1, N, 5 + classes]`: cx, cy, log w, log h in grid units, objectness, class scores. */
export interface YoloxHead {
  readonly family: "yolox";
  /** Name of the output. */
  readonly output: string;
  readonly classes: number;
  /** Default 8, 16, 32; at most four. */
  readonly strides?: readonly number[];
}

const STRIDES = [8, 16, 32] as const;
const MAX_GRIDS = 4;
const KERNEL: KernelSource = { name: "detect/decode_yolox", wgsl };

/** The head, if these are a YOLOX network's outputs; else why not. */
export function recogniseYolox(shapes: OutputShapes, input: Size): YoloxHead | string {
  const [entry, ...others] = Object.entries(shapes);
  if (!entry || others.length > 0) return `it takes one output, not ${Object.keys(shapes).length}`;
  const [output, shape] = entry;
  if (shape.length !== 3 || shape[0] !== 1 || shape[2]! < 6) return "its output is [1, N, 5 + classes]";
  const cells = countCells(input, STRIDES);
  if (shape[1] !== cells) return gridMessage(input, STRIDES, shape[1]!);
  return { family: "yolox", output, classes: shape[2]! - 5 };
}

/**
 * How a YOLOX output is decoded.
 *
 * @throws {HeadError} if its rows are not those of the grids.
 */
export function planYolox(head: YoloxHead, outputs: HeadOutputs, input: Size): HeadPlan {
  const { output, classes, strides = STRIDES } = head;
  if (strides.length < 1 || strides.length > MAX_GRIDS) {
    throw new HeadError(`Cannot decode YOLOX: ${strides.length} strides; it takes 1 to ${MAX_GRIDS}`);
  }
  const shape = outputs[output]?.shape;
  const anchors = countCells(input, strides);
  if (shape && (shape.length !== 3 || shape[0] !== 1 || shape[2] !== classes + 5)) {
    throw new HeadError(
      `Cannot decode YOLOX: output ${describeShapes({ [output]: shape })}; it must be [1, ${anchors}, ${
        classes + 5
      }] for ${classes} classes`,
    );
  }
  if (shape && shape[1] !== anchors) {
    throw new HeadError(`Cannot decode YOLOX: ${gridMessage(input, strides, shape[1]!)}`);
  }
  const grids: number[] = [];
  let first = 0;
  for (const stride of strides) {
    const { columns, cells } = gridOf(input, stride);
    grids.push(stride, columns, first, first + cells);
    first += cells;
  }
  while (grids.length < MAX_GRIDS * 4) grids.push(0, 1, 0, 0);
  return {
    family: "yolox",
    anchors,
    classes,
    candidatesPerAnchor: 1,
    keypoints: 0,
    steps: [{
      label: "head: yolox",
      kernel: KERNEL,
      inputs: { x: outputRange(outputs, output, anchors * (classes + 5)) },
      uniforms: { grids },
      anchors,
      first: 0,
    }],
  };
}

function countCells(input: Size, strides: readonly number[]): number {
  return strides.reduce((sum, stride) => sum + gridOf(input, stride).cells, 0);
}

function gridMessage(input: Size, strides: readonly number[], rows: number): string {
  const grids = strides.map((stride) => {
    const { columns, rows } = gridOf(input, stride);
    return `${columns}x${rows}`;
  });
  return `an input of ${input.width}x${input.height} has grids of ${grids.join(" + ")} = ` +
    `${countCells(input, strides)} cells at strides ${strides.join(", ")}, the output has ${rows} rows`;
}
