/**
 * Measures a long run that recognises places: objects created on the GPU, memory, and the time per frame from the first
 * thousand frames to the last. Run it on an idle machine:
 *
 *     deno run -A --v8-flags=--expose-gc bench/loops_steady.ts [--frames 10000] [--out bench/results/loops_steady.json]
 *
 * Frames of a drawn walk come again and again; each goes through a small network, its descriptor is added to the index
 * and searched for in all earlier ones, in a strict loop. Since the search takes longer the more there are, its time on the
 * GPU is told, and taken off a frame's. Medians are of blocks of 20 frames.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { collectGarbage, median } from "../tests/support/steady.ts";
import { type PlaceSample, steadyPlaces } from "../tests/support/steady_places.ts";
import { describeMachine } from "./habits/machine.ts";

const BLOCK = 20;
const THOUSAND = 1000;
/** Frames before the first thousand: V8 still optimises code in these. A multiple of a thousand. */
const WARM_UP = 2000;

interface Times {
  /** Milliseconds a frame, all together. */
  wallMs: number;
  /** Of these the search in the index, on the GPU; undefined where the adapter tells no time. */
  searchMs: number | undefined;
  /** What is left without it. */
  restMs: number | undefined;
  /** In the fastest tenth of the blocks it was at most so much: what is left of it when other programs pause. */
  undisturbedMs: number | undefined;
  /** Milliseconds of the GPU a frame, without the search. */
  gpuRestMs: number | undefined;
}

/** Medians of milliseconds a frame over the blocks between two frames. */
function times(samples: readonly PlaceSample[], from: number, to: number): Times {
  const inside = samples.filter(({ frames }) => frames >= from && frames <= to);
  const blocks = (of: (sample: PlaceSample) => number): number[] =>
    inside.slice(1).map((sample, i) => (of(sample) - of(inside[i]!)) / BLOCK).sort((a, b) => a - b);
  const steps = (of: (sample: PlaceSample) => number): number => median(blocks(of));
  const timed = inside.every(({ searchMs, gpuMs }) => searchMs !== undefined && gpuMs !== undefined);
  const rest = timed ? blocks(({ ms, searchMs }) => ms - searchMs!) : [];
  return {
    wallMs: round(steps(({ ms }) => ms), 4),
    searchMs: timed ? round(steps(({ searchMs }) => searchMs!), 4) : undefined,
    restMs: timed ? round(median(rest), 4) : undefined,
    undisturbedMs: timed ? round(rest[Math.floor(rest.length / 10)]!, 4) : undefined,
    gpuRestMs: timed ? round(steps(({ gpuMs, searchMs }) => gpuMs! - searchMs!), 4) : undefined,
  };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** How many times as much, to four digits; undefined where it is not known. */
function ratio(last: number | undefined, first: number | undefined): number | undefined {
  return last === undefined || first === undefined ? undefined : round(last / first, 4);
}

const given = parseArgs(Deno.args, { string: ["frames", "out", "slots"] });
const frames = Number(given.frames ?? 10_000);
const slots = Number(given.slots ?? 8);
const out = given.out ?? "bench/results/loops_steady.json";
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
const { device, report, samples, right, descriptorBytes } = await steadyPlaces({
  frames: total,
  every: BLOCK,
  collectEvery: THOUSAND,
  slots,
});
const machine = describeMachine(device);
device[Symbol.dispose]();
const at = (frame: number): PlaceSample => samples.find((sample) => sample.frames === frame)!;
const first = times(samples, WARM_UP, WARM_UP + THOUSAND);
const last = times(samples, total - THOUSAND, total);
const [begin, end] = [at(WARM_UP).residentBytes, at(total).residentBytes];
const descriptors = frames * descriptorBytes;
const result = {
  machine,
  date: new Date().toISOString().slice(0, 10),
  load: {
    before: loadBefore.map((load) => round(load, 2)),
    after: Deno.loadavg().map((load) => round(load, 2)),
  },
  frames,
  warmUp: WARM_UP,
  slots: report.slots,
  /** Share of the frames whose nearest earlier one shows the same. */
  right: round(right / total, 4),
  created: report.created,
  residentBytes: {
    begin,
    end,
    growth: end - begin,
    descriptors,
    besideDescriptors: end - begin - descriptors,
  },
  firstThousand: first,
  lastThousand: last,
  ratio: {
    wall: ratio(last.wallMs, first.wallMs),
    withoutSearch: ratio(last.restMs, first.restMs),
    undisturbed: ratio(last.undisturbedMs, first.undisturbedMs),
    gpuWithoutSearch: ratio(last.gpuRestMs, first.gpuRestMs),
  },
  thousands: Array.from({ length: frames / THOUSAND }, (_, i) => {
    const from = WARM_UP + i * THOUSAND;
    return {
      ...times(samples, from, from + THOUSAND),
      residentMiB: round(at(from + THOUSAND).residentBytes / 2 ** 20, 2),
    };
  }),
};
await Deno.writeTextFile(out, JSON.stringify(result, null, 2) + "\n");
console.log(JSON.stringify(result, null, 2));
