/**
 * DeformConv: convolution whose taps lie where an input says.
 * {@link https://onnx.ai/onnx/operators/onnx__DeformConv.html}
 *
 * The input is sampled at every tap first; a 1 x 1 convolution of the samples, by Conv's kernels, does the rest.
 *
 * @module
 */
import COLUMNS from "../../shaders/conv/deform_columns.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { type HostTensor, hostTensor, toFloat32, toNumbers } from "../tensor/host_tensor.ts";
import { permuteView, reshapeView, type View } from "../tensor/view.ts";
import { attr } from "./attribute.ts";
import { emitGeneral, packComputed } from "./conv_general.ts";
import { emitConv } from "./conv_kernels.ts";
import { planEpilogue } from "./epilogue.ts";
import {
  type Addressed,
  addressed,
  addressUniforms,
  type Lowering,
  type NodeContext,
  type Operator,
} from "./operator.ts";
import { flatVolume } from "./volume.ts";
import { planarWindow, pointWindow, readAxes, requireFloats, type Window, windowUniforms } from "./window.ts";

const columnsKernel: KernelSource = { name: "conv/deform_columns", wgsl: COLUMNS };

/** The operator's inputs. */
const [WEIGHTS, OFFSETS, BIAS, MASK] = [1, 2, 3, 4] as const;

/** What a node computes. */
interface DeformConv {
  batch: number;
  inC: number;
  outC: number;
  groups: number;
  offsetGroups: number;
  taps: number;
  window: Window;
}

function readDeform(node: NodeContext): DeformConv {
  const shape = node.shape(0);
  const weights = node.shape(WEIGHTS);
  requireFloats(node);
  if (shape.length !== 4 || weights.length !== 4) {
    node.fail(
      `its input has ${shape.length} dimensions, its weights ${weights.length}`,
      "images of rank 4 are supported",
    );
  }
  const [batch, inC] = shape as [number, number];
  const [outC, groupInC, ...kernel] = weights as [number, number, number, number];
  const groups = attr.int(node.node, "group", 1);
  const offsetGroups = attr.int(node.node, "offset_group", 1);
  const fits = groups >= 1 && inC === groupInC * groups && outC % groups === 0;
  if (!fits || offsetGroups < 1 || inC % offsetGroups !== 0) {
    node.fail(
      `${inC} input channels in ${groups} groups and ${offsetGroups} offset groups do not fit weights [${
        weights.join(", ")
      }]`,
      "check the input's size, or export the model again",
    );
  }
  const axes = readAxes(node, attr.ints(node.node, "kernel_shape", kernel));
  const taps = kernel[0]! * kernel[1]!;
  const out = axes.map((axis) => axis.out);
  requireShape(node, OFFSETS, "offset", [batch, offsetGroups * taps * 2, ...out]);
  if (node.has(MASK)) requireShape(node, MASK, "mask", [batch, offsetGroups * taps, ...out]);
  if (node.has(BIAS)) requireShape(node, BIAS, "bias", [outC]);
  return { batch, inC, outC, groups, offsetGroups, taps, window: planarWindow(axes) };
}

function requireShape(node: NodeContext, index: number, name: string, wanted: readonly number[]): void {
  const shape = node.shape(index);
  if (shape.length === wanted.length && shape.every((extent, axis) => extent === wanted[axis])) return;
  node.fail(
    `its ${name} is [${shape.join(", ")}], but [${wanted.join(", ")}] is needed`,
    "export the model again",
  );
}

function outShape({ batch, outC, window }: DeformConv): number[] {
  return [batch, outC, ...window.out];
}

/** Text of the mask's binding. */
const READ_MASK = `@group(0) @binding(4) var<storage, read_write> masks: array<f32>;
fn mask(n: u32, oh: u32, ow: u32, tap: u32) -> f32 {
  let place = params.m_offset + n * params.m_stride_n + oh * params.m_stride_h + ow * params.m_stride_w;
  return masks[4u * place + tap];
}`;

/** Samples the input at every tap: an image of groups * taps * (channels of a group) channels. */
function emitColumns(node: Lowering, conv: DeformConv): Addressed {
  const { batch, inC, groups, offsetGroups, taps, window } = conv;
  const { dtype } = node.outputType(0);
  const x = node.image(0);
  const offsets = node.image(OFFSETS);
  const masks = node.has(MASK) ? node.image(MASK) : undefined;
  const y = addressed(node.temporary({ dtype, shape: [batch, inC * taps, ...window.out] }, "image"));
  const [groupC, offsetC] = [inC / groups, inC / offsetGroups];
  const count = batch * window.out[0] * window.out[1] * y.address.c4;
  node.emit({
    kernel: columnsKernel,
    options: {
      overrides: { WHOLE: groupC % 4 === 0 && offsetC % 4 === 0 },
      inject: masks ? { mask: READ_MASK } : {},
    },
    bindings: { x: x.view, offsets: offsets.view, y: y.view, ...(masks && { masks: masks.view }) },
    uniforms: {
      count,
      columns: inC * taps,
      columns4: y.address.c4,
      in_h: x.address.h,
      in_w: x.address.w,
      ...windowUniforms(window),
      kernel_w: window.kernel[1],
      taps,
      group_c: groupC,
      offset_c: offsetC,
      ...addressUniforms("x", x.address),
      ...addressUniforms("o", offsets.address),
      ...addressUniforms("m", (masks ?? offsets).address),
      ...addressUniforms("y", y.address),
    },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  });
  return y;
}

