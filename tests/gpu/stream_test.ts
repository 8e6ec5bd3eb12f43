import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { type Allocation, Device, type Dispatch, GpuError, type Stream } from "../../src/gpu/mod.ts";
import { ADD, DOUBLE_ADD_ONE } from "./kernels.ts";

const device = await Device.request({ pool: { stackBytes: 4096, stackCount: 2 }, onWarning: () => {} });
globalThis.addEventListener("unload", () => device[Symbol.dispose]());

function doubleAddOne(x: Allocation): Dispatch {
  return device.dispatch(device.kernel(DOUBLE_ADD_ONE), { bindings: { x }, workgroups: [1, 1, 1] });
}

function add(x: Allocation, y: Allocation, value: number): Dispatch {
  const uniforms = { count: 64, value };
  return device.dispatch(device.kernel(ADD), { bindings: { x, y }, uniforms, workgroups: [1, 1, 1] });
}

function write(allocation: Allocation, value: number): void {
  device.gpu.queue.writeBuffer(allocation.buffer, allocation.offset, new Float32Array(64).fill(value));
}

async function first(allocation: Allocation): Promise<number> {
  return new Float32Array(await device.read(allocation))[0]!;
}

/** Counts the passes and pipeline changes that a stream records. */
function spy(stream: Stream): { passes: number; pipelines: number } {
  const counts = { passes: 0, pipelines: 0 };
  stream.record((encoder) => {
    const begin = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = (descriptor) => {
      counts.passes++;
      const pass = begin(descriptor);
      const set = pass.setPipeline.bind(pass);
      pass.setPipeline = (pipeline) => (counts.pipelines++, set(pipeline));
      return pass;
    };
  });
  return counts;
}

Deno.test("Stream runs dispatches in the order they were recorded, also within one call", async () => {
  using stream = device.stream();
  using x = stream.allocate(256, "x");
  using y = stream.allocate(256, "y");
  write(x, 1);
  stream.run([doubleAddOne(x), add(x, y, 10), doubleAddOne(y)]);
  stream.run(doubleAddOne(y));
  stream.submit();
  assertEquals([await first(x), await first(y)], [3, (13 * 2 + 1) * 2 + 1]);
});

Deno.test("consecutive runs share one pass and set each pipeline once; a copy between ends the pass", async () => {
  using stream = device.stream();
  using x = stream.allocate(256, "x");
  const target = device.createBuffer({ label: "copy", size: 256, usage: GPUBufferUsage.COPY_DST });
  const dispatch = doubleAddOne(x);
  write(x, 0);
  const counts = spy(stream);
  stream.run([]);
  assertEquals(counts.passes, 0);
  for (let i = 0; i < 5; i++) stream.run(dispatch);
  assertEquals(counts, { passes: 1, pipelines: 1 });
  stream.copy(x.buffer, x.offset, target, 0, 256);
  stream.run([dispatch, dispatch]);
  assertEquals(counts, { passes: 2, pipelines: 2 });
  stream.submit();
  assertEquals(await first(x), 2 ** 7 - 1);
  target.destroy();
});

Deno.test("Stream.copy() sees what was run before it, and not after", async () => {
  using stream = device.stream();
  using x = stream.allocate(256, "x");
  const before = device.upload(new Float32Array(64), "before");
  write(x, 1);
  stream.run(doubleAddOne(x));
  stream.copy(x.buffer, x.offset, before.buffer, 0, 256);
  stream.run(doubleAddOne(x));
  stream.submit();
  assertEquals(new Float32Array(await device.read(before))[0], 3);
  assertEquals(await first(x), 7);
  before.buffer.destroy();
});

Deno.test("streams run in the order of their submits", async () => {
  using a = device.stream();
  using b = device.stream();
  using x = a.allocate(256, "x");
  write(x, 1);
  b.run(doubleAddOne(x));
  a.run([doubleAddOne(x), doubleAddOne(x)]);
  a.submit();
  assertEquals(await first(x), 7);
  b.submit();
  b.submit();
  assertEquals(await first(x), 15);
});

Deno.test("Stream.finish() waits for the work", async () => {
  using stream = device.stream();
  using x = stream.allocate(256, "x");
  write(x, 1);
  stream.run(doubleAddOne(x));
  await stream.finish();
  assertEquals(stream.recording, undefined);
  assertEquals(await first(x), 3);
});

Deno.test("memory may be freed before the work recorded with it is submitted, on the stack and off it", async () => {
  using outcome = device.stream();
  using result = outcome.allocate(256, "result");
  for (const pool of ["stack", "default"]) {
    using stream = device.stream();
    using _full = stream.allocate(pool === "stack" ? 256 : 4096, "filling");
    {
      using temporary = stream.allocate(256, "temporary");
      assertEquals(temporary.owner === device.defaultAllocator, pool === "default");
      write(temporary, 5);
      stream.run(add(temporary, result, 1));
    }
    // Another stream's submit must not end it either.
    outcome.run(doubleAddOne(result));
    outcome.submit();
    stream.submit();
    assertEquals(await first(result), 6, pool);
    assertEquals(device.memory().default.currentBytes, 0, pool);
  }
});

Deno.test("a stack that the pool gives up lives until the work recorded with it is submitted", async () => {
  using own = await Device.request({ pool: { stackBytes: 1024, stackCount: 1 } });
  using recorder = own.stream({ label: "recorder", allocator: own.defaultAllocator });
  using y = recorder.allocate(256, "y");
  const kernel = own.kernel(ADD);
  {
    using stream = own.stream();
    using x = stream.allocate(256, "x");
    own.gpu.queue.writeBuffer(x.buffer, x.offset, new Float32Array(64).fill(4));
    recorder.run(own.dispatch(kernel, {
      bindings: { x, y },
      uniforms: { count: 64, value: 3 },
      workgroups: [1, 1, 1],
    }));
  }
  own.pool.configure({ stackBytes: 2048 });
  recorder.submit();
  assertEquals(new Float32Array(await own.read(y))[63], 7);
  assertEquals(own.memory().stacks, []);
});

