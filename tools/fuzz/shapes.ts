/**
 * Operators that move elements whole: views, copies, and those made of shapes.
 *
 * @module
 */
import { elementCount } from "../../src/tensor/host_tensor.ts";
import type { AttributeSpec } from "../../tests/support/onnx_builder.ts";
import type { Draw, Operand } from "./draw.ts";
import { type Generator, generator } from "./generator.ts";
import { EMPTY, MOVED, moved, movedOperand } from "./moved.ts";

/** Splits an extent into whole parts at random. */
function factors(d: Draw, count: number): number[] {
  const out: number[] = [];
  let rest = count;
  while (rest > 1) {
    const divisors = Array.from({ length: Math.min(rest, 64) }, (_, i) => i + 1).filter((x) =>
      x > 1 && rest % x === 0
    );
    const factor = divisors.length === 0 || d.chance(0.25) ? rest : d.pick(divisors);
    out.push(factor);
    rest /= factor;
  }
  while (out.length < 5 && d.chance(0.2)) out.splice(d.int(0, out.length), 0, 1);
  return out.slice(0, 8);
}

/** Gives a list as attribute before `since`, and as input from then on. */
function listForm(
  d: Draw,
  since: number,
  name: string,
  values: readonly number[],
): { operands: Operand[]; attributes: Record<string, AttributeSpec> } {
  return d.opset < since
    ? { operands: [], attributes: { [name]: { ints: values } } }
    : { operands: [d.list(values)], attributes: {} };
}

