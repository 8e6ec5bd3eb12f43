/**
 * What a convolution over height and width is to those who choose its kernel: its numbers, and what a choice is.
 *
 * @module
 */
import type { KernelOptions, KernelSource, KernelTarget, UniformValues } from "../gpu/mod.ts";
import type { Candidate } from "./kernel_choice.ts";
import type { WeightForm } from "./operator.ts";
import type { Window } from "./window.ts";

/** Everything that the choice of a kernel depends on. */
export interface ConvShape extends Window {
  batch: number;
  inC: number;
  outC: number;
  groups: number;
}

/** How one kernel computes one convolution. */
export interface ConvChoice extends Candidate {
  kernel: KernelSource;
  options: KernelOptions;
  /** Workgroups before folding. */
  workgroups: number;
  /** How often they are there, along z; 1 if left out. */
  layers?: number;
  /** Parameters besides those that all these kernels have. */
  uniforms?: UniformValues;
  /** `vec4`s that an invocation stores, by a kernel that stores them one by one or in a loop: see {@linkcode storing}. */
  stores?: number;
  /** The kernel's variant that writes planes in place of an image; left out where it has none for the shape. */
  planes?: PlanesVariant;
  weights: WeightForm;
  /** Whether each four output channels have a row of a texture. */
  rows?: boolean;
  /** Nanoseconds, as an estimate has them; only their order means anything. */
  cost: number;
}

/** How a kernel writes planes. */
export interface PlanesVariant {
  options: KernelOptions;
  /** Workgroups before folding, as often along z as the kernel has them. */
  workgroups: number;
  /** Epilogues of an invocation that are unrolled, of which a text may have too many. */
  unrolled?: number;
}

/** A convolution in numbers: equal layers are equally fast with equal kernels. */
export function convLayer(
  { batch, inC, outC, groups, kernel, strides, dilations, out }: ConvShape,
): string {
  const dilated = dilations.some((dilation) => dilation !== 1) ? ` dilated ${dilations.join("x")}` : "";
  return `conv ${kernel.join("x")}/${strides.join("x")}${dilated} ${inC}>${outC}` +
    `${groups === 1 ? "" : ` in ${groups} groups`} at ${batch}x${out.join("x")}`;
}

/** Whether each input channel makes an output channel of its own. */
export function isDepthwise({ inC, outC, groups }: Pick<ConvShape, "inC" | "outC" | "groups">): boolean {
  return groups > 1 && groups === inC && groups === outC;
}

/** Of the output, in all images. */
export function pixelsOf({ batch, out: [h, w] }: ConvShape): number {
  return batch * h * w;
}

/** Groups of four input channels of a group. */
export function inputs4({ inC, groups }: ConvShape): number {
  return Math.ceil(inC / groups / 4);
}

/** Whether subgroup kernels pay: measured on llvmpipe, where they are four times as fast as the plain ones. */
export function prefersSubgroups(target: KernelTarget): boolean {
  return target.software && target.subgroups;
}
