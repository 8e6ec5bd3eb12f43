/**
 * The same work written three ways. Each frame goes through two networks; its descriptor is compared with those of all
 * earlier frames but the last {@linkcode RECENT}, which look alike because the camera hardly moved.
 *
 * @module
 */
import {
  type BufferRange,
  countsSince,
  type CreationCounts,
  Device,
  Readback,
  totalCount,
} from "../../src/gpu/mod.ts";
import { runLoop } from "../../src/frame/mod.ts";
import { GpuBytes } from "../../tests/support/gpu_bytes.ts";
import { describeMachine } from "./machine.ts";
import { BEST_ROW, INNER_PRODUCTS, type Match, readMatch, RESULT_BYTES } from "./match.ts";
import { DESCRIPTOR_DIMENSIONS, FEATURE_CELLS, FEATURE_CHANNELS } from "./networks.ts";
import { networkFiles, Networks, Observation } from "./observation.ts";
import { PlaceSlot, PlaceStore } from "./place_slot.ts";
import type { EndRecord, FrameRecord, Habit, HabitRun } from "./record.ts";
import { Tour, TOUR_HEIGHT, TOUR_WIDTH, TourSource } from "./tour.ts";

/** Earlier frames that a frame is not compared with: those just before it. */
export const RECENT = 30;

/** When a loop is given up. */
export interface Bounds {
  /** Mean time of the last ten frames. */
  ms: number;
  /** Resident memory. */
  bytes: number;
  minutes: number;
}

/** Of many warnings the first tell the story. */
const WARNINGS_SHOWN = 2;
/** What was left alive is told by name, and there are thousands. */
const WARNING_LENGTH = 240;

/** Runs one habit in this process. */
export async function runHabit(habit: Habit, frames: number, bounds: Bounds): Promise<HabitRun> {
  let warnings = 0;
  const warn = (message: string): void => {
    warnings++;
    if (warnings <= WARNINGS_SHOWN) console.error(`${habit}: ${message.slice(0, WARNING_LENGTH)}`);
  };
  const device = await Device.request({
    ...(habit === "framewise" && { pool: { stackBytes: 4 * 2 ** 20, stackCount: SLOTS } }),
    onWarning: warn,
  });
  try {
    const run = { habit, frames, ...describeMachine(device), date: new Date().toISOString().slice(0, 10) };
    const watch = new Watch(device, frames, bounds);
    await (habit === "framewise" ? intended(device, watch) : habitual(device, watch, habit));
    return { run, frames: watch.records, end: { ...watch.end(), warnings } };
  } finally {
    device[Symbol.dispose]();
  }
}

/** Writes down each frame, and says when it is enough. */
class Watch {
  readonly frames: number;
  readonly records: FrameRecord[] = [];
  stopped: string | undefined;
  readonly #device: Device;
  readonly #bounds: Bounds;
  readonly #gpu: GpuBytes;
  #started = 0;
  #last = 0;
  #before: CreationCounts | undefined;

  constructor(device: Device, frames: number, bounds: Bounds) {
    this.frames = frames;
    this.#device = device;
    this.#bounds = bounds;
    this.#gpu = new GpuBytes(device);
  }

  /** The loop begins. */
  start(): void {
    this.#started = this.#last = performance.now();
    this.#before = this.#device.counters.snapshot();
  }

