import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import fc from "fast-check";
import {
  LoopError,
  type LoopOptions,
  type LoopReport,
  runLoop,
  type SkippedFrame,
} from "../../src/frame/mod.ts";
import { GpuError } from "../../src/gpu/mod.ts";
import { after, FakeDevice, FakeSink, FakeSource, type FakeSourceOptions, FakeWork } from "./fakes.ts";

/** Everything that a loop runs on, and how it ended. */
interface Run {
  device: FakeDevice;
  source: FakeSource;
  work: FakeWork;
  sinks: FakeSink[];
  /** What ended the loop, if it failed. */
  error?: LoopError;
  report: LoopReport;
}

type Parts = {
  source: FakeSource | FakeSourceOptions;
  work?: FakeWork;
  slots?: number;
  sinks?: FakeSink[];
  device?: FakeDevice;
} & Pick<LoopOptions<number>, "limit" | "strict" | "signal" | "onFrame" | "onSkipped">;

/** Runs a loop to its end, however it ends, and checks what holds for every end. */
async function run(parts: Parts): Promise<Run> {
  const { slots = 4, sinks = [new FakeSink()], work = new FakeWork(), device = new FakeDevice(), ...rest } =
    parts;
  const source = parts.source instanceof FakeSource ? parts.source : new FakeSource(parts.source);
  const options = { ...rest, device, source, slots: work.slots(slots), sinks };
  const ended = await runLoop(options).catch((error) => error);
  if (!(ended instanceof LoopError) && ended instanceof Error) throw ended;
  const error = ended instanceof LoopError ? ended : undefined;
  const report: LoopReport = error?.report ?? ended;
  assertEquals(source.closed, 1, "the source is closed once");
  for (const sink of sinks) assertEquals(sink.closed, 1, "each sink is closed once");
  for (const frame of source.made) {
    assertEquals(frame.releases, 1, `frame ${frame.index} is released once`);
  }
  assertEquals(work.inFlight, 0, "nothing is under way any more");
  assertLessOrEqual(work.mostInFlight, slots, "no more frames are in flight than there are slots");
  return { device, source, work, sinks, report, ...(error && { error }) };
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

Deno.test("runLoop() writes every frame to every sink in order, whatever takes longest", async () => {
  for (const slots of [1, 2, 3, 4, 7]) {
    const sinks = [new FakeSink(), new FakeSink({ delayMs: (i) => i % 3 === 0 ? 2 : 0 })];
    const work = new FakeWork({ delayMs: (i) => (i * 7) % 5 });
    const { report, error } = await run({
      source: { frames: 23, delayMs: (i) => i % 4 === 1 ? 3 : 0 },
      work,
      slots,
      sinks,
    });
    assertEquals(error, undefined);
    for (const { written } of sinks) assertEquals(written, numbers(23), `${slots} slots`);
    assertEquals(report.frames, 23);
    assertEquals(report.slots, slots);
    assertEquals(report.interrupted, undefined);
  }
});

Deno.test("runLoop() keeps as many frames in flight as there are slots when the source is fast", async () => {
  for (const slots of [1, 2, 3, 4, 5, 8]) {
    const { work } = await run({ source: { frames: 40 }, work: new FakeWork({ delayMs: () => 1 }), slots });
    assertEquals(work.mostInFlight, slots);
  }
});

Deno.test("runLoop() does not hold a frame back while the source is slow", async () => {
  const collectedAt: number[] = [], deliveredLate: number[] = [];
  const work = new FakeWork({ delayMs: (index) => (collectedAt.push(index), 0) });
  await run({
    source: {
      frames: 6,
      // With 8 slots nothing forces frames out but the waiting itself.
      delayMs: (index) => {
        if (index > 0 && !collectedAt.includes(index - 2) && index >= 2) deliveredLate.push(index - 2);
        return 15;
      },
    },
    work,
    slots: 8,
  });
  assertEquals(deliveredLate, [], "a frame's result is asked for while the next one is awaited");
});

Deno.test("runLoop() waits for a slow sink instead of reading ahead", async () => {
  let written = 0;
  let mostAhead = 0;
  const source = new FakeSource({
    frames: 30,
    delayMs: (index) => {
      mostAhead = Math.max(mostAhead, index - written);
      return 0;
    },
  });
  await run({
    source,
    slots: 3,
    sinks: [new FakeSink({ delayMs: () => 2 })],
    onFrame: (done) => written = done,
  });
  // Three in flight, one that waits for a slot, and the one that is asked for.
  assertLessOrEqual(mostAhead, 5);
});

Deno.test("runLoop() tells skipped frames and goes on", async () => {
  const told: SkippedFrame[] = [];
  const skipped = [0, 3, 4, 5, 9, 10, 11, 12];
  const { report, sinks } = await run({
    source: { frames: 14, skipped },
    onSkipped: (frame) => told.push(frame),
  });
  assertEquals(sinks[0]!.written, numbers(14).filter((i) => !skipped.includes(i)));
  assertEquals(told.map(({ index }) => index), skipped);
  assertEquals(report.skipped, skipped.length);
  assertEquals(report.firstSkipped.map(({ index }) => index), skipped.slice(0, 5));
  assertEquals(report.frames, 6);
});

Deno.test("runLoop() skips a frame that a slot cannot take, and uses the slot for the next", async () => {
  const refused = new RangeError("Cannot take a frame of 99 bytes");
  const work = new FakeWork({ submitFails: (i) => i === 2 || i === 3 ? refused : undefined });
  const { report, sinks } = await run({ source: { frames: 9 }, work, slots: 2 });
  assertEquals(sinks[0]!.written, [0, 1, 4, 5, 6, 7, 8]);
  assertEquals(report.firstSkipped[0], { index: 2, name: "fake", reason: refused.message });
});

Deno.test("runLoop() stops at its limit, not counting skipped frames", async () => {
  const { report, sinks } = await run({ source: { frames: 20, skipped: [1] }, limit: 5 });
  assertEquals(sinks[0]!.written, [0, 2, 3, 4, 5]);
  assertEquals(report.interrupted, "limit");
});

Deno.test("runLoop() of an empty source reports numbers, not NaN", async () => {
  const { report } = await run({ source: { frames: 0 } });
  assertEquals(report.frames, 0);
  assertEquals(report.framesPerSecond, 0);
  assertEquals(report.stages, {});
});

Deno.test("runLoop() delivers what came before a source broke off, then says so with the report", async () => {
  const { error, report, sinks } = await run({
    source: { frames: 20, failAt: 11, delayMs: (i) => i % 2 },
    work: new FakeWork({ delayMs: () => 3 }),
  });
  assertStringIncludes(error!.message, "the source broke off at 11");
  assertInstanceOf(error!.cause, Error);
  assertEquals(sinks[0]!.written, numbers(11));
  assertEquals(report.frames, 11);
});

Deno.test("runLoop() writes nothing after a sink failed, and closes everything", async () => {
  const good = new FakeSink(), once = new FakeSink({ fails: (i) => i === 5 }), last = new FakeSink();
  const { error, report } = await run({ source: { frames: 20 }, sinks: [good, once, last] });
  assertStringIncludes(error!.message, "the sink fails at 5");
  assertEquals(good.written, numbers(6), "the sink before it got the frame");
  assertEquals(once.written, numbers(5), "no gap in the sink that failed");
  assertEquals(last.written, numbers(5));
  assertEquals(report.frames, 5);
});

Deno.test("runLoop() writes nothing after a frame whose result was lost", async () => {
  for (const at of [0, 1, 6, 7, 19]) {
    const work = new FakeWork({
      collectFails: (i) => i === at ? new GpuError("the GPU was lost") : undefined,
    });
    const { error, sinks, report } = await run({ source: { frames: 20 }, work });
    assertStringIncludes(error!.message, "the GPU was lost");
    assertEquals(sinks[0]!.written, numbers(at));
    assertEquals(report.frames, at);
  }
});

Deno.test("runLoop() delivers the frames before one that could not be submitted", async () => {
  const work = new FakeWork({ submitFails: (i) => i === 7 ? new GpuError("no such kernel") : undefined });
  const { error, sinks } = await run({ source: { frames: 20 }, work });
  assertStringIncludes(error!.message, "no such kernel");
  assertEquals(sinks[0]!.written, numbers(7));
});

Deno.test("runLoop() tells the first failure when closing fails too, and still closes the rest", async () => {
  const { error } = await run({
    source: { frames: 4, failAt: 2, closeFails: true },
    sinks: [new FakeSink({ closeFails: true }), new FakeSink()],
  });
  assertStringIncludes(error!.message, "the source broke off at 2");
  const closing = await run({
    source: { frames: 2 },
    sinks: [new FakeSink({ closeFails: true }), new FakeSink()],
  });
  assertStringIncludes(closing.error!.message, "the sink does not close");
  assertEquals(closing.report.frames, 2);
});

Deno.test("runLoop() finishes the frames under way when its signal is given", async () => {
  const controller = new AbortController();
  const { report, sinks, work } = await run({
    source: { frames: 1000, delayMs: () => 1 },
    work: new FakeWork({ delayMs: () => 4 }),
    signal: controller.signal,
    onFrame: (done) => done === 7 && controller.abort(),
  });
  assertEquals(report.interrupted, "signal");
  assertEquals(sinks[0]!.written, work.submitted, "what was submitted is written");
  assertLess(report.frames, 20);
});

Deno.test("runLoop() does not wait for a source that hangs when its signal is given", async () => {
  const controller = new AbortController();
  const hanging = Promise.withResolvers<void>();
  class Hanging extends FakeSource {
    override async *[Symbol.asyncIterator]() {
      yield* { [Symbol.asyncIterator]: () => super[Symbol.asyncIterator]() };
      await hanging.promise;
      throw new Error("closed while a frame was awaited");
    }
    override async close(): Promise<void> {
      await super.close();
      hanging.resolve();
    }
  }
  setTimeout(() => controller.abort(), 20);
  const { report, sinks, error } = await run({
    source: new Hanging({ frames: 3 }),
    signal: controller.signal,
  });
  assertEquals(error, undefined);
  assertEquals(sinks[0]!.written, [0, 1, 2]);
  assertEquals(report.interrupted, "signal");
});

Deno.test("runLoop() with a signal that was given before takes no frame", async () => {
  const { report, source } = await run({ source: { frames: 5 }, signal: AbortSignal.abort() });
  assertEquals([report.frames, report.interrupted, source.made.length], [0, "signal", 0]);
});

Deno.test("runLoop() ends when no sink wants more, but not before", async () => {
  const both = await run({ source: { frames: 30 }, sinks: [new FakeSink({ endsAfter: 3 }), new FakeSink()] });
  assertEquals(both.report.frames, 30);
  const none = await run({ source: { frames: 30 }, sinks: [new FakeSink({ endsAfter: 3 })], slots: 2 });
  assertEquals(none.report.interrupted, "sink");
  assertLess(none.report.frames, 8);
});

Deno.test("runLoop() without sinks runs for its callback", async () => {
  const results: number[] = [];
  await run({ source: { frames: 9 }, sinks: [], onFrame: (_, __, result) => results.push(result) });
  assertEquals(results, numbers(9));
});

Deno.test("runLoop() passes on what its callback throws", async () => {
  const { error, report } = await run({
    source: { frames: 9 },
    onFrame: (done) => {
      if (done === 3) throw new Error("no more paper");
    },
  });
  assertStringIncludes(error!.message, "no more paper");
  assertEquals(report.frames, 3);
});

Deno.test("runLoop({ strict }) names the frame that created something, what and how much", async () => {
  const device = new FakeDevice();
  const work = new FakeWork({
    onSubmit: (index) => {
      if (index < 6) return;
      device.counters.add("buffers", "pixels");
      device.counters.add("bindGroups", "blob");
    },
  });
  const { error, sinks, report } = await run({ source: { frames: 20 }, device, work, strict: true });
  assertInstanceOf(error!.cause, GpuError);
  assertMatch(
    error!.message,
    /^Frame 6 created GPU objects .*: 1 buffers, 1 bind groups, 0 pipelines, 0 modules .*buffer "pixels".*; prepare/,
  );
  assertMatch(
    error!.message,
    /\nIt was created\n.*at .*onSubmit .*loop_test\.ts/s,
    "the stack trace of the creation",
  );
  assertEquals(sinks[0]!.written, numbers(7), "the frame itself is right, and written");
  assertEquals(report.created, { buffers: 1, bindGroups: 1, pipelines: 0, modules: 0 });
});

Deno.test("runLoop({ strict }) sees what the last frame's result created", async () => {
  const device = new FakeDevice();
  const work = new FakeWork({
    collectFails: (index) => {
      if (index === 3) device.counters.add("pipelines", "late");
      return undefined;
    },
  });
  const { error } = await run({ source: { frames: 4 }, device, work, strict: true });
  assertStringIncludes(error!.message, "0 buffers, 0 bind groups, 1 pipelines, 0 modules");
});

Deno.test("runLoop() that is not strict reports creations; what was created before does not count", async () => {
  const device = new FakeDevice();
  device.counters.add("buffers", "weights");
  const work = new FakeWork({ onSubmit: (index) => index === 2 && device.counters.add("modules", "late") });
  const lax = await run({ source: { frames: 5 }, device, work });
  assertEquals(lax.error, undefined);
  assertEquals(lax.report.created, { buffers: 0, bindGroups: 0, pipelines: 0, modules: 1 });
  const strict = await run({ source: { frames: 2 }, device, strict: true });
  assertEquals(strict.error, undefined);
});

Deno.test("runLoop() takes every stage's time", async () => {
  const { report } = await run({
    source: { frames: 12, delayMs: () => 4 },
    work: new FakeWork({ delayMs: () => 6 }),
    sinks: [new FakeSink({ delayMs: () => 2 })],
    slots: 1,
  });
  const { decode, upload, gpu, readback, post, total } = report.stages;
  assert(
    decode!.p50 >= 2 && upload!.p50 < 2 && post!.p50 >= 1 && readback!.p50 >= 1,
    JSON.stringify(report.stages),
  );
  assertLessOrEqual(Math.abs(gpu!.p50 - 1), 0.02);
  assertLessOrEqual(readback!.p50 + post!.p50, total!.p50 * 1.02);
});

Deno.test("runLoop() refuses to run without slots or with a limit that is no number", async () => {
  const device = new FakeDevice(), source = new FakeSource({ frames: 1 }), sinks: FakeSink[] = [];
  await assertRejects(() => runLoop({ device, source, slots: [], sinks }), RangeError, "without slots");
  const slots = new FakeWork().slots(1);
  for (const limit of [NaN, -1]) {
    await assertRejects(
      () => runLoop({ device, source, slots, sinks, limit }),
      RangeError,
      `limit of ${limit}`,
    );
  }
  assertEquals(source.closed, 0);
});

Deno.test("runLoop() keeps order and closes everything under any delays and failures", async () => {
  const delays = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 8 });
  const at = fc.option(fc.integer({ min: 0, max: 14 }), { nil: undefined, freq: 2 });
  const cases = fc.record({
    frames: fc.integer({ min: 0, max: 15 }),
    slots: fc.integer({ min: 1, max: 6 }),
    skipped: fc.uniqueArray(fc.integer({ min: 0, max: 14 }), { maxLength: 4 }),
    sourceDelays: delays,
    workDelays: delays,
    sinkDelays: delays,
    sourceFails: at,
    submitFails: at,
    submitRefuses: at,
    collectFails: at,
    sinkFails: at,
    abortMs: fc.option(fc.integer({ min: 0, max: 12 }), { nil: undefined, freq: 2 }),
    limit: fc.option(fc.integer({ min: 0, max: 15 }), { nil: undefined, freq: 2 }),
  });
  await fc.assert(
    fc.asyncProperty(cases, async (c) => {
      const of = (list: number[]) => (index: number): number => list[index % list.length]!;
      const failing = (index: number, where: number | undefined): Error | undefined =>
        index === where ? new Error("failed as told") : undefined;
      const work = new FakeWork({
        delayMs: of(c.workDelays),
        submitFails: (i) => i === c.submitRefuses ? new RangeError("too large") : failing(i, c.submitFails),
        collectFails: (i) => failing(i, c.collectFails),
      });
      const controller = new AbortController();
      const sinks = [
        new FakeSink(),
        new FakeSink({ delayMs: of(c.sinkDelays), fails: (i) => i === c.sinkFails }),
      ];
      const running = run({
        source: {
          frames: c.frames,
          skipped: c.skipped,
          delayMs: of(c.sourceDelays),
          ...(c.sourceFails !== undefined && { failAt: c.sourceFails }),
        },
        work,
        slots: c.slots,
        sinks,
        signal: controller.signal,
        ...(c.limit !== undefined && { limit: c.limit }),
      });
      if (c.abortMs !== undefined) after(c.abortMs).then(() => controller.abort());
      const { error, report, source } = await running;
      await after(c.abortMs ?? 0);
      const usable = source.made.map(({ index }) => index).filter((index) => index !== c.submitRefuses);
      const [first, second] = sinks.map(({ written }) => written) as [number[], number[]];
      assertEquals(second, usable.slice(0, second.length), "in order, without gaps");
      assertEquals(first.slice(0, second.length), second);
      assertLessOrEqual(first.length - second.length, 1);
      assertEquals(report.frames, second.length);
      // Without a failure of the GPU or a sink, all that was submitted is written.
      const lost = [c.collectFails, c.sinkFails].some((i) => i !== undefined && work.submitted.includes(i));
      if (!lost) assertEquals(second, work.submitted);
      if (!error && !report.interrupted) {
        assertEquals(second.length + report.skipped, c.frames);
      }
    }),
    { seed: 20251121, numRuns: 120 },
  );
});
