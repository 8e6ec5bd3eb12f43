/**
 * One case: an operator with what was drawn for it, in surroundings that were drawn, too.
 *
 * @module
 */
import type { KernelTarget } from "../../src/gpu/mod.ts";
import { elementCount, type HostTensor, hostTensor, toNumbers } from "../../src/tensor/host_tensor.ts";
import { type AttributeSpec, node, type NodeSpec } from "../../tests/support/onnx_builder.ts";
import { Draw } from "./draw.ts";
import type { Drawn, Generator } from "./generator.ts";

/** The newest operator set that ONNX Runtime's CPU provider is asked for. */
export const NEWEST_OPSET = 24;

/** Cases that are drawn, sorted by operator set, and run together. */
export const WINDOW = 600;

/** A small network with what goes in, and how to tell that its results are right. */
export interface FuzzCase {
  readonly index: number;
  /** The operator, with its domain where that is not ONNX's own. */
  readonly op: string;
  readonly opset: number;
  /** All parameters. */
  readonly description: string;
  readonly nodes: readonly NodeSpec[];
  readonly inputs: Readonly<Record<string, HostTensor>>;
  readonly initializers: Readonly<Record<string, HostTensor>>;
  readonly outputs: readonly string[];
  readonly drawn: Drawn;
  /** What kernels are chosen for: the same for all cases of an operator set in a window. */
  readonly target: Partial<KernelTarget>;
}

/** A number from the parts of a case's identity, by FNV-1a. */
export function seedOf(...parts: readonly (number | string)[]): number {
  let hash = 0x811c9dc5;
  for (const character of parts.join("/")) {
    hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  }
  return hash >>> 0;
}

/** Name of a generator's operator. */
export function nameOf({ op, domain }: Pick<Generator, "op" | "domain">): string {
  return domain ? `${domain}/${op}` : op;
}

/** Draws case `index`: an operator of the list and all about it. It depends on nothing else. */
export function drawCase(seed: number, index: number, generators: readonly Generator[]): FuzzCase {
  const chosen = new Draw(seedOf(seed, "operator", index), 0).pick(generators);
  return drawCaseOf(seed, index, chosen);
}

/** Draws case `index` of one operator. */
export function drawCaseOf(seed: number, index: number, generator: Generator): FuzzCase {
  const op = nameOf(generator);
  const form = new Draw(seedOf(seed, op, index, "form"), 0);
  const at = form.int(0, generator.opsets.length - 1);
  const first = generator.opsets[at]!;
  const newest = Math.min(NEWEST_OPSET, generator.until ?? NEWEST_OPSET);
  const last = Math.max(first, Math.min(newest, (generator.opsets[at + 1] ?? newest + 1) - 1));
  const opset = generator.domain ? first : form.chance(0.5) ? first : form.int(first, last);
  const d = new Draw(seedOf(seed, op, index), opset);
  const drawn = generator.draw(d);
  const built = surround(d, generator, drawn);
  const window = Math.floor(index / WINDOW);
  const target = new Draw(seedOf(seed, "target", window, opset), 0).pick(TARGETS);
  return { index, op, opset, drawn, target, ...built };
}

const TARGETS: readonly Partial<KernelTarget>[] = [{}, {}, { software: false, subgroups: false }, {
  plain: true,
}];

type Built = Pick<FuzzCase, "nodes" | "inputs" | "initializers" | "outputs" | "description">;

/** Operators whose results are no floats though their first operand is one. */
const NOT_FLOAT = new Set([
  "ArgMax",
  "ArgMin",
  "Cast",
  "CastLike",
  "DynamicQuantizeLinear",
  "Equal",
  "Greater",
  "GreaterOrEqual",
  "IsInf",
  "IsNaN",
  "Less",
  "LessOrEqual",
  "NonMaxSuppression",
  "NonZero",
  "OneHot",
  "QLinearConcat",
  "QuantizeLinear",
  "Shape",
  "Size",
]);

/** Puts the operator into a network: behind something that lays its first operand out otherwise, before another node. */
function surround(d: Draw, generator: Generator, drawn: Drawn): Built {
  const inputs: Record<string, HostTensor> = {};
  const initializers: Record<string, HostTensor> = {};
  const nodes: NodeSpec[] = [];
  const told: string[] = [];
  const names = drawn.operands.map((operand, i) => {
    if (operand === undefined) return told.push("-"), "";
    const name = `x${i}`;
    if ("constant" in operand) {
      initializers[name] = operand.constant;
      told.push(`constant ${describe(operand.constant)}`);
      return name;
    }
    told.push(describe(operand));
    const before = i === 0 && d.chance(0.25) ? layOut(d, operand) : undefined;
    if (!before) {
      inputs[name] = operand;
      return name;
    }
    told.push(`behind ${before.node.op}`);
    Object.assign(inputs, before.inputs);
    Object.assign(initializers, before.initializers);
    nodes.push(before.node);
    return name;
  });
  const outputs = Array.from({ length: drawn.outputs ?? 1 }, (_, i) => `y${i}`);
  const attributes = drawn.attributes ?? {};
  nodes.push(
    node(generator.op, names, [...outputs], attributes, { name: "tested", domain: generator.domain ?? "" }),
  );
  const first = drawn.operands[0];
  const float = first !== undefined && ("constant" in first ? first.constant : first).dtype === "f32";
  if (!drawn.order && d.chance(0.35)) {
    const after = d.pick(float && !NOT_FLOAT.has(generator.op) ? Object.keys(AFTER) : ["Transpose"]);
    const [last] = outputs.splice(0, 1, "z");
    nodes.push(...AFTER[after]!(last!));
    if (d.chance(0.3)) outputs.push(last!);
    told.push(`before ${after}`);
  }
  return {
    nodes,
    inputs,
    initializers,
    outputs,
    description: `(${told.join(", ")}) ${attributeText(attributes)}`,
  };
}

