/**
 * MaxUnpool: the reverse of MaxPool, with zeros wherever no largest element stood.
 * {@link https://onnx.ai/onnx/operators/onnx__MaxUnpool.html}
 *
 * @module
 */
import UNPOOL from "../../shaders/pool/unpool.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { elementCount, hostTensor, toNumbers } from "../tensor/host_tensor.ts";
import { attr } from "./attribute.ts";
import type { NodeContext, Operator } from "./operator.ts";
import { typesOf } from "./types.ts";
import { checkSteps, readList, spatialExtents } from "./window.ts";

const unpoolKernel: KernelSource = { name: "pool/unpool", wgsl: UNPOOL };

function unpooledShape(node: NodeContext): number[] {
  const spatial = spatialExtents(node);
  const given = node.numbers(2, "output_shape");
  if (given) {
    if (given.length !== spatial.length + 2) {
      node.fail(
        `output_shape has ${given.length} numbers, its input ${spatial.length + 2} dimensions`,
        "fix it",
      );
    }
    return given;
  }
  const kernel = attr.ints(node.node, "kernel_shape");
  const strides = readList(node, "strides", 1, spatial.length);
  const pads = readList(node, "pads", 0, spatial.length * 2);
  if (kernel.length !== spatial.length) {
    node.fail(
      `its kernel has ${kernel.length} dimensions, its input ${spatial.length}`,
      "export the model again",
    );
  }
  const extents = spatial.map((extent, axis) => {
    checkSteps(node, kernel[axis]!, strides[axis]!, 1);
    return (extent - 1) * strides[axis]! - pads[axis]! - pads[axis + spatial.length]! + kernel[axis]!;
  });
  return [...node.shape(0).slice(0, 2), ...extents];
}

/** MaxUnpool. */
export const maxUnpool: Operator = {
  op: "MaxUnpool",
  opsets: [9, 99],
  infer(node) {
    const [x, indices] = [node.shape(0), node.shape(1)];
    if (x.length !== indices.length || x.some((extent, axis) => extent !== indices[axis])) {
      node.fail(
        `its input is [${x.join(", ")}], its indices [${indices.join(", ")}]`,
        "they must be of one shape",
      );
    }
    return [{ dtype: node.type(0).dtype, shape: unpooledShape(node) }];
  },
  evaluate(node, [x, indices]) {
    const shape = unpooledShape(node);
    const values = toNumbers(x!);
    const results = new Array<number>(elementCount(shape)).fill(0);
    toNumbers(indices!).forEach((place, i) => {
      if (place >= 0 && place < results.length) results[place] = values[i]!;
    });
    return [hostTensor(x!.dtype, shape, results)];
  },
  lower(node) {
    const [x, indices, y] = [node.linear(0), node.linear(1), node.output(0, "linear")];
    const yCount = elementCount(y.shape);
    for (const [fill, count] of [[true, yCount], [false, elementCount(x.shape)]] as const) {
      node.emit({
        kernel: unpoolKernel,
        options: { overrides: { FILL: fill }, inject: typesOf(x.dtype) },
        bindings: { x, indices, y },
        uniforms: {
          count,
          y_count: yCount,
          x_offset: x.offset,
          i_offset: indices.offset,
          y_offset: y.offset,
        },
        workgroups: foldWorkgroups(Math.ceil(count / 64)),
      });
    }
  },
};
