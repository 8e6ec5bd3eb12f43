/**
 * Pad: constant, edge, reflect and wrap; negative amounts crop.
 * {@link https://onnx.ai/onnx/operators/onnx__Pad.html}
 *
 * @module
 */
import { attr } from "./attribute.ts";
import { imageAddress, type View } from "../tensor/view.ts";
import { padDispatch } from "./copy.ts";
import { epilogueSteps } from "./epilogue.ts";
import { gatherDispatch } from "./gather.ts";
import type { Lowering, NodeContext, Operator } from "./operator.ts";
import { lowerResampling, type ResampleTable } from "./resample.ts";

/** What a Pad adds before and behind each dimension. */
interface Padding {
  mode: string;
  begin: number[];
  end: number[];
  fill: number;
}

const MODES = ["constant", "edge", "reflect", "wrap"];

function paddingOf(node: NodeContext): Padding {
  const rank = node.shape(0).length;
  const mode = attr.string(node.node, "mode", "constant");
  if (!MODES.includes(mode)) node.fail(`mode "${mode}" is unknown`, `use one of ${MODES.join(", ")}`);
  const legacy = attr.has(node.node, "paddings") ? "paddings" : "pads";
  const pads = node.listFrom(legacy, 1) ?? node.fail("no pads are given", "export the model again");
  const listed = node.numbers(3, "axes") ?? Array.from({ length: rank }, (_, axis) => axis);
  if (pads.length !== listed.length * 2) {
    node.fail(
      `${pads.length} pads are given for ${listed.length} dimensions`,
      "two for each are needed; export the model again",
    );
  }
  const [begin, end] = [new Array<number>(rank).fill(0), new Array<number>(rank).fill(0)];
  listed.forEach((one, i) => {
    const axis = node.axis(one, rank);
    begin[axis] = pads[i]!;
    end[axis] = pads[i + listed.length]!;
  });
  const fill = node.opset < 11
    ? attr.float(node.node, "value", 0)
    : node.numbers(2, "constant_value")?.[0] ?? 0;
  node.shape(0).forEach((extent, axis) => {
    const most = mode === "reflect" ? extent - 1 : mode === "wrap" ? extent : Infinity;
    if (extent + begin[axis]! + end[axis]! < 0 || Math.max(begin[axis]!, end[axis]!) > most) {
      node.fail(
        `pads dimension ${axis} of ${extent} by ${begin[axis]} and ${end[axis]} in mode ${mode}`,
        "give a larger input",
      );
    }
  });
  return { mode, begin, end, fill };
}

/** The input position behind each output position of a dimension; -1 for the constant. */
function sources(extent: number, begin: number, end: number, mode: string): number[] {
  return Array.from({ length: extent + begin + end }, (_, i) => {
    const at = i - begin;
    if (at >= 0 && at < extent) return at;
    if (mode === "constant") return -1;
    if (mode === "edge") return at < 0 ? 0 : extent - 1;
    if (mode === "wrap") return (at + extent) % extent;
    return at < 0 ? -at : 2 * (extent - 1) - at;
  });
}

function tableOf(indices: readonly number[]): ResampleTable {
  const pairs = indices.flatMap((index) => index < 0 ? [0, 0] : [index, 1]);
  return { taps: 1, pairs: new Float32Array(pairs) };
}

/** Pad. */
export const pad: Operator = {
  op: "Pad",
  opsets: [1, 99],
  layout: "same",
  infer(node) {
    const { begin, end } = paddingOf(node);
    return [{
      dtype: node.type(0).dtype,
      shape: node.shape(0).map((extent, axis) => extent + begin[axis]! + end[axis]!),
    }];
  },
  lower(node) {
    const { mode, begin, end, fill } = paddingOf(node);
    const x = node.view(0);
    const changed = x.shape.flatMap((_, axis) => begin[axis] === 0 && end[axis] === 0 ? [] : [axis]);
    if (changed.length === 0 && epilogueSteps(node.node).length === 0) {
      node.alias(0, x);
      return;
    }
    const address = imageAddress(x);
    if (address && changed.every((axis) => axis >= 2)) {
      const table = (axis: number, extent: number): ResampleTable =>
        tableOf(sources(extent, axis < 2 ? 0 : begin[axis]!, axis < 2 ? 0 : end[axis]!, mode));
      const last = x.shape.length - 1;
      lowerResampling(node, { view: x, address }, node.imageOutput(0), {
        rows: table(last === 3 ? 2 : 0, address.h),
        columns: table(last, address.w),
        ...(mode === "constant" && { fill }),
      });
    } else if (mode === "constant") {
      node.emit(padDispatch(x, node.output(0, "linear"), begin, fill));
    } else {
      lowerGathers(
        node,
        x,
        changed.map((axis) => [axis, sources(x.shape[axis]!, begin[axis]!, end[axis]!, mode)]),
      );
    }
  },
};

/** One dimension after the other, by tables of indices. */
function lowerGathers(node: Lowering, x: View, tables: readonly (readonly [number, number[]])[]): void {
  let from = x;
  tables.forEach(([axis, indices], i) => {
    const shape = from.shape.with(axis, indices.length);
    const to = i === tables.length - 1
      ? node.output(0, "linear")
      : node.temporary({ dtype: x.dtype, shape }, "linear");
    const table = node.weights(`indices ${axis} ${indices.join(" ")}`, () => new Int32Array(indices));
    node.emit(gatherDispatch(from, to, axis, table));
    from = to;
  });
}
