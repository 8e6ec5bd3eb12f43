/**
 * Convolution over height and width with constant weights: what was chosen among the kernels, as dispatches.
 *
 * @module
 */
import { foldWorkgroups, type Workgroups } from "../gpu/mod.ts";
import { planesAddress, type View } from "../tensor/view.ts";
import { whyConvolution } from "./choice_reasons.ts";
import { type ConvCandidate, convCandidates } from "./conv_candidates.ts";
import { convLayer, type ConvShape, isDepthwise, pixelsOf, type PlanesVariant } from "./conv_shape.ts";
import { emitGeneral, type PackedWeights } from "./conv_general.ts";
import type { PlannedEpilogue } from "./epilogue.ts";
import { type LayerChoice, whyChosen } from "./kernel_choice.ts";
import { storing } from "./kernel_text.ts";
import {
  type Addressed,
  addressUniforms,
  type Lowering,
  type PlannedDispatch,
  type WeightForm,
  type WeightRef,
} from "./operator.ts";
import { flatVolume } from "./volume.ts";
import { type WindowAxis, windowUniforms } from "./window.ts";
import { emitWinograd } from "./winograd.ts";

/** Constant weights and bias. */
export interface ConvConstants {
  /** Names them within the node. */
  key: string;
  /** How many there are of each. */
  inC: number;
  outC: number;
  groups: number;
  taps: number;
  /** In the order [outC, inC / groups, taps]; asked for once, when they are uploaded. */
  weights(): ArrayLike<number>;
  /** One an output channel. */
  bias?(): ArrayLike<number>;
}

/**
 * Weights as `vec4`s over output channels, zeros where there is no channel: `(co4 * taps + tap) * inputs + ci`, `inputs`
 * being a group's input channels, padded to a multiple of 4 where kernels read them so.
 *
 * @param rows whether each `co4` has a row of a texture.
 */
export function packConstants(
  node: Lowering,
  constants: ConvConstants,
  padded: boolean,
  form: WeightForm,
  rows = false,
): PackedWeights & { weights: WeightRef } {
  const { key, inC, outC, groups, taps } = constants;
  const groupInC = inC / groups;
  const inputs = padded ? Math.ceil(groupInC / 4) * 4 : groupInC;
  // Plans of one session may choose different kernels: what they pack differently has different names.
  return {
    weights: node.weights(
      `${key} weights, ${inputs} inputs, ${form}`,
      () => {
        const weights = constants.weights();
        const packed = new Float32Array(Math.ceil(outC / 4) * 4 * taps * inputs);
        for (let co = 0; co < outC; co++) {
          for (let ci = 0; ci < groupInC; ci++) {
            for (let tap = 0; tap < taps; tap++) {
              const at = (((co >> 2) * taps + tap) * inputs + ci) * 4 + (co & 3);
              packed[at] = weights[(co * groupInC + ci) * taps + tap]!;
            }
          }
        }
        return packed;
      },
      form,
      rows ? taps * inputs : undefined,
    ),
    bias: packBias(node, constants),
  };
}

/** The bias as `vec4`s, zeros where there is no channel. */
function packBias(node: Lowering, { key, outC, bias }: ConvConstants): WeightRef {
  return node.weights(`${key} bias`, () => {
    const packed = new Float32Array(Math.ceil(outC / 4) * 4);
    if (bias) packed.set(bias());
    return packed;
  });
}

/**
 * Emits a convolution over height and width.
 *
 * @param whole of what layer with a choice of its own it is a step.
 */