  /** A frame's result is there. Returns whether to go on. */
  done(match: Match | undefined, searchMs: number | undefined): boolean {
    const now = performance.now();
    const residentBytes = Deno.memoryUsage().rss;
    this.records.push({
      frame: this.records.length,
      ms: now - this.#last,
      ...(searchMs !== undefined && { searchMs }),
      gpuBytes: this.#gpu.bytes,
      residentBytes,
      ...(match && { match: match.row, score: match.score }),
    });
    this.#last = now;
    const recent = this.records.slice(-10);
    const mean = recent.reduce((sum, { ms }) => sum + ms, 0) / recent.length;
    const { ms, bytes, minutes } = this.#bounds;
    if (recent.length === 10 && mean > ms) this.stopped = `a frame takes more than ${ms} ms`;
    else if (residentBytes > bytes) this.stopped = `it holds more than ${bytes / 2 ** 30} GiB`;
    else if (now - this.#started > minutes * 60_000) this.stopped = `it took more than ${minutes} minutes`;
    return this.stopped === undefined && this.records.length < this.frames;
  }

  end(): Omit<EndRecord, "warnings"> {
    const { stopped } = this;
    return {
      frames: this.records.length,
      seconds: (this.#last - this.#started) / 1000,
      created: totalCount(countsSince(this.#before!, this.#device.counters.snapshot())),
      ...(stopped !== undefined && this.records.length < this.frames && { stopped }),
    };
  }
}

/**
 * Habits 1 and 2. What a frame needs is made in the frame; the descriptor stays where the network wrote it; each
 * comparison makes what it needs; nothing is released. `anew` makes the sessions in the frame too.
 */
async function habitual(device: Device, watch: Watch, habit: "anew" | "kept"): Promise<void> {
  const files = networkFiles();
  const tour = new Tour(watch.frames);
  const pixels = new Uint8Array(TOUR_WIDTH * TOUR_HEIGHT);
  const once = habit === "kept" ? await Networks.load(device, files) : undefined;
  const seen: Observation[] = [];
  watch.start();
  for (let index = 0;; index++) {
    tour.draw(index, pixels);
    const networks = once ?? await Networks.load(device, files);
    const now = await Observation.create(device, networks, `frame ${index}`);
    now.write(pixels);
    now.stream.run(now.dispatches());
    const began = performance.now();
    const earlier = seen.slice(0, Math.max(0, index - RECENT));
    const result = compare(device, now, earlier);
    const searchMs = performance.now() - began;
    const readback = new Readback(device, RESULT_BYTES, `result ${index}`);
    readback.record(now.stream, result);
    now.stream.submit();
    const match = await readback.take(readMatch);
    seen.push(now);
    if (!watch.done(match, searchMs)) return;
  }
}

/** Records the comparison with each earlier frame, one by one. */
function compare(device: Device, now: Observation, earlier: readonly Observation[]): BufferRange {
  const partials = now.allocate(Math.max(1, earlier.length) * 8, "matches");
  const result = now.allocate(RESULT_BYTES, "best match");
  for (const [row, { descriptor }] of earlier.entries()) {
    now.stream.run(
      device.dispatch(device.kernel(INNER_PRODUCTS), {
        bindings: { query: now.descriptor, rows: descriptor, partials },
        uniforms: { rows: 1, d4: DESCRIPTOR_DIMENSIONS / 4, first_row: row, first_partial: row },
        workgroups: [1, 1, 1],
      }),
    );
  }
  now.stream.run(
    device.dispatch(device.kernel(BEST_ROW), {
      bindings: { partials, result },
      uniforms: { partials: earlier.length },
      workgroups: [1, 1, 1],
    }),
  );
  return { buffer: result.buffer, offset: result.offset, bytes: RESULT_BYTES, label: "best match" };
}

const SLOTS = 4;

/** Framewise as intended: everything made before the loop, a slot for each frame in flight, a strict loop. */
async function intended(device: Device, watch: Watch): Promise<void> {
  using networks = await Networks.load(device, networkFiles());
  const featureBytes = FEATURE_CELLS * FEATURE_CHANNELS * 4;
  using store = new PlaceStore(device, watch.frames, DESCRIPTOR_DIMENSIONS, featureBytes);
  using stack = new DisposableStack();
  const slots: PlaceSlot[] = [];
  for (let i = 0; i < SLOTS; i++) {
    slots.push(
      stack.use(await PlaceSlot.create(device, { networks, store, recent: RECENT, label: `slot ${i}` })),
    );
  }
  await device.idle();
  watch.start();
  const stop = new AbortController();
  await runLoop({
    device,
    source: new TourSource(watch.frames, SLOTS + 2),
    slots,
    sinks: [],
    strict: true,
    signal: stop.signal,
    onFrame: (_done, _frame, { match, searchMs }) => {
      if (!watch.done(match, searchMs)) stop.abort();
    },
  });
}
