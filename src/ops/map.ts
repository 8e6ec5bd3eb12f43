/**
 * The element-wise map: a kernel that copies a tensor and applies steps on the way.
 *
 * @module
 */
import MAP from "../../shaders/elementwise/map.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource, type UniformValues } from "../gpu/mod.ts";
import type { DType } from "../tensor/dtype.ts";
import { elementCount } from "../tensor/host_tensor.ts";
import { canBeImage, expandView, imageAddress, isLinear, type View } from "../tensor/view.ts";
import {
  type EpilogueStep,
  MAX_OPERANDS,
  planEpilogue,
  type PlannedEpilogue,
  stepInputs,
  typeAfterAll,
  vectorOf,
} from "./epilogue.ts";
import { addressUniforms, type Lowering, type PlannedDispatch } from "./operator.ts";
import { typesOf } from "./types.ts";

const map: KernelSource = { name: "elementwise/map", wgsl: MAP };

/** `vec4`s of an invocation of a kernel that has little to compute for each: several, where that leaves enough invocations. */
export function vectorRun(count: number): number {
  return count >= 16_384 ? 4 : 1;
}

/** The map kernel over two images of one shape. Both must be addressable as `vec4`s. */
export function mapImageDispatch(from: View, to: View, epilogue: PlannedEpilogue): PlannedDispatch {
  const [x, y] = [imageAddress(from)!, imageAddress(to)!];
  const { n, h, w, c, c4 } = x;
  const addresses = { ...addressUniforms("x", x), ...addressUniforms("y", y) };
  return mapDispatch(from, to, epilogue, { count: n * h * w * c4, c, c4, h, w, ...addresses });
}

/** Whether a view can be read or written as a flat row of `vec4`s. */
export function isFlat(view: View): boolean {
  return isLinear(view) && view.offset % 4 === 0;
}

/** The map kernel over two flat tensors. Up to three elements after the last of `to` are written as zero. */
export function mapFlatDispatch(from: View, to: View, epilogue: PlannedEpilogue): PlannedDispatch {
  const c = elementCount(to.shape);
  const c4 = Math.ceil(c / 4);
  const flat = { n: 1, h: 1, w: 1, c, c4, strideN: 0, strideH: 0, strideW: 0 };
  const addresses = {
    ...addressUniforms("x", { ...flat, offset: from.offset / 4 }),
    ...addressUniforms("y", { ...flat, offset: to.offset / 4 }),
  };
  return mapDispatch(from, to, epilogue, { count: c4, c, c4: Math.max(c4, 1), h: 1, w: 1, ...addresses });
}

function mapDispatch(
  from: View,
  to: View,
  epilogue: PlannedEpilogue,
  uniforms: UniformValues & { count: number },
): PlannedDispatch {
  const vector = vectorOf(to.dtype);
  const result = vector === vectorOf(from.dtype) ? {} : {
    result: `alias result = ${vector};\n@group(0) @binding(1) var<storage, read_write> y: array<${vector}>;`,
  };
  const run = vectorRun(uniforms.count);
  return {
    kernel: map,
    options: { overrides: { RUN: run }, inject: { ...typesOf(from.dtype), ...result, ...epilogue.inject } },
    bindings: { x: from, y: to, ...epilogue.bindings },
    uniforms: { ...uniforms, operands: epilogue.operands },
    workgroups: foldWorkgroups(Math.ceil(uniforms.count / (64 * run))),
  };
}

/** Applies steps to input `running`, broadcast to the output's shape, and writes output 0; more dispatches for many operands. */
export function lowerMap(node: Lowering, running: number, steps: readonly EpilogueStep[]): void {
  const { shape } = node.outputType(0);
  if (elementCount(shape) === 0) {
    node.output(0, "linear");
    return;
  }
  const runs = splitByOperands(steps);
  const last = runs.pop()!;
  let x = expandView(node.view(running), shape);
  for (const run of runs) {
    x = emitMap(node, x, run, (layout, dtype) => node.temporary({ dtype, shape }, layout));
  }
  emitMap(node, x, last, (layout) => layout === "image" ? node.imageOutput(0).view : node.flatOutput(0));
}

/** Steps in runs of which each reads no more operands than a kernel binds; one run at least. */
function splitByOperands(steps: readonly EpilogueStep[]): EpilogueStep[][] {
  const runs: EpilogueStep[][] = [[]];
  let read = 0;
  for (const step of steps) {
    const own = stepInputs(step).length;
    if (read + own > MAX_OPERANDS) {
      runs.push([]);
      read = 0;
    }
    runs.at(-1)!.push(step);
    read += own;
  }
  return runs;
}

/** Emits the map kernel from a view of the output's shape to where `place` says. */
function emitMap(
  node: Lowering,
  x: View,
  steps: readonly EpilogueStep[],
  place: (layout: "image" | "linear", dtype: DType) => View,
): View {
  const { shape } = x;
  const dtype = typeAfterAll(steps, x.dtype, (input) => node.view(input).dtype);
  // Rank 3 is mostly a list of boxes or scores: an image only if it already is one.
  if (canBeImage(shape) && !isLinear(x) && (shape.length === 4 || imageAddress(x))) {
    const from = imageAddress(x) ? x : node.materialise(x, "image");
    const y = place("image", dtype);
    node.emit(mapImageDispatch(from, y, planEpilogue(node, shape, "image", steps, x.dtype)));
    return y;
  }
  const from = isFlat(x) ? x : node.materialise(x, "linear");
  const y = place("linear", dtype);
  node.emit(mapFlatDispatch(from, y, planEpilogue(node, shape, "linear", steps, x.dtype)));
  return y;
}
