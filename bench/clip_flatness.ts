/**
 * Detection in a clip: are the last frames as fast as the first, and does memory stay?
 *
 * `deno run -A --v8-flags=--expose-gc bench/clip_flatness.ts CLIP MODEL [--slots 4] [--out FILE]`
 *
 * After a warm-up the first {@linkcode SPAN} frames are compared with the last: medians of milliseconds a frame over blocks of
 * {@linkcode BLOCK} frames, in wall time and in processor time of this process, and resident memory after V8's collector ran.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { cpuUsage } from "node:process";
import { openDetectionModel } from "../src/cli/detection_model.ts";
import { Detector } from "../src/detect/detector.ts";
import { runLoop } from "../src/frame/mod.ts";
import { Device } from "../src/gpu/mod.ts";
import { Session } from "../src/graph/mod.ts";
import { openSource } from "../src/video/mod.ts";
import type { Detection } from "../src/vision/detection.ts";
import { collectGarbage, median } from "../tests/support/steady.ts";
import { describeMachine } from "./habits/machine.ts";

const WARM_UP = 100;
const SPAN = 200;
const BLOCK = 10;

interface Sample {
  frames: number;
  ms: number;
  cpuMs: number;
  residentBytes: number;
}

/** Medians over the blocks between two frames. */
function times(samples: readonly Sample[], from: number, to: number): { wallMs: number; cpuMs: number } {
  const inside = samples.filter(({ frames }) => frames >= from && frames <= to);
  const steps = (of: (sample: Sample) => number): number =>
    Number(median(inside.slice(1).map((sample, i) => (of(sample) - of(inside[i]!)) / BLOCK)).toFixed(3));
  return { wallMs: steps(({ ms }) => ms), cpuMs: steps(({ cpuMs }) => cpuMs) };
}

const given = parseArgs(Deno.args, { string: ["slots", "out"] });
const [clip, name] = given._.map(String);
if (!clip || !name) throw new Error("Usage: clip_flatness.ts CLIP MODEL [--slots 4] [--out FILE]");
if (!collectGarbage) {
  throw new Error("Start with --v8-flags=--expose-gc, so that memory is measured without garbage");
}
const slots = Number(given.slots ?? 4);
const load = Deno.loadavg().map((value) => Number(value.toFixed(2)));

using device = await Device.request();
const model = await openDetectionModel(name, {});
await using source = new AsyncDisposableStack();
const frames = source.adopt(await openSource(clip, { buffers: slots + 4 }), (it) => it.close());
using session = new Session(device, model.graph);
const { width, height } = frames.info;
using detector = await Detector.create(device, {
  ...model,
  session,
  slots,
  ...(width && height && { frame: { width, height } }),
});
const samples: Sample[] = [];
const total = frames.info.frameCount ?? Infinity;
let found = 0;
const report = await runLoop<readonly Detection[]>({
  device,
  source: frames,
  slots: detector.slots,
  sinks: [],
  strict: true,
  onFrame: (done, _frame, detections) => {
    found += detections.length;
    if (done % BLOCK !== 0) return;
    // Collecting takes time, so it is done outside of the two spans that are timed.
    if (done === WARM_UP + SPAN || done > total - BLOCK) collectGarbage?.();
    const { user, system } = cpuUsage();
    samples.push({
      frames: done,
      ms: performance.now(),
      cpuMs: (user + system) / 1000,
      residentBytes: Deno.memoryUsage().rss,
    });
  },
});
const end = samples.at(-1)?.frames ?? 0;
if (end < WARM_UP + 2 * SPAN) {
  throw new Error(`${clip} has ${report.frames} frames; ${WARM_UP + 2 * SPAN} are needed`);
}
const first = times(samples, WARM_UP, WARM_UP + SPAN);
const last = times(samples, end - SPAN, end);
const resident = (frame: number): number => samples.find((sample) => sample.frames === frame)!.residentBytes;
const ratio = (of: "wallMs" | "cpuMs"): number => Number((last[of] / first[of]).toFixed(4));
const result = {
  machine: describeMachine(device),
  date: new Date().toISOString().slice(0, 10),
  load,
  clip: clip.split("/").at(-1),
  model: name.split("/").at(-1),
  frames: report.frames,
  framesPerSecond: Number(report.framesPerSecond.toFixed(1)),
  objectsFound: found,
  created: report.created,
  first,
  last,
  ratio: { wall: ratio("wallMs"), cpu: ratio("cpuMs") },
  residentGrowthBytes: resident(end) - resident(WARM_UP + SPAN),
};
console.log(JSON.stringify(result, null, 2));
if (given.out !== undefined) await Deno.writeTextFile(given.out, JSON.stringify(result, null, 2) + "\n");
