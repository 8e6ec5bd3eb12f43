/**
 * ConvTranspose in one to three dimensions: the upsampling that is convolution's gradient.
 * {@link https://onnx.ai/onnx/operators/onnx__ConvTranspose.html}
 *
 * Over height and width it is done by Conv's kernels. With strides s, the outputs at positions that leave the same
 * remainder by s use the same taps of the kernel, and form an image of their own (a phase) that is a convolution of the
 * input with those taps, backwards. Each phase is one dispatch that writes every s-th row and column of the output.
 *
 * @module
 */
import { type HostTensor, hostTensor, toFloat32, toNumbers } from "../tensor/host_tensor.ts";
import { permuteView, reshapeView, sliceView, type View } from "../tensor/view.ts";
import { attr } from "./attribute.ts";
import { checkBias } from "./conv.ts";
import { emitGeneral, packComputed, type PackedWeights } from "./conv_general.ts";
import { emitConv, packConstants } from "./conv_kernels.ts";
import { NO_EPILOGUE, planEpilogue, type PlannedEpilogue } from "./epilogue.ts";
import { hostWindows, planeSize } from "./host_windows.ts";
import { mapImageDispatch } from "./map.ts";
import { addressed, type Lowering, type NodeContext, type Operator } from "./operator.ts";
import { volumeInput, volumeOutput } from "./volume.ts";
import {
  checkSteps,
  planarWindow,
  readAutoPad,
  readList,
  requireFloats,
  spatialExtents,
  tapCount,
  type WindowAxis,
} from "./window.ts";

/** What a node computes. Axes have the input's extent, and the output's as `out`. */
interface TransposedConv {
  batch: number;
  inC: number;
  outC: number;
  groups: number;
  axes: WindowAxis[];
}

function readTransposed(node: NodeContext): TransposedConv {
  const { dtype, shape } = node.type(0);
  const weights = node.type(1);
  requireFloats(node);
  if (weights.dtype !== dtype) {
    node.fail(`its input is ${dtype}, its weights are ${weights.dtype}`, "export the model again");
  }
  spatialExtents(node);
  if (shape.length !== weights.shape.length) {
    node.fail(
      `its input has ${shape.length} dimensions, its weights ${weights.shape.length}`,
      "export the model again",
    );
  }
  const groups = attr.int(node.node, "group", 1);
  const [batch, inC] = shape as [number, number];
  const [weightsIn, groupOutC, ...kernel] = weights.shape as [number, number, ...number[]];
  if (groups < 1 || inC !== weightsIn || inC % groups !== 0) {
    node.fail(
      `${inC} input channels in ${groups} groups do not fit weights [${weights.shape.join(", ")}]`,
      "check the input's size, or export the model again",
    );
  }
  const outC = groupOutC * groups;
  checkBias(node, outC);
  return { batch, inC, outC, groups, axes: readTransposedAxes(node, kernel) };
}

/** Padding and output's extents, by ONNX's rules for `output_shape`, `auto_pad` and `pads`. */
function readTransposedAxes(node: NodeContext, kernel: readonly number[]): WindowAxis[] {
  const spatial = spatialExtents(node);
  const rank = spatial.length;
  const strides = readList(node, "strides", 1, rank);
  const dilations = readList(node, "dilations", 1, rank);
  const pads = readList(node, "pads", 0, rank * 2);
  const more = readList(node, "output_padding", 0, rank);
  const autoPad = readAutoPad(node);
  // Some exporters list batch and channels too.
  const wanted = attr.has(node.node, "output_shape")
    ? attr.ints(node.node, "output_shape").slice(-rank)
    : undefined;
  if (wanted && wanted.length !== rank) {
    node.fail(`output_shape has ${wanted.length} numbers, but ${rank} are needed`, "export the model again");
  }
  return spatial.map((extent, i): WindowAxis => {
    const [stride, dilation] = [strides[i]!, dilations[i]!];
    checkSteps(node, kernel[i]!, stride, dilation);
    const whole = (extent - 1) * stride + (kernel[i]! - 1) * dilation + 1 + more[i]!;
    const same = autoPad === "SAME_UPPER" || autoPad === "SAME_LOWER";
    const axis = { extent, kernel: kernel[i]!, stride, dilation };
    if (wanted || same) {
      const total = Math.max(0, whole - (wanted?.[i] ?? extent * stride));
      const small = Math.floor(total / 2);
      const padBegin = autoPad === "SAME_UPPER" ? small : total - small;
      // Where the kernel is smaller than the stride, ONNX Runtime's SAME gives less than stride times the input.
      return { ...axis, out: wanted?.[i] ?? whole - total, padBegin, padEnd: total - padBegin };
    }
    const [padBegin, padEnd] = autoPad === "VALID" ? [0, 0] : [pads[i]!, pads[i + rank]!];
    const out = whole - padBegin - padEnd;
    if (out < 0) {
      node.fail(
        `padding of ${padBegin} and ${padEnd} leaves nothing of ${whole} rows or columns`,
        "export the model again",
      );
    }
    return { ...axis, out, padBegin, padEnd };
  });
}

