import type { TensorType } from "../../ops/operator.ts";
import { gpuScalar, isFloat } from "../../tensor/dtype.ts";

/** Whether the elements are floats on the GPU. */
export function holdsFloats({ dtype }: TensorType): boolean {
  return isFloat(dtype) && dtype !== "f64" && gpuScalar(dtype) === "f32";
}

/** Whether two shapes are the same, extent by extent. */
export function sameShape(a: TensorType, b: TensorType): boolean {
  return a.shape.length === b.shape.length && a.shape.every((extent, axis) => extent === b.shape[axis]);
}
