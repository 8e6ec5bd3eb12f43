/**
 * The time of each dispatch of a plan, by timestamps or by repetition.
 *
 * @module
 */
import { type Dispatch, GpuError, kernelOutline, type Stream, withoutComments } from "../gpu/mod.ts";
import type { Stopwatch } from "../gpu/stopwatch.ts";
import { closingBracket } from "../gpu/storage_text.ts";
import { recordTexelCopies } from "../gpu/texel_loads.ts";
import type { Plan, PlanStep } from "./plan.ts";

/** What a dispatch takes, in milliseconds. */
export interface DispatchTime {
  kernelMs: number;
  /** The copies into textures before it. */
  copyMs: number;
  /** The least of both together that was seen. */
  leastMs: number;
}

/** What is timed, and with what. */
export interface TimedPlan {
  watch: Stopwatch;
  plan: Plan;
  dispatches: readonly Dispatch[];
  /** Records the inputs. */
  restore: (stream: Stream) => void;
}

/** The middle of some numbers; 0 if there are none. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** Stamps of a dispatch: before its copies, before and after its kernel. */
const STAMPS = 3;
/** Dispatches of one query set, which holds 4096 stamps. */
const MOST = Math.floor(4096 / STAMPS);

/**
 * Times of dispatches by timestamps: the plan runs as it is, but for each dispatch being in a pass of its own.
 */
export class StampedTimes implements Disposable {
  readonly #timed: TimedPlan;
  readonly #samples: { kernel: number[]; copy: number[] }[];
  readonly #set: GPUQuerySet;
  readonly #resolved: GPUBuffer;

  /** @throws {GpuError} where there are no timestamps. */
  constructor(timed: TimedPlan) {
    this.#timed = timed;
    this.#samples = timed.dispatches.map(() => ({ kernel: [], copy: [] }));
    const { device } = timed.watch;
    if (!device.features.has("timestamp-query")) {
      throw new GpuError(`Cannot time by timestamps: the adapter has none; time by repetition`);
    }
    const count = Math.max(Math.min(timed.dispatches.length, MOST), 1) * STAMPS;
    this.#resolved = device.createBuffer({
      label: "profile stamps",
      size: count * 8,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    this.#set = device.gpu.createQuerySet({ label: "profile", type: "timestamp", count });
  }

  /** Runs the plan once. */
  async round(): Promise<void> {
    const { watch: { stream, device }, dispatches, restore } = this.#timed;
    restore(stream);
    for (let first = 0; first < dispatches.length; first += MOST) {
      const some = dispatches.slice(first, first + MOST);
      stream.record((encoder) => {
        for (const [i, dispatch] of some.entries()) this.#record(encoder, dispatch, i * STAMPS);
        encoder.resolveQuerySet(this.#set, 0, some.length * STAMPS, this.#resolved, 0);
      });
      stream.submit();
      const bytes = some.length * STAMPS * 8;
      const stamps = new BigUint64Array(await device.read({ buffer: this.#resolved, offset: 0, bytes }));
      for (const i of some.keys()) {
        const [start, begin, end] = stamps.subarray(i * STAMPS, (i + 1) * STAMPS) as unknown as bigint[];
        const { kernel, copy } = this.#samples[first + i]!;
        kernel.push(elapsed(begin!, end!));
        copy.push(some[i]!.texels ? elapsed(start!, begin!) : 0);
      }
    }
  }

  #record(encoder: GPUCommandEncoder, dispatch: Dispatch, first: number): void {
    const querySet = this.#set;
    if (dispatch.texels) {
      encoder.beginComputePass({ timestampWrites: { querySet, beginningOfPassWriteIndex: first } }).end();
      recordTexelCopies(encoder, dispatch.texels);
    }
    const pass = encoder.beginComputePass({
      timestampWrites: {
        querySet,
        beginningOfPassWriteIndex: first + 1,
        endOfPassWriteIndex: first + 2,
      },
    });
    pass.setPipeline(dispatch.kernel.pipeline);
    pass.setBindGroup(0, dispatch.bindGroup);
    pass.dispatchWorkgroups(...dispatch.workgroups);
    pass.end();
  }

  /** The medians of all rounds. */
  times(): DispatchTime[] {
    return this.#samples.map(({ kernel, copy }) => ({
      kernelMs: median(kernel),
      copyMs: median(copy),
      leastMs: Math.min(...kernel.map((ms, round) => ms + copy[round]!)),
    }));
  }

  [Symbol.dispose](): void {
    this.#set.destroy();
    this.#resolved.destroy();
  }
}

/** Milliseconds; 0 where the GPU's clock went backwards. */
function elapsed(begin: bigint, end: bigint): number {
  return end > begin ? Number(end - begin) / 1e6 : 0;
}

/**
 * Times of dispatches by repetition: each in its turn, with the memory as it is in a run, again and again. Most kernels
 * write the same result each time. Where one reads what it writes, its values change from one time to the next, and the
 * plan is run anew up to the next dispatch.
 */
export async function repeatedTimes(
  { watch, plan, dispatches, restore }: TimedPlan,
  { rounds, fillMs }: { rounds: number; fillMs: number },
  onProgress: (done: number) => void,
): Promise<DispatchTime[]> {
  const { stream } = watch;
  const times: DispatchTime[] = [];
  restore(stream);
  for (const [i, whole] of dispatches.entries()) {
    const { texels, ...alone } = whole;
    // Also fills the textures that the kernel alone reads afterwards, but for those that earlier dispatches fill.
    stream.run(whole);
    const kernel = await watch.samples(() => stream.run(alone), rounds, { fillMs });
    const copyAll = (): void => stream.record((encoder) => recordTexelCopies(encoder, texels!));
    const copy = texels ? await watch.samples(copyAll, rounds, { fillMs }) : [0];
    times.push({
      kernelMs: median(kernel),
      copyMs: median(copy),
      leastMs: Math.min(...kernel) + Math.min(...copy),
    });
    if (changesWhatItReads(plan.steps[i]!, whole)) {
      restore(stream);
      stream.run(dispatches.slice(0, i + 1));
    }
    onProgress(i + 1);
  }
  stream.submit();
  return times;
}

/** Whether a kernel may read what it writes, by its text: if so, running it twice is not the same as running it once. */
export function changesWhatItReads(step: PlanStep, { kernel }: Pick<Dispatch, "kernel">): boolean {
  const code = withoutComments(kernelOutline(step.kernel, step.options ?? {}));
  return kernel.bindings.some(({ name, written }) => written && reads(code, name));
}

/** Whether a variable is used for anything but being assigned to, element by element. */
function reads(code: string, name: string): boolean {
  const uses = [...code.matchAll(new RegExp(`(?<![.\\w])${name}\\b`, "g"))];
  return uses.some(({ index }) => {
    const rest = code.slice(index + name.length);
    if (/^\s*:/.test(rest)) return false;
    if (code[index - 1] === "&") return !/arrayLength\(\s*&$/.test(code.slice(0, index));
    const open = /^\s*\[/.exec(rest)?.[0].length;
    if (open === undefined) return true;
    const after = rest.slice(closingBracket(rest, open) + 1);
    return !/^(\s*\.\w+)*\s*=(?!=)/.test(after);
  });
}