function outShape({ batch, outC, axes }: TransposedConv): number[] {
  return [batch, outC, ...axes.map(({ out }) => out)];
}

/** The outputs along one dimension that leave one remainder by the stride, as a convolution of the input. */
interface Phase {
  /** The first of them. */
  first: number;
  count: number;
  /** The taps that they use, in the order in which the input is read. */
  taps: number[];
  padBegin: number;
}

/** The phases of a dimension; `undefined` where one of them uses no tap, or kernels are spread by dilation. */
function phasesOf({ kernel, stride, dilation, padBegin, out }: WindowAxis): Phase[] | undefined {
  if (dilation !== 1 && kernel > 1) return undefined;
  const phases: Phase[] = [];
  for (let first = 0; first < Math.min(stride, out); first++) {
    const nearest = (((first + padBegin) % stride) + stride) % stride;
    const taps: number[] = [];
    for (let tap = nearest; tap < kernel; tap += stride) taps.unshift(tap);
    if (taps.length === 0) return undefined;
    phases.push({
      first,
      count: Math.ceil((out - first) / stride),
      taps,
      padBegin: taps.length - 1 - (first + padBegin - nearest) / stride,
    });
  }
  return phases;
}

/** The most phases that are dispatched each on its own. */
const MAX_PHASES = 16;

/** Lowers by Conv's kernels. */
function lowerPhases(
  node: Lowering,
  conv: TransposedConv,
  weights: HostTensor,
  bias: HostTensor | undefined,
  phases: readonly Phase[][],
): void {
  const { batch, inC, outC, groups, axes } = conv;
  const { dtype, shape } = node.outputType(0);
  const x = node.image(0);
  const y = node.imageOutput(0);
  const epilogue = planEpilogue(node, shape, "image");
  // A phase counts its own pixels: operands that differ by pixel are applied to the whole output afterwards.
  const afterwards = epilogue.operands.some((value, i) => i % 4 === 1 && value !== 0);
  const target = afterwards ? node.temporary({ dtype, shape }, "image") : y.view;
  const kernel = axes.map((axis) => axis.kernel);
  for (const parts of combinations(phases)) {
    const window = planarWindow(axes.map((axis, i) => ({
      ...axis,
      kernel: parts[i]!.taps.length,
      stride: 1,
      padBegin: parts[i]!.padBegin,
      padEnd: 0,
      out: parts[i]!.count,
    })));
    const part = parts.reduce(
      (view, { first, count }, i) => sliceView(view, i + 2, first, count, axes[i]!.stride),
      target,
    );
    emitConv(
      node,
      { ...window, batch, inC, outC, groups },
      x,
      addressed(part),
      {
        key: `phase ${parts.map(({ taps }) => taps.join(" ")).join(", ")}`,
        inC,
        outC,
        groups,
        taps: window.kernel[0] * window.kernel[1],
        weights: () => phaseWeights(toFloat32(weights), conv, kernel, parts),
        ...(bias && { bias: () => toFloat32(bias) }),
      },
      afterwards ? NO_EPILOGUE : epilogue,
    );
  }
  if (afterwards) node.emit(mapImageDispatch(target, y.view, epilogue));
}

function combinations(phases: readonly Phase[][]): Phase[][] {
  return phases.reduce<Phase[][]>((all, some) => all.flatMap((list) => some.map((one) => [...list, one])), [
    [],
  ]);
}

/** The weights of a phase in Conv's order, [outC, inC / groups, taps], of those in ConvTranspose's, [inC, outC / groups, taps]. */
function phaseWeights(
  weights: Float32Array,
  { inC, outC, groups }: TransposedConv,
  kernel: readonly number[],
  phases: readonly Phase[],
): Float32Array {
  const taps = phases.reduce<number[]>(
    (all, phase, i) => all.flatMap((tap) => phase.taps.map((one) => tap * kernel[i]! + one)),
    [0],
  );
  const [groupInC, groupOutC] = [inC / groups, outC / groups];
  const size = kernel.reduce((product, extent) => product * extent, 1);
  const picked = new Float32Array(outC * groupInC * taps.length);
  let at = 0;
  for (let co = 0; co < outC; co++) {
    const group = Math.floor(co / groupOutC);
    for (let ci = 0; ci < groupInC; ci++) {
      const from = ((group * groupInC + ci) * groupOutC + co % groupOutC) * size;
      for (const tap of taps) picked[at++] = weights[from + tap]!;
    }
  }
  return picked;
}

