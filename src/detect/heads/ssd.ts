/**
 * SSD: offsets from prior boxes. Source: Liu et al., "SSD: Single Shot MultiBox Detector", arXiv:1512.02325; Caffe's
 * DetectionOutput layer.
 *
 * @module
 */
import type { KernelSource } from "../../gpu/mod.ts";
import type { Size } from "../../vision/fit.ts";
import { HeadError, type HeadOutputs, type HeadPlan, outputRange, type OutputShapes } from "./head.ts";
import { priorBoxes, type PriorBoxMap, type PriorBoxOptions } from "./prior_boxes.ts";
import wgsl from "../../../shaders/detect/decode_ssd.wgsl" with { type: "text" };

/** What an SSD network's file does not say. */
export interface SsdOptions {
  /** Left, top, right, bottom of each prior, 0..1; or the maps that {@linkcode priorBoxes} makes them of. */
  readonly priors: Float32Array | (PriorBoxOptions & { readonly maps: readonly PriorBoxMap[] });
  /** Of cx, cy, w and h; default 0.1, 0.1, 0.2, 0.2. */
  readonly variances?: readonly [number, number, number, number];
  /** Number of the background among the scores, or -1 if there is none; default 0. */
  readonly background?: number;
  /** Whether the scores went through softmax already (Caffe's networks: `probabilities`, the default). */
  readonly scores?: "probabilities" | "logits";
}

/** SSD's outputs: offsets `[1, N, 4]` (or `[1, 4 N]`) and scores `[1, N, C]` (or `[1, C N]`), C with the background. */
export interface SsdHead extends SsdOptions {
  readonly family: "ssd";
  /** Name of the output with the offsets. */
  readonly loc: string;
  /** Name of the output with the scores. */
  readonly conf: string;
}

const KERNEL: KernelSource = { name: "detect/decode_ssd", wgsl };

/** The head, if these are an SSD network's outputs for the priors given; else why not. */
export function recogniseSsd(shapes: OutputShapes, input: Size, options?: SsdOptions): SsdHead | string {
  const entries = Object.entries(shapes);
  if (entries.length !== 2) return `it takes two outputs, offsets and scores, not ${entries.length}`;
  if (!entries.every(([, shape]) => shape[0] === 1 && (shape.length === 2 || shape.length === 3))) {
    return "its outputs are offsets [1, N, 4] and scores [1, N, C]";
  }
  if (!options) return "its outputs may fit, but it needs priors, which a file does not tell";
  const anchors = priorCount(options, input);
  const elements = entries.map(([, shape]) => shape.reduce((product, extent) => product * extent, 1));
  const named = entries.findIndex(([name]) => /loc|box|bbox|offset/i.test(name));
  const sized = elements.findIndex((count) => count === anchors * 4);
  const loc = named >= 0 && elements[named] === anchors * 4 ? named : sized;
  if (loc < 0) {
    return `${anchors} priors take offsets of ${anchors * 4} numbers; the outputs have ${
      elements.join(" and ")
    }`;
  }
  const conf = 1 - loc;
  if (elements[conf]! % anchors !== 0) {
    return `${elements[conf]} scores do not divide among ${anchors} priors`;
  }
  return { ...options, family: "ssd", loc: entries[loc]![0], conf: entries[conf]![0] };
}

/**
 * How SSD outputs are decoded.
 *
 * @throws {HeadError} if the outputs do not have a row for each prior.
 */
export function planSsd(head: SsdHead, outputs: HeadOutputs, input: Size): HeadPlan {
  const { loc, conf, variances = [0.1, 0.1, 0.2, 0.2], background = 0, scores = "probabilities" } = head;
  const corners = cornersOf(head, input);
  const anchors = corners.length / 4;
  const scoreCount = (outputs[conf]?.shape ?? []).reduce((product, extent) => product * extent, 1);
  const entries = scoreCount / anchors;
  const classes = background < 0 ? entries : entries - 1;
  if (outputs[conf] && (!Number.isInteger(entries) || classes < 1)) {
    throw new HeadError(
      `Cannot decode SSD: output "${conf}" is [${outputs[conf].shape.join(", ")}], which is no row of ` +
        `${background < 0 ? "a class" : "two or more scores"} for each of ${anchors} priors`,
    );
  }
  if (outputs[conf] && background >= entries) {
    throw new HeadError(`Cannot decode SSD: background ${background} of ${entries} scores a prior`);
  }
  const priors = new Float32Array(anchors * 4);
  for (let i = 0; i < anchors; i++) {
    const [x1, y1, x2, y2] = corners.subarray(i * 4, i * 4 + 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    priors.set([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], i * 4);
  }
  return {
    family: "ssd",
    anchors,
    classes,
    candidatesPerAnchor: classes,
    keypoints: 0,
    steps: [{
      label: "head: ssd",
      kernel: KERNEL,
      overrides: { SOFTMAX: scores === "logits" },
      inputs: {
        x: outputRange(outputs, loc, anchors * 4),
        scores: outputRange(outputs, conf, anchors * entries),
      },
      constants: { priors },
      uniforms: {
        row: [entries, background < 0 ? entries : background, 0, 0],
        variances: [...variances],
        size: [input.width, input.height, 0, 0],
      },
      anchors,
      first: 0,
    }],
  };
}

function cornersOf(options: SsdOptions, input: Size): Float32Array {
  const { priors } = options;
  const corners = priors instanceof Float32Array ? priors : priorBoxes(priors.maps, input, priors);
  if (corners.length === 0 || corners.length % 4 !== 0) {
    throw new HeadError(`Cannot decode SSD: ${corners.length} numbers of priors; each takes four`);
  }
  return corners;
}

function priorCount(options: SsdOptions, input: Size): number {
  return cornersOf(options, input).length / 4;
}
