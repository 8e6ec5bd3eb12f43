/**
 * 10,000 steady frames of a small detector: does time or memory change from the first thousand frames to the last?
 *
 * `deno run -A --v8-flags=--expose-gc bench/steady.ts [--frames 10000] [--out bench/results/steady.json]`
 *
 * Time is told two ways: wall time, and processor time of this process alone, which other programs on the machine lengthen
 * less. Both are medians over blocks of {@linkcode BLOCK} frames, because results of frames in flight arrive in bunches; the
 * fastest tenth of the blocks is told besides, which other programs disturb least.
 * Memory is resident memory right after V8's collector ran: what is left is what would stay.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { Device } from "../src/gpu/mod.ts";
import { collectGarbage, median, steadyLoop, type SteadySample } from "../tests/support/steady.ts";
import { describeMachine } from "./habits/machine.ts";

const BLOCK = 20;
const THOUSAND = 1000;
/** Frames before the first thousand: V8 still optimises code in these. A multiple of a thousand. */
const WARM_UP = 3000;

interface Times {
  /** Milliseconds a frame. */
  wallMs: number;
  cpuMs: number;
  /** The fastest tenth of the blocks took at most so long: what is left of `wallMs` when other programs pause. */
  undisturbedMs: number;
}

/** Medians of milliseconds a frame over the blocks between two frames. */
function times(samples: readonly SteadySample[], from: number, to: number): Times {
  const inside = samples.filter(({ frames }) => frames >= from && frames <= to);
  const steps = (of: (sample: SteadySample) => number): number[] =>
    inside.slice(1).map((sample, i) => (of(sample) - of(inside[i]!)) / (sample.frames - inside[i]!.frames));
  const wall = steps(({ ms }) => ms).sort((a, b) => a - b);
  return {
    wallMs: median(wall),
    cpuMs: median(steps(({ cpuMs }) => cpuMs)),
    undisturbedMs: wall[Math.floor(wall.length / 10)]!,
  };
}

const given = parseArgs(Deno.args, { string: ["frames", "out"] });
const frames = Number(given.frames ?? 10_000);
const out = given.out ?? "bench/results/steady.json";
if (!Number.isSafeInteger(frames) || frames < 2 * THOUSAND || frames % THOUSAND !== 0) {
  throw new RangeError(
    `--frames is ${given.frames}; give a multiple of ${THOUSAND}, from ${2 * THOUSAND} on`,
  );
}
if (!collectGarbage) {
  throw new Error("Start with --v8-flags=--expose-gc, so that memory is measured without garbage");
}

const loadBefore = Deno.loadavg();
const total = WARM_UP + frames;
const { samples, report, found } = await steadyLoop({ frames: total, every: BLOCK, collectEvery: THOUSAND });
const at = (frame: number): SteadySample => samples.find((sample) => sample.frames === frame)!;
const first = times(samples, WARM_UP, WARM_UP + THOUSAND);
const last = times(samples, total - THOUSAND, total);
const [begin, end] = [at(WARM_UP), at(total)];
using device = await Device.request({ pool: false });
const round = (value: number, digits: number): number => Number(value.toFixed(digits));
const result = {
  machine: describeMachine(device),
  date: new Date().toISOString().slice(0, 10),
  load: {
    before: loadBefore.map((load) => round(load, 2)),
    after: Deno.loadavg().map((load) => round(load, 2)),
  },
  frames,
  warmUp: WARM_UP,
  slots: report.slots,
  objectsFound: found,
  created: report.created,
  residentBytes: {
    begin: begin.residentBytes,
    end: end.residentBytes,
    growth: end.residentBytes - begin.residentBytes,
  },
  gpuBytes: { begin: begin.gpuBytes, end: end.gpuBytes, growth: end.gpuBytes - begin.gpuBytes },
  firstThousand: first,
  lastThousand: last,
  ratio: {
    wall: round(last.wallMs / first.wallMs, 4),
    cpu: round(last.cpuMs / first.cpuMs, 4),
    undisturbed: round(last.undisturbedMs / first.undisturbedMs, 4),
  },
  thousands: Array.from({ length: frames / THOUSAND }, (_, i) => {
    const from = WARM_UP + i * THOUSAND;
    const { wallMs, cpuMs, undisturbedMs } = times(samples, from, from + THOUSAND);
    return {
      wallMs: round(wallMs, 3),
      cpuMs: round(cpuMs, 3),
      undisturbedMs: round(undisturbedMs, 3),
      residentMiB: round(at(from + THOUSAND).residentBytes / 2 ** 20, 2),
    };
  }),
};
await Deno.writeTextFile(out, JSON.stringify(result, null, 2) + "\n");
console.log(JSON.stringify(result, null, 2));
