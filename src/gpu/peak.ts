/**
 * What an adapter can do at most, and what it asks for each dispatch: measured, since no driver tells.
 *
 * @module
 */
import COPY from "../../shaders/probe/copy.wgsl" with { type: "text" };
import NOTHING from "../../shaders/probe/nothing.wgsl" with { type: "text" };
import type { Device } from "./device.ts";
import { foldWorkgroups } from "./dispatch.ts";
import { isSoftware } from "./probe.ts";
import { type Clock, fmaDispatch, Stopwatch } from "./stopwatch.ts";

/** What an adapter reached in the probe. Each is the best of several rounds: what else runs only slows them. */
export interface Peaks {
  /** Floating point operations a second in multiply-adds that stay in registers (two a multiply-add). */
  readonly flops: number;
  /** Bytes a second of `copyBufferToBuffer`, read and written ones counted. */
  readonly copyBytes: number;
  /** Bytes a second of a kernel that loads storage and stores it, read and written ones counted. */
  readonly storageBytes: number;
  /** Milliseconds of a dispatch that does nothing, in one pass with others: recorded, submitted and run. */
  readonly launchMs: number;
  /** Milliseconds of the same in a pass of its own. */
  readonly passMs: number;
  /** Milliseconds of a wait for a queue that has nothing to do. */
  readonly waitMs: number;
  /** How well timestamps tell time; absent where there are none. */
  readonly clock?: Clock;
}

/** Chains of `vec4` that multiply-adds are tried in: fewer fit into fewer registers, more hide longer latencies. */
const CHAINS = [2, 3, 4, 8] as const;

/**
 * Measures all of it, in about three seconds.
 *
 * @param processorMs rates are by this clock, if given: see `Stopwatch.create`. Costs are by the wall clock.
 * @throws {GpuError} if the device has no room for the probe's buffers (two of 64 MiB; of 16 on software), or an earlier
 * error arrived.
 */
export async function measurePeaks(device: Device, processorMs?: () => number): Promise<Peaks> {
  using watch = await Stopwatch.create(device, processorMs);
  const flops = await flopsBy(watch);
  const copies = await copiesBy(watch);
  const launches = await launchesBy(watch);
  const { waitMs, clock } = watch;
  return { flops, ...copies, ...launches, waitMs, ...(clock && { clock }) };
}

/** Floating point operations a second that the adapter reaches with multiply-adds in registers. */
export async function measureFlops(device: Device): Promise<number> {
  using watch = await Stopwatch.create(device);
  return await flopsBy(watch);
}

/** How well an adapter's timestamps tell time; `undefined` without them. */
export async function measureClock(device: Device): Promise<Clock | undefined> {
  using watch = await Stopwatch.create(device);
  return watch.clock;
}

async function flopsBy(watch: Stopwatch): Promise<number> {
  let best = 0;
  for (const chains of CHAINS) {
    const { dispatch, buffer, operations } = fmaDispatch(watch.device, chains);
    const ms = await watch.least(() => watch.stream.run(dispatch));
    best = Math.max(best, operations / ms * 1000);
    buffer.destroy();
  }
  return best;
}

async function copiesBy(watch: Stopwatch): Promise<Pick<Peaks, "copyBytes" | "storageBytes">> {
  const { device, stream } = watch;
  // More than a GPU's or a CPU's last cache holds.
  const bytes = (isSoftware(device.adapterInfo) ? 16 : 64) * 2 ** 20;
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const [from, to] = ["from", "to"].map((name) =>
    device.createBuffer({ label: `copy probe ${name}`, size: bytes, usage })
  ) as [GPUBuffer, GPUBuffer];
  const copyMs = await watch.least(() => stream.copy(from, 0, to, 0, bytes));
  const dispatch = device.dispatch(device.kernel({ name: "probe/copy", wgsl: COPY }), {
    bindings: { x: { buffer: from, offset: 0, bytes }, y: { buffer: to, offset: 0, bytes } },
    workgroups: foldWorkgroups(bytes / 16 / 64),
  });
  const storageMs = await watch.least(() => stream.run(dispatch));
  from.destroy();
  to.destroy();
  return { copyBytes: 2 * bytes / copyMs * 1000, storageBytes: 2 * bytes / storageMs * 1000 };
}

async function launchesBy(watch: Stopwatch): Promise<Pick<Peaks, "launchMs" | "passMs">> {
  const { device, stream } = watch;
  const y = device.upload(new Uint32Array(4), "launch probe");
  const dispatch = device.dispatch(device.kernel({ name: "probe/nothing", wgsl: NOTHING }), {
    bindings: { y },
    workgroups: [1, 1, 1],
  });
  // By the wall clock: what recording costs on the host is part of it.
  const least = (record: () => void): Promise<number> =>
    watch.least(record, { time: (many) => watch.wall(many) });
  const launchMs = await least(() => stream.run(dispatch));
  const passMs = await least(() => {
    // Handing out the encoder ends the pass.
    stream.record(() => {});
    stream.run(dispatch);
  });
  y.buffer.destroy();
  return { launchMs, passMs };
}
