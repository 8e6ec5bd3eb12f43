/**
 * Matrix products, reductions, softmax and normalisations.
 *
 * @module
 */
import { elementCount } from "../../src/tensor/host_tensor.ts";
import type { NumericDType } from "../../src/tensor/dtype.ts";
import type { AttributeSpec } from "../../tests/support/onnx_builder.ts";
import type { Draw, Operand } from "./draw.ts";
import { type Generator, generator, microsoft } from "./generator.ts";

/** Shapes of two factors: stacks that broadcast, and rows by columns. */
export function factorShapes(d: Draw): [number[], number[]] {
  const [rows, inner, columns] = [d.extent(1, 70), d.extent(1, 70), d.extent(1, 70)];
  const kind = d.pick(["plain", "plain", "stack", "row", "column"]);
  if (kind === "row") return [[inner], [inner, columns]];
  if (kind === "column") return [[rows, inner], [inner]];
  const [a, b] = kind === "stack" ? d.broadcast(2, { elements: 8 }) as [number[], number[]] : [[], []];
  return [[...a.slice(-3), rows, inner], [...b.slice(-3), inner, columns]];
}

const EQUATIONS: readonly (readonly [string, number])[] = [
  ["ij,jk->ik", 2],
  ["bij,bjk->bik", 2],
  ["bhid,bhjd->bhij", 2],
  ["bhij,bhjd->bhid", 2],
  ["...ij,...jk->...ik", 2],
  ["bchw,bkc->bkhw", 2],
  ["nctkv,kvw->nctw", 2],
  ["i,j->ij", 2],
  ["ij,ij->ij", 2],
  ["ij,ij->", 2],
  ["bi,bi->b", 2],
  ["ij->ji", 1],
  ["ij->i", 1],
  ["ijk->", 1],
  ["bij,bkj", 2],
  ["ii->i", 1],
  ["bqc,bchw->bqhw", 2],
];

function einsum(d: Draw): ReturnType<Generator["draw"]> {
  const [equation, count] = d.pick(EQUATIONS);
  const extents = new Map<string, number>();
  const stack = d.shape(0, 2, { elements: 6 });
  const operands = equation.split("->")[0]!.split(",").slice(0, count).map((letters) => {
    const shape: number[] = [];
    if (letters.startsWith("...")) shape.push(...stack);
    for (const letter of letters.replace("...", "")) {
      if (!extents.has(letter)) extents.set(letter, d.int(1, 7));
      shape.push(extents.get(letter)!);
    }
    return d.operand(d.floats(shape), 0.2);
  });
  const spaced = d.chance(0.3) ? equation.replaceAll(",", ", ").replace("->", " -> ") : equation;
  return { operands, attributes: { equation: spaced } };
}

const REDUCTIONS: Readonly<Record<string, readonly number[]>> = {
  ReduceL1: [7, 11, 13, 18],
  ReduceL2: [7, 11, 13, 18],
  ReduceLogSum: [7, 11, 13, 18],
  ReduceLogSumExp: [7, 11, 13, 18],
  ReduceMax: [7, 11, 12, 13, 18, 20],
  ReduceMean: [7, 11, 13, 18],
  ReduceMin: [7, 11, 12, 13, 18, 20],
  ReduceProd: [7, 11, 13, 18],
  ReduceSum: [7, 11, 13],
  ReduceSumSquare: [7, 11, 13, 18],
};

