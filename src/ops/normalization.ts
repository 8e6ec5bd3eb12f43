/**
 * BatchNormalization and InstanceNormalization.
 * {@link https://onnx.ai/onnx/operators/onnx__BatchNormalization.html},
 * {@link https://onnx.ai/onnx/operators/onnx__InstanceNormalization.html}
 *
 * @module
 */
import INSTANCE from "../../shaders/normalization/instance.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { attr } from "./attribute.ts";
import { toFloat32 } from "../tensor/host_tensor.ts";
import { planEpilogue } from "./epilogue.ts";
import { addressed, addressUniforms, type Lowering, type NodeContext, type Operator } from "./operator.ts";
import { lowerPixels } from "./reduce_pixels.ts";

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

/**
 * BatchNormalization with constant parameters. It has no kernel: a pass folds it into the convolution before it, or makes
 * a product and a sum of it.
 */
const batchNormalization: Operator = {
  op: "BatchNormalization",
  opsets: [7, 99],
  infer(node) {
    checkParameters(node, ["scale", "B", "mean", "var"]);
    if (node.node.outputs.some((name, i) => i > 0 && name !== "")) {
      node.fail("has outputs for training", "export the model for inference");
    }
    return [node.type(0)];
  },
};

const instanceNormalization: Operator = {
  op: "InstanceNormalization",
  opsets: [6, 99],
  layout: "image",
  fusesEpilogue: true,
  infer(node) {
    const rank = node.shape(0).length;
    if (rank !== 3 && rank !== 4) {
      node.fail(`works on ${rank - 2} spatial dimensions`, "1 and 2 are supported");
    }
    checkParameters(node, ["scale", "B"]);
    return [node.type(0)];
  },
  lower(node) {
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
    node.emit({
      kernel: instanceKernel,
      options: { inject: epilogue.inject },
      bindings: {
        x: x.view,
        mean: mean.view,
        variance: variance.view,
        scale_bias: node.weights("scale and bias", () => scaleAndBias(node, c4)),
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
      workgroups: foldWorkgroups(Math.ceil(count / 64)),
    });
  },
};

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

/** BatchNormalization and InstanceNormalization. */
export const normalizationOperators: readonly Operator[] = [batchNormalization, instanceNormalization];
