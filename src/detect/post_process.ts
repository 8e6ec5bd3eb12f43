/**
 * From a network's outputs on the GPU to detections on the host. It knows nothing of networks or loops: it is given
 * ranges, and gives dispatches and a range to read back.
 *
 * @module
 */
import {
  type BufferRange,
  type Device,
  type Dispatch,
  foldWorkgroups,
  type Kernel,
  packUniforms,
  type UniformValues,
} from "../gpu/mod.ts";
import type { Size } from "../vision/fit.ts";
import { type Head, HeadError, type HeadOutputs, type HeadPlan, planHead } from "./heads/mod.ts";
import {
  candidateBuffers,
  checkLimits,
  MAX_CANDIDATES,
  nmsDispatches,
  nmsKernel,
  type NmsLimits,
  RECORD_WORDS,
  resetDispatch,
  RESULT_HEADER_WORDS,
  resultBytes,
  type Scratch,
} from "./nms.ts";

/** What may change from frame to frame. */
export interface DetectionSettings {
  /** A score must be larger than this; 0.25 unless told. */
  readonly scoreThreshold?: number;
  /** Boxes that overlap a better one by more than this (intersection over union) are dropped; 0.45 unless told. */
  readonly iouThreshold?: number;
  /** Whether boxes of different classes drop each other; false unless told. */
  readonly agnostic?: boolean;
  /** The classes to find; `all` unless told. An anchor whose best class is not among them gives nothing. */
  readonly classes?: readonly number[] | "all";
}

/** What is fixed when post-processing is prepared. */
export interface PostProcessOptions extends DetectionSettings {
  readonly head: Head;
  /** Size of the network's input. */
  readonly input: Size;
  /** Candidates that suppression looks at, the best ones: 512 unless told. */
  readonly candidates?: number;
  /** Detections that are read back at most, the best ones: 300 unless told. */
  readonly maxDetections?: number;
}

/** A detection in the space of the network's input. */
export interface RawDetection {
  readonly classId: number;
  readonly score: number;
  /** Left, top, right, bottom in network pixels, not clipped. */
  readonly box: readonly [x1: number, y1: number, x2: number, y2: number];
  /** In network pixels, where the head gives them. */
  readonly keypoints?: readonly (readonly [x: number, y: number])[];
}

/** How many there were at each step of a frame. */
export interface DetectionCounts {
  /** Candidates above the score threshold. */
  readonly candidates: number;
  /** Of them, those that suppression looked at. */
  readonly selected: number;
  /** Detections left by suppression. */
  readonly kept: number;
  /** Detections in the result. */
  readonly detections: number;
  /** What was left out and what to set, if a limit was reached. */
  readonly truncated: string | undefined;
}

const DEFAULTS: Required<DetectionSettings> = {
  scoreThreshold: 0.25,
  iouThreshold: 0.45,
  agnostic: false,
  classes: "all",
};
const MAX_CLASSES = 1024;
const WORKGROUP = 64;

interface DecodeBinding {
  readonly kernel: Kernel;
  readonly uniforms: BufferRange;
  readonly values: UniformValues;
  readonly label: string;
}

/**
 * Decodes a head's outputs, keeps what is above the threshold, suppresses overlaps and packs the result, on the GPU.
 *
 * @example
 * ```ts ignore
 * const post = PostProcess.prepare(device, scratch, outputs, { head, input: { width: 416, height: 416 } });
 * stream.run(post.dispatches);
 * readback.record(stream, post.result.buffer, post.result.offset, post.resultBytes);
 * stream.submit();
 * const detections = await readback.take((bytes) => post.parse(bytes));
 * ```
 */
export class PostProcess implements Disposable {
  /** To be recorded after the network, in this order. */
  readonly dispatches: readonly Dispatch[];
  /** What is to be read back: {@linkcode resultBytes} from its offset. */
  readonly result: BufferRange;
  /** Bytes of a result. */
  readonly resultBytes: number;
  /** Classes of the head. */
  readonly classes: number;
  readonly limits: NmsLimits;
  readonly #device: Device;
  readonly #plan: HeadPlan;
  readonly #decodes: DecodeBinding[];
  readonly #nms: DecodeBinding;
  readonly #constants: BufferRange[] = [];
  #settings: Required<DetectionSettings>;

