/**
 * The convolution kernel for every shape: three dimensions, odd groups, weights computed while the network runs, and
 * transposed convolution where no faster way applies.
 *
 * @module
 */
import GENERAL from "../../shaders/conv/general.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { elementCount } from "../tensor/host_tensor.ts";
import { reshapeView, sliceView, type View } from "../tensor/view.ts";
import { copyDispatch } from "./copy.ts";
import { NO_EPILOGUE, type PlannedEpilogue } from "./epilogue.ts";
import type { Lowering, WeightRef } from "./operator.ts";
import { MAX_ITERATIONS } from "./strided.ts";
import { type Volume, volumeAddress, volumeUniforms } from "./volume.ts";
import { axesUniforms, loopIterations, tapCount, type WindowAxis } from "./window.ts";

const generalKernel: KernelSource = { name: "conv/general", wgsl: GENERAL };

/** A convolution of any kind. */
export interface GeneralConv {
  /** Of the input and the output; for a transposed convolution `out` is larger than `extent`. */
  axes: readonly WindowAxis[];
  inC: number;
  outC: number;
  groups: number;
  transposed: boolean;
  /** Why no other kernel computes it. */
  why?: string;
}

/** Weights and bias as `vec4`s over output channels. */
export interface PackedWeights {
  weights: View | WeightRef;
  bias: View | WeightRef;
}

/** Bindings of weights that lie in the arena. */
const COMPUTED_WEIGHTS = [
  "@group(0) @binding(1) var<storage, read_write> weights: array<vec4f>;",
  "@group(0) @binding(2) var<storage, read_write> bias: array<vec4f>;",
].join("\n");

const PARTIAL_SUM = `@group(0) @binding(5) var<storage, read_write> so_far: array<vec4f>;
fn start(pixel: u32, c4: u32) -> vec4f {
  return so_far[pixel * ((params.out_c + 3u) / 4u) + c4];
}`;

/**
 * Emits the convolution: in one dispatch, or in several that each sum some of the input channels where one invocation would
 * loop too long.
 */
export function emitGeneral(
  node: Lowering,
  conv: GeneralConv,
  x: Volume,
  y: Volume,
  packed: PackedWeights,
  epilogue: PlannedEpilogue,
): void {
  const { axes, inC, outC, groups } = conv;
  const groupInC = inC / groups;
  const steps = channelsAtOnce(node, axes, groupInC);
  const { shape } = node.outputType(0);
  const count = axes.reduce((product, { out }) => product * out, x.address.n * Math.ceil(outC / 4));
  if (count === 0) return;
  let partial: View | undefined;
  for (let first = 0; first === 0 || first < groupInC; first += steps) {
    const end = Math.min(first + steps, groupInC);
    const last = end === groupInC;
    const view = last ? undefined : node.temporary({ dtype: "f32", shape }, "image");
    const target: Volume = view ? { view, address: volumeAddress(view)! } : y;
    const { inject, bindings, operands } = last ? epilogue : NO_EPILOGUE;
    node.emit({
      kernel: generalKernel,
      options: {
        overrides: { WG: 64, TRANSPOSED: conv.transposed },
        inject: {
          ...inject,
          ...("storage" in packed.weights && { weights: COMPUTED_WEIGHTS }),
          ...(partial && { start: PARTIAL_SUM }),
        },
      },
      bindings: { x: x.view, ...packed, y: target.view, ...(partial && { so_far: partial }), ...bindings },
      uniforms: {
        ...axesUniforms(axes),
        batch: x.address.n,
        out_c: outC,
        group_in_c: groupInC,
        group_out_c: outC / groups,
        first_ci: first,
        end_ci: end,
        ...volumeUniforms("x", x.address),
        ...volumeUniforms("y", target.address),
        operands,
      },
      workgroups: foldWorkgroups(Math.ceil(count / 64)),
      multiplyAdds: axes.reduce(
        (product, { out, extent }) => product * (conv.transposed ? extent : out),
        x.address.n * outC * (end - first) * tapCount(axes),
      ),
      ...(conv.why !== undefined && { why: conv.why }),
    });
    partial = view;
  }
}

/** Input channels that one invocation sums. */
function channelsAtOnce(node: Lowering, axes: readonly WindowAxis[], groupInC: number): number {
  const most = Math.floor((MAX_ITERATIONS - loopIterations(axes, 0)) / tapCount(axes));
  if (most < 1) {
    node.fail(
      `its kernel of ${axes.map(({ kernel }) => kernel).join(" x ")} is too large`,
      `up to about ${MAX_ITERATIONS / 2} elements are supported`,
    );
  }
  return Math.max(1, Math.min(most, groupInC));
}

/**
 * Copies weights that are computed while the network runs into the kernel's packing, and the bias to where it can be read in
 * `vec4`s.
 *
 * @param weights a view in Conv's order: [outC, inC / groups, ...kernel].
 * @param bias a view of [outC], or `undefined` for zeros.
 */
export function packComputed(node: Lowering, weights: View, bias: View | undefined): PackedWeights {
  const [outC, inputs, ...kernel] = weights.shape as [number, number, ...number[]];
  const taps = kernel.reduce((product, extent) => product * extent, 1);
  const packedShape = [Math.ceil(outC / 4), taps, inputs, 4];
  const packed = node.temporary({ dtype: "f32", shape: packedShape }, "linear");
  const whole = Math.floor(outC / 4);
  // [co4, lane, ci, tap], of whole groups of channels and of the rest; the lanes behind the last channel are never used.
  const inOrder = {
    ...packed,
    shape: [packedShape[0]!, 4, inputs, taps],
    strides: [taps * inputs * 4, 1, 4, inputs * 4],
  };
  const flat = reshapeView(weights, [outC, inputs, taps]) ??
    reshapeView(node.materialise(weights, "linear"), [outC, inputs, taps])!;
  const copyGroups = (first: number, groups: number, lanes: number): void => {
    if (groups * lanes === 0) return;
    const from = sliceView(flat, 0, first * 4, groups * lanes, 1);
    const to = sliceView(sliceView(inOrder, 0, first, groups, 1), 1, 0, lanes, 1);
    const [strideCo, strideCi, strideTap] = from.strides as [number, number, number];
    const source = {
      ...from,
      shape: [groups, lanes, inputs, taps],
      strides: [strideCo * 4, strideCo, strideCi, strideTap],
      padded: false,
    };
    node.emit(copyDispatch(source, to));
  };
  copyGroups(0, whole, 4);
  copyGroups(whole, outC % 4 === 0 ? 0 : 1, outC % 4);
  return { weights: packed, bias: packBias(node, bias, outC) };
}

function packBias(node: Lowering, bias: View | undefined, outC: number): View | WeightRef {
  if (!bias) return zeroBias(node, outC);
  // The kernel reads from the beginning of the storage.
  return bias.offset === 0 && (bias.strides[0] === 1 || elementCount(bias.shape) <= 1)
    ? bias
    : node.copy(bias, "linear");
}

function zeroBias(node: Lowering, outC: number): WeightRef {
  return node.weights(`no bias for ${outC}`, () => new Float32Array(Math.ceil(outC / 4) * 4));
}