/** The generators of this family. */
export const shapeGenerators: readonly Generator[] = [
  generator("Reshape", [7, 13, 14, 19, 21, 23, 24], (d) => {
    const shape = d.shape(0, 6, { empty: EMPTY });
    const count = elementCount(shape);
    const target = count === 0 ? [0, d.int(1, 3)] : factors(d, count);
    const allowzero = d.opset >= 14 && (count === 0 || d.chance(0.1));
    if (count > 0) {
      // A zero keeps the extent at its place, and one extent may be left to be worked out.
      target.forEach((extent, i) => {
        if (!allowzero && i < shape.length && extent === shape[i] && d.chance(0.5)) target[i] = 0;
      });
      if (target.length > 0 && d.chance(0.5)) target[d.int(0, target.length - 1)] = -1;
    } else if (!allowzero) target.splice(0, 2, ...shape);
    return {
      operands: [movedOperand(d, shape), d.list(target)],
      attributes: allowzero ? { allowzero: 1 } : {},
    };
  }),
  generator("Flatten", [7, 9, 11, 13, 21, 23, 24], (d) => {
    const shape = d.shape(1, 6, { empty: EMPTY });
    const axis = d.opset >= 11 ? d.int(-shape.length, shape.length) : d.int(0, shape.length);
    return {
      operands: [d.opset >= 9 ? movedOperand(d, shape) : d.floats(shape)],
      attributes: d.chance(0.8) ? { axis } : {},
    };
  }),
  generator("Squeeze", [7, 11, 13, 21, 23, 24], (d) => {
    const shape = d.shape(0, 5, { empty: EMPTY });
    const ones = d.int(shape.length === 0 ? 0 : 1, 3);
    for (let i = 0; i < ones; i++) shape.splice(d.int(0, shape.length), 0, 1);
    const at = shape.map((extent, i) => extent === 1 ? i : -1).filter((i) => i >= 0);
    const axes = d.shuffled(at).slice(0, d.int(1, Math.max(1, at.length)));
    const x = movedOperand(d, shape);
    if (axes.length === 0 || d.chance(0.25)) return { operands: [x] };
    const form = listForm(
      d,
      13,
      "axes",
      d.opset < 11 ? axes : axes.map((axis) => d.signed(axis, shape.length)),
    );
    return { operands: [x, ...form.operands], attributes: form.attributes };
  }),
  generator("Unsqueeze", [7, 11, 13, 21, 23, 24], (d) => {
    const shape = d.shape(0, 4, { empty: EMPTY });
    const rank = shape.length + d.int(1, 3);
    const axes = d.shuffled(Array.from({ length: rank }, (_, i) => i)).slice(0, rank - shape.length);
    const form = listForm(d, 13, "axes", d.opset < 11 ? axes : axes.map((axis) => d.signed(axis, rank)));
    return { operands: [movedOperand(d, shape), ...form.operands], attributes: form.attributes };
  }),
  generator("Transpose", [7, 13, 21, 23, 24], (d) => {
    const shape = d.shape(0, 7, { empty: EMPTY, elements: d.chance(0.03) ? 150_000 : 2000 });
    return {
      operands: [movedOperand(d, shape)],
      attributes: d.chance(0.8) && shape.length > 0 ? { perm: d.shuffled(shape.map((_, i) => i)) } : {},
    };
  }),
  generator("Slice", [7, 10, 11, 13], (d) => {
    const shape = d.shape(1, 5, { empty: EMPTY });
    const axes = d.shuffled(shape.map((_, i) => i)).slice(0, d.int(1, shape.length)).sort((a, b) => a - b);
    const steps = axes.map(() => d.opset < 10 || d.chance(0.5) ? 1 : d.pick([2, 3, -1, -2, 5]));
    const bounds = axes.map((axis, i) => {
      const extent = shape[axis]!;
      const low = d.int(-2, extent), high = d.int(low, extent + 3);
      const open = d.chance(0.15);
      const minusAll = -(2 ** 31 - 1);
      if (steps[i]! > 0) {
        return [
          Math.max(low, 0),
          open ? 2 ** 31 - 1 : d.chance(0.3) && high < extent ? high - extent : Math.max(high, 0),
        ];
      }
      return [high, open ? minusAll : low < 0 ? minusAll : low];
    });
    const starts = bounds.map(([start]) => start!), ends = bounds.map(([, end]) => end!);
    const all = axes.length === shape.length;
    if (d.opset < 10) {
      const attributes = {
        starts: { ints: starts },
        ends: { ints: ends },
        ...(all && d.chance(0.5) ? {} : { axes }),
      };
      return { operands: [movedOperand(d, shape)], attributes };
    }
    const dtype = d.pick(["i32", "i64"] as const);
    const signed = d.opset < 11 ? axes : axes.map((axis) => d.signed(axis, shape.length));
    const plain = steps.every((step) => step === 1);
    const computed = d.chance(0.2) ? 0.9 : 0;
    return {
      operands: [
        movedOperand(d, shape),
        d.list(starts, dtype, computed),
        d.list(ends, dtype, computed),
        all && d.chance(0.4) ? undefined : d.list(signed, dtype, computed),
        ...(plain && d.chance(0.5) ? [] : [d.list(steps, dtype, computed)]),
      ],
    };
  }),
  generator("Split", [7, 11, 13, 18], (d) => {
    const shape = d.shape(1, 5);
    const axis = d.int(0, shape.length - 1);
    const outputs = d.int(1, Math.min(4, shape[axis]!));
    const at = d.opset >= 11 ? d.signed(axis, shape.length) : axis;
    const named = axis === 0 && d.chance(0.5) ? {} : { axis: at };
    if (d.chance(0.4)) {
      shape[axis] = outputs * d.int(1, 4);
      const attributes = d.opset >= 18 ? { ...named, num_outputs: outputs } : named;
      return { operands: [movedOperand(d, shape)], attributes, outputs };
    }
    if (d.opset >= 18 && d.chance(0.4)) {
      // The last part is smaller, where the extent is no multiple.
      shape[axis] = Math.ceil(shape[axis]! / outputs) * (outputs - 1) + 1;
      return { operands: [movedOperand(d, shape)], attributes: { ...named, num_outputs: outputs }, outputs };
    }
    const parts = Array.from({ length: outputs }, () => d.int(1, 5));
    shape[axis] = parts.reduce((a, b) => a + b, 0);
    const form = listForm(d, 13, "split", parts);
    return {
      operands: [movedOperand(d, shape), ...form.operands],
      attributes: { ...named, ...form.attributes },
      outputs,
    };
  }),
  generator("Concat", [7, 11, 13], (d) => {
    const shape = d.shape(1, 5, { empty: EMPTY });
    const axis = d.int(0, shape.length - 1);
    const dtype = d.chance(0.6) ? "f32" : d.pick(MOVED);
    const parts = Array.from(
      { length: d.chance(0.9) ? d.int(1, 4) : 12 },
      () => shape.map((extent, i) => i === axis ? d.chance(0.05) ? 0 : d.int(1, 9) : extent),
    );
    return {
      operands: parts.map((part) => d.operand(d.tensor(dtype, part), 0.2)),
      attributes: { axis: d.opset >= 11 ? d.signed(axis, shape.length) : axis },
    };
  }),
  generator("Expand", [8, 13], (d) => {
    const [from, to] = d.broadcast(2, { empty: EMPTY, elements: 1500 }) as [number[], number[]];
    return { operands: [movedOperand(d, from), d.list(to)] };
  }),
  generator("Tile", [7, 13], (d) => {
    const shape = d.shape(0, 4, { elements: 200, empty: EMPTY });
    return {
      operands: [movedOperand(d, shape), d.list(shape.map(() => d.chance(0.05) ? 0 : d.int(1, 3)))],
    };
  }),
  generator("DepthToSpace", [7, 11, 13], (d) => {
    const block = d.int(1, 4);
    const shape = d.image(2, d.int(1, 4) * block * block);
    const mode = d.opset >= 11 && d.chance(0.7) ? { mode: d.pick(["DCR", "CRD"]) } : {};
    return { operands: [d.floats(shape)], attributes: { blocksize: block, ...mode } };
  }),
  generator("SpaceToDepth", [7, 13], (d) => {
    const block = d.int(1, 4);
    const shape = [d.int(1, 2), d.int(1, 9), block * d.int(1, 5), block * d.int(1, 5)];
    return { operands: [d.floats(shape)], attributes: { blocksize: block } };
  }),
  generator("Trilu", [14], (d) => {
    const shape = d.shape(2, 4, { empty: EMPTY });
    const k = d.chance(0.6) ? [d.scalar("i64", d.int(-5, 5))] : [];
    return {
      operands: [d.tensor(d.pick(["f32", "f32", "i64", "bool"]), shape), ...k],
      attributes: d.chance(0.7) ? { upper: d.int(0, 1) } : {},
    };
  }),
  generator("CenterCropPad", [18], (d) => {
    const shape = d.shape(1, 4);
    const axes = d.chance(0.4)
      ? undefined
      : d.shuffled(shape.map((_, i) => i)).slice(0, d.int(1, shape.length));
    const sizes = (axes ?? shape).map(() => d.int(1, 9));
    return {
      operands: [moved(d, shape), d.list(sizes)],
      attributes: axes ? { axes: axes.map((axis) => d.signed(axis, shape.length)) } : {},
    };
  }),
  generator("Pad", [7, 11, 13, 18, 19, 21, 23, 24], (d) => {
    const modes = ["constant", "constant", "reflect", "edge", ...(d.opset >= 19 ? ["wrap"] : [])];
    const mode = d.pick(modes);
    const shape = d.shape(1, 4, { extent: mode === "constant" ? 1 : 3, elements: 800 });
    const rank = shape.length;
    const axes = d.opset >= 18 && d.chance(0.5)
      ? d.shuffled(shape.map((_, i) => i)).slice(0, d.int(1, rank))
      : shape.map((_, i) => i);
    const pad = (axis: number): number =>
      d.chance(0.4)
        ? 0
        : mode !== "constant"
        ? d.int(0, shape[axis]! - 1)
        : d.chance(0.15)
        ? -d.int(0, (shape[axis]! - 1) >> 1)
        : d.int(0, 4);
    const pads = [...axes.map(pad), ...axes.map(pad)];
    const listed = axes.some((axis, i) => axis !== i) || axes.length < rank;
    const named = mode === "constant" && d.chance(0.5) ? {} : { mode };
    if (d.opset < 11) {
      const value = d.chance(0.5) ? { value: { float: Math.fround(d.normal()) } } : {};
      return { operands: [d.floats(shape)], attributes: { ...named, ...value, pads: { ints: pads } } };
    }
    const dtype = d.chance(0.7) ? "f32" : d.pick(["i32", "i64", "u8", "i8"] as const);
    const value = d.chance(0.5) ? d.operand(d.whole(dtype, [], 0, 9), 0.9) : undefined;
    return {
      operands: [
        d.tensor(dtype, shape),
        d.list(pads),
        ...(listed || value || d.chance(0.2) ? [value] : []),
        ...(listed ? [d.list(axes.map((axis) => d.signed(axis, rank)))] : []),
      ],
      attributes: named,
    };
  }),
  generator("Shape", [7, 13, 15, 19, 21, 23, 24], (d) => {
    const shape = d.shape(0, 6, { empty: 0.1 });
    const bound = (): number => d.int(-shape.length - 1, shape.length + 1);
    return {
      operands: [moved(d, shape)],
      attributes: d.opset < 15 ? {} : {
        ...(d.chance(0.5) ? { start: bound() } : {}),
        ...(d.chance(0.5) ? { end: bound() } : {}),
      },
    };
  }),
  generator(
    "Size",
    [7, 13, 19, 21, 23, 24],
    (d) => ({ operands: [moved(d, d.shape(0, 6, { empty: 0.1 }))] }),
  ),
  generator("ConstantOfShape", [9, 20, 21, 23, 24], (d) => ({
    operands: [d.list(d.shape(0, 5, { empty: EMPTY }))],
    attributes: d.chance(0.7) ? { value: d.tensor(d.pick(MOVED), [1]) } : {},
  })),
  generator("Range", [11], (d) => {
    const dtype = d.pick(["i32", "i64", "f32"] as const);
    const step = d.pick([1, 2, 3, -1, -2]);
    const start = d.int(-9, 9);
    const limit = start + step * d.int(-1, 30) + d.int(-1, 1);
    return { operands: [start, limit, step].map((value) => d.scalar(dtype, value)) };
  }),
  generator("EyeLike", [9, 22], (d) => ({
    operands: [d.tensor("f32", [d.int(1, 9), d.int(1, 9)])],
    attributes: d.chance(0.5) ? { k: d.int(-4, 4) } : {},
  })),
];
