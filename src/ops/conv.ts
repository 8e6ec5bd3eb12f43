/**
 * Conv and Microsoft's FusedConv: convolution in one to three dimensions, with groups, bias and a fused epilogue.
 * {@link https://onnx.ai/onnx/operators/onnx__Conv.html},
 * {@link https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.FusedConv}
 *
 * @module
 */
import { type HostTensor, hostTensor, toFloat32, toNumbers } from "../tensor/host_tensor.ts";
import { attr } from "./attribute.ts";
import { emitGeneral, packComputed } from "./conv_general.ts";
import { type ConvConstants, emitConv, packConstants } from "./conv_kernels.ts";
import { type EpilogueStep, epilogueSteps, planEpilogue } from "./epilogue.ts";
import { hostWindows, planeSize } from "./host_windows.ts";
import type { Lowering, NodeContext, Operator } from "./operator.ts";
import { UNARY } from "./pointwise_functions.ts";
import { volumeInput, volumeOutput } from "./volume.ts";
import {
  planarWindow,
  readAxes,
  requireFloats,
  spatialExtents,
  tapCount,
  type WindowAxis,
} from "./window.ts";

/** What a Conv node computes. */
export interface ConvNode {
  batch: number;
  inC: number;
  outC: number;
  groups: number;
  axes: WindowAxis[];
}

/** Reads and checks a Conv node. @throws {GraphError} where inputs and attributes do not fit. */
export function readConv(node: NodeContext): ConvNode {
  const { dtype, shape } = node.type(0);
  requireFloats(node);
  if (node.type(1).dtype !== dtype) {
    node.fail(`its input is ${dtype}, its weights are ${node.type(1).dtype}`, "export the model again");
  }
  spatialExtents(node);
  const weights = node.shape(1);
  if (shape.length !== weights.length) {
    node.fail(
      `its input has ${shape.length} dimensions, its weights ${weights.length}`,
      "export the model again",
    );
  }
  const [batch, inC] = shape as [number, number];
  const [outC, groupInC, ...kernel] = weights as [number, number, ...number[]];
  const groups = attr.int(node.node, "group", 1);
  if (groups < 1 || inC !== groupInC * groups || outC % groups !== 0) {
    node.fail(
      `${inC} input channels and ${outC} output channels in ${groups} groups do not fit weights [${
        weights.join(", ")
      }]`,
      "check the input's size, or export the model again",
    );
  }
  checkBias(node, outC);
  const given = attr.ints(node.node, "kernel_shape", kernel);
  if (given.length === kernel.length && given.some((extent, axis) => extent !== kernel[axis])) {
    node.fail(
      `its kernel_shape is [${given.join(", ")}], its weights [${weights.join(", ")}]`,
      "export the model again",
    );
  }
  return { batch, inC, outC, groups, axes: readAxes(node, given) };
}

/** Refuses a bias (input 2) of another size than the output's channels. */
export function checkBias(node: NodeContext, outC: number): void {
  if (node.has(2) && (node.shape(2).length !== 1 || node.shape(2)[0] !== outC)) {
    node.fail(
      `its bias is [${node.shape(2).join(", ")}], but ${outC} channels leave`,
      "export the model again",
    );
  }
}

function outShape({ batch, outC, axes }: ConvNode): number[] {
  return [batch, outC, ...axes.map(({ out }) => out)];
}

/** Lowers a convolution with steps behind it. */
function lowerConv(node: Lowering, steps: readonly EpilogueStep[]): void {
  const conv = readConv(node);
  const { batch, inC, outC, groups, axes } = conv;
  const epilogue = planEpilogue(node, node.outputType(0).shape, "image", steps);
  const constants = readConstants(node, conv);
  if (constants && axes.length <= 2) {
    const shape = { ...planarWindow(axes), batch, inC, outC, groups };
    emitConv(node, shape, node.image(0), node.imageOutput(0), constants, epilogue);
    return;
  }
  const packed = constants
    ? packConstants(node, constants, false, "buffer")
    : packComputed(node, node.view(1), node.has(2) ? node.view(2) : undefined);
  emitGeneral(
    node,
    { axes, inC, outC, groups, transposed: false },
    volumeInput(node, 0),
    volumeOutput(node, 0),
    packed,
    epilogue,
  );
}

