/** A failure of the GPU or of a rule that keeps it safe. The message says what, where, the numbers and what to do. */
export class GpuError extends Error {
  /** Always "GpuError". */
  override readonly name = "GpuError";
}

/** Reports a creation or a command that the GPU refused, with the label of what was being made. */
export function describeGpuError(label: string, error: unknown): GpuError {
  const outOfMemory = typeof GPUOutOfMemoryError !== "undefined" && error instanceof GPUOutOfMemoryError;
  const what = outOfMemory ? "the GPU is out of memory" : "the GPU refused it";
  const message = typeof error === "object" && error !== null && "message" in error ? error.message : error;
  return new GpuError(`Cannot make "${label}": ${what}: ${String(message).trim()}`, { cause: error });
}
