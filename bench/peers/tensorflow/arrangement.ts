/**
 * Values whose axes may lie in memory in another order than the network names them. TensorFlow.js wants images with the
 * channels last; networks name them second. A transpose of such a value only renames its axes, and most reshapes find
 * the elements in place, so that hardly any element is moved that a network made for TensorFlow.js would leave.
 *
 * @module
 */
import type { Tensor, TensorFlow } from "./api.ts";

/** A tensor, and which of the network's axes lies at each of its own. */
export interface Value {
  readonly tensor: Tensor;
  /** `order[p]` is the axis, as the network counts, that is the tensor's axis `p`. */
  readonly order: readonly number[];
}

/** Axes in the network's order. */
export function plain(rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) => axis);
}

/** Images with channels last. */
export const CHANNELS_LAST: readonly number[] = [0, 2, 3, 1];

/** The extents as the network names them. */
export function shapeOf({ tensor, order }: Value): number[] {
  const shape: number[] = new Array(order.length);
  order.forEach((axis, p) => shape[axis] = tensor.shape[p]!);
  return shape;
}

/** The same elements in another order of axes: moved only if axes of more than one element change places. */
export function arranged(tf: TensorFlow, value: Value, order: readonly number[]): Tensor {
  const { tensor, order: from } = value;
  if (from.every((axis, p) => axis === order[p])) return tensor;
  const shape = shapeOf(value);
  const long = (axes: readonly number[]): string => axes.filter((axis) => shape[axis] !== 1).join();
  if (long(from) === long(order)) return tf.reshape(tensor, order.map((axis) => shape[axis]!));
  return tf.transpose(tensor, order.map((axis) => from.indexOf(axis)));
}

/** Elements on the host, from one order of axes to another; `shape` as the network names it. */
export function rearranged(
  data: Float32Array,
  shape: readonly number[],
  from: readonly number[],
  to: readonly number[],
): Float32Array<ArrayBuffer> {
  const strides: number[] = new Array(shape.length);
  from.reduceRight((stride, axis) => {
    strides[axis] = stride;
    return stride * shape[axis]!;
  }, 1);
  const result = new Float32Array(data.length);
  const at = new Array(shape.length).fill(0);
  for (let i = 0, offset = 0; i < result.length; i++) {
    result[i] = data[offset]!;
    for (let p = to.length - 1; p >= 0; p--) {
      const axis = to[p]!;
      offset += strides[axis]!;
      if (++at[axis] < shape[axis]!) break;
      offset -= strides[axis]! * shape[axis]!;
      at[axis] = 0;
    }
  }
  return result;
}

/** The same elements by other axes: axis `i` of the result is axis `permutation[i]` of the value. Nothing is moved. */
export function renamed({ tensor, order }: Value, permutation: readonly number[]): Value {
  return { tensor: tensor.clone(), order: order.map((axis) => permutation.indexOf(axis)) };
}

/** The same elements, in the network's order, in another shape. */
export function reshaped(tf: TensorFlow, value: Value, shape: readonly number[]): Value {
  const from = shapeOf(value);
  const groups = matchingGroups(from, shape);
  const inPlace = groups && groupsInPlace(value.order, from, groups);
  if (!inPlace) {
    return { tensor: tf.reshape(arranged(tf, value, plain(from.length)), shape), order: plain(shape.length) };
  }
  const order = inPlace.flatMap(({ to }) => to);
  return { tensor: tf.reshape(value.tensor, order.map((axis) => shape[axis]!)), order };
}

interface Group {
  /** Axes of the old shape. */
  readonly from: number[];
  /** Axes of the new one, of as many elements. */
  readonly to: number[];
}

/** Cuts two shapes of as many elements into the smallest runs of axes of as many elements. */
function matchingGroups(from: readonly number[], to: readonly number[]): Group[] | undefined {
  const groups: Group[] = [];
  let i = 0, j = 0;
  while (i < from.length || j < to.length) {
    const group: Group = {
      from: i < from.length ? [i] : [],
      to: j < to.length ? [j] : [],
    };
    let a = from[i++] ?? 1, b = to[j++] ?? 1;
    while (a !== b) {
      if (a < b && i < from.length) {
        group.from.push(i);
        a *= from[i++]!;
      } else if (b < a && j < to.length) {
        group.to.push(j);
        b *= to[j++]!;
      } else return undefined;
    }
    groups.push(group);
  }
  return groups;
}

/** The groups in the order in which they lie, if the axes of each lie together and in their own order. */
function groupsInPlace(
  order: readonly number[],
  shape: readonly number[],
  groups: readonly Group[],
): Group[] | undefined {
  const groupOf = new Map(groups.flatMap((group) => group.from.map((axis) => [axis, group])));
  const found: Group[] = groups.filter(({ from }) => from.every((axis) => shape[axis] === 1));
  const seen = new Map<Group, number>();
  let last: Group | undefined;
  for (const axis of order) {
    if (shape[axis] === 1) continue;
    const group = groupOf.get(axis)!;
    if (group !== last && seen.has(group)) return undefined;
    if (axis < (seen.get(group) ?? -1)) return undefined;
    if (!seen.has(group)) found.push(group);
    seen.set(group, axis);
    last = group;
  }
  return found;
}