function reduction(op: string, opsets: readonly number[]): Generator {
  const axesAreInput = op === "ReduceSum" ? 13 : 18;
  return generator(op, opsets, (d) => {
    const shape = d.shape(d.chance(0.05) ? 0 : 1, 5, { elements: d.chance(0.03) ? 60_000 : 2000 });
    const rank = shape.length;
    const types: NumericDType[] = ["f32"];
    if (["ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceMean"].includes(op)) types.push("i32");
    if (["ReduceSum", "ReduceMax", "ReduceMin"].includes(op)) types.push("i64");
    if (["ReduceMax", "ReduceMin"].includes(op) && d.opset >= 12) types.push("i8", "u8");
    const dtype = d.chance(0.7) ? "f32" : d.pick(types);
    const x = op === "ReduceLogSum"
      ? d.between("f32", shape, 0.1, 2)
      : op === "ReduceProd"
      ? dtype === "f32"
        ? d.between("f32", shape, 0.8, 1.2)
        : d.whole(dtype, shape, 1, elementCount(shape) > 20 ? 1 : 3)
      : dtype === "f32"
      ? d.floats(shape, 1, 0.5)
      : d.whole(dtype, shape, dtype === "u8" ? 0 : -100, 100);
    const axes = rank === 0 || d.chance(0.2)
      ? undefined
      : d.axes(rank).map((axis) => d.opset < 11 && axis < 0 ? axis + rank : axis);
    const attributes: Record<string, AttributeSpec> = d.chance(0.7) ? { keepdims: d.int(0, 1) } : {};
    const relative = 2e-4;
    if (d.opset < axesAreInput) {
      return {
        operands: [d.operand(x, 0.1)],
        attributes: { ...attributes, ...(axes ? { axes } : {}) },
        relative,
      };
    }
    if (!axes && d.chance(0.5)) attributes.noop_with_empty_axes = d.int(0, 1);
    return { operands: [d.operand(x, 0.1), ...(axes ? [d.list(axes)] : [])], attributes, relative };
  });
}

function epsilon(d: Draw): Record<string, AttributeSpec> {
  return d.chance(0.5) ? { epsilon: { float: d.pick([1e-3, 1e-5, 0.01]) } } : {};
}

function softmax(op: string, opsets: readonly number[]): Generator {
  return generator(op, opsets, (d) => {
    const shape = d.shape(1, 5, { elements: d.chance(0.03) ? 60_000 : 2000 });
    return {
      operands: [d.operand(d.floats(shape, 3), 0.1)],
      attributes: d.chance(0.8)
        ? { axis: d.opset >= 11 ? d.axis(shape.length) : d.int(0, shape.length - 1) }
        : shape.length === 1 && d.opset < 13
        ? { axis: 0 }
        : {},
    };
  });
}

function rootMeanSquare(d: Draw): ReturnType<Generator["draw"]> {
  const shape = d.shape(1, 4, { extent: 2 });
  const axis = d.int(0, shape.length - 1);
  const named = axis < shape.length - 1 || d.chance(0.5);
  return {
    operands: [d.floats(shape, 1, 0.3), d.operand(d.floats(shape.slice(axis)), 0.8)],
    attributes: { ...epsilon(d), ...(named ? { axis: d.signed(axis, shape.length) } : {}) },
    relative: 3e-4,
  };
}

const positive = (d: Draw, count: number): Operand => d.operand(d.between("f32", [count], 0.5, 2), 0.85);
const perChannel = (d: Draw, count: number): Operand => d.operand(d.floats([count]), 0.85);

