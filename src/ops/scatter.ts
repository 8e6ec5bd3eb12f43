/**
 * Scatter, ScatterElements and ScatterND. Where several updates go to one place, they take effect in their order: the last
 * one replaces the others, and those of a reduction are combined one after the other.
 * {@link https://onnx.ai/onnx/operators/onnx__ScatterElements.html}
 *
 * @module
 */
import APPLY from "../../shaders/scatter/apply.wgsl" with { type: "text" };
import ELEMENT_TARGETS from "../../shaders/scatter/element_targets.wgsl" with { type: "text" };
import MARK from "../../shaders/scatter/mark.wgsl" with { type: "text" };
import SELECT from "../../shaders/scatter/select.wgsl" with { type: "text" };
import TUPLE_TARGETS from "../../shaders/scatter/tuple_targets.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { type DType, gpuScalar } from "../tensor/dtype.ts";
import { elementCount, type HostTensor, hostTensor, toNumbers } from "../tensor/host_tensor.ts";
import { denseStrides, type View } from "../tensor/view.ts";
import { attr } from "./attribute.ts";
import { copyDispatch } from "./copy.ts";
import { fillDispatch } from "./fill.ts";
import {
  checkedIndices,
  requireIndices,
  type TupleAddress,
  tupleAddress,
  tuplePositions,
  tupleRows,
} from "./gather.ts";
import type { Lowering, NodeContext, Operator, PlannedDispatch, WeightRef } from "./operator.ts";
import { extentRow, MAX_ITERATIONS, MAX_STRIDED_RANK, mergeAxes, strideRow } from "./strided.ts";
import { ANY_TYPE, typesOf, wrapTo } from "./types.ts";

const elementTargets: KernelSource = { name: "scatter/element_targets", wgsl: ELEMENT_TARGETS };
const tupleTargets: KernelSource = { name: "scatter/tuple_targets", wgsl: TUPLE_TARGETS };
const mark: KernelSource = { name: "scatter/mark", wgsl: MARK };
const select: KernelSource = { name: "scatter/select", wgsl: SELECT };
const apply: KernelSource = { name: "scatter/apply", wgsl: APPLY };

/** Two values brought together, on the host (numbers or big integers, both of one type) and on the GPU. */
interface Combination {
  host(a: number, b: number): number;
  wgsl: string;
}

const COMBINATIONS: Readonly<Record<string, Combination>> = {
  add: { host: (a, b) => a + b, wgsl: "a + b" },
  mul: { host: (a, b) => a * b, wgsl: "a * b" },
  max: { host: (a, b) => a > b ? a : b, wgsl: "max(a, b)" },
  min: { host: (a, b) => a < b ? a : b, wgsl: "min(a, b)" },
};

/** How a node combines updates with the data; `undefined` if they replace it. */
function combinationOf(node: NodeContext): Combination | undefined {
  const reduction = attr.string(node.node, "reduction", "none");
  if (reduction === "none") return undefined;
  const combination = COMBINATIONS[reduction];
  if (!combination) {
    node.fail(`reduction "${reduction}" is unknown`, `use none, ${Object.keys(COMBINATIONS).join(", ")}`);
  }
  if (node.type(0).dtype === "bool") {
    node.fail(`reduction "${reduction}" of booleans is not supported`, "cast them to int32 before");
  }
  return combination;
}

/** Where updates go. */
interface Scattering {
  /** Elements of a target: the place that one index or tuple names. */
  slice: number;
  /** The updates as [outer, steps, inner], of which those of different lines never meet. */
  outer: number;
  steps: number;
  inner: number;
  /** The target of each index or tuple, as a number of slices. @throws {GraphError} if one is outside. */
  targets(indices: readonly number[]): number[];
  /** The same on the GPU. */
  emitTargets(node: Lowering, indices: View): View;
}

type ScatterRule = (node: NodeContext) => Scattering;