  /**
   * Makes everything that frames will need.
   *
   * @param scratch gives memory for candidates and result; it may be the stack of a stream.
   * @throws {HeadError} if the outputs do not fit the head.
   * @throws {RangeError} if a setting is not valid or a limit is beyond the adapter's.
   */
  static prepare(
    device: Device,
    scratch: Scratch,
    outputs: HeadOutputs,
    options: PostProcessOptions,
  ): PostProcess {
    return new PostProcess(device, scratch, outputs, options);
  }

  private constructor(device: Device, scratch: Scratch, outputs: HeadOutputs, options: PostProcessOptions) {
    this.#device = device;
    this.limits = { candidates: options.candidates ?? 512, maxDetections: options.maxDetections ?? 300 };
    checkLimits(device, this.limits);
    const plan = this.#plan = planHead(options.head, outputs, options.input);
    this.classes = plan.classes;
    if (plan.classes > MAX_CLASSES || plan.anchors * plan.candidatesPerAnchor > MAX_CANDIDATES) {
      throw new HeadError(
        `Cannot decode ${plan.family}: ${plan.anchors} anchors and ${plan.classes} classes; at most ` +
          `${MAX_CLASSES} classes and ${MAX_CANDIDATES} candidates are possible`,
      );
    }
    this.#settings = checkSettings(DEFAULTS, options, plan.classes);
    const candidates = candidateBuffers(scratch, plan.anchors, plan.candidatesPerAnchor, plan.keypoints);
    this.resultBytes = resultBytes(this.limits, plan.keypoints);
    this.result = scratch(this.resultBytes, "detect: result");
    const { boxes, keys, state, keypoints } = candidates;
    const decodes: Dispatch[] = [];
    this.#decodes = plan.steps.map((step) => {
      const kernel = device.kernel(step.kernel, step.overrides ? { overrides: step.overrides } : {});
      const constants: Record<string, BufferRange> = {};
      for (const [name, data] of Object.entries(step.constants ?? {})) {
        constants[name] = device.upload(data, `${step.label}: ${name}`);
        this.#constants.push(constants[name]);
      }
      const values: UniformValues = {
        ...step.uniforms,
        anchors: step.anchors,
        first: step.first,
        classes: plan.classes,
      };
      const uniforms = uniformBuffer(device, kernel, step.label);
      decodes.push(device.dispatch(kernel, {
        label: step.label,
        bindings: {
          ...step.inputs,
          ...constants,
          boxes,
          keys,
          state,
          ...(step.keypoints && keypoints ? { keypoints } : {}),
        },
        uniforms,
        workgroups: foldWorkgroups(Math.ceil(step.anchors / WORKGROUP)),
      }));
      return { kernel, uniforms, values, label: step.label };
    });
    const kernel = nmsKernel(device, this.limits);
    this.#nms = {
      kernel,
      uniforms: uniformBuffer(device, kernel, "detect: nms"),
      label: "detect: nms",
      values: {
        classes: plan.classes,
        keypoint_floats: plan.keypoints * 2,
        max_detections: this.limits.maxDetections,
      },
    };
    this.dispatches = [
      resetDispatch(device, candidates),
      ...decodes,
      ...nmsDispatches(device, scratch, candidates, this.result, this.#nms.uniforms, this.limits),
    ];
    this.#write();
  }

  /**
   * Changes thresholds, classes or the kind of suppression for frames recorded from now on; what is not given stays.
   * Creates nothing. No recorded, unsubmitted frame may be waiting.
   *
   * @throws {RangeError} if a setting is not valid.
   */
  set(settings: DetectionSettings): void {
    this.#settings = checkSettings(this.#settings, settings, this.classes);
    this.#write();
  }

  /** The detections of a result, best first. @throws {RangeError} if the bytes are too few. */
  parse(bytes: ArrayBuffer): RawDetection[] {
    const count = this.#header(bytes)[0]!;
    const words = new Uint32Array(bytes);
    const floats = new Float32Array(bytes);
    const { keypoints } = this.#plan;
    const recordWords = RECORD_WORDS + 2 * keypoints;
    return Array.from({ length: count }, (_, i): RawDetection => {
      const at = RESULT_HEADER_WORDS + i * recordWords;
      const points = Array.from(
        { length: keypoints },
        (_, p): [number, number] => [
          floats[at + RECORD_WORDS + 2 * p]!,
          floats[at + RECORD_WORDS + 2 * p + 1]!,
        ],
      );
      return {
        classId: words[at + 5]!,
        score: floats[at + 4]!,
        box: [floats[at]!, floats[at + 1]!, floats[at + 2]!, floats[at + 3]!],
        ...(keypoints > 0 ? { keypoints: points } : {}),
      };
    });
  }

  /** How many there were at each step, and whether a limit left some out. @throws {RangeError} if the bytes are too few. */
  counts(bytes: ArrayBuffer): DetectionCounts {
    const [detections = 0, candidates = 0, selected = 0, kept = 0] = this.#header(bytes);
    const parts: string[] = [];
    if (candidates > selected) {
      parts.push(`of ${candidates} candidates the best ${selected} were looked at; raise "candidates"`);
    }
    if (kept > detections) {
      parts.push(`of ${kept} detections the best ${detections} are told; raise "maxDetections"`);
    }
    const truncated = parts.length > 0 ? `${parts.join("; ")}, or the score threshold` : undefined;
    return { candidates, selected, kept, detections, truncated };
  }

  /** Frees what is not scratch: parameters and constants. */
  [Symbol.dispose](): void {
    for (const { uniforms } of [...this.#decodes, this.#nms]) uniforms.buffer.destroy();
    for (const { buffer } of this.#constants) buffer.destroy();
  }

  #header(bytes: ArrayBuffer): Uint32Array {
    if (bytes.byteLength < this.resultBytes) {
      throw new RangeError(
        `Cannot read a result of ${bytes.byteLength} bytes: it takes ${this.resultBytes}; read back resultBytes`,
      );
    }
    const header = new Uint32Array(bytes, 0, RESULT_HEADER_WORDS);
    if (header[0]! > this.limits.maxDetections) {
      throw new RangeError(
        `Cannot read a result of ${header[0]} records: at most ${this.limits.maxDetections} were prepared; ` +
          `these bytes are no result of this head`,
      );
    }
    return header;
  }

  #write(): void {
    const { scoreThreshold, iouThreshold, agnostic, classes } = this.#settings;
    const allowed = new Array<number>(MAX_CLASSES / 32).fill(classes === "all" ? 0xffffffff : 0);
    for (const id of classes === "all" ? [] : classes) {
      allowed[id >> 5] = (allowed[id >> 5]! | (1 << (id & 31))) >>> 0;
    }
    const write = ({ kernel, uniforms, values, label }: DecodeBinding, more: UniformValues): void => {
      const packed = packUniforms(kernel.uniforms!, { ...values, ...more }, label);
      this.#device.gpu.queue.writeBuffer(uniforms.buffer, uniforms.offset, packed);
    };
    for (const decode of this.#decodes) write(decode, { threshold: scoreThreshold, allowed });
    write(this.#nms, { iou_threshold: iouThreshold, agnostic: agnostic ? 1 : 0 });
  }
}

function uniformBuffer(device: Device, kernel: Kernel, label: string): BufferRange {
  return device.uploadUniforms(new Uint8Array(kernel.uniforms!.bytes), `${label}: parameters`);
}

function checkSettings(
  now: Required<DetectionSettings>,
  next: DetectionSettings,
  classCount: number,
): Required<DetectionSettings> {
  const { scoreThreshold, iouThreshold, agnostic, classes } = next;
  for (const [name, value] of Object.entries({ scoreThreshold, iouThreshold })) {
    if (value !== undefined && !(value >= 0 && value <= 1)) {
      throw new RangeError(`Cannot detect with ${name} ${value}: it must be from 0 to 1`);
    }
  }
  for (const id of classes === "all" ? [] : classes ?? []) {
    if (!Number.isInteger(id) || id < 0 || id >= classCount) {
      throw new RangeError(`Cannot detect class ${id}: the head has classes 0 to ${classCount - 1}`);
    }
  }
  return {
    scoreThreshold: scoreThreshold ?? now.scoreThreshold,
    iouThreshold: iouThreshold ?? now.iouThreshold,
    agnostic: agnostic ?? now.agnostic,
    classes: classes ?? now.classes,
  };
}