/** The generators of this family. */
export const matrixGenerators: readonly Generator[] = [
  generator("Gemm", [7, 9, 11, 13], (d) => {
    const [rows, inner, columns] = [d.extent(1, 70), d.extent(1, 70), d.extent(1, 70)];
    const [transA, transB] = [d.int(0, 1), d.int(0, 1)];
    const c = d.pick([[columns], [rows, columns], [1, columns], [rows, 1], [1], []]);
    const attributes: Record<string, AttributeSpec> = {};
    if (transA || d.chance(0.3)) attributes.transA = transA;
    if (transB || d.chance(0.3)) attributes.transB = transB;
    if (d.chance(0.4)) attributes.alpha = { float: Math.fround(d.uniform(-2, 2)) };
    if (d.chance(0.4)) attributes.beta = { float: Math.fround(d.uniform(-2, 2)) };
    return {
      operands: [
        d.operand(d.floats(transA ? [inner, rows] : [rows, inner]), 0.1),
        d.operand(d.floats(transB ? [columns, inner] : [inner, columns]), 0.6),
        ...(d.opset < 11 || d.chance(0.7) ? [d.operand(d.floats(c), 0.6)] : []),
      ],
      attributes,
    };
  }),
  generator("MatMul", [7, 9, 13], (d) => {
    const [a, b] = factorShapes(d);
    return { operands: [d.operand(d.floats(a), 0.2), d.operand(d.floats(b), 0.4)] };
  }),
  generator("Einsum", [12], einsum),
  ...Object.entries(REDUCTIONS).map(([op, opsets]) => reduction(op, opsets)),
  softmax("Softmax", [7, 11, 13]),
  softmax("LogSoftmax", [7, 11, 13]),
  softmax("Hardmax", [7, 11, 13]),
  generator("BatchNormalization", [7, 9, 14, 15], (d) => {
    const shape = d.chance(0.9) ? d.image(d.int(1, 3)) : [d.int(1, 4), d.extent()];
    const channels = shape[1]!;
    return {
      operands: [
        d.floats(shape),
        perChannel(d, channels),
        perChannel(d, channels),
        perChannel(d, channels),
        positive(d, channels),
      ],
      attributes: epsilon(d),
    };
  }),
  generator("InstanceNormalization", [7, 22], (d) => {
    const shape = d.image(d.int(1, 3), undefined, 2);
    return {
      operands: [d.floats(shape, 1, 0.3), perChannel(d, shape[1]!), perChannel(d, shape[1]!)],
      attributes: epsilon(d),
      relative: 3e-4,
    };
  }),
  generator("LayerNormalization", [17], (d) => {
    const shape = d.shape(1, 4, { extent: 2 });
    const axis = d.int(0, shape.length - 1);
    const rest = shape.slice(axis);
    return {
      operands: [
        d.floats(shape, 1, 0.3),
        d.operand(d.floats(rest), 0.8),
        ...(d.chance(0.7) ? [d.operand(d.floats(rest), 0.8)] : []),
      ],
      attributes: {
        ...epsilon(d),
        ...(axis === shape.length - 1 && d.chance(0.5) ? {} : { axis: d.signed(axis, shape.length) }),
      },
      relative: 3e-4,
    };
  }),
  generator("RMSNormalization", [23], rootMeanSquare),
  generator("GroupNormalization", [18, 21], (d) => {
    const groups = d.int(1, 4);
    const channels = groups * d.int(1, 6);
    const shape = d.image(d.int(1, 3), channels, 2);
    // Operator set 18 has one scale a group, later ones one a channel.
    const count = d.opset >= 21 ? channels : groups;
    return {
      operands: [d.floats(shape, 1, 0.3), perChannel(d, count), perChannel(d, count)],
      attributes: { num_groups: groups, ...epsilon(d) },
      relative: 3e-4,
    };
  }),
  { op: "SimplifiedLayerNormalization", opsets: [9], draw: rootMeanSquare },
  microsoft("SkipLayerNormalization", (d) => {
    const shape = [d.int(1, 2), d.extent(1, 9), d.extent(2, 40)];
    const last = shape.slice(-1);
    const whole = d.chance(0.7);
    return {
      operands: [
        d.floats(shape),
        d.operand(d.floats(shape), 0.1),
        { constant: d.floats(last) },
        whole || d.chance(0.5) ? { constant: d.floats(last) } : undefined,
        ...(d.chance(0.5) ? [{ constant: d.floats(last) }] : []),
      ],
      attributes: { epsilon: { float: d.pick([1e-5, 1e-3]) } },
      relative: 3e-4,
    };
  }),
  generator("LpNormalization", [7, 22], (d) => {
    const shape = d.shape(1, 4);
    return {
      operands: [d.floats(shape)],
      attributes: {
        ...(d.chance(0.6) ? { axis: d.axis(shape.length) } : {}),
        ...(d.chance(0.6) ? { p: d.int(1, 2) } : {}),
      },
    };
  }),
  generator("MeanVarianceNormalization", [9, 13], (d) => {
    const shape = d.image(2, undefined, 3);
    return {
      operands: [d.floats(shape, 1, 0.3)],
      attributes: d.chance(0.5) ? { axes: d.pick([[0, 2, 3], [2, 3], [0, 1, 2, 3], [1, 2, 3]]) } : {},
      relative: 3e-4,
    };
  }),
  generator("Det", [11, 22], (d) => {
    const size = d.int(1, 5);
    return { operands: [d.floats([...d.shape(0, 2, { elements: 6 }), size, size])] };
  }),
];
