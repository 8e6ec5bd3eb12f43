/**
 * The part of detection that all heads share: the best candidates, non-maximum suppression, and the frame's result, all
 * on the GPU.
 *
 * @module
 */
import type { BufferRange, Device, Dispatch, Kernel, KernelSource } from "../gpu/mod.ts";
import resetWgsl from "../../shaders/detect/reset.wgsl" with { type: "text" };
import selectWgsl from "../../shaders/detect/select.wgsl" with { type: "text" };
import nmsWgsl from "../../shaders/detect/nms.wgsl" with { type: "text" };

/** Gives memory that lives as long as the frame's results are needed. */
export type Scratch = (bytes: number, label: string) => BufferRange;

/** Where heads put their candidates; see the kernels in `shaders/detect`. */
export interface CandidateBuffers {
  /** A box an anchor, `vec4f`. */
  readonly boxes: BufferRange;
  /** Score bits and code of each candidate, `vec2u`. */
  readonly keys: BufferRange;
  /** Counters. */
  readonly state: BufferRange;
  /** Floats an anchor; `undefined` where there are no keypoints. */
  readonly keypoints: BufferRange | undefined;
}

/** The sizes of a frame's result. */
export interface NmsLimits {
  /** Candidates that suppression looks at: the best ones. */
  readonly candidates: number;
  /** Detections that are read back at most: the best ones. */
  readonly maxDetections: number;
}

/** Words before the records: records, candidates, selected, kept. */
export const RESULT_HEADER_WORDS = 4;
/** Words of a record before its keypoints: box, score, class. */
export const RECORD_WORDS = 6;
/** Candidates that the selection kernel looks through within the loop limit of software Vulkan. */
export const MAX_CANDIDATES = 1_900_000;

const RESET: KernelSource = { name: "detect/reset", wgsl: resetWgsl };
const SELECT: KernelSource = { name: "detect/select", wgsl: selectWgsl };
const NMS: KernelSource = { name: "detect/nms", wgsl: nmsWgsl };

/** Memory for the candidates of a head. */
export function candidateBuffers(
  scratch: Scratch,
  anchors: number,
  candidatesPerAnchor: number,
  keypoints: number,
): CandidateBuffers {
  return {
    boxes: scratch(anchors * 16, "detect: boxes"),
    keys: scratch(anchors * candidatesPerAnchor * 8, "detect: keys"),
    state: scratch(16, "detect: state"),
    keypoints: keypoints > 0 ? scratch(anchors * keypoints * 8, "detect: keypoints") : undefined,
  };
}

/** Bytes of a frame's result. */
export function resultBytes(limits: NmsLimits, keypoints: number): number {
  return (RESULT_HEADER_WORDS + limits.maxDetections * (RECORD_WORDS + 2 * keypoints)) * 4;
}

/** The dispatch that empties the candidate list. */
export function resetDispatch(device: Device, candidates: CandidateBuffers): Dispatch {
  return device.dispatch(device.kernel(RESET), {
    label: "detect: reset",
    bindings: { state: candidates.state },
    workgroups: [1, 1, 1],
  });
}

/** The kernel whose uniforms {@linkcode nmsDispatches} takes. */
export function nmsKernel(device: Device, limits: NmsLimits): Kernel {
  return device.kernel(NMS, { overrides: { K: limits.candidates } });
}

/**
 * The dispatches that take candidates to the frame's result.
 *
 * @param uniforms the parameters of {@linkcode nmsKernel}.
 * @throws {RangeError} if the limits are not whole numbers from 1 on, or the adapter has too little workgroup memory.
 */
export function nmsDispatches(
  device: Device,
  scratch: Scratch,
  candidates: CandidateBuffers,
  result: BufferRange,
  uniforms: BufferRange,
  limits: NmsLimits,
): Dispatch[] {
  const k = limits.candidates;
  const sorted = 2 ** Math.ceil(Math.log2(k));
  const selected = scratch(k * 8, "detect: selected");
  const { boxes, keys, state, keypoints } = candidates;
  return [
    device.dispatch(device.kernel(SELECT, { overrides: { K: k, SORTED: sorted } }), {
      label: "detect: select",
      bindings: { keys, state, selected },
      workgroups: [1, 1, 1],
    }),
    device.dispatch(nmsKernel(device, limits), {
      label: "detect: nms",
      bindings: { selected, state, boxes, keypoints: keypoints ?? boxes, result },
      uniforms,
      workgroups: [1, 1, 1],
    }),
  ];
}

/**
 * Checks limits against the adapter.
 *
 * @throws {RangeError} saying which is wrong and what fits.
 */
export function checkLimits(device: Device, limits: NmsLimits): void {
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(
        `Cannot prepare detection: ${name} is ${value}; it must be a whole number from 1 on`,
      );
    }
  }
  const { candidates } = limits;
  // Box and class of each candidate; while sorting, two words each, the histogram and counters.
  const bytes = Math.max(candidates * 20, 2 ** Math.ceil(Math.log2(candidates)) * 8 + 1024) + 64;
  const room = device.limits.maxComputeWorkgroupStorageSize;
  if (bytes > room) {
    throw new RangeError(
      `Cannot prepare detection: ${candidates} candidates take ${bytes} bytes of workgroup memory, this adapter ` +
        `has ${room}; take at most ${Math.floor((room - 64) / 20)}`,
    );
  }
}