/** Lowers by the general kernel. */
function lowerGeneral(node: Lowering, conv: TransposedConv): void {
  const { inC, outC, groups, axes } = conv;
  const epilogue: PlannedEpilogue = planEpilogue(node, node.outputType(0).shape, "image");
  emitGeneral(
    node,
    { axes, inC, outC, groups, transposed: true },
    volumeInput(node, 0),
    volumeOutput(node, 0),
    packGeneral(node, conv),
    epilogue,
  );
}

function packGeneral(node: Lowering, conv: TransposedConv): PackedWeights {
  const { inC, outC, groups, axes } = conv;
  const [weights, bias] = [node.constant(1), node.has(2) ? node.constant(2) : undefined];
  if (!weights || (node.has(2) && !bias)) {
    return packComputed(
      node,
      inConvOrder(node, node.view(1), groups),
      node.has(2) ? node.view(2) : undefined,
    );
  }
  const every = axes.map(({ kernel }): Phase => ({
    first: 0,
    count: 0,
    taps: Array.from({ length: kernel }, (_, tap) => tap),
    padBegin: 0,
  }));
  const kernel = axes.map((axis) => axis.kernel);
  return packConstants(
    node,
    {
      key: "all taps",
      inC,
      outC,
      groups,
      taps: tapCount(axes),
      weights: () => phaseWeights(toFloat32(weights), conv, kernel, every),
      ...(bias && { bias: () => toFloat32(bias) }),
    },
    false,
    "buffer",
  );
}

/** A view of [inC, outC / groups, ...kernel] as [outC, inC / groups, ...kernel]. */
function inConvOrder(node: Lowering, weights: View, groups: number): View {
  const [inC, groupOutC, ...kernel] = weights.shape as [number, number, ...number[]];
  const taps = kernel.reduce((product, extent) => product * extent, 1);
  const split = [groups, inC / groups, groupOutC, taps];
  const parts = reshapeView(weights, split) ?? reshapeView(node.materialise(weights, "linear"), split)!;
  const turned = permuteView(parts, [0, 2, 1, 3]);
  const shape = [groups * groupOutC, inC / groups, ...kernel];
  return reshapeView(turned, shape) ?? reshapeView(node.copy(turned, "linear"), shape)!;
}

function evaluateTransposed(
  conv: TransposedConv,
  x: HostTensor,
  weights: HostTensor,
  bias: HostTensor | undefined,
): number[] {
  const { batch, inC, outC, groups, axes } = conv;
  const [from, w] = [toNumbers(x), toNumbers(weights)];
  // Backwards, it is a window over the output for each element of the input.
  const backwards = axes.map((axis) => ({ ...axis, extent: axis.out, out: axis.extent }));
  const windows = hostWindows(backwards);
  const [outSize, inSize, taps] = [planeSize(backwards), planeSize(axes), tapCount(axes)];
  const [groupInC, groupOutC] = [inC / groups, outC / groups];
  const offsets = bias && toNumbers(bias);
  const results = Array.from(
    { length: batch * outC * outSize },
    (_, i) => offsets?.[Math.floor(i / outSize) % outC] ?? 0,
  );
  for (let n = 0; n < batch; n++) {
    for (let ci = 0; ci < inC; ci++) {
      for (let o = 0; o < groupOutC; o++) {
        const co = Math.floor(ci / groupInC) * groupOutC + o;
        const [plane, kernel] = [(n * outC + co) * outSize, (ci * groupOutC + o) * taps];
        windows.forEach(({ sources, taps: used }, i) => {
          const value = from[(n * inC + ci) * inSize + i]!;
          sources.forEach((to, k) => results[plane + to]! += value * w[kernel + used[k]!]!);
        });
      }
    }
  }
  return results;
}

/** ConvTranspose. */
export const convTranspose: Operator = {
  op: "ConvTranspose",
  opsets: [1, 99],
  layout: "image",
  fusesEpilogue: true,
  infer: (node) => [{ dtype: node.type(0).dtype, shape: outShape(readTransposed(node)) }],
  evaluate(node, [x, weights, bias]) {
    const conv = readTransposed(node);
    return [hostTensor(x!.dtype, outShape(conv), evaluateTransposed(conv, x!, weights!, bias))];
  },
  lower(node) {
    const conv = readTransposed(node);
    const [weights, bias] = [node.constant(1), node.has(2) ? node.constant(2) : undefined];
    const phases = conv.axes.flatMap((axis) => [phasesOf(axis) ?? []]);
    const count = phases.reduce((product, some) => product * some.length, 1);
    const planar = conv.axes.length <= 2 && weights && (!node.has(2) || bias) && !node.target.plain;
    if (planar && count > 0 && count <= MAX_PHASES) lowerPhases(node, conv, weights, bias, phases);
    else lowerGeneral(node, conv);
  },
};