function scatter(op: string, opset: number, rule: ScatterRule): Operator {
  return {
    op,
    opsets: [opset, 99],
    types: ANY_TYPE,
    infer(node) {
      requireIndices(node);
      if (node.type(2).dtype !== node.type(0).dtype) {
        node.fail(
          `its updates are ${node.type(2).dtype} and its data ${node.type(0).dtype}`,
          "export the model again",
        );
      }
      combinationOf(node);
      rule(node);
      return [{ dtype: node.type(0).dtype, shape: node.shape(0) }];
    },
    evaluate(node, [data, indices, updates]) {
      return [scatterOnHost(rule(node), combinationOf(node), data!, toNumbers(indices!), updates!)];
    },
    lower(node) {
      const scattering = rule(node);
      const combination = combinationOf(node);
      const updates = node.linear(2);
      if (elementCount(updates.shape) === 0) {
        node.alias(0, node.view(0));
      } else if (combination) {
        lowerCombining(node, scattering, updates, combination);
      } else {
        lowerReplacing(node, scattering, updates);
      }
    },
  };
}

function scatterOnHost(
  { slice, targets }: Scattering,
  combination: Combination | undefined,
  data: HostTensor,
  indices: readonly number[],
  updates: HostTensor,
): HostTensor {
  const elements = data.data.slice() as unknown as number[] & HostTensor["data"];
  const combine = combination?.host ?? ((_, update) => update);
  const given = updates.data as unknown as number[];
  targets(indices).forEach((target, i) => {
    for (let j = 0; j < slice; j++) {
      const to = target * slice + j;
      elements[to] = combine(elements[to]!, given[i * slice + j]!);
    }
  });
  return hostTensor(data.dtype, data.shape, elements);
}

/** Every place takes the last update that goes there, found beforehand where the indices are constant. */
function lowerReplacing(node: Lowering, scattering: Scattering, updates: View): void {
  const { slice } = scattering;
  const x = node.linear(0);
  const y = node.output(0, "linear");
  const count = elementCount(y.shape);
  const last = lastUpdates(node, scattering, count / Math.max(slice, 1));
  node.emit({
    kernel: select,
    options: { inject: typesOf(y.dtype) },
    bindings: { x, updates, last, y },
    uniforms: {
      count,
      slice: Math.max(slice, 1),
      x_offset: x.offset,
      updates_offset: updates.offset,
      y_offset: y.offset,
    },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  });
}

/** For each of `places`: 1 more than the number of the last update that goes there, or 0. */
function lastUpdates(node: Lowering, scattering: Scattering, places: number): View | WeightRef {
  const constant = node.constant(1);
  if (constant) {
    const table = new Int32Array(places);
    scattering.targets(toNumbers(constant)).forEach((target, i) => table[target] = i + 1);
    return constantTable(node, "last", table);
  }
  const targets = scattering.emitTargets(node, node.linear(1));
  const last = node.temporary({ dtype: "i32", shape: [places] }, "linear");
  const count = elementCount(targets.shape);
  node.emit(fillDispatch(last, 0));
  node.emit({
    kernel: mark,
    bindings: { targets, last },
    uniforms: { count },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  });
  return last;
}

/** A table made of the indices, which are constant: that and the data's shape tell those of several plans apart. */
function constantTable(node: Lowering, name: string, table: Int32Array<ArrayBuffer>): WeightRef {
  return node.weights(`${name} in [${node.shape(0).join(", ")}]`, () => table);
}

/** The updates of a line take effect one after the other; lines are taken at once. */
function lowerCombining(
  node: Lowering,
  scattering: Scattering,
  updates: View,
  combination: Combination,
): void {
  const { slice, outer, steps, inner } = scattering;
  const constant = node.constant(1);
  const targets = constant
    ? constantTable(node, "targets", new Int32Array(scattering.targets(toNumbers(constant))))
    : scattering.emitTargets(node, node.linear(1));
  const y = node.output(0, "linear");
  node.emit(copyDispatch(node.view(0), y));
  const count = outer * inner;
  for (let first = 0; first < steps; first += MAX_ITERATIONS) {
    node.emit({
      kernel: apply,
      options: { inject: { ...typesOf(y.dtype), combine: combineFunction(y.dtype, combination) } },
      bindings: { updates, targets, y },
      uniforms: {
        count,
        steps,
        inner,
        first,
        end: Math.min(first + MAX_ITERATIONS, steps),
        slice,
        updates_offset: updates.offset,
        y_offset: y.offset,
      },
      workgroups: foldWorkgroups(Math.ceil(count / 64)),
    });
  }
}

