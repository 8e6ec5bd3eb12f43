/**
 * BatchNormalization and InstanceNormalization.
 * {@link https://onnx.ai/onnx/operators/onnx__BatchNormalization.html},
 * {@link https://onnx.ai/onnx/operators/onnx__InstanceNormalization.html}
 *
 * @module
 */
import BATCH from "../../shaders/normalization/batch.wgsl" with { type: "text" };
import INSTANCE from "../../shaders/normalization/instance.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { attr } from "./attribute.ts";
import { elementCount, type HostTensor, hostTensor, toFloat32, toNumbers } from "../tensor/host_tensor.ts";
import { expandView, reshapeView, type View } from "../tensor/view.ts";
import { mapFlatDispatch, vectorRun } from "./map.ts";
import { epilogueSteps, planEpilogue } from "./epilogue.ts";
import { rowNormalizations, rowsOutput } from "./layer_norm.ts";
import { normalizeGroups, normalizeRows } from "./normalize_operator.ts";
import { emitRows, normalizeOnHost, spreadOnHost } from "./normalize_rows.ts";
import { addressed, addressUniforms, type Lowering, type NodeContext, type Operator } from "./operator.ts";
import { lowerPixels } from "./reduce_pixels.ts";
import { extentRow, MAX_STRIDED_RANK, strideRow } from "./strided.ts";

const batchKernel: KernelSource = { name: "normalization/batch", wgsl: BATCH };
const instanceKernel: KernelSource = { name: "normalization/instance", wgsl: INSTANCE };

/** Checks that the parameters hold one number for each channel. */
function checkParameters(node: NodeContext, names: readonly string[]): void {
  const channels = node.shape(0)[1];
  names.forEach((name, i) => {
    const shape = node.shape(i + 1);
    if (shape.length !== 1 || shape[0] !== channels) {
      node.fail(
        `${name} is [${shape.join(", ")}], but there are ${channels} channels`,
        "export the model again",
      );
    }
  });
}

/** Whether the batch's own moments are used, and running ones made (operator set 14). */
function isTraining(node: NodeContext): boolean {
  return attr.int(node.node, "training_mode", 0) === 1;
}

/** The dimensions over which a channel's moments are taken. */
function momentAxes(node: NodeContext): number[] {
  return node.shape(0).map((_, axis) => axis).filter((axis) => axis !== 1);
}

/** A number for each channel as a view or host tensor of x's shape sees it. */
function channelShape(node: NodeContext): number[] {
  return node.shape(0).map((extent, axis) => axis === 1 ? extent : 1);
}

/**
 * BatchNormalization. With constant parameters it has no kernel: a pass folds it into the convolution before it, or makes
 * a product and a sum of it.
 */
