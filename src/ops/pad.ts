/**
 * Pad: constant, edge, reflect and wrap; negative amounts crop, before the others are added.
 * {@link https://onnx.ai/onnx/operators/onnx__Pad.html}
 *
 * @module
 */
import IMAGE from "../../shaders/pad/image.wgsl" with { type: "text" };
import STRIDED from "../../shaders/pad/strided.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import type { DType } from "../tensor/dtype.ts";
import { elementCount, hostTensor } from "../tensor/host_tensor.ts";
import { denseStrides, imageAddress, type View } from "../tensor/view.ts";
import { toWords } from "../tensor/words.ts";
import { attr } from "./attribute.ts";
import { padDispatch } from "./copy.ts";
import { addressUniforms, type Lowering, type NodeContext, type Operator } from "./operator.ts";
import { extentRow, MAX_STRIDED_RANK, strideRow } from "./strided.ts";
import { ANY_TYPE, typesOf } from "./types.ts";

const imageKernel: KernelSource = { name: "pad/image", wgsl: IMAGE };
const stridedKernel: KernelSource = { name: "pad/strided", wgsl: STRIDED };

/** What a Pad does to one dimension. */
interface PadAxis {
  /** Elements that are kept, and the first of them. */
  kept: number;
  first: number;
  /** Elements before them in the output, and the output's extent. */
  before: number;
  out: number;
}

/** The modes, in the order of the kernels' numbers for them. */
const MODES = ["constant", "edge", "reflect", "wrap"];

function modeOf(node: NodeContext): string {
  const mode = attr.string(node.node, "mode", "constant");
  if (!MODES.includes(mode)) node.fail(`mode "${mode}" is unknown`, `use one of ${MODES.join(", ")}`);
  return mode;
}

function paddingOf(node: NodeContext): PadAxis[] {
  const shape = node.shape(0);
  const rank = shape.length;
  const mode = modeOf(node);
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
  return shape.map((extent, axis) => {
    const [before, after] = [begin[axis]!, end[axis]!];
    const kept = extent + Math.min(before, 0) + Math.min(after, 0);
    const [grown, most] = [
      Math.max(before, after, 0),
      mode === "reflect" ? kept - 1 : kept === 0 ? 0 : Infinity,
    ];
    if (
      extent + before + after < 0 || (mode === "constant" ? false : kept < 0 || (grown > 0 && grown > most))
    ) {
      node.fail(
        `pads dimension ${axis} of ${extent} by ${before} and ${after} in mode ${mode}`,
        "give a larger input",
      );
    }
    return { kept, first: Math.max(-before, 0), before: Math.max(before, 0), out: extent + before + after };
  });
}

/** The value of `constant_value`: a number, 0 if left out, `undefined` if it is computed while the network runs. */
function fillOf(node: NodeContext): number | bigint | undefined {
  if (node.opset < 11) return attr.float(node.node, "value", 0);
  if (!node.has(2)) return 0;
  const constant = node.constant(2);
  return constant ? constant.data[0] ?? 0 : undefined;
}

/** The number that the word of an element holds. */
function wordOf(dtype: DType, element: number | bigint): number {
  return toWords(hostTensor(dtype, [], [element] as number[]))[0]!;
}

/** The input position behind each output position of a dimension; -1 for the constant. */
function sources({ kept, first, before, out }: PadAxis, mode: string): number[] {
  return Array.from({ length: out }, (_, i) => {
    const at = i - before;
    if (at >= 0 && at < kept) return first + at;
    if (mode === "constant") return -1;
    if (mode === "edge") return first + (at < 0 ? 0 : kept - 1);
    if (mode === "wrap") return first + ((at % kept) + kept) % kept;
    return first + (at < 0 ? -at : 2 * (kept - 1) - at);
  });
}

