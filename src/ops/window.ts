/**
 * The sliding window that convolution and pooling share: kernel, strides, dilations and padding over 1 or 2 spatial
 * dimensions.
 *
 * @module
 */
import { attr } from "./attribute.ts";
import type { NodeContext } from "./operator.ts";

/** A window over height and width; 1-D windows have height 1. */
export interface Window {
  kernel: readonly [h: number, w: number];
  strides: readonly [h: number, w: number];
  dilations: readonly [h: number, w: number];
  padBegin: readonly [top: number, left: number];
  padEnd: readonly [bottom: number, right: number];
  out: readonly [h: number, w: number];
}

/**
 * Reads the window's attributes and works out the output's extents.
 *
 * @param kernelShape from the weights or the attribute, one number a spatial dimension.
 * @throws {GraphError} for lists of the wrong length, or a window that does not fit into the padded input.
 */
export function readWindow(node: NodeContext, kernelShape: readonly number[]): Window {
  const spatial = node.shape(0).slice(2);
  const rank = spatial.length;
  if (rank !== 1 && rank !== 2) {
    node.fail(`works on ${rank} spatial dimensions`, "1 and 2 are supported");
  }
  const list = (name: string, fallback: number, count: number): number[] => {
    const values = [...attr.ints(node.node, name, new Array(count).fill(fallback))];
    if (values.length !== count) {
      node.fail(
        `attribute "${name}" has ${values.length} numbers, but ${count} are needed`,
        "export the model again",
      );
    }
    return values;
  };
  if (kernelShape.length !== rank) {
    node.fail(`its kernel has ${kernelShape.length} dimensions, its input ${rank}`, "export the model again");
  }
  const strides = list("strides", 1, rank);
  const dilations = list("dilations", 1, rank);
  const pads = list("pads", 0, rank * 2);
  const autoPad = attr.string(node.node, "auto_pad", "NOTSET");
  const ceilMode = attr.int(node.node, "ceil_mode", 0) === 1;
  const begin: number[] = [];
  const end: number[] = [];
  const out: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const [extent, stride] = [spatial[axis]!, strides[axis]!];
    const reach = (kernelShape[axis]! - 1) * dilations[axis]! + 1;
    if (stride < 1 || reach < 1) {
      node.fail(
        `stride ${stride} and kernel ${kernelShape[axis]} must be 1 or more`,
        "export the model again",
      );
    }
    if (autoPad === "SAME_UPPER" || autoPad === "SAME_LOWER") {
      const wanted = Math.ceil(extent / stride);
      const total = Math.max(0, (wanted - 1) * stride + reach - extent);
      const small = Math.floor(total / 2);
      begin.push(autoPad === "SAME_UPPER" ? small : total - small);
      end.push(total - begin[axis]!);
      out.push(wanted);
      continue;
    }
    if (autoPad !== "NOTSET" && autoPad !== "VALID" && autoPad !== "") {
      node.fail(`auto_pad "${autoPad}" is unknown`, "NOTSET, VALID, SAME_UPPER and SAME_LOWER are supported");
    }
    begin.push(autoPad === "VALID" ? 0 : pads[axis]!);
    end.push(autoPad === "VALID" ? 0 : pads[axis + rank]!);
    const room = extent + begin[axis]! + end[axis]! - reach;
    if (room < 0) {
      node.fail(
        `a window of ${reach} does not fit into ${extent} with padding ${begin[axis]} and ${end[axis]}`,
        "give a larger input",
      );
    }
    let count = (ceilMode ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1;
    // A window that would begin in the padding behind the input is left out, as PyTorch and ONNX Runtime do.
    if (ceilMode && (count - 1) * stride >= extent + begin[axis]!) count--;
    out.push(count);
  }
  const pair = (values: readonly number[], fill: number): [number, number] =>
    rank === 1 ? [fill, values[0]!] : [values[0]!, values[1]!];
  return {
    kernel: pair(kernelShape, 1),
    strides: pair(strides, 1),
    dilations: pair(dilations, 1),
    padBegin: pair(begin, 0),
    padEnd: pair(end, 0),
    out: pair(out, 1),
  };
}

/** The output's spatial extents in the input's own rank. */
export function spatialOut(node: NodeContext, window: Window): number[] {
  return node.shape(0).length === 3 ? [window.out[1]] : [...window.out];
}
