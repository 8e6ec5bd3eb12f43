import DOT4 from "../../shaders/probe/dot4.wgsl" with { type: "text" };
import SUBGROUPS from "../../shaders/probe/subgroups.wgsl" with { type: "text" };
import type { Device } from "./device.ts";

/** What the choice of a kernel depends on. */
export interface KernelTarget {
  /** The adapter is a program on the CPU, where storage loads are dear and workgroup memory is no faster. */
  readonly software: boolean;
  /** Subgroup broadcasts among 8 invocations were seen to work. */
  readonly subgroups: boolean;
  /** WGSL's `dot4I8Packed` was seen to work. */
  readonly dot4?: boolean;
  /** The largest range of storage that a dispatch binds, in bytes; WebGPU's least, 2^27, if left out. */
  readonly bindingBytes?: number;
  /** Take the general kernel of a family, one output an invocation: what others are compared with. */
  readonly plain?: boolean;
}

/**
 * Whether subgroup broadcasts work among 8 invocations. An adapter may grant the feature without listing it, so a known
 * case is run.
 */
export async function probeSubgroups(device: Device): Promise<boolean> {
  if (!device.features.has("subgroups")) return false;
  try {
    const kernel = device.kernel({ name: "probe/subgroups", wgsl: SUBGROUPS });
    const y = device.upload(new Uint32Array(8), "probe");
    using stream = device.stream({ label: "probe", allocator: device.defaultAllocator });
    stream.run(device.dispatch(kernel, { bindings: { y }, workgroups: [1, 1, 1] }));
    stream.submit();
    const found = new Uint32Array(await device.read(y));
    y.buffer.destroy();
    return found.subarray(0, 8).every((value) => value === 8);
  } catch {
    // The shader was refused: the feature is there in name only.
    return false;
  }
}

/** Whether `dot4I8Packed` works: the runtime lists the language feature, and a known case comes out right. */
export async function probeDot4(device: Device): Promise<boolean> {
  const { wgslLanguageFeatures } = navigator.gpu as GPU & {
    wgslLanguageFeatures?: { has(name: string): boolean };
  };
  if (!wgslLanguageFeatures?.has("packed_4x8_integer_dot_product")) return false;
  try {
    const kernel = device.kernel({ name: "probe/dot4", wgsl: DOT4 });
    // (2, 1, -1, -128) and (-2, 2, 127, 1): -4 + 2 - 127 - 128.
    const y = device.upload(new Uint32Array([0x80ff0102, 0x017f02fe, 0, 0]), "probe");
    using stream = device.stream({ label: "probe", allocator: device.defaultAllocator });
    stream.run(device.dispatch(kernel, { bindings: { y }, workgroups: [1, 1, 1] }));
    stream.submit();
    const found = new Int32Array(await device.read(y))[2];
    y.buffer.destroy();
    return found === -257;
  } catch {
    // The shader was refused.
    return false;
  }
}
