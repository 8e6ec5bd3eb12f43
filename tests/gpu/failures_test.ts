/** What happens when the GPU has no memory, is lost, or things end in the wrong order: a clear error, and nothing else harmed. */
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import {
  Device,
  type Dispatch,
  GpuError,
  GpuTimer,
  type MemoryReport,
  Readback,
  type Stream,
} from "../../src/gpu/mod.ts";
import { BufferFaults, type FaultKind } from "./faults.ts";
import { ADD, DOUBLE_ADD_ONE } from "./kernels.ts";

const POOL = { stackBytes: 2048, stackCount: 2 };

/** Something of everything that makes buffers; gives 21 if all went well. */
async function program(device: Device): Promise<number> {
  using a = device.stream({ label: "a" });
  using b = device.stream({ label: "b" });
  using none = device.stream({ label: "none" });
  using x = a.allocate(256, "x");
  using y = b.allocate(256, "y");
  using _full = b.allocate(1792, "filling");
  using overflow = b.allocate(256, "overflow");
  using beyond = none.allocate(256, "beyond");
  using readback = new Readback(device, 256, "result");
  using event = device.event({ label: "event" });
  const input = device.upload(new Float32Array(64).fill(4), "input");
  try {
    a.copy(input.buffer, 0, x.buffer, x.offset, 256);
    const add = (from: typeof x, to: typeof x, value: number): Dispatch =>
      device.dispatch(device.kernel(ADD), {
        bindings: { x: from, y: to },
        uniforms: { count: 64, value },
        workgroups: [1, 1, 1],
        label: `add to ${to.label}`,
      });
    a.run(add(x, y, 1));
    a.submit();
    b.run([add(y, overflow, 2), add(overflow, beyond, 3)]);
    b.run(device.dispatch(device.kernel(DOUBLE_ADD_ONE), { bindings: { x: beyond }, workgroups: [1, 1, 1] }));
    event.record(b);
    readback.record(b, beyond);
    // A loop that is just prepared asks for the outcome before it begins.
    await device.settle();
    b.submit();
    return await readback.take((bytes) => new Float32Array(bytes)[0]!);
  } finally {
    input.buffer.destroy();
  }
}

function inUse({ stacks, default: rest, buffers }: MemoryReport): unknown {
  return {
    stacks: stacks.map(({ currentBytes }) => currentBytes),
    rest: rest.currentBytes,
    buffers: buffers.count,
  };
}

/** Ends what the dispatches' uniform buffers leave for the collector: counted, they would differ from run to run. */
function withoutUniforms(device: Device): () => void {
  const made = new Set<GPUBuffer>();
  const createBuffer = device.gpu.createBuffer.bind(device.gpu);
  device.gpu.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    if (descriptor.usage & GPUBufferUsage.UNIFORM) made.add(buffer);
    return buffer;
  };
  return () => {
    for (const buffer of made) buffer.destroy();
    made.clear();
  };
}

for (const kind of ["throws", "out of memory"] satisfies FaultKind[]) {
  Deno.test(`out of memory at any allocation (${kind}): a clear error, all memory back, and the next run is right`, async () => {
    const warnings: string[] = [];
    using device = await Device.request({ pool: POOL, onWarning: (message) => warnings.push(message) });
    const clean = withoutUniforms(device);
    const faults = new BufferFaults(device);
    faults.arm(0, kind);
    assertEquals(await program(device), 21);
    clean();
    const count = faults.made;
    assert(count >= 11, `the program makes ${count} buffers`);
    const labels = new Set<string>();
    for (let n = 1; n <= count; n++) {
      // Every fault meets a pool whose stacks are still to be made.
      device.pool.configure(POOL);
      const before = inUse(device.memory());
      faults.arm(n, kind);
      const error = await assertRejects(() => program(device), GpuError, "", `creation ${n} of ${count}`);
      faults.arm(0, kind);
      assertStringIncludes(error.message, "no memory (injected)", `creation ${n}`);
      labels.add(/Cannot (?:make|allocate) "([^"]+)"/.exec(error.message)?.[1] ?? error.message);
      clean();
      await device.idle();
      // The stacks that could be made stay; nothing is on them.
      const { stacks, default: rest } = device.memory();
      assert(
        stacks.every(({ currentBytes }) => currentBytes === 0),
        `creation ${n}: ${device.describeMemory()}`,
      );
      assertEquals(rest.currentBytes, 0, `creation ${n}`);
      assertEquals(device.watch.alive(), [], `creation ${n}`);
      assertEquals(device.watch.streams(), [], `creation ${n}`);
      device.pool.configure(POOL);
      assertEquals(inUse(device.memory()), before, `creation ${n}`);
      assertEquals(await program(device), 21, `the run after creation ${n} had failed`);
      clean();
    }
    for (const label of ["stack 0", "stack 1", "overflow", "beyond", "result", "input", "add to y"]) {
      assert(labels.has(label), `${label} is not among ${[...labels].join(", ")}`);
    }
  });
}

