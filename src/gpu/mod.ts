/**
 * The GPU floor: device, streams, memory, kernels. It knows nothing of tensors or networks.
 *
 * @module
 */
export * from "./allocator.ts";
export { BufferPool } from "./buffer_pool.ts";
export * from "./counters.ts";
export * from "./default_allocator.ts";
export { Device, type DeviceOptions, TEXTURE_WIDTH } from "./device.ts";
export * from "./dispatch.ts";
export * from "./errors.ts";
export type { Kernel, KernelBinding, KernelInterface, KernelOptions, KernelSource } from "./kernel.ts";
export { kernelText, reflectKernel } from "./kernel.ts";
export { Matrix, MAX_MATRIX_SIDE, type MatrixPlace, refuseMask, refuseSizes } from "./matrix.ts";
export * from "./matrix_kernel.ts";
export * from "./matrix_type.ts";
export { describeMemory, formatBytes, type MemoryReport } from "./memory_report.ts";
export { preprocess, type PreprocessOptions } from "./preprocess.ts";
export type { KernelTarget } from "./probe.ts";
export type { Recording } from "./recordings.ts";
export { Recordings } from "./recordings.ts";
export { Readback } from "./readback.ts";
export { StackAllocator } from "./stack_allocator.ts";
export { StackPool, type StackPoolOptions } from "./stack_pool.ts";
export { Stream, type StreamOptions } from "./stream.ts";
export { GpuTimer } from "./timer.ts";
export { packUniforms, type UniformField, type UniformLayout, type UniformValues } from "./uniforms.ts";
