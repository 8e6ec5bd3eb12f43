import DOT4 from "../../shaders/probe/dot4.wgsl" with { type: "text" };
import SUBGROUPS from "../../shaders/probe/subgroups.wgsl" with { type: "text" };
import type { Device } from "./device.ts";
import type { KernelSource } from "./kernel.ts";

/** What the choice of a kernel depends on. */
export interface KernelTarget {
  /** The adapter is a program on the CPU, where storage loads are dear and workgroup memory is no faster. */
  readonly software: boolean;
  /** Broadcasts among 8 invocations, broadcasts in quads and shuffles were seen to work. */
  readonly subgroups: boolean;
  /** WGSL's `dot4I8Packed` was seen to work. */
  readonly dot4?: boolean;
  /** The largest range of storage that a dispatch binds, in bytes; WebGPU's least, 2^27, if left out. */
  readonly bindingBytes?: number;
  /** How many textures a kernel may load storage and constants from; WebGPU's least, 4, if left out. */
  readonly textures?: number;
  /** Take the general kernel of a family, one output an invocation: what others are compared with. */
  readonly plain?: boolean;
  /** Rows and columns of the tiles of Winograd's convolution wherever it applies, or 0 for never; chosen if left out. */
  readonly winograd?: 0 | 2 | 4;
}

/** What only trying it tells of an adapter. */
export type Probed = Required<Pick<KernelTarget, "subgroups" | "dot4">>;

/** Tries what an adapter may grant without listing it, or list without having it. */
export async function probe(device: Device): Promise<Probed> {
  // At once: a wait in Deno takes 11 ms, whatever it is for.
  const [subgroups, dot4] = await Promise.all([probeSubgroups(device), probeDot4(device)]);
  return { subgroups, dot4 };
}

/** Whether the adapter is a program on the CPU. */
export function isSoftware(
  { description = "", vendor = "", architecture = "" }: Partial<GPUAdapterInfo>,
): boolean {
  return /llvmpipe|lavapipe|swiftshader|softpipe|basic render/i.test(
    `${description} ${vendor} ${architecture}`,
  );
}

/** Whether broadcasts work among 8 invocations and among 4, and shuffles among 2. */
async function probeSubgroups(device: Device): Promise<boolean> {
  if (!device.features.has("subgroups")) return false;
  const found = await runKnownCase(device, { name: "probe/subgroups", wgsl: SUBGROUPS }, new Uint32Array(8));
  const expected = (lane: number): number => 800 + 10 * ((lane & 4) + 2) + (lane ^ 1);
  return found?.subarray(0, 8).every((value, lane) => value === expected(lane)) ?? false;
}

/** Whether `dot4I8Packed` works: the runtime lists the language feature, and a known case comes out right. */
async function probeDot4(device: Device): Promise<boolean> {
  const { wgslLanguageFeatures } = navigator.gpu as GPU & {
    wgslLanguageFeatures?: { has(name: string): boolean };
  };
  if (!wgslLanguageFeatures?.has("packed_4x8_integer_dot_product")) return false;
  // (2, 1, -1, -128) and (-2, 2, 127, 1): -4 + 2 - 127 - 128.
  const words = new Uint32Array([0x80ff0102, 0x017f02fe, 0, 0]);
  const found = await runKnownCase(device, { name: "probe/dot4", wgsl: DOT4 }, words);
  return found !== undefined && (found[2]! | 0) === -257;
}

/** The words that a shader makes of some; `undefined` where it is refused, and the feature is there in name only. */
async function runKnownCase(
  device: Device,
  source: KernelSource,
  words: Uint32Array<ArrayBuffer>,
): Promise<Uint32Array | undefined> {
  const y = device.upload(words, "probe");
  try {
    using stream = device.stream({ label: "probe", allocator: device.defaultAllocator });
    stream.run(device.dispatch(device.kernel(source), { bindings: { y }, workgroups: [1, 1, 1] }));
    stream.submit();
    return new Uint32Array(await device.read(y));
  } catch {
    return undefined;
  } finally {
    y.buffer.destroy();
  }
}
