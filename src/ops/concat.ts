/**
 * Concat. Parts that were placed beforehand lie where they belong, and slices of one tensor at even steps are a view of
 * it; the others are copied there.
 * {@link https://onnx.ai/onnx/operators/onnx__Concat.html}
 *
 * @module
 */
import { attr } from "./attribute.ts";
import { typedArray } from "../tensor/dtype.ts";
import { elementCount, type HostTensor, hostTensor } from "../tensor/host_tensor.ts";
import { joinViews, paddedChannels, sliceView, type View } from "../tensor/view.ts";
import { copyDispatch, padDispatch } from "./copy.ts";
import { anyCounts, countsOf, refuseCount } from "./counts.ts";
import type { Node } from "./node.ts";
import type { NodeContext, Operator } from "./operator.ts";
import { ANY_TYPE } from "./types.ts";

/**
 * A concatenation that is made in the memory of another value of its size: some of its parts lie there already, the others
 * are written over what nobody reads any more.
 */
export interface HostedConcat extends Node {
  host: string;
}

function concatAxis(node: NodeContext): number {
  return node.axis(attr.int(node.node, "axis", 1), node.shape(0).length);
}

/** Concat along any axis. */
export const concat: Operator = {
  op: "Concat",
  opsets: [4, 99],
  types: ANY_TYPE,
  infer(node) {
    const axis = concatAxis(node);
    const first = node.shape(0);
    let total = 0;
    node.node.inputs.forEach((_, i) => {
      const shape = node.shape(i);
      if (shape.length !== first.length || shape.some((extent, at) => at !== axis && extent !== first[at])) {
        node.fail(
          `input ${i} is [${shape.join(", ")}] and input 0 is [${
            first.join(", ")
          }]; only axis ${axis} may differ`,
          "check the input's size, or export the model again",
        );
      }
      total += shape[axis]!;
    });
    return [{ dtype: node.type(0).dtype, shape: first.with(axis, total) }];
  },
  counts(node) {
    const axis = concatAxis(node);
    const all = node.node.inputs.map((_, i) => countsOf(node, i));
    if (all.some((counts) => counts[axis] !== undefined)) refuseCount(node, axis);
    const [first] = all;
    first!.forEach((name, at) => all.some((counts) => counts[at] !== name) && refuseCount(node, at));
    return [anyCounts(first!)];
  },
  evaluate(node, inputs) {
    const axis = concatAxis(node);
    const { dtype, shape } = this.infer(node)[0]!;
    const outer = elementCount(shape.slice(0, axis));
    const width = elementCount(shape.slice(axis));
    const elements = typedArray(dtype, outer * width);
    let start = 0;
    for (const input of inputs as readonly HostTensor[]) {
      const inner = elementCount(input.shape.slice(axis));
      for (let i = 0; i < outer; i++) {
        const part = input.data.subarray(i * inner, (i + 1) * inner);
        (elements as Float32Array).set(part as Float32Array, i * width + start);
      }
      start += inner;
    }
    return [hostTensor(dtype, shape, elements)];
  },
  lower(node) {
    const axis = concatAxis(node);
    const whole = node.joinedOutput();
    const parts = node.node.inputs.map((_, i) => node.view(i));
    const joined = joinViews(parts, axis);
    if (joined && joined.storage !== whole.storage) {
      node.alias(0, joined);
      return;
    }
    const last = parts.length - 1;
    let start = 0;
    parts.forEach((part, i) => {
      const extent = part.shape[axis]!;
      const place = sliceView(whole, axis, start, extent, 1);
      if (extent > 0 && !sameMemory(part, place)) {
        const ragged = i === last && whole.padded && axis === 1 && start % 4 !== 0;
        if (ragged) {
          // The padding behind the last part is nobody else's to zero.
          const lanes = paddedChannels(whole.shape[1]!) - start;
          const to = { ...place, shape: place.shape.with(1, lanes), padded: false };
          node.emit(padDispatch(part, to, part.shape.map(() => 0), 0));
        } else {
          node.emit(copyDispatch(part, place));
        }
      }
      start += extent;
    });
  },
};

function sameMemory(a: View, b: View): boolean {
  return a.storage === b.storage && a.offset === b.offset &&
    a.shape.every((extent, axis) => extent === 1 || a.strides[axis] === b.strides[axis]);
}
