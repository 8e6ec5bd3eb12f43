/**
 * Operators that move, pick, count or order elements.
 *
 * @module
 */
import { elementCount, type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import type { NumericDType } from "../../src/tensor/dtype.ts";
import type { AttributeSpec } from "../../tests/support/onnx_builder.ts";
import type { Draw, Operand } from "./draw.ts";
import { type Generator, generator } from "./generator.ts";

const EMPTY = 0.03;
const MOVED = ["f32", "i32", "i64", "u8", "i8", "bool"] as const;

/** A tensor to be moved: floats mostly. */
function moved(d: Draw, shape: readonly number[]): HostTensor {
  return d.tensor(d.chance(0.6) ? "f32" : d.pick(MOVED), shape);
}

function movedOperand(d: Draw, shape: readonly number[]): Operand {
  return d.operand(moved(d, shape), 0.1);
}

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

const VIEWS: readonly Generator[] = [
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

/** Indices into an extent; some counted from the end where the operator takes such. */
function indices(
  d: Draw,
  shape: readonly number[],
  extent: number,
  negative = true,
  dtype?: NumericDType,
): HostTensor {
  return d.whole(dtype ?? d.pick(["i32", "i64"]), shape, negative && d.chance(0.5) ? -extent : 0, extent - 1);
}

/** Tuples of indices into the first axes of a shape, none twice. */
function tuples(d: Draw, shape: readonly number[], depth: number, most: number): number[][] {
  const seen = new Map<string, number[]>();
  for (let i = 0; i < most; i++) {
    const tuple = shape.slice(0, depth).map((extent) => d.int(0, extent - 1));
    seen.set(tuple.join(), tuple);
  }
  return [...seen.values()];
}

/** ScatterElements and its old name. Without a reduction no place is written twice: whose value stays would be open. */
function scatterElements(d: Draw, reductions: readonly string[]): ReturnType<Generator["draw"]> {
  const shape = d.shape(1, 4, { elements: 600 });
  const axis = d.int(0, shape.length - 1);
  const reduction = d.pick(["none", ...reductions]);
  const dtype = reduction === "none" && d.chance(0.3)
    ? d.pick(["i32", "i64", "u8"] as const)
    : d.chance(0.3)
    ? "i32"
    : "f32";
  const part = shape.map((extent, i) => i === axis ? d.int(1, extent) : d.int(1, extent));
  const inner = part.slice(axis + 1).reduce((a, b) => a * b, 1);
  const along = part[axis]!;
  const values: number[] = new Array(elementCount(part));
  const columns = new Map<number, number[]>();
  for (let i = 0; i < values.length; i++) {
    const column = Math.floor(i / (inner * along)) * inner + i % inner;
    let order = columns.get(column);
    if (!order) columns.set(column, order = d.shuffled(Array.from({ length: shape[axis]! }, (_, k) => k)));
    const at = reduction === "none" ? order[Math.floor(i / inner) % along]! : d.int(0, shape[axis]! - 1);
    values[i] = d.opset >= 11 ? d.signed(at, shape[axis]!) : at;
  }
  const whole = (of: readonly number[]): HostTensor =>
    dtype === "f32" ? d.floats(of) : d.whole(dtype, of, dtype === "u8" ? 0 : -9, 9);
  return {
    operands: [
      d.operand(whole(shape), 0.2),
      d.operand(hostTensor(d.pick(["i32", "i64"]), part, values), 0.4),
      d.operand(whole(part), 0.2),
    ],
    attributes: {
      ...(axis === 0 && d.chance(0.5) ? {} : { axis: d.opset >= 11 ? d.signed(axis, shape.length) : axis }),
      ...(reduction === "none" ? {} : { reduction }),
    },
  };
}

const reductionsOf = (d: Draw): string[] =>
  d.opset >= 18 ? ["add", "mul", "max", "min"] : d.opset >= 16 ? ["add", "mul"] : [];

const INDEXED: readonly Generator[] = [
  generator("Gather", [7, 11, 13], (d) => {
    const shape = d.shape(1, 4);
    const axis = d.int(0, shape.length - 1);
    const at = d.shape(0, 3, { elements: 12, empty: EMPTY });
    return {
      operands: [
        d.operand(moved(d, shape), 0.25),
        d.operand(indices(d, at, shape[axis]!, d.opset >= 11), 0.4),
      ],
      attributes: axis === 0 && d.chance(0.5) ? {} : { axis: d.signed(axis, shape.length) },
    };
  }),
  generator("GatherElements", [11, 13], (d) => {
    const shape = d.shape(1, 4);
    const axis = d.int(0, shape.length - 1);
    const part = shape.map((extent, i) => i === axis ? d.int(1, 9) : d.int(1, extent));
    return {
      operands: [d.operand(moved(d, shape), 0.25), d.operand(indices(d, part, shape[axis]!), 0.4)],
      attributes: axis === 0 && d.chance(0.5) ? {} : { axis: d.signed(axis, shape.length) },
    };
  }),
  generator("GatherND", [11, 12, 13], (d) => {
    const shape = d.shape(1, 5);
    const batch = d.opset >= 12 && shape.length > 1 && d.chance(0.4) ? d.int(1, shape.length - 1) : 0;
    const depth = d.int(1, shape.length - batch);
    const outer = [
      ...shape.slice(0, batch),
      ...Array.from({ length: d.int(batch > 0 ? 0 : 1, 2) }, () => d.int(1, 4)),
    ];
    const values: number[] = [];
    for (let i = 0; i < elementCount(outer); i++) {
      for (let k = 0; k < depth; k++) {
        const extent = shape[batch + k]!;
        values.push(d.signed(d.int(0, extent - 1), extent));
      }
    }
    return {
      operands: [
        d.operand(moved(d, shape), 0.25),
        d.operand(hostTensor("i64", [...outer, depth], values), 0.4),
      ],
      attributes: batch > 0 ? { batch_dims: batch } : {},
    };
  }),
  { op: "Scatter", opsets: [9], until: 10, draw: (d) => scatterElements(d, []) },
  generator("ScatterElements", [11, 13, 16, 18], (d) => scatterElements(d, reductionsOf(d))),
  generator("ScatterND", [11, 13, 16, 18], (d) => {
    const shape = d.shape(1, 4, { elements: 600 });
    const depth = d.int(1, shape.length);
    const at = tuples(d, shape, depth, d.int(1, 8));
    const reduction = d.pick(["none", ...reductionsOf(d)]);
    if (reduction !== "none" && d.chance(0.5)) at.push(...at.slice(0, 2));
    const updates = [at.length, ...shape.slice(depth)];
    const dtype = d.chance(0.7) ? "f32" : d.pick(["i32", "i64"] as const);
    const whole = (of: readonly number[]): HostTensor =>
      dtype === "f32" ? d.floats(of) : d.whole(dtype, of, -9, 9);
    return {
      operands: [
        d.operand(whole(shape), 0.2),
        d.operand(
          hostTensor(
            "i64",
            [at.length, depth],
            at.flatMap((tuple) => tuple.map((x, k) => d.signed(x, shape[k]!))),
          ),
          0.5,
        ),
        d.operand(whole(updates), 0.2),
      ],
      attributes: reduction === "none" ? {} : { reduction },
    };
  }),
  generator("OneHot", [9, 11], (d) => {
    const depth = d.int(1, 9);
    const at = d.shape(1, 3, { elements: 60 });
    const dtype = d.pick(["f32", "i64"] as const);
    return {
      operands: [
        d.operand(d.whole("i64", at, d.opset >= 11 && d.chance(0.5) ? -depth : 0, depth), 0.3),
        d.chance(0.5) ? d.scalar("i64", depth) : d.list([depth]),
        d.operand(d.whole(dtype, [2], -3, 3), 0.8),
      ],
      attributes: d.chance(0.6) ? { axis: d.axis(at.length + 1) } : {},
    };
  }),
  generator("NonZero", [9, 13], (d) => {
    const dtype = d.pick(["f32", "bool", "i32", "i64", "u8"] as const);
    return { operands: [d.operand(d.whole(dtype, d.shape(1, 4, { elements: 400 }), 0, 1), 0.3)] };
  }),
  generator("Compress", [9, 11], (d) => {
    const shape = d.shape(1, 4);
    const axis = d.chance(0.6) ? d.int(0, shape.length - 1) : undefined;
    const count = axis === undefined ? elementCount(shape) : shape[axis]!;
    return {
      operands: [moved(d, shape), { constant: d.tensor("bool", [d.int(1, count)]) }],
      attributes: axis === undefined ? {} : { axis: d.opset >= 11 ? d.signed(axis, shape.length) : axis },
    };
  }),
  generator("ReverseSequence", [10], (d) => {
    const [time, batch] = [d.int(1, 9), d.int(1, 5)];
    const first = d.chance(0.5);
    const shape = [...(first ? [time, batch] : [batch, time]), ...d.shape(0, 2, { elements: 12 })];
    return {
      operands: [moved(d, shape), d.operand(d.whole("i64", [batch], 1, time))],
      attributes: first ? {} : { time_axis: 1, batch_axis: 0 },
    };
  }),
  generator("CumSum", [11, 14], (d) => {
    const shape = d.shape(1, 4);
    const dtype = d.chance(0.7) ? "f32" : d.pick(["i32", "i64"] as const);
    return {
      operands: [
        d.operand(dtype === "f32" ? d.floats(shape) : d.whole(dtype, shape, -99, 99), 0.2),
        d.scalar(d.pick(["i32", "i64"]), d.axis(shape.length)),
      ],
      attributes: {
        ...(d.chance(0.5) ? { exclusive: d.int(0, 1) } : {}),
        ...(d.chance(0.5) ? { reverse: d.int(0, 1) } : {}),
      },
    };
  }),
  generator("TopK", [7, 10, 11, 24], (d) => {
    const shape = d.shape(1, 4);
    const axis = d.int(0, shape.length - 1);
    const k = d.int(1, shape[axis]!);
    const dtype = d.opset >= 11 && d.chance(0.3) ? d.pick(["i32", "i64"] as const) : "f32";
    // Equal values among few whole ones: the lower index comes first.
    const x = dtype === "f32" && d.chance(0.7) ? d.floats(shape) : d.whole(dtype, shape, -20, 20);
    const named = axis === shape.length - 1 && d.chance(0.5)
      ? {}
      : { axis: d.opset >= 11 ? d.signed(axis, shape.length) : axis };
    if (d.opset < 10) return { operands: [x], attributes: { ...named, k }, outputs: 2 };
    return {
      operands: [d.operand(x, 0.2), d.list([k])],
      attributes: { ...named, ...(d.opset >= 11 && d.chance(0.5) ? { largest: d.int(0, 1) } : {}) },
      outputs: 2,
    };
  }),
  ...["ArgMax", "ArgMin"].map((op) =>
    generator(op, [7, 11, 12, 13], (d) => {
      const shape = d.shape(1, 5);
      const dtype = d.opset >= 12 && d.chance(0.3) ? d.pick(["i32", "u8", "i8"] as const) : "f32";
      const x = d.chance(0.5) ? d.tensor(dtype, shape) : d.whole(dtype, shape, 0, 5);
      const axis = d.int(0, shape.length - 1);
      return {
        operands: [d.operand(x, 0.2)],
        attributes: {
          ...(axis === 0 && d.chance(0.5)
            ? {}
            : { axis: d.opset >= 11 ? d.signed(axis, shape.length) : axis }),
          ...(d.chance(0.6) ? { keepdims: d.int(0, 1) } : {}),
          ...(d.opset >= 12 && d.chance(0.5) ? { select_last_index: d.int(0, 1) } : {}),
        },
      };
    })
  ),
  generator("Unique", [11], (d) => {
    const shape = d.shape(1, 3, { elements: 60 });
    return {
      operands: [{ constant: d.whole("f32", shape, 0, 4) }],
      attributes: { sorted: 1 },
      outputs: 4,
    };
  }),
  generator("NonMaxSuppression", [10, 11], (d) => {
    const [batch, classes, count] = [d.int(1, 2), d.int(1, 3), d.int(1, 40)];
    const center = d.int(0, 1);
    const boxes: number[] = [];
    for (let i = 0; i < batch * count; i++) {
      const [x, y, w, h] = [
        d.uniform(0, 1),
        d.uniform(0, 1),
        d.uniform(0.1, 0.6),
        d.uniform(0.1, 0.6),
      ] as const;
      // Corners come in either order.
      if (center === 1) boxes.push(x, y, w, h);
      else boxes.push(...(d.chance(0.8) ? [y, x, y + h, x + w] : [y + h, x + w, y, x]));
    }
    const most = d.int(0, 8);
    return {
      operands: [
        d.operand(hostTensor("f32", [batch, count, 4], boxes), 0.1),
        d.operand(d.between("f32", [batch, classes, count], 0, 1), 0.1),
        ...(d.chance(0.85)
          ? [
            d.list([most]),
            ...(d.chance(0.85)
              ? [d.list1(d.uniform(0, 0.9)), ...(d.chance(0.7) ? [d.list1(d.uniform(0, 0.8))] : [])]
              : []),
          ]
          : []),
      ],
      attributes: center === 1 ? { center_point_box: 1 } : {},
    };
  }),
];

/** The generators of this family. */
export const shapeGenerators: readonly Generator[] = [...VIEWS, ...INDEXED];