export function emitConv(
  node: Lowering,
  shape: ConvShape,
  x: Addressed,
  y: Addressed,
  constants: ConvConstants,
  epilogue: PlannedEpilogue,
  whole?: { choice: LayerChoice; why: () => string },
): void {
  const { batch, inC, outC, groups, kernel: [kh, kw], out: [outH, outW] } = shape;
  if (batch * outC * outH * outW === 0) return;
  const candidates = convCandidates(shape, node.target);
  if (candidates.length === 0) {
    const packed = packConstants(node, constants, false, "buffer");
    emitGeneral(
      node,
      {
        axes: axesOf(shape, x),
        inC,
        outC,
        groups,
        transposed: false,
        why: whyConvolution(shape, node.target, undefined),
      },
      flatVolume(x),
      flatVolume(y),
      packed,
      epilogue,
    );
    return;
  }
  const { taken, choice: own } = node.choose(
    convLayer(shape),
    candidates,
    (one) => nameOf(one, epilogue),
  );
  const choice = whole?.choice ?? own;
  if ("winograd" in taken) {
    const { key, weights } = constants;
    const winograd = { key, weights, bias: packBias(node, constants) };
    emitWinograd(node, shape, taken.winograd, x, y, winograd, epilogue, choice);
    return;
  }
  const single = isDepthwise(shape);
  const dispatch: PlannedDispatch = {
    kernel: taken.kernel,
    options: {
      ...taken.options,
      overrides: {
        ...taken.options.overrides,
        ...(taken.stores !== undefined && storing(taken.stores, epilogue.inject.epilogue)),
      },
      inject: { ...taken.options.inject, ...epilogue.inject },
    },
    bindings: {
      x: x.view,
      ...packConstants(node, constants, !single, taken.weights, taken.rows),
      y: y.view,
      ...epilogue.bindings,
    },
    uniforms: {
      ...addressUniforms("x", x.address),
      ...addressUniforms("y", y.address),
      batch,
      in_h: x.address.h,
      in_w: x.address.w,
      group_in_c4: Math.ceil(inC / groups / 4),
      ...windowUniforms(shape),
      out_c: outC,
      group_out_c4: single ? Math.ceil(outC / 4) : Math.ceil(outC / groups / 4),
      groups,
      in_c: inC,
      ...taken.uniforms,
      operands: epilogue.operands,
    },
    workgroups: gridOf(taken.workgroups, taken.layers),
    multiplyAdds: pixelsOf(shape) * outC * inC / groups * kh * kw,
    why: [
      ...(whole ? [whyChosen(whole.choice, whole.why)] : []),
      whyChosen(own, () => whyConvolution(shape, node.target, taken)),
    ].join("; "),
    choice,
  };
  const { planes } = taken;
  const writes = planes && storing(planes.unrolled ?? 0, epilogue.inject.epilogue).UNROLLED;
  node.emit(writes ? { ...dispatch, asPlanes: (to) => writingPlanes(dispatch, planes, to) } : dispatch);
}

/**
 * Tells the kernels of layers apart, as far as their texts are known when one is chosen: not yet whether the result leaves
 * the network as planes, and what is loaded through textures.
 */
function nameOf(one: ConvCandidate, { inject: { epilogue = "" } }: PlannedEpilogue): string {
  if ("winograd" in one) return `${one.id} ${epilogue}`;
  return `${one.kernel.name} ${JSON.stringify(one.options.overrides)} ${epilogue}`;
}

/** A dispatch by the variant of its kernel that writes planes, or `undefined` if they do not lie in `vec4`s. */
function writingPlanes(
  dispatch: PlannedDispatch,
  variant: PlanesVariant,
  y: View,
): PlannedDispatch | undefined {
  const address = planesAddress(y);
  const { options, bindings, uniforms, workgroups: [, , layers] } = dispatch;
  return address && {
    ...dispatch,
    options: { ...variant.options, inject: { ...options?.inject, ...variant.options.inject } },
    workgroups: gridOf(variant.workgroups, layers),
    bindings: { ...bindings, y },
    uniforms: {
      ...uniforms,
      y_offset: address.offset,
      y_stride_n: address.strideN,
      y_stride_c: address.strideC,
    },
  };
}

function gridOf(workgroups: number, layers = 1): Workgroups {
  const [columns, rows] = foldWorkgroups(workgroups);
  return [columns, rows, layers];
}

function axesOf(shape: ConvShape, { address }: Addressed): WindowAxis[] {
  return ([0, 1] as const).map((axis) => ({
    extent: axis === 0 ? address.h : address.w,
    kernel: shape.kernel[axis],
    stride: shape.strides[axis],
    dilation: shape.dilations[axis],
    padBegin: shape.padBegin[axis],
    padEnd: shape.padEnd[axis],
    out: shape.out[axis],
  }));
}
