/**
 * What a dispatch of a plan computes, in words and numbers that people compare: its kind, its shape, the bytes that it moves.
 *
 * @module
 */
import { attr } from "../ops/attribute.ts";
import { epilogueSteps } from "../ops/epilogue.ts";
import type { View } from "../tensor/view.ts";
import type { PlanStep } from "./plan.ts";

/** What dispatches are compared within: those of one kind could run at one rate. */
export type StepKind = "1x1" | "convolution" | "depthwise" | "product" | "other arithmetic" | "data movement";

/** The operators that a dispatch is for: the node's, and those that were fused behind it. */
export function operatorsOf({ node }: PlanStep): string[] {
  const own = node.domain === "" ? node.op : `${node.domain}.${node.op}`;
  return [own, ...epilogueSteps(node).map(({ op }) => op)];
}

/** The kind of a dispatch. */
export function kindOf(step: PlanStep): StepKind {
  if (!step.multiplyAdds) return "data movement";
  const conv = convolutionOf(step);
  if (conv) return conv.depthwise ? "depthwise" : conv.kernel === "1x1" ? "1x1" : "convolution";
  // Part of one: the products of a transformed convolution, or some of the input channels.
  if (step.node.op.includes("Conv")) return "convolution";
  return productOf(step) ? "product" : "other arithmetic";
}

/**
 * The shape of a dispatch: `3x3/2 16>32 at 104x104` for a convolution (window, stride, channels, output), `196 x 768 x 64`
 * for a matrix product (rows, depth, columns), else `1x64x56x56 > 1x64x28x28`, what it reads most of and what it writes.
 *
 * @param written the names of the bindings that the kernel writes.
 */
export function shapeOf(step: PlanStep, written: readonly string[]): string {
  const conv = convolutionOf(step);
  if (conv && step.multiplyAdds) {
    const { kernel, stride, dilation, inC, outC, groups, depthwise, out } = conv;
    const window = `${kernel}${stride === "" ? "" : `/${stride}`}${
      dilation === "" ? "" : ` dilated ${dilation}`
    }`;
    const channels = depthwise
      ? `depthwise ${outC}`
      : `${inC}>${outC}${groups > 1 ? ` in ${groups} groups` : ""}`;
    return `${window} ${channels} at ${out}`;
  }
  const product = productOf(step);
  if (product) return product;
  const views = viewsOf(step);
  const largest = (list: readonly (readonly [string, View])[]): string | undefined =>
    list.toSorted(([, a], [, b]) => elementsOf(b) - elementsOf(a))[0]?.[1].shape.join("x");
  const to = largest(views.filter(([name]) => written.includes(name)));
  const from = largest(views.filter(([name]) => !written.includes(name)));
  return [from, to].filter((text) => text !== undefined).map((text) => text || "scalar").join(" > ");
}

/**
 * Bytes that a dispatch moves at the least: each tensor that it binds, read or written once. Halos, tiles that are loaded
 * again, and copies into textures are not in it.
 *
 * @param weightBytes the bytes of a constant.
 */
export function bytesMoved(step: PlanStep, weightBytes: (key: string) => number): number {
  const counted = new Map<string, number>();
  for (const [name, target] of Object.entries(step.bindings)) {
    if ("weight" in target) counted.set(`weight ${target.weight}`, weightBytes(target.weight));
    else {
      const { storage, offset, shape, strides } = target;
      const bytes = elementsOf(target) * (step.options?.half?.includes(name) ? 2 : 4);
      counted.set(JSON.stringify([storage, offset, shape, strides]), bytes);
    }
  }
  return [...counted.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** Elements in memory: what is repeated by a stride of 0 is there once. */
function elementsOf({ shape, strides }: View): number {
  return shape.reduce((product, extent, axis) => strides[axis] === 0 ? product : product * extent, 1);
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

function viewsOf(step: PlanStep): [string, View][] {
  return Object.entries(step.bindings).filter((entry): entry is [string, View] => "storage" in entry[1]);
}

interface DescribedConvolution {
  kernel: string;
  /** "" for 1. */
  stride: string;
  dilation: string;
  inC: number;
  outC: number;
  groups: number;
  depthwise: boolean;
  out: string;
}

/** The convolution that a dispatch is, if it is one of images, with its sizes. */
function convolutionOf(step: PlanStep): DescribedConvolution | undefined {
  const { node, bindings, options } = step;
  if (!node.op.includes("Conv")) return undefined;
  const [x, y] = [bindings.x, bindings.y];
  if (!x || !y || !("storage" in x) || !("storage" in y) || x.shape.length < 3 || y.shape.length < 3) {
    return undefined;
  }
  const { KH, KW } = options?.overrides ?? {};
  const given = attr.has(node, "kernel_shape")
    ? attr.ints(node, "kernel_shape")
    : KH !== undefined && KW !== undefined
    ? [Number(KH), Number(KW)]
    : undefined;
  const inC = x.shape[1]!;
  const outC = y.shape[1]!;
  const groups = attr.int(node, "group", 1);
  if (given) {
    // A dispatch that computes part of a convolution does not do all of its multiply-adds.
    const taps = count(given);
    const whole = [count(y.shape) * inC / groups * taps, count(x.shape) * outC / groups * taps];
    if (!whole.includes(step.multiplyAdds ?? 0)) return undefined;
  }
  const depthwise = groups > 1 && groups === inC && groups === outC;
  const repeated = (name: string): string => {
    const list = attr.ints(node, name, []);
    if (list.every((one) => one === 1)) return "";
    return list.every((one) => one === list[0]) ? `${list[0]}` : list.join("x");
  };
  return {
    kernel: given?.join("x") ?? "?",
    stride: repeated("strides"),
    dilation: repeated("dilations"),
    inC,
    outC,
    groups,
    depthwise,
    out: y.shape.slice(2).join("x"),
  };
}

/** `rows x depth x columns` of a matrix product. */
function productOf({ uniforms, multiplyAdds }: PlanStep): string | undefined {
  const { rows, depth, columns, batches } = uniforms;
  if (!multiplyAdds || rows === undefined || depth === undefined || columns === undefined) return undefined;
  const times = typeof batches === "number" && batches > 1 ? `${batches} of ` : "";
  return `${times}${rows} x ${depth} x ${columns}`;
}
