/**
 * LRN: local response normalization across channels, as in AlexNet.
 * {@link https://onnx.ai/onnx/operators/onnx__LRN.html}
 *
 * @module
 */
import LRN from "../../shaders/normalization/lrn.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { hostTensor, toNumbers } from "../tensor/host_tensor.ts";
import { attr } from "./attribute.ts";
import { planEpilogue } from "./epilogue.ts";
import { addressUniforms, type NodeContext, type Operator } from "./operator.ts";
import { pixelsInput, pixelsOutput } from "./volume.ts";
import { requireFloats } from "./window.ts";

const lrnKernel: KernelSource = { name: "normalization/lrn", wgsl: LRN };

interface LrnParameters {
  /** Channels before and behind an element's own that count. */
  before: number;
  behind: number;
  alpha: number;
  beta: number;
  bias: number;
}

function readParameters(node: NodeContext): LrnParameters {
  const size = attr.int(node.node, "size");
  if (size < 1) node.fail(`size is ${size}`, "1 or more is needed");
  return {
    before: Math.floor((size - 1) / 2),
    behind: Math.ceil((size - 1) / 2),
    alpha: attr.float(node.node, "alpha", 0.0001) / size,
    beta: attr.float(node.node, "beta", 0.75),
    bias: attr.float(node.node, "bias", 1),
  };
}

/** The usual exponents by square roots, which are exact where powers are not. */
const POWERS: Readonly<Record<number, string>> = {
  0.5: "sqrt(base)",
  0.75: "sqrt(base) * sqrt(sqrt(base))",
  1: "base",
};

/** LRN. */
export const lrn: Operator = {
  op: "LRN",
  opsets: [1, 99],
  layout: "image",
  fusesEpilogue: true,
  infer(node) {
    const { dtype, shape } = node.type(0);
    if (shape.length < 3) node.fail(`its input has ${shape.length} dimensions`, "3 or more are needed");
    requireFloats(node);
    readParameters(node);
    return [{ dtype, shape }];
  },
  evaluate(node, [x]) {
    const { before, behind, alpha, beta, bias } = readParameters(node);
    const [n, c, ...rest] = x!.shape as [number, number, ...number[]];
    const size = rest.reduce((product, extent) => product * extent, 1);
    const numbers = toNumbers(x!);
    const results = numbers.map((value, i) => {
      const channel = Math.floor(i / size) % c;
      let squares = 0;
      for (let k = Math.max(channel - before, 0); k <= Math.min(channel + behind, c - 1); k++) {
        squares += numbers[i + (k - channel) * size]! ** 2;
      }
      return value / (bias + alpha * squares) ** beta;
    });
    return [hostTensor(x!.dtype, [n, c, ...rest], results)];
  },
  lower(node) {
    const { before, behind, alpha, beta, bias } = readParameters(node);
    const x = pixelsInput(node, 0);
    const y = pixelsOutput(node, 0);
    const epilogue = planEpilogue(node, node.outputType(0).shape, "image");
    const { n, c, c4, h, w } = x.address;
    const count = n * h * w * c4;
    const power = POWERS[Number(beta.toFixed(6))];
    node.emit({
      kernel: lrnKernel,
      options: {
        inject: {
          ...epilogue.inject,
          ...(power !== undefined && { power: `fn power(base: vec4f) -> vec4f { return ${power}; }` }),
        },
      },
      bindings: { x: x.view, y: y.view, ...epilogue.bindings },
      uniforms: {
        count,
        c,
        c4,
        h,
        w,
        before,
        behind,
        alpha,
        beta,
        bias,
        ...addressUniforms("x", x.address),
        ...addressUniforms("y", y.address),
        operands: epilogue.operands,
      },
      workgroups: foldWorkgroups(Math.ceil(count / 64)),
    });
    y.done();
  },
};