const step = (op: string, inputs: string[], output: string): NodeSpec =>
  node(op, inputs, [output], {}, { name: `after ${output}` });

/** What may come behind a result `y` of any shape: nodes that give `z`, which fusing makes part of what is tested. */
const AFTER: Readonly<Record<string, (y: string) => NodeSpec[]>> = {
  Transpose: (y) => [step("Transpose", [y], "z")],
  Relu: (y) => [step("Relu", [y], "z")],
  Sigmoid: (y) => [step("Sigmoid", [y], "z")],
  Add: (y) => [step("Add", [y, y], "z")],
  Silu: (y) => [step("Sigmoid", [y], "gate"), step("Mul", [y, "gate"], "z")],
  residual: (y) => [step("Tanh", [y], "t"), step("Sub", [y, "t"], "s"), step("Relu", ["s"], "z")],
  turned: (y) => [step("Transpose", [y], "t"), step("Relu", ["t"], "s"), step("Transpose", ["s"], "z")],
};

interface Before {
  node: NodeSpec;
  inputs: Record<string, HostTensor>;
  initializers: Record<string, HostTensor>;
}

/** A node that gives `x0`, and what goes into it. */
function layOut(d: Draw, x: HostTensor): Before | undefined {
  const rank = x.shape.length;
  if (rank === 0 || x.data.length === 0) return undefined;
  const negatable = x.dtype === "f32" || x.dtype === "i32" || x.dtype === "i64";
  const kind = d.pick(["Transpose", "Slice", "Concat", ...(negatable ? ["Neg", "Neg"] : [])]);
  const name = { name: "before" };
  if (kind === "Neg") {
    const negative = x.dtype === "i64" ? x.data.map((value) => -value) : toNumbers(x).map((value) => -value);
    return {
      node: node("Neg", ["before"], ["x0"], {}, name),
      inputs: { before: hostTensor(x.dtype, x.shape, negative) },
      initializers: {},
    };
  }
  if (kind === "Transpose") {
    const perm = d.shuffled(x.shape.map((_, i) => i));
    const back = perm.map((_, i) => perm.indexOf(i));
    return {
      node: node("Transpose", ["before"], ["x0"], { perm }, name),
      inputs: {
        before: picked(
          x,
          back.map((axis) => x.shape[axis]!),
          (at) => perm.map((_, i) => at[back.indexOf(i)]!),
        ),
      },
      initializers: {},
    };
  }
  const axis = d.int(0, rank - 1);
  const extent = x.shape[axis]!;
  if (kind === "Slice") {
    const start = d.int(0, 5), more = d.int(0, 3);
    const wide = x.shape.map((size, i) => i === axis ? size + start + more : size);
    const before = picked(
      x,
      wide,
      (at) => at.map((value, i) => i === axis ? (value + extent * 9 - start) % extent : value),
    );
    if (d.opset < 10) {
      const attributes = { axes: [axis], starts: [start], ends: [start + extent] };
      return {
        node: node("Slice", ["before"], ["x0"], attributes, name),
        inputs: { before },
        initializers: {},
      };
    }
    const list = (value: number): HostTensor => hostTensor("i64", [1], [value]);
    return {
      node: node("Slice", ["before", "from", "to", "axes"], ["x0"], {}, name),
      inputs: { before },
      initializers: { from: list(start), to: list(start + extent), axes: list(axis) },
    };
  }
  if (extent < 2) return undefined;
  const cut = d.int(1, extent - 1);
  const part = (from: number, to: number): HostTensor =>
    picked(
      x,
      x.shape.map((size, i) => i === axis ? to - from : size),
      (at) => at.map((value, i) => i === axis ? value + from : value),
    );
  return {
    node: node("Concat", ["left", "right"], ["x0"], { axis }, name),
    inputs: { left: part(0, cut), right: part(cut, extent) },
    initializers: {},
  };
}

/** A tensor whose element at each place is that of `x` at the place that `from` tells. */
function picked(x: HostTensor, shape: number[], from: (at: number[]) => number[]): HostTensor {
  const count = elementCount(shape);
  const out = new (x.data.constructor as new (length: number) => HostTensor["data"])(count);
  const at = shape.map(() => 0);
  for (let i = 0; i < count; i++) {
    const source = from(at).reduce((index, value, axis) => index * x.shape[axis]! + value, 0);
    out[i] = x.data[source]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++at[axis]! < shape[axis]!) break;
      at[axis] = 0;
    }
  }
  return hostTensor(x.dtype, shape, out);
}

function describe(tensor: HostTensor): string {
  const values = tensor.data.length <= 8
    ? ` = ${toNumbers(tensor).map((x) => Number(x.toPrecision(5))).join(" ")}`
    : "";
  return `${tensor.dtype}[${tensor.shape.join(", ")}]${values}`;
}

function attributeText(attributes: Readonly<Record<string, AttributeSpec>>): string {
  return JSON.stringify(
    attributes,
    (_, value) =>
      typeof value === "bigint"
        ? Number(value)
        : ArrayBuffer.isView(value)
        ? Array.from(value as Uint8Array, Number).slice(0, 8)
        : value,
  );
}