/** Pad. */
export const pad: Operator = {
  op: "Pad",
  opsets: [1, 99],
  types: ANY_TYPE,
  layout: "same",
  infer(node) {
    return [{ dtype: node.type(0).dtype, shape: paddingOf(node).map(({ out }) => out) }];
  },
  evaluate(node, [x]) {
    const axes = paddingOf(node);
    const mode = modeOf(node);
    const fill = fillOf(node)!;
    const steps = denseStrides(x!.shape, "linear");
    let offsets = [0];
    for (const [axis, one] of axes.entries()) {
      const along = sources(one, mode);
      offsets = offsets.flatMap((offset) =>
        along.map((source) => offset < 0 || source < 0 ? -1 : offset + source * steps[axis]!)
      );
    }
    const data = offsets.map((offset) => offset < 0 ? fill : x!.data[offset]!);
    return [hostTensor(x!.dtype, axes.map(({ out }) => out), data as number[])];
  },
  lower(node) {
    const axes = paddingOf(node);
    const x = node.view(0);
    const changed = axes.flatMap(({ kept, out }, axis) =>
      kept === out && kept === x.shape[axis] ? [] : [axis]
    );
    const address = imageAddress(x);
    const mode = modeOf(node);
    if (changed.length === 0) node.alias(0, x);
    else if (address && elementCount(x.shape) > 0 && changed.every((axis) => axis >= 2)) {
      lowerImage(node, x, axes, mode);
    } else {
      const fill = mode === "constant" ? fillOf(node) : 0;
      const begin = axes.map(({ first, before }) => before - first);
      if (mode === "constant" && fill !== undefined) {
        node.emit(padDispatch(x, node.output(0, "linear"), begin, wordOf(x.dtype, fill)));
      } else lowerStrided(node, x, axes, mode);
    }
  },
};

/** What the kernels need for the value that fills: a number, or a tensor that they read. */
function fillParameters(
  node: Lowering,
  mode: string,
  binding: number,
): {
  inject: Record<string, string>;
  bindings: Record<string, View>;
  uniforms: { fill: number; fill_offset: number };
} {
  const fill = mode === "constant" ? fillOf(node) : 0;
  const { dtype } = node.type(0);
  if (fill !== undefined) {
    return { inject: {}, bindings: {}, uniforms: { fill: wordOf(dtype, fill), fill_offset: 0 } };
  }
  const view = node.view(2);
  const text = [
    `@group(0) @binding(${binding}) var<storage, read_write> constant_value: array<scalar>;`,
    "fn fill_value() -> scalar { return constant_value[params.fill_offset]; }",
  ];
  return {
    inject: { fill: text.join("\n") },
    bindings: { constant_value: view },
    uniforms: { fill: 0, fill_offset: view.offset },
  };
}

function lowerImage(node: Lowering, x: View, axes: readonly PadAxis[], mode: string): void {
  const still: PadAxis = { kept: 1, first: 0, before: 0, out: 1 };
  const rows = axes.length === 4 ? axes[2]! : still;
  const columns = axes.at(-1)!;
  const from = imageAddress(x)!;
  const { view: y, address } = node.imageOutput(0);
  const { inject, bindings, uniforms } = fillParameters(node, mode, 3);
  const { n, c, c4 } = from;
  const count = n * rows.out * columns.out * c4;
  const offset = from.offset + rows.first * from.strideH + columns.first * from.strideW;
  node.emit({
    kernel: imageKernel,
    options: { overrides: { MODE: MODES.indexOf(mode) }, inject: { ...typesOf(x.dtype), ...inject } },
    bindings: { x, y, ...bindings },
    uniforms: {
      count,
      c,
      c4,
      in_h: rows.kept,
      in_w: columns.kept,
      begin_h: rows.before,
      begin_w: columns.before,
      out_h: rows.out,
      out_w: columns.out,
      ...addressUniforms("x", { ...from, offset }),
      ...addressUniforms("y", address),
      ...uniforms,
    },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  });
}

function lowerStrided(node: Lowering, x: View, axes: readonly PadAxis[], mode: string): void {
  if (axes.length > MAX_STRIDED_RANK) {
    node.fail(`pads ${axes.length} dimensions`, `at most ${MAX_STRIDED_RANK} are supported`);
  }
  const y = node.output(0, "linear");
  const { inject, bindings, uniforms } = fillParameters(node, mode, 3);
  const walked = axes.map(({ out }, axis) => ({
    extent: out,
    strides: [x.strides[axis]!, y.strides[axis]!],
  }));
  const row = (pick: (axis: PadAxis) => number, rest: number): number[] =>
    Array.from({ length: MAX_STRIDED_RANK }, (_, i) => axes[i] ? pick(axes[i]) : rest);
  const count = elementCount(y.shape);
  node.emit({
    kernel: stridedKernel,
    options: { overrides: { MODE: MODES.indexOf(mode) }, inject: { ...typesOf(x.dtype), ...inject } },
    bindings: { x, y, ...bindings },
    uniforms: {
      count,
      rank: axes.length,
      x_offset: axes.reduce((offset, { first }, axis) => offset + first * x.strides[axis]!, x.offset),
      y_offset: y.offset,
      extents: extentRow(walked),
      x_extents: row(({ kept }) => kept, 1),
      begins: row(({ before }) => before, 0),
      x_strides: strideRow(walked, 0),
      y_strides: strideRow(walked, 1),
      ...uniforms,
    },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  });
}