const batchNormalization: Operator = {
  op: "BatchNormalization",
  opsets: [7, 99],
  infer(node) {
    if (node.shape(0).length < 2) {
      node.fail(`its input [${node.shape(0).join(", ")}] has no channels`, "export the model again");
    }
    checkParameters(node, ["scale", "B", "mean", "var"]);
    if (attr.int(node.node, "spatial", 1) !== 1) {
      node.fail("spatial is 0: a mean for each element", "export the model again in operator set 9 or newer");
    }
    const extra = node.node.outputs.some((name, i) => i > 0 && name !== "");
    if (extra && !isTraining(node)) {
      node.fail("has outputs for training", "export the model for inference");
    }
    const { dtype, shape } = node.type(0);
    const moment = node.type(3);
    return [{ dtype, shape }, moment, moment];
  },
  evaluate(node, inputs) {
    const [x, scale, bias, mean, variance] = inputs as HostTensor[];
    const epsilon = attr.float(node.node, "epsilon", 1e-5);
    const spread = (tensor: HostTensor): number[] => spreadOnHost(tensor, x!.shape, channelShape(node));
    const [gain, shift] = [spread(scale!), spread(bias!)];
    if (isTraining(node)) {
      const made = normalizeOnHost(x!, { axes: momentAxes(node), measure: "variance", epsilon, gain, shift });
      const momentum = attr.float(node.node, "momentum", 0.9);
      const running = (old: HostTensor, fresh: number[]): HostTensor =>
        hostTensor(
          old.dtype,
          old.shape,
          toNumbers(old).map((value, i) => value * momentum + fresh[i]! * (1 - momentum)),
        );
      return [
        hostTensor(x!.dtype, x!.shape, made.y),
        running(mean!, made.means),
        running(variance!, made.seconds),
      ];
    }
    const [centre, spreadOut] = [spread(mean!), spread(variance!)];
    const y = toNumbers(x!).map((value, i) =>
      (value - centre[i]!) / Math.sqrt(spreadOut[i]! + epsilon) * gain[i]! + shift[i]!
    );
    return [hostTensor(x!.dtype, x!.shape, y)];
  },
  lower(node) {
    const x = node.view(0);
    if (x.shape.length > MAX_STRIDED_RANK) {
      node.fail(`works on ${x.shape.length} dimensions`, `up to ${MAX_STRIDED_RANK} are supported`);
    }
    if (isTraining(node)) lowerTraining(node, x);
    else lowerBatch(node, x);
  },
};

function lowerTraining(node: Lowering, x: View): void {
  const operand = (index: number): View =>
    expandView(reshapeView(node.linear(index), channelShape(node))!, x.shape);
  const momentum = `f32(${attr.float(node.node, "momentum", 0.9)})`;
  const kept = ([[1, 3, "mean"], [2, 4, "second"]] as const)
    .filter(([output]) => (node.node.outputs[output] ?? "") !== "")
    .map(([output, input, value]) => ({
      to: node.output(output, "linear"),
      old: node.linear(input),
      value: `old * ${momentum} + ${value} * (1.0 - ${momentum})`,
    }));
  emitRows(node, {
    x,
    y: rowsOutput(node, x),
    axes: momentAxes(node),
    measure: "variance",
    epsilon: attr.float(node.node, "epsilon", 1e-5),
    gain: operand(1),
    shift: operand(2),
    kept,
  });
}

function lowerBatch(node: Lowering, x: View): void {
  const [scale, bias, mean, variance] = [1, 2, 3, 4].map((index) => node.linear(index)) as [
    View,
    View,
    View,
    View,
  ];
  const y = node.output(0, "linear");
  const axes = x.shape.map((extent, axis) => ({ extent, strides: [x.strides[axis]!] }));
  const count = elementCount(x.shape);
  node.emit({
    kernel: batchKernel,
    bindings: { x, scale, bias, mean, variance, y },
    uniforms: {
      count,
      rank: axes.length,
      channels: x.shape[1]!,
      inner: elementCount(x.shape.slice(2)),
      epsilon: attr.float(node.node, "epsilon", 1e-5),
      x_offset: x.offset,
      y_offset: y.offset,
      scale_offset: scale.offset,
      bias_offset: bias.offset,
      mean_offset: mean.offset,
      variance_offset: variance.offset,
      extents: extentRow(axes),
      x_strides: strideRow(axes, 0),
    },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  });
}

