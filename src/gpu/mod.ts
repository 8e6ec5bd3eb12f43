/**
 * The GPU floor: device, streams, memory, kernels. It knows nothing of tensors or networks.
 *
 * @module
 */
export * from "./allocator.ts";
export { callSite } from "./call_site.ts";
export { Completion } from "./completion.ts";
export { BufferPool } from "./buffer_pool.ts";
export * from "./counters.ts";
export * from "./default_allocator.ts";
export { Device, type DeviceOptions } from "./device.ts";
export * from "./dispatch.ts";
export * from "./errors.ts";
export { type EventOptions, GpuEvent } from "./event.ts";
export type { GpuMemoryStats } from "./gpu_memory.ts";
export type { Kernel, KernelBinding, KernelInterface, KernelOptions, KernelSource } from "./kernel.ts";
export { kernelOutline, reflectKernel } from "./kernel.ts";
export { Matrix, type MatrixPlace, MAX_MATRIX_SIDE, refuseMask, refuseSizes } from "./matrix.ts";
export * from "./matrix_kernel.ts";
export * from "./matrix_type.ts";
export { Mark } from "./mark.ts";
export { MemoryWatch, type WatchedStream } from "./memory_watch.ts";
export { describeMemory, formatBytes, type MemoryReport } from "./memory_report.ts";
export { preprocess, type PreprocessOptions } from "./preprocess.ts";
export { measurePeaks, type Peaks } from "./peak.ts";
export type { KernelTarget } from "./probe.ts";
export type { Recording } from "./recordings.ts";
export { Recordings } from "./recordings.ts";
export { Readback } from "./readback.ts";
export { StackRegion } from "./stack_region.ts";
export { StackAllocator } from "./stack_allocator.ts";
export { type StackBufferMaker, StackPool, type StackPoolOptions } from "./stack_pool.ts";
export { Stream, type StreamOptions } from "./stream.ts";
export {
  candidateScalars,
  destroyConstants,
  texelDispatch,
  texelScalarOf,
  texelScratch,
  uploadConstants,
} from "./texel_dispatch.ts";
export {
  MOST_ROWS,
  texelCandidates,
  type TexelCopy,
  texelFormat,
  type TexelScalar,
  TexelScratch,
  texelTexture,
  type TexelType,
  texelTypeOf,
  texelUsage,
} from "./texel_loads.ts";
export { withoutComments } from "./storage_text.ts";
export type { Clock } from "./stopwatch.ts";
export { GpuTimer } from "./timer.ts";
export {
  AllocationTrace,
  type ReplayDifference,
  type ReplayOptions,
  type ReplayReport,
  replayTrace,
  type TraceLine,
  TraceRecording,
} from "./trace.ts";
export { packUniforms, type UniformField, type UniformLayout, type UniformValues } from "./uniforms.ts";