Deno.test("a stack that the GPU had no memory for leaves the pool; its stream goes on without, and says so", async () => {
  const warnings: string[] = [];
  using device = await Device.request({ pool: POOL, onWarning: (message) => warnings.push(message) });
  const faults = new BufferFaults(device);
  using first = device.stream({ label: "first" });
  faults.arm(1, "out of memory");
  using second = device.stream({ label: "second" });
  // The GPU tells late: what was taken until then can still be given back.
  const early = second.allocate(100, "early");
  assertEquals(early.owner.label, "stack 1");
  await assertRejects(
    () => device.settle(),
    GpuError,
    'Cannot make "stack 1": the GPU is out of memory: no memory',
  );
  assertEquals(device.memory().stacks.map(({ label }) => label), ["stack 0"]);
  early.free();
  {
    using late = second.allocate(100, "late");
    assertEquals(late.owner, device.defaultAllocator);
    assertEquals(warnings, [
      'Memory: "late" (256 bytes): the GPU had no memory for stack 1 of second (2048 bytes); the default allocator ' +
      "serves. Set pool.stackBytes or pool.stackCount lower",
    ]);
  }
  using third = device.stream({ label: "third" });
  assertEquals([first.stack?.label, third.stack?.label], ["stack 0", "stack 1"], "memory may be free by now");
  using onThird = third.allocate(100, "fits");
  assertEquals(onThird.owner, third.stack);
});

type Started = {
  device: Device;
  stream: Stream;
  dispatch: Dispatch;
  readback: Readback;
  timer: GpuTimer | undefined;
};

async function started(): Promise<Started> {
  const device = await Device.request({ pool: POOL, onWarning: () => {} });
  const stream = device.stream({ label: "s" });
  const x = stream.allocate(256, "x");
  const dispatch = device.dispatch(device.kernel(DOUBLE_ADD_ONE), { bindings: { x }, workgroups: [1, 1, 1] });
  const readback = new Readback(device, 16, "result");
  return { device, stream, dispatch, readback, timer: GpuTimer.create(device, 1) };
}

/** The steps of a frame. The device is lost before each of them in turn. */
const STEPS: readonly ((parts: Started) => unknown)[] = [
  ({ stream }) => stream.allocate(100, "temporary").free(),
  ({ stream }) => stream.release(stream.mark()),
  ({ stream, dispatch }) => stream.run(dispatch),
  ({ stream, dispatch, timer }) => timer && stream.runTimed([dispatch], timer.writes(0)),
  ({ device }) => device.upload(new Float32Array(4), "upload"),
  ({ stream, readback, device }) =>
    readback.record(stream, { ...device.defaultAllocator.allocate(16, "kept"), bytes: 16 }),
  ({ stream }) => stream.submit(),
  ({ readback }) => readback.take((bytes) => bytes.byteLength),
  ({ stream }) => stream.finish(),
  ({ stream }) => stream.isComplete(),
  ({ device }) => device.event().record(device.stream()),
  ({ device }) => device.idle(),
];

Deno.test("the device is lost before any step of a frame: a clear error, never a panic, and all can be disposed", async () => {
  for (let lostAt = 0; lostAt <= STEPS.length; lostAt++) {
    const parts = await started();
    await parts.device.settle();
    const errors: unknown[] = [];
    for (const [i, step] of STEPS.entries()) {
      if (i === lostAt) {
        parts.device.gpu.destroy();
        await parts.device.gpu.lost;
      }
      try {
        await step(parts);
      } catch (error) {
        errors.push(error);
        assert(i >= lostAt, `step ${i} failed before the loss at ${lostAt}: ${error}`);
      }
    }
    for (const error of errors) {
      assert(error instanceof GpuError, `lost before step ${lostAt}: ${error}`);
      // A step that needs an earlier one which failed says that instead.
      const known = /^(Cannot .*: )?The GPU was lost|nothing was recorded|not submitted/.test(error.message);
      assert(known, `lost before step ${lostAt}: ${error.message}`);
    }
    if (lostAt < STEPS.length) {
      assert(
        errors.some((error) => (error as Error).message.includes("The GPU was lost (destroyed)")),
        `${lostAt}`,
      );
    }
    parts.readback[Symbol.dispose]();
    parts.timer?.[Symbol.dispose]();
    parts.device[Symbol.dispose]();
    parts.stream[Symbol.dispose]();
    assertEquals(parts.device.memory().buffers.count, 0);
  }
});

