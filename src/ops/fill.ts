/**
 * One value everywhere.
 *
 * @module
 */
import FILL from "../../shaders/copy/fill.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { elementCount } from "../tensor/host_tensor.ts";
import type { View } from "../tensor/view.ts";
import type { PlannedDispatch } from "./operator.ts";
import { typesOf } from "./types.ts";

const fill: KernelSource = { name: "copy/fill", wgsl: FILL };

/** Writes `value` to all elements of a linear view. */
export function fillDispatch(y: View, value: number): PlannedDispatch {
  const count = elementCount(y.shape);
  return {
    kernel: fill,
    options: { inject: typesOf(y.dtype) },
    bindings: { y },
    uniforms: { count, y_offset: y.offset, value },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  };
}
