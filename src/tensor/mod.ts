/**
 * Tensors: element types, host memory, and views of GPU storage.
 *
 * @module
 */
export { type DType, type NumericDType, type TypedArray } from "./dtype.ts";
export * from "./host_tensor.ts";
export { type Layout, type View } from "./view.ts";
