import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import {
  type BufferRange,
  countsSince,
  Device,
  GpuError,
  GpuTimer,
  Readback,
  totalCount,
} from "../../src/gpu/mod.ts";
import { ADD } from "./kernels.ts";

const device = await Device.request({ pool: { stackBytes: 4096, stackCount: 4 } });
globalThis.addEventListener("unload", () => device[Symbol.dispose]());

function source(...values: number[]): BufferRange {
  return { ...device.upload(new Float32Array(values), "source"), bytes: values.length * 4 };
}

const floats = (bytes: ArrayBuffer): number[] => [...new Float32Array(bytes)];

Deno.test("Readback carries values, again and again", async () => {
  using stream = device.stream();
  using readback = new Readback(device, 10, "result");
  assertEquals(readback.bytes, 12);
  for (let i = 0; i < 3; i++) {
    readback.record(stream, source(i, i + 1, i + 2));
    stream.submit();
    assertEquals(await readback.take(floats), [i, i + 1, i + 2]);
  }
});

Deno.test("Readback puts several ranges one after the other", async () => {
  using stream = device.stream();
  using readback = new Readback(device, 16, "result");
  readback.record(stream, source(1, 2), source(3));
  stream.submit();
  assertEquals((await readback.take(floats)).slice(0, 3), [1, 2, 3]);
});

Deno.test("what take() gives is gone when the reader returns", async () => {
  using stream = device.stream();
  using readback = new Readback(device, 4, "result");
  readback.record(stream, source(1));
  stream.submit();
  const kept = await readback.take((bytes) => bytes);
  assertEquals(kept.byteLength, 0);
});

Deno.test("several readbacks are under way at once, each with its own frame", async () => {
  using stream = device.stream();
  const readbacks = Array.from({ length: 8 }, (_, i) => new Readback(device, 4, `result ${i}`));
  const results: Promise<number[]>[] = [];
  for (const [i, readback] of readbacks.entries()) {
    readback.record(stream, source(i * i));
    stream.submit();
    results.push(readback.take(floats));
  }
  assertEquals((await Promise.all(results)).flat(), readbacks.map((_, i) => i * i));
  for (const readback of readbacks) readback[Symbol.dispose]();
});

Deno.test("Readback refuses a second recording before the first was taken", async () => {
  using stream = device.stream();
  using readback = new Readback(device, 4, "boxes");
  readback.record(stream, source(1));
  const error = assertThrows(() => readback.record(stream, source(2)), GpuError);
  assertStringIncludes(error.message, 'Cannot read back into "boxes": its last result was not taken yet');
  stream.submit();
  assertThrows(() => readback.record(stream, source(2)), GpuError, "not taken yet");
  assertEquals(await readback.take(floats), [1]);
  readback.record(stream, source(2));
  stream.submit();
  assertEquals(await readback.take(floats), [2]);
});

Deno.test("Readback refuses to give what was not recorded, not submitted, dropped or is taken already", async () => {
  using readback = new Readback(device, 4, "boxes");
  await assertRejects(
    () => readback.take(floats),
    GpuError,
    'Cannot take readback "boxes": nothing was recorded',
  );
  {
    using stream = device.stream();
    readback.record(stream, source(1));
    await assertRejects(() => readback.take(floats), GpuError, "its copy was recorded, not submitted");
  }
  await assertRejects(() => readback.take(floats), GpuError, "its copy was dropped, not submitted");
  using stream = device.stream();
  readback.record(stream, source(2));
  stream.submit();
  const first = readback.take(floats);
  await assertRejects(() => readback.take(floats), GpuError, "it is being taken already");
  assertEquals(await first, [2]);
  await assertRejects(() => readback.take(floats), GpuError, "nothing was recorded");
});

Deno.test("Readback refuses ranges that do not fit", () => {
  using stream = device.stream();
  using readback = new Readback(device, 8, "boxes");
  for (const ranges of [[source(1, 2, 3)], [source(1), source(2, 3)], [{ ...source(1), bytes: 3 }], []]) {
    const error = assertThrows(() => readback.record(stream, ...ranges), GpuError);
    assertEquals(
      error.message,
      `Cannot read back [${
        ranges.map(({ bytes }) => bytes).join(", ")
      }] bytes into "boxes": it carries 8 at most, in ranges of whole words`,
    );
  }
  for (const bytes of [0, -4, 1.5, NaN]) {
    assertThrows(() => new Readback(device, bytes, "odd"), GpuError, `"odd": ${bytes} is no count of bytes`);
  }
});

Deno.test("a reader that throws leaves the readback free", async () => {
  using stream = device.stream();
  using readback = new Readback(device, 4, "boxes");
  readback.record(stream, source(1));
  stream.submit();
  await assertRejects(
    () =>
      readback.take(() => {
        throw new TypeError("mine");
      }),
    TypeError,
    "mine",
  );
  readback.record(stream, source(2));
  stream.submit();
  assertEquals(await readback.take(floats), [2]);
});

Deno.test("a disposed readback refuses its use, and fails a take that is under way", async () => {
  using stream = device.stream();
  const readback = new Readback(device, 4, "boxes");
  readback.record(stream, source(1));
  stream.submit();
  const waiting = readback.take(floats);
  readback[Symbol.dispose]();
  readback[Symbol.dispose]();
  await assertRejects(() => waiting, GpuError, 'Cannot use readback "boxes": it is disposed');
  await assertRejects(() => readback.take(floats), GpuError, "it is disposed");
  assertThrows(() => readback.record(stream, source(1)), GpuError, "it is disposed");
  await device.settle();
});

Deno.test("a steady loop of upload, dispatch and readback creates nothing on the GPU", async () => {
  // A device of its own: what other tests have forgotten may be collected while this one counts.
  using device = await Device.request({ pool: { stackBytes: 4096, stackCount: 1 } });
  using stream = device.stream();
  using readback = new Readback(device, 256, "result");
  const timer = GpuTimer.create(device, 1);
  using arena = stream.allocate(512, "arena");
  const [x, y] = [0, 256].map((offset) => ({
    buffer: arena.buffer,
    offset: arena.offset + offset,
    bytes: 256,
  }));
  const dispatch = device.dispatch(device.kernel(ADD), {
    bindings: { x: x!, y: y! },
    uniforms: { count: 64, value: 0.5 },
    workgroups: [1, 1, 1],
  });
  await device.settle();
  const [counts, memory] = [device.counters.snapshot(), device.memory()];
  for (let i = 0; i < 20; i++) {
    device.gpu.queue.writeBuffer(arena.buffer, arena.offset, new Float32Array(64).fill(i));
    if (timer) stream.runTimed([dispatch], timer.writes(0));
    else stream.run(dispatch);
    readback.record(stream, y!);
    stream.submit();
    assertEquals((await readback.take(floats))[63], i + 0.5);
  }
  assertEquals(totalCount(countsSince(counts, device.counters.snapshot())), 0);
  assertEquals(device.memory(), memory);
  timer?.[Symbol.dispose]();
});