Deno.test("a fallback's buffer ends with the last recording that may use it", async () => {
  using stream = device.stream();
  using _full = stream.allocate(4096, "filling");
  using other = device.stream();
  using x = other.allocate(256, "x");
  const ends = (allocation: Allocation): { destroyed: boolean } => {
    const seen = { destroyed: false };
    const destroy = allocation.buffer.destroy.bind(allocation.buffer);
    allocation.buffer.destroy = () => (seen.destroyed = true, destroy());
    return seen;
  };
  const idle = stream.allocate(256, "idle");
  const idleEnds = ends(idle);
  idle.free();
  assert(idleEnds.destroyed, "nothing is recorded: at once");

  const used = stream.allocate(256, "used");
  const usedEnds = ends(used);
  stream.run(add(x, used, 1));
  other.run(add(used, x, 1));
  used.free();
  other.submit();
  assert(!usedEnds.destroyed, "the first stream still holds it");
  stream.run(doubleAddOne(x));
  stream.submit();
  assert(usedEnds.destroyed);

  const dropped = stream.allocate(256, "dropped");
  const droppedEnds = ends(dropped);
  {
    using third = device.stream();
    third.run(doubleAddOne(x));
    dropped.free();
    assert(!droppedEnds.destroyed);
  }
  assert(droppedEnds.destroyed, "a stream that is disposed drops what it recorded");
  await device.idle();
});

Deno.test("Stream.scope() frees newest first and gives what its body gives", () => {
  using stream = device.stream();
  const made: Allocation[] = [];
  const result = stream.scope(() => {
    made.push(stream.allocate(100, "a"), stream.allocate(100, "b"));
    return stream.scope(() => {
      made.push(stream.allocate(100, "c"));
      return stream.stack!.liveLabels().join();
    });
  });
  assertEquals(result, "a,b,c");
  assert(made.every((allocation) => allocation.freed) && stream.stack!.empty);
});

Deno.test("Stream.scope() frees also when its body throws, and what was freed already", () => {
  using stream = device.stream();
  assertThrows(
    () =>
      stream.scope(() => {
        stream.allocate(100, "a");
        stream.allocate(100, "b").free();
        throw new TypeError("mine");
      }),
    TypeError,
    "mine",
  );
  assert(stream.stack!.empty);
});

Deno.test("Stream.scope() says what stands in its way, and what its body threw before", () => {
  using stream = device.stream();
  let escaped: Allocation | undefined;
  let kept: Allocation | undefined;
  const run = (fail: boolean) => () =>
    stream.scope(() => {
      const scoped = stream.allocate(100, "scoped");
      kept ??= scoped;
      escaped = stream.stack!.allocate(100, "escaped")!;
      if (fail) throw new TypeError("mine");
    });
  const error = assertThrows(run(false), GpuError);
  assertStringIncludes(error.message, 'Cannot free "scoped"');
  assertStringIncludes(error.message, '"escaped" (256 bytes at 256) was allocated later');
  assertEquals(stream.stack!.liveLabels(), ["scoped", "escaped"]);
  escaped!.free();
  // What could not be freed falls to the mark that is around the scope.
  const around = stream.mark();
  const both = assertThrows(run(true), GpuError, "(after the scope had failed: mine)");
  assertEquals((both.cause as Error).name, "TypeError");
  escaped!.free();
  assertEquals(stream.stack!.liveLabels(), ["scoped", "scoped"]);
  stream.release(around);
  assertEquals(stream.stack!.liveLabels(), ["scoped"]);
  kept!.free();
  assert(stream.stack!.empty);
});

Deno.test("Stream.scope() refuses an asynchronous body", async () => {
  using own = await Device.request({ pool: { stackBytes: 1024, stackCount: 1 } });
  using stream = own.stream({ label: "eager" });
  assertThrows(
    () => stream.scope(() => Promise.resolve(stream.allocate(100, "a"))),
    GpuError,
    "Cannot run an asynchronous scope on eager",
  );
  assert(stream.stack!.empty);
});

Deno.test("a disposed stream refuses its use, and disposal twice does nothing", async () => {
  using own = await Device.request({ pool: { stackBytes: 1024, stackCount: 1 } });
  const stream = own.stream({ label: "gone" });
  const stack = stream.stack!;
  stream[Symbol.dispose]();
  using next = own.stream();
  assertEquals(next.stack, stack);
  stream[Symbol.dispose]();
  assertEquals(own.stream().stack, undefined, "the second disposal did not give the stack back again");
  const calls: (() => void)[] = [
    () => stream.allocate(1, "x"),
    () => stream.scope(() => stream.allocate(1, "x")),
    () => stream.run([]),
    () => stream.record(() => {}),
    () => stream.submit(),
  ];
  for (const call of calls) {
    assertThrows(call, GpuError, 'Cannot use stream "gone": it is disposed', String(call));
  }
  await assertRejects(() => stream.finish(), GpuError, "it is disposed");
});

Deno.test("streams are numbered where they have no name", async () => {
  using own = await Device.request({ pool: { stackBytes: 1024, stackCount: 1 } });
  using a = own.stream();
  using named = own.stream({ label: "mine" });
  using b = own.stream();
  assertEquals([a.label, named.label, b.label], ["stream 0", "mine", "stream 1"]);
});
