import { GpuError } from "./errors.ts";

/** Optional features that are asked for where the adapter offers them. */
const WANTED_FEATURES = ["shader-f16", "timestamp-query", "subgroups"] as const;

/** Features that an adapter may grant without listing them (Deno's do); they are asked for all the same. */
const UNLISTED_FEATURES = ["subgroups"] as const;

/** The limits that kernels and plans make use of; all others keep WebGPU's defaults. */
const REQUESTED_LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxStorageTexturesPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupsPerDimension",
] as const;

/** WebGPU's device and the adapter that it belongs to. */
export interface OpenedGpu {
  /** The device. */
  gpu: GPUDevice;
  /** The adapter. */
  info: GPUAdapterInfo;
}

/**
 * Opens a GPU with all limits that its adapter offers and the optional features that it grants.
 *
 * @throws {GpuError} if there is no WebGPU, no adapter, or the adapter refuses.
 */
export async function openGpu(label: string, powerPreference: GPUPowerPreference): Promise<OpenedGpu> {
  try {
    return await open(label, powerPreference, UNLISTED_FEATURES);
  } catch {
    return await open(label, powerPreference, []);
  }
}

/** One try, with an adapter of its own: one that was used for a request may be spent. */
async function open(
  label: string,
  powerPreference: GPUPowerPreference,
  extra: readonly GPUFeatureName[],
): Promise<OpenedGpu> {
  const webgpu = globalThis.navigator?.gpu;
  if (!webgpu) {
    throw new GpuError("Cannot find WebGPU: this runtime has no navigator.gpu; use Deno 2.9 or newer");
  }
  const adapter = await webgpu.requestAdapter({ powerPreference });
  if (!adapter) {
    throw new GpuError(
      "Cannot find a GPU adapter: no Vulkan, Metal or DirectX 12 driver answers; install the GPU's driver, or on " +
        "Debian and Ubuntu the software one: apt-get install mesa-vulkan-drivers libvulkan1",
    );
  }
  const requiredLimits: Record<string, number> = {};
  for (const name of REQUESTED_LIMITS) {
    const offered = adapter.limits[name];
    if (typeof offered === "number") requiredLimits[name] = offered;
  }
  const listed = WANTED_FEATURES.filter((feature) => adapter.features.has(feature));
  const requiredFeatures = [...new Set<GPUFeatureName>([...listed, ...extra])];
  try {
    return {
      gpu: await adapter.requestDevice({ label, requiredLimits, requiredFeatures }),
      info: adapter.info,
    };
  } catch (cause) {
    const { vendor, architecture, description } = adapter.info;
    const name = [vendor, architecture, description].filter(Boolean).join(" ") || "unnamed adapter";
    throw new GpuError(
      `Cannot open the GPU (${name}): ${cause instanceof Error ? cause.message : cause}; update its driver`,
      { cause },
    );
  }
}
