/**
 * A detector on a small network that runs for many frames while its time and memory are watched.
 *
 * @module
 */
import { cpuUsage } from "node:process";
import { Detector } from "../../src/detect/detector.ts";
import {
  type Frame,
  type FrameSource,
  type LoopReport,
  runLoop,
  type SourceInfo,
} from "../../src/frame/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { Session } from "../../src/graph/mod.ts";
import type { Detection } from "../../src/vision/detection.ts";
import { SSD_LABELS, SSD_SIZE, ssdNetwork, ssdOptions } from "../detect/ssd_network.ts";
import { GpuBytes } from "./gpu_bytes.ts";

/** One moment of the loop. */
export interface SteadySample {
  /** Frames done. */
  frames: number;
  /** Wall time since the loop began. */
  ms: number;
  /** Processor time of this process since it began, all threads together: other processes do not add to it. */
  cpuMs: number;
  residentBytes: number;
  gpuBytes: number;
  gpuObjects: number;
}

/** What a steady loop gave. */
export interface SteadyRun {
  adapter: string;
  report: LoopReport;
  /** A sample every `every` frames, the first before any frame. */
  samples: SteadySample[];
  /** Objects found, all frames together. */
  found: number;
}

/** How long, and how often to look. */
export interface SteadyOptions {
  frames: number;
  every: number;
  slots?: number;
  /** Collects garbage before a sample of memory, every so many frames; see {@linkcode collectGarbage}. */
  collectEvery?: number;
}

const SIDE = 128;

/** Frames with a red and a green square that wander, always in the same few buffers. */
class SquareSource implements FrameSource {
  readonly info: SourceInfo;
  readonly #frames: number;
  readonly #free: Uint8Array<ArrayBuffer>[];

  constructor(frames: number, buffers: number) {
    this.#frames = frames;
    this.#free = Array.from({ length: buffers }, () => new Uint8Array(SIDE * SIDE * 3));
    this.info = { name: "squares", width: SIDE, height: SIDE, frameCount: frames };
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Frame> {
    for (let index = 0; index < this.#frames; index++) {
      const data = this.#free.pop();
      if (!data) throw new Error(`Cannot draw frame ${index}: every buffer is held`);
      data.fill(100);
      square(data, index % 88, 16, 0);
      square(data, 88 - index % 88, 80, 1);
      let released = false;
      yield {
        index,
        timeSeconds: index / 25,
        width: SIDE,
        height: SIDE,
        format: "rgb24",
        colour: { matrix: "bt601", range: "full" },
        data,
        release: () => {
          if (!released) this.#free.push(data);
          released = true;
        },
      };
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Fills 32x32 pixels with one pure colour. */
function square(data: Uint8Array, left: number, top: number, channel: number): void {
  for (let y = top; y < top + 32; y++) {
    for (let x = left; x < left + 32; x++) {
      const at = (y * SIDE + x) * 3;
      data.fill(0, at, at + 3);
      data[at + channel] = 255;
    }
  }
}

/** V8's collector, where the process was started with `--v8-flags=--expose-gc`. */
export const collectGarbage: (() => void) | undefined = (globalThis as { gc?: () => void }).gc;

/** Runs the loop, strictly. */
export async function steadyLoop(options: SteadyOptions): Promise<SteadyRun> {
  const { frames, every, slots = 8, collectEvery = Infinity } = options;
  using device = await Device.request();
  const gpu = new GpuBytes(device);
  using session = await Session.load(device, ssdNetwork("probabilities"));
  using detector = await Detector.create(device, {
    session,
    head: { family: "ssd", loc: "loc", conf: "conf", ...ssdOptions("probabilities") },
    treatment: { fit: "stretch", channels: "rgb", std: 255 },
    input: { width: SSD_SIZE, height: SSD_SIZE },
    labels: SSD_LABELS,
    slots,
    frame: { width: SIDE, height: SIDE },
    formats: ["rgb24"],
  });
  await device.idle();
  const samples: SteadySample[] = [];
  const started = performance.now(), startedCpu = cpuMs();
  const sample = (done: number): void => {
    if (done % collectEvery === 0) collectGarbage?.();
    samples.push({
      frames: done,
      ms: performance.now() - started,
      cpuMs: cpuMs() - startedCpu,
      residentBytes: Deno.memoryUsage().rss,
      gpuBytes: gpu.bytes,
      gpuObjects: gpu.objects,
    });
  };
  sample(0);
  let found = 0;
  const report = await runLoop<readonly Detection[]>({
    device,
    source: new SquareSource(frames, slots + 2),
    slots: detector.slots,
    sinks: [],
    strict: true,
    onFrame: (done, _frame, detections) => {
      found += detections.length;
      if (done % every === 0) sample(done);
    },
  });
  const { description, vendor } = device.adapterInfo;
  return { adapter: description || vendor || "unnamed", report, samples, found };
}

/** The middle one of a list. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

function cpuMs(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
}
