/**
 * GlobalMaxPool, GlobalAveragePool and GlobalLpPool: one value of all pixels of a channel, over any number of dimensions.
 * {@link https://onnx.ai/onnx/operators/onnx__GlobalAveragePool.html}
 *
 * @module
 */
import { type HostTensor, hostTensor, toNumbers } from "../tensor/host_tensor.ts";
import { planEpilogue } from "./epilogue.ts";
import type { NodeContext, Operator } from "./operator.ts";
import { norm, powerText, readExponent, rootText } from "./pool.ts";
import { lowerPixels, type PixelReduction } from "./reduce_pixels.ts";
import { pixelsInput, pixelsOutput } from "./volume.ts";
import { requireFloats } from "./window.ts";

/** A global pooling: on the GPU and on the host. */
interface GlobalPooling {
  reduction: PixelReduction;
  host(values: number[]): number;
}

function globalPool(op: string, poolingOf: (node: NodeContext) => GlobalPooling): Operator {
  return {
    op,
    opsets: [1, 99],
    layout: "image",
    fusesEpilogue: true,
    infer(node) {
      const { dtype, shape } = node.type(0);
      if (shape.length < 3) node.fail(`its input has ${shape.length} dimensions`, "3 or more are needed");
      requireFloats(node);
      poolingOf(node);
      return [{ dtype, shape: shape.map((extent, axis) => axis < 2 ? extent : 1) }];
    },
    evaluate: (node, [x]) => [evaluateGlobal(x!, poolingOf(node))],
    lower(node) {
      const x = pixelsInput(node, 0);
      const y = pixelsOutput(node, 0);
      const epilogue = planEpilogue(node, node.outputType(0).shape, "image");
      lowerPixels(node, x, y, poolingOf(node).reduction, epilogue);
      y.done();
    },
  };
}

function evaluateGlobal(x: HostTensor, { host }: GlobalPooling): HostTensor {
  const [n, c, ...rest] = x.shape as [number, number, ...number[]];
  const size = rest.reduce((product, extent) => product * extent, 1);
  const numbers = toNumbers(x);
  const results = Array.from(
    { length: n * c },
    (_, plane) => host(numbers.slice(plane * size, (plane + 1) * size)),
  );
  return hostTensor(x.dtype, [n, c, ...rest.map(() => 1)], results);
}

function pNorm(node: NodeContext): GlobalPooling {
  const p = readExponent(node);
  return {
    reduction: {
      mode: "sum",
      term: `fn term(value: vec4f, at: u32) -> vec4f { return ${powerText(p)}; }`,
      finish: `fn finish(total: vec4f) -> vec4f { return ${rootText(p)}; }`,
    },
    host: (values) => norm(p).host(values, values.length),
  };
}

/** All operators that pool over everything. */
export const globalPoolOperators: readonly Operator[] = [
  globalPool("GlobalMaxPool", () => ({
    reduction: { mode: "max" },
    host: (values) => values.reduce((a, b) => Math.max(a, b), -Infinity),
  })),
  globalPool("GlobalAveragePool", () => ({
    reduction: { mode: "mean" },
    host: (values) => values.reduce((a, b) => a + b, 0) / values.length,
  })),
  globalPool("GlobalLpPool", pNorm),
];
