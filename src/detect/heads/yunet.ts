/**
 * YuNet: faces with five keypoints (right eye, left eye, nose, right and left corner of the mouth), three strides of
 * four maps each. Source: Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023.
 *
 * @module
 */
import type { KernelSource } from "../../gpu/mod.ts";
import type { Size } from "../../vision/fit.ts";
import {
  type DecodeStep,
  describeShapes,
  gridOf,
  HeadError,
  type HeadOutputs,
  type HeadPlan,
  outputRange,
  type OutputShapes,
} from "./head.ts";
import wgsl from "../../../shaders/detect/decode_yunet.wgsl" with { type: "text" };

/** The names of one stride's maps: `[1, cells, 1]` twice, `[1, cells, 4]` and `[1, cells, 10]`. */
export interface YunetMaps {
  readonly stride: number;
  readonly cls: string;
  readonly obj: string;
  readonly bbox: string;
  readonly kps: string;
}

/** YuNet's outputs. */
export interface YunetHead {
  readonly family: "yunet";
  readonly maps: readonly YunetMaps[];
}

const STRIDES = [8, 16, 32] as const;
const POINTS = 5;
const KERNEL: KernelSource = { name: "detect/decode_yunet", wgsl };

/** The head, if these are YuNet's outputs (`cls_8`, `obj_8`, `bbox_8`, `kps_8`, ... `kps_32`); else why not. */
export function recogniseYunet(shapes: OutputShapes, input: Size): YunetHead | string {
  const maps = STRIDES.map((stride): YunetMaps => ({
    stride,
    cls: `cls_${stride}`,
    obj: `obj_${stride}`,
    bbox: `bbox_${stride}`,
    kps: `kps_${stride}`,
  }));
  for (const { stride, cls, obj, bbox, kps } of maps) {
    const { cells } = gridOf(input, stride);
    for (const [name, width] of [[cls, 1], [obj, 1], [bbox, 4], [kps, 2 * POINTS]] as const) {
      const shape = shapes[name];
      if (!shape) return `its outputs are cls, obj, bbox and kps at strides 8, 16, 32; "${name}" is missing`;
      if (shape.reduce((product, extent) => product * extent, 1) !== cells * width) {
        return `output "${name}" is [1, ${cells}, ${width}] for an input of ${input.width}x${input.height}, ` +
          `here it is [${shape.join(", ")}]`;
      }
    }
  }
  return { family: "yunet", maps };
}

/**
 * How YuNet's outputs are decoded.
 *
 * @throws {HeadError} if a map is missing or its size is not that of its stride's grid.
 */
export function planYunet(head: YunetHead, outputs: HeadOutputs, input: Size): HeadPlan {
  if (head.maps.length === 0) {
    throw new HeadError(`Cannot decode YuNet: no maps were named; outputs: ${
      describeShapes(
        Object.fromEntries(Object.entries(outputs).map(([name, { shape }]) => [name, shape])),
      )
    }`);
  }
  let first = 0;
  const steps = head.maps.map(({ stride, cls, obj, bbox, kps }): DecodeStep => {
    const { columns, cells } = gridOf(input, stride);
    const step: DecodeStep = {
      label: `head: yunet, stride ${stride}`,
      kernel: KERNEL,
      inputs: {
        face: outputRange(outputs, cls, cells),
        objectness: outputRange(outputs, obj, cells),
        x: outputRange(outputs, bbox, cells * 4),
        points: outputRange(outputs, kps, cells * 2 * POINTS),
      },
      uniforms: { map: [columns, stride, 0, 0] },
      anchors: cells,
      first,
      keypoints: true,
    };
    first += cells;
    return step;
  });
  return { family: "yunet", anchors: first, classes: 1, candidatesPerAnchor: 1, keypoints: POINTS, steps };
}