Deno.test("the parts of a program may be disposed in any order, twice: no wrong order does harm", async () => {
  const orders = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1], [3, 0, 1, 2], [0, 3, 2, 1]];
  for (const order of orders) {
    const { device, stream, readback, dispatch } = await started();
    const event = device.event();
    event.record(stream);
    stream.run(dispatch);
    const parts = [readback, event, stream, device];
    let refused = 0;
    for (const which of [...order, ...order]) {
      try {
        parts[which]![Symbol.dispose]();
      } catch (error) {
        // Only a stream that still has something on its stack refuses, and only while its device lives.
        assert(error instanceof GpuError && which === 2, `${order}: ${error}`);
        assertStringIncludes(error.message, 'still alive on it: "x"');
        refused++;
      }
    }
    assertEquals(refused, order.indexOf(2) < order.indexOf(3) ? 1 : 0, `${order}`);
    assertEquals(device.memory().buffers.count, 0, `${order}`);
    assertThrows(() => stream.allocate(1, "late"), GpuError, 'Cannot use stream "s"');
    assertThrows(() => device.createBuffer({ label: "late", size: 4, usage: 0 }), GpuError, "it is disposed");
  }
});

Deno.test("an error while a scope unwinds leaves other streams and the next frame alone", async () => {
  using device = await Device.request({ pool: POOL, onWarning: () => {} });
  const faults = new BufferFaults(device);
  using stream = device.stream();
  using other = device.stream();
  using untouched = other.allocate(512, "untouched");
  for (const kind of ["throws", "out of memory"] satisfies FaultKind[]) {
    faults.arm(1, kind);
    const frame = async (): Promise<void> => {
      using _ = stream.mark();
      stream.allocate(2048, "fits");
      stream.allocate(2048, "does not, and there is no memory");
      await device.settle();
    };
    await assertRejects(frame, GpuError, 'Cannot make "does not, and there is no memory"');
    assertEquals(device.memory().stacks.map(({ currentBytes }) => currentBytes), [0, 512]);
    assertEquals(device.memory().default.currentBytes, 0);
    await frame();
  }
  assert(!untouched.freed);
});

Deno.test("Device.allOrNothing() destroys what was made before the failure, and nothing else", async () => {
  using device = await Device.request({ pool: POOL, onWarning: () => {} });
  const faults = new BufferFaults(device);
  const before = device.upload(new Float32Array(64), "before");
  const make = (): GPUBuffer[] =>
    ["a", "b", "c"].map((label) => device.upload(new Float32Array(64), label).buffer);
  faults.arm(3, "throws");
  assertThrows(() => device.allOrNothing(make), GpuError, 'Cannot make "c"');
  assertEquals(device.memory().buffers.count, 1);
  faults.arm(0, "throws");
  assertEquals(device.allOrNothing(make).length, 3);
  assertEquals(device.memory().buffers.count, 4);
  // An inner attempt that was caught does not end the outer one; one that succeeded ends with it.
  const mine = new TypeError("mine");
  const nested = (): void => {
    make();
    device.allOrNothing(make);
    try {
      device.allOrNothing(() => {
        make();
        throw mine;
      });
    } catch (error) {
      assertEquals(error, mine);
    }
    assertEquals(device.memory().buffers.count, 10);
    throw mine;
  };
  assertThrows(() => device.allOrNothing(nested), TypeError, "mine");
  assertEquals(device.memory().buffers.count, 4);
  // A stream's stack is the pool's.
  assertThrows(
    () =>
      device.allOrNothing(() => {
        using stream = device.stream();
        stream.allocate(100, "temporary").free();
        throw mine;
      }),
    TypeError,
    "mine",
  );
  assertEquals(device.memory().stacks.length, 1);
  assertEquals(new Float32Array(await device.read(before))[0], 0);
});

Deno.test("a readback that the GPU had no memory for says so when it is taken", async () => {
  using device = await Device.request({ pool: false });
  const faults = new BufferFaults(device);
  using stream = device.stream();
  const x = device.upload(new Float32Array([5]), "x");
  faults.arm(1, "out of memory");
  using readback = new Readback(device, 16, "result");
  readback.record(stream, x);
  stream.submit();
  await assertRejects(() => readback.take((bytes) => bytes.byteLength), GpuError, "no memory (injected)");
  using again = new Readback(device, 16, "result");
  again.record(stream, x);
  stream.submit();
  assertEquals(await again.take((bytes) => new Float32Array(bytes)[0]), 5);
});