/** Weights and bias, if both are constant. */
function readConstants(node: NodeContext, { inC, outC, groups, axes }: ConvNode): ConvConstants | undefined {
  const weights = node.constant(1);
  const bias = node.has(2) ? node.constant(2) : undefined;
  if (!weights || (node.has(2) && !bias)) return undefined;
  return {
    key: "conv",
    inC,
    outC,
    groups,
    taps: tapCount(axes),
    weights: () => toFloat32(weights),
    ...(bias && { bias: () => toFloat32(bias) }),
  };
}

/** Convolves host tensors, in double precision. */
function evaluateConv(
  { batch, inC, outC, groups, axes }: ConvNode,
  x: HostTensor,
  weights: HostTensor,
  bias: HostTensor | undefined,
): number[] {
  const [from, w, b] = [toNumbers(x), toNumbers(weights), bias && toNumbers(bias)];
  const windows = hostWindows(axes);
  const [size, taps, groupInC, groupOutC] = [planeSize(axes), tapCount(axes), inC / groups, outC / groups];
  const results: number[] = [];
  for (let n = 0; n < batch; n++) {
    for (let co = 0; co < outC; co++) {
      const firstIn = n * inC + Math.floor(co / groupOutC) * groupInC;
      for (const window of windows) {
        let sum = b?.[co] ?? 0;
        for (let ci = 0; ci < groupInC; ci++) {
          const [plane, kernel] = [(firstIn + ci) * size, (co * groupInC + ci) * taps];
          window.sources.forEach((source, i) => sum += from[plane + source]! * w[kernel + window.taps[i]!]!);
        }
        results.push(sum);
      }
    }
  }
  return results;
}

/** Conv. */
export const conv: Operator = {
  op: "Conv",
  opsets: [1, 99],
  layout: "image",
  fusesEpilogue: true,
  infer: (node) => [{ dtype: node.type(0).dtype, shape: outShape(readConv(node)) }],
  evaluate(node, [x, weights, bias]) {
    const shape = readConv(node);
    return [hostTensor(x!.dtype, outShape(shape), evaluateConv(shape, x!, weights!, bias))];
  },
  lower: (node) => lowerConv(node, epilogueSteps(node.node)),
};

/** The input of FusedConv that is added before the activation. */
const ADDED = 3;

/** What FusedConv does after the convolution: adds its fourth input, and applies its activation. */
function fusedSteps(node: NodeContext): EpilogueStep[] {
  const steps: EpilogueStep[] = [];
  if (node.has(ADDED)) {
    const [shape, added] = [outShape(readConv(node)), node.shape(ADDED)];
    if (added.length !== shape.length || added.some((extent, axis) => extent !== shape[axis])) {
      node.fail(
        `adds [${added.join(", ")}] to [${shape.join(", ")}]`,
        "both must have one shape; export the model again",
      );
    }
    steps.push({ kind: "operand", op: "Add", input: ADDED, swapped: false });
  }
  const op = attr.string(node.node, "activation", "");
  if (op === "") return steps;
  const given = attr.floats(node.node, "activation_params", []);
  const defaults = ACTIVATIONS[op] ??
    node.fail(`its activation is "${op}"`, `${Object.keys(ACTIVATIONS).join(", ")} are supported`);
  return [...steps, { kind: "unary", op, parameters: defaults.map((fallback, i) => given[i] ?? fallback) }];
}

/** The activations of FusedConv with the defaults of their parameters. */
const ACTIVATIONS: Readonly<Record<string, readonly number[]>> = {
  Relu: [],
  Tanh: [],
  Sigmoid: [],
  LeakyRelu: [0.01],
  Clip: [-Infinity, Infinity],
  HardSigmoid: [0.2, 0.5],
};

/** FusedConv. */
export const fusedConv: Operator = {
  op: "FusedConv",
  domain: "com.microsoft",
  opsets: [1, 99],
  layout: "image",
  fusesEpilogue: true,
  infer(node) {
    fusedSteps(node);
    return [{ dtype: node.type(0).dtype, shape: outShape(readConv(node)) }];
  },
  evaluate(node, [x, weights, bias, added]) {
    const shape = readConv(node);
    const other = added && toNumbers(added);
    const activation = fusedSteps(node).find((step) => step.kind === "unary");
    const results = evaluateConv(shape, x!, weights!, bias).map((value, i) => {
      const sum = value + (other?.[i] ?? 0);
      return activation ? Number(UNARY[activation.op]!.floats!(sum, activation.parameters)) : sum;
    });
    return [hostTensor(x!.dtype, outShape(shape), results)];
  },
  lower: (node) => lowerConv(node, [...fusedSteps(node), ...epilogueSteps(node.node)]),
};

/** The convolutions. */
export const convOperators: readonly Operator[] = [conv, fusedConv];
