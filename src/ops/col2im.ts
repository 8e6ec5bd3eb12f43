/**
 * Col2Im: columns put back into an image, as PyTorch's `fold` is exported.
 * {@link https://onnx.ai/onnx/operators/onnx__Col2Im.html}
 *
 * @module
 */
import COL2IM from "../../shaders/conv/col2im.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { elementCount, hostTensor, toNumbers } from "../tensor/host_tensor.ts";
import { hostWindows, planeSize } from "./host_windows.ts";
import type { NodeContext, Operator } from "./operator.ts";
import { MAX_ITERATIONS } from "./strided.ts";
import {
  axesUniforms,
  checkSteps,
  loopIterations,
  readList,
  requireFloats,
  tapCount,
  type WindowAxis,
} from "./window.ts";

const col2imKernel: KernelSource = { name: "conv/col2im", wgsl: COL2IM };

/** The blocks over the image (`extent`), of which there are `out` along each dimension. */
interface Columns {
  batch: number;
  channels: number;
  axes: WindowAxis[];
}

function readColumns(node: NodeContext): Columns {
  requireFloats(node);
  const image = node.numbers(1, "image_shape") ?? [];
  const block = node.numbers(2, "block_shape") ?? [];
  const rank = image.length;
  const { shape } = node.type(0);
  if (shape.length !== 3 || rank < 1 || rank > 3 || block.length !== rank) {
    node.fail(
      `puts columns [${shape.join(", ")}] of blocks [${block.join(", ")}] into an image of [${
        image.join(", ")
      }]`,
      "columns of rank 3, and images and blocks of 1 to 3 dimensions, are supported",
    );
  }
  const strides = readList(node, "strides", 1, rank);
  const dilations = readList(node, "dilations", 1, rank);
  const pads = readList(node, "pads", 0, rank * 2);
  const axes = image.map((extent, i): WindowAxis => {
    const [kernel, stride, dilation] = [block[i]!, strides[i]!, dilations[i]!];
    checkSteps(node, kernel, stride, dilation);
    const [padBegin, padEnd] = [pads[i]!, pads[i + rank]!];
    const out = Math.floor((extent + padBegin + padEnd - (kernel - 1) * dilation - 1) / stride) + 1;
    return { extent, kernel, stride, dilation, padBegin, padEnd, out };
  });
  const [batch, rows, blocks] = shape as [number, number, number];
  const taps = tapCount(axes);
  const fitting = axes.reduce((product, { out }) => product * out, 1);
  if (rows % taps !== 0 || blocks !== fitting) {
    node.fail(
      `its columns are [${shape.join(", ")}], but ${fitting} blocks of ${taps} elements fit the image`,
      "export the model again",
    );
  }
  if (loopIterations(axes, 0) > MAX_ITERATIONS) {
    node.fail(
      `its blocks of [${block.join(", ")}] are too large`,
      `up to about ${MAX_ITERATIONS} elements are supported`,
    );
  }
  return { batch, channels: rows / taps, axes };
}

function imageShape({ batch, channels, axes }: Columns): number[] {
  return [batch, channels, ...axes.map(({ extent }) => extent)];
}

/** Col2Im. */
export const col2im: Operator = {
  op: "Col2Im",
  opsets: [18, 99],
  infer: (node) => [{ dtype: node.type(0).dtype, shape: imageShape(readColumns(node)) }],
  evaluate(node, [x]) {
    const columns = readColumns(node);
    const windows = hostWindows(columns.axes);
    const [size, taps, from] = [planeSize(columns.axes), tapCount(columns.axes), toNumbers(x!)];
    const shape = imageShape(columns);
    const results = new Array<number>(elementCount(shape)).fill(0);
    for (let plane = 0; plane < columns.batch * columns.channels; plane++) {
      windows.forEach(({ sources, taps: used }, block) =>
        sources.forEach((source, i) =>
          results[plane * size + source]! += from[(plane * taps + used[i]!) * windows.length + block]!
        )
      );
    }
    return [hostTensor(x!.dtype, shape, results)];
  },
  lower(node) {
    const columns = readColumns(node);
    const x = node.linear(0);
    const y = node.output(0, "linear");
    const count = elementCount(y.shape);
    const { out: blocks, ...window } = axesUniforms(columns.axes);
    node.emit({
      kernel: col2imKernel,
      bindings: { x, y },
      uniforms: { ...window, blocks: blocks!, count, x_offset: x.offset, y_offset: y.offset },
      workgroups: foldWorkgroups(Math.ceil(count / 64)),
    });
  },
};