const instanceNormalization: Operator = {
  op: "InstanceNormalization",
  opsets: [6, 99],
  layout: "image",
  fusesEpilogue: true,
  infer(node) {
    if (node.shape(0).length < 3) {
      node.fail(`its input [${node.shape(0).join(", ")}] has no pixels`, "export the model again");
    }
    checkParameters(node, ["scale", "B"]);
    const { dtype, shape } = node.type(0);
    return [{ dtype, shape }];
  },
  evaluate(node, inputs) {
    const [x, scale, bias] = inputs as [HostTensor, HostTensor, HostTensor];
    const spread = (tensor: HostTensor): number[] => spreadOnHost(tensor, x.shape, channelShape(node));
    const { y } = normalizeOnHost(x, {
      axes: instanceAxes(node),
      measure: "variance",
      epsilon: attr.float(node.node, "epsilon", 1e-5),
      gain: spread(scale),
      shift: spread(bias),
    });
    return [hostTensor(x.dtype, x.shape, y)];
  },
  lower(node) {
    if (!node.constant(1) || !node.constant(2) || node.shape(0).length > 4) {
      lowerInstanceRows(node);
      return;
    }
    const x = node.image(0);
    const y = node.imageOutput(0);
    const { n, c, c4, h, w } = x.address;
    const moment = (): ReturnType<typeof addressed> =>
      addressed(node.temporary({ dtype: x.view.dtype, shape: [n, c, 1, 1] }, "image"));
    const [mean, variance] = [moment(), moment()];
    lowerPixels(node, x, mean, { mode: "mean" });
    lowerPixels(node, x, variance, {
      mode: "mean",
      term: SQUARED_DEVIATION,
      bindings: { centre: mean.view },
    });
    const epilogue = planEpilogue(node, node.outputType(0).shape, "image");
    const count = n * h * w * c4;
    const run = vectorRun(count);
    node.emit({
      kernel: instanceKernel,
      options: { overrides: { RUN: run }, inject: epilogue.inject },
      bindings: {
        x: x.view,
        mean: mean.view,
        variance: variance.view,
        scale_bias: node.weights(
          "scale and bias",
          () => scaleAndBias(node, c4),
        ),
        y: y.view,
        ...epilogue.bindings,
      },
      uniforms: {
        count,
        c,
        c4,
        h,
        w,
        epsilon: attr.float(node.node, "epsilon", 1e-5),
        ...addressUniforms("x", x.address),
        ...addressUniforms("y", y.address),
        operands: epilogue.operands,
      },
      workgroups: foldWorkgroups(Math.ceil(count / (64 * run))),
    });
  },
};

/** The dimensions of a channel's pixels. */
function instanceAxes(node: NodeContext): number[] {
  return momentAxes(node).filter((axis) => axis > 1);
}

/** Parameters that are computed, or more than two spatial dimensions. */
function lowerInstanceRows(node: Lowering): void {
  const x = node.view(0);
  const operand = (index: number): View =>
    expandView(reshapeView(node.linear(index), channelShape(node))!, x.shape);
  const steps = epilogueSteps(node.node);
  const { dtype, shape } = node.outputType(0);
  const y = node.flatOutput(0);
  const normalized = steps.length > 0 ? node.temporary({ dtype, shape }, "linear") : y;
  emitRows(node, {
    x,
    y: normalized,
    axes: instanceAxes(node),
    measure: "variance",
    epsilon: attr.float(node.node, "epsilon", 1e-5),
    gain: operand(1),
    shift: operand(2),
  });
  if (steps.length > 0) node.emit(mapFlatDispatch(normalized, y, planEpilogue(node, shape, "linear")));
}

const SQUARED_DEVIATION = [
  "@group(0) @binding(3) var<storage, read_write> centre: array<vec4f>;",
  "fn term(value: vec4f, at: u32) -> vec4f { let d = value - centre[at]; return d * d; }",
].join("\n");

function scaleAndBias(node: Lowering, c4: number): Float32Array<ArrayBuffer> {
  const packed = new Float32Array(c4 * 8);
  [1, 2].forEach((index) => {
    const constant = node.constant(index) ??
      node.fail(`input ${index} is computed while the network runs`, "scale and bias must be constants");
    packed.set(toFloat32(constant), (index - 1) * c4 * 4);
  });
  return packed;
}

/** BatchNormalization, InstanceNormalization and those of rows. */
export const normalizationOperators: readonly Operator[] = [
  batchNormalization,
  instanceNormalization,
  ...rowNormalizations,
  normalizeRows,
  normalizeGroups,
];
