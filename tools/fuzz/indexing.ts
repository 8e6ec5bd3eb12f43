/**
 * Operators that take, put, pick, count or order elements by index.
 *
 * @module
 */
import { elementCount, type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import type { NumericDType } from "../../src/tensor/dtype.ts";
import type { Draw } from "./draw.ts";
import { type Generator, generator } from "./generator.ts";
import { EMPTY, moved } from "./moved.ts";

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
  const part = shape.map((extent) => d.int(1, extent));
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

/** The generators of this family. */
export const indexingGenerators: readonly Generator[] = [
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