/** Weights [outC, inputs, taps] as [outC, taps * inputs]. */
function tapsFirst(weights: ArrayLike<number>, { outC, inC, groups, taps }: DeformConv): Float32Array {
  const inputs = inC / groups;
  const turned = new Float32Array(outC * inputs * taps);
  for (let co = 0; co < outC; co++) {
    for (let ci = 0; ci < inputs; ci++) {
      for (let tap = 0; tap < taps; tap++) {
        turned[(co * taps + tap) * inputs + ci] = weights[(co * inputs + ci) * taps + tap]!;
      }
    }
  }
  return turned;
}

/** The same for weights that are computed while the network runs. */
function tapsFirstView(node: Lowering, weights: View, { outC, inC, groups, taps }: DeformConv): View {
  const inputs = inC / groups;
  const flat = reshapeView(weights, [outC, inputs, taps]) ??
    reshapeView(node.materialise(weights, "linear"), [outC, inputs, taps])!;
  const turned = node.copy(permuteView(flat, [0, 2, 1]), "linear");
  return reshapeView(turned, [outC, taps * inputs, 1, 1])!;
}

/** Where a host tensor is sampled, and how much of each element. */
function hostSample(
  plane: readonly number[],
  extents: readonly [number, number],
  row: number,
  column: number,
): number {
  const [top, left] = [Math.floor(row), Math.floor(column)];
  let sum = 0;
  for (const [h, part] of [[top, 1 - (row - top)], [top + 1, row - top]] as const) {
    for (const [w, share] of [[left, 1 - (column - left)], [left + 1, column - left]] as const) {
      const inside = h >= 0 && h < extents[0] && w >= 0 && w < extents[1];
      if (inside) sum += part * share * plane[h * extents[1] + w]!;
    }
  }
  return sum;
}

function evaluateDeform(conv: DeformConv, inputs: readonly (HostTensor | undefined)[]): number[] {
  const { batch, inC, outC, groups, offsetGroups, taps, window } = conv;
  const [x, weights, offsets, bias, mask] = inputs.map((tensor) => tensor && toNumbers(tensor));
  const [, , height, width] = inputs[0]!.shape as [number, number, number, number];
  const [outH, outW] = window.out;
  const [pixels, groupC, groupOutC] = [outH * outW, inC / groups, outC / groups];
  const results: number[] = [];
  for (let n = 0; n < batch; n++) {
    const planes = Array.from({ length: inC }, (_, c) => {
      const first = (n * inC + c) * height * width;
      return x!.slice(first, first + height * width);
    });
    for (let co = 0; co < outC; co++) {
      for (let pixel = 0; pixel < pixels; pixel++) {
        const [oh, ow] = [Math.floor(pixel / outW), pixel % outW];
        let sum = bias?.[co] ?? 0;
        for (let ci = 0; ci < groupC; ci++) {
          const c = Math.floor(co / groupOutC) * groupC + ci;
          for (let tap = 0; tap < taps; tap++) {
            const [kh, kw] = [Math.floor(tap / window.kernel[1]), tap % window.kernel[1]];
            const offsetTap = n * offsetGroups * taps + Math.floor(c / (inC / offsetGroups)) * taps + tap;
            const row = oh * window.strides[0] - window.padBegin[0] + kh * window.dilations[0] +
              offsets![2 * offsetTap * pixels + pixel]!;
            const column = ow * window.strides[1] - window.padBegin[1] + kw * window.dilations[1] +
              offsets![(2 * offsetTap + 1) * pixels + pixel]!;
            const sampled = hostSample(planes[c]!, [height, width], row, column);
            sum += sampled * (mask?.[offsetTap * pixels + pixel] ?? 1) *
              weights![(co * groupC + ci) * taps + tap]!;
          }
        }
        results.push(sum);
      }
    }
  }
  return results;
}

/** DeformConv. */
export const deformConv: Operator = {
  op: "DeformConv",
  opsets: [19, 99],
  layout: "image",
  fusesEpilogue: true,
  infer: (node) => [{ dtype: node.type(0).dtype, shape: outShape(readDeform(node)) }],
  evaluate(node, inputs) {
    const conv = readDeform(node);
    return [hostTensor(node.type(0).dtype, outShape(conv), evaluateDeform(conv, inputs))];
  },
  lower(node) {
    const conv = readDeform(node);
    const { batch, inC, outC, groups, taps, window } = conv;
    const { shape } = node.outputType(0);
    const columns = emitColumns(node, conv);
    const y = node.imageOutput(0);
    const epilogue = planEpilogue(node, shape, "image");
    const weights = node.constant(WEIGHTS);
    const bias = node.has(BIAS) ? node.constant(BIAS) : undefined;
    const product = {
      batch,
      inC: inC * taps,
      outC,
      groups,
      ...pointWindow(window.out),
    };
    if (weights && (bias || !node.has(BIAS))) {
      emitConv(node, product, columns, y, {
        key: "taps first",
        inC: inC * taps,
        outC,
        groups,
        taps: 1,
        weights: () => tapsFirst(toFloat32(weights), conv),
        ...(bias && { bias: () => toFloat32(bias) }),
      }, epilogue);
      return;
    }
    const computed = packComputed(
      node,
      tapsFirstView(node, node.view(WEIGHTS), conv),
      node.has(BIAS) ? node.view(BIAS) : undefined,
    );
    const axes = ([0, 1] as const).map((axis) => ({
      extent: window.out[axis],
      kernel: 1,
      stride: 1,
      dilation: 1,
      padBegin: 0,
      padEnd: 0,
      out: window.out[axis],
    }));
    emitGeneral(
      node,
      { axes, inC: inC * taps, outC, groups, transposed: false },
      flatVolume(columns),
      flatVolume(y),
      computed,
      epilogue,
    );
  },
};