function combineFunction(dtype: DType, { wgsl }: Combination): string {
  const value = gpuScalar(dtype) === "f32" ? wgsl : wrapTo(dtype, wgsl, (bits) => `${bits}u`);
  return `fn combine(a: scalar, b: scalar) -> scalar { return ${value}; }`;
}

/** ScatterElements: one element for each index. */
function elementScattering(node: NodeContext): Scattering {
  const [data, indices, updates] = [node.shape(0), node.shape(1), node.shape(2)];
  const axis = node.axis(attr.int(node.node, "axis", 0), data.length);
  if (
    data.length === 0 || indices.length !== data.length || String(indices) !== String(updates) ||
    indices.some((extent, at) => at !== axis && extent > data[at]!)
  ) {
    node.fail(
      `updates of [${updates.join(", ")}] by indices of [${indices.join(", ")}] do not fit data of ` +
        `[${data.join(", ")}]; only axis ${axis} may be longer`,
      "check the input's size, or export the model again",
    );
  }
  const strides = denseStrides(data, "linear");
  const own = denseStrides(indices, "linear");
  return {
    slice: 1,
    outer: elementCount(indices.slice(0, axis)),
    steps: indices[axis]!,
    inner: elementCount(indices.slice(axis + 1)),
    targets: (list) =>
      checkedIndices(node, list, data[axis]!).map((index, i) =>
        strides.reduce((sum, stride, at) => {
          const here = at === axis ? index : Math.floor(i / own[at]!) % indices[at]!;
          return sum + here * stride;
        }, 0)
      ),
    emitTargets(node, view) {
      const axes = mergeAxes(
        indices.map((extent, at) => ({ extent, strides: [at === axis ? 0 : strides[at]!] })),
      );
      if (axes.length > MAX_STRIDED_RANK) {
        node.fail(
          `scatters into ${axes.length} dimensions, and at most ${MAX_STRIDED_RANK} are supported`,
          "reshape its input first",
        );
      }
      return emitTargets(node, elementTargets, view, elementCount(indices), {
        rank: axes.length,
        extent: data[axis]!,
        axis_stride: strides[axis]!,
        extents: extentRow(axes),
        strides: strideRow(axes, 0),
      });
    },
  };
}

/** ScatterND: a slice for each tuple of indices. */
function tupleScattering(node: NodeContext): Scattering {
  const [data, indices, updates] = [node.shape(0), node.shape(1), node.shape(2)];
  const address: TupleAddress = tupleAddress(node, data, indices, 0);
  const { slice, size, tuples, strides } = address;
  const wanted = [...indices.slice(0, -1), ...data.slice(size)];
  if (String(wanted) !== String(updates)) {
    node.fail(
      `updates are [${updates.join(", ")}], but indices of [${indices.join(", ")}] into data of ` +
        `[${data.join(", ")}] need [${wanted.join(", ")}]`,
      "check the input's size, or export the model again",
    );
  }
  const inSlices = { ...address, strides: strides.map((stride) => slice === 0 ? 0 : stride / slice) };
  return {
    slice,
    outer: 1,
    steps: tuples,
    inner: slice,
    targets: (list) => tuplePositions(node, inSlices, list),
    emitTargets: (node, view) =>
      emitTargets(node, tupleTargets, view, tuples, { size, ...tupleRows(inSlices) }),
  };
}

function emitTargets(
  node: Lowering,
  kernel: KernelSource,
  indices: View,
  count: number,
  uniforms: PlannedDispatch["uniforms"],
): View {
  const targets = node.temporary({ dtype: "i32", shape: [count] }, "linear");
  node.emit({
    kernel,
    bindings: { indices, targets },
    uniforms: { count, indices_offset: indices.offset, ...uniforms },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  });
  return targets;
}

/** All operators that write elements by index. */
export const scatterOperators: readonly Operator[] = [
  scatter("Scatter", 9, elementScattering),
  scatter("ScatterElements", 11, elementScattering),
  scatter("ScatterND", 11, tupleScattering),
];
