import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  alignUp,
  type Allocation,
  type Allocator,
  type AllocatorStats,
  DefaultAllocator,
  Device,
  GpuError,
  rangesOverlap,
  StackAllocator,
  StackPool,
} from "../../src/gpu/mod.ts";

const device = await Device.request({ pool: false });
globalThis.addEventListener("unload", () => device[Symbol.dispose]());

function makeBuffer(size: number, label: string): GPUBuffer {
  return device.createBuffer({ label, size, usage: GPUBufferUsage.STORAGE });
}

function makeStack(capacity: number): StackAllocator {
  return new StackAllocator(makeBuffer(capacity, "chunk"), capacity, "stack 7");
}

Deno.test("alignUp() rounds up to the alignment", () => {
  assertEquals([0, 1, 255, 256, 257].map((value) => alignUp(value)), [0, 256, 256, 256, 512]);
  assertEquals(alignUp(5, 4), 8);
});

Deno.test("rangesOverlap() wants one buffer and one shared byte", () => {
  const [a, b] = [makeBuffer(1024, "a"), makeBuffer(1024, "b")];
  const range = (buffer: GPUBuffer, offset: number, bytes: number) => ({ buffer, offset, bytes });
  assert(rangesOverlap(range(a, 0, 256), range(a, 255, 1)));
  assert(rangesOverlap(range(a, 0, 1024), range(a, 256, 256)));
  assert(!rangesOverlap(range(a, 0, 256), range(a, 256, 256)));
  assert(!rangesOverlap(range(a, 0, 256), range(b, 0, 256)));
});

Deno.test("StackAllocator goes up by aligned sizes and down again", () => {
  const stack = makeStack(1024);
  const a = stack.allocate(100, "a")!;
  const b = stack.allocate(257, "b")!;
  assertEquals([a.offset, a.bytes, b.offset, b.bytes], [0, 256, 256, 512]);
  assertEquals(a.buffer, b.buffer);
  assertEquals(stack.liveLabels(), ["a", "b"]);
  b.free();
  const c = stack.allocate(0, "c")!;
  assertEquals([c.offset, c.bytes], [256, 256], "the place of b is taken again, and nothing takes no place");
  c.free();
  a.free();
  assert(stack.empty);
  assertEquals(stack.stats(), {
    label: "stack 7",
    capacityBytes: 1024,
    currentBytes: 0,
    highWaterBytes: 768,
    allocations: 3,
    refusals: 0,
    largestRefusedBytes: 0,
  });
});

Deno.test("StackAllocator gives null when there is no room, and counts it", () => {
  const stack = makeStack(1024);
  using _ = stack.allocate(1024, "all")!;
  assertEquals(stack.allocate(1, "more"), null);
  assertEquals(stack.allocate(5000, "much more"), null);
  assertEquals(stack.allocate(300, "some more"), null);
  const { refusals, largestRefusedBytes, currentBytes, allocations } = stack.stats();
  assertEquals([refusals, largestRefusedBytes, currentBytes, allocations], [3, 5120, 1024, 1]);
});

Deno.test("StackAllocator refuses a wrong order, naming both, and stays as it was", () => {
  const stack = makeStack(1024);
  const a = stack.allocate(100, "descriptor")!;
  const b = stack.allocate(300, "scores")!;
  const error = assertThrows(() => a.free(), GpuError);
  assertEquals(
    error.message,
    'Cannot free "descriptor" (256 bytes at 0) on stack 7: "scores" (512 bytes at 256) was allocated later and is ' +
      'still alive; free in reverse order, which "using" does by itself; Device.request({ debug: true }) shows where ' +
      "each was made",
  );
  assert(!a.freed);
  assertEquals(stack.liveLabels(), ["descriptor", "scores"]);
  b.free();
  a.free();
  assert(a.freed && b.freed && stack.empty);
});

Deno.test("a second free does nothing, even when the place was taken again", () => {
  const stack = makeStack(1024);
  const a = stack.allocate(100, "a")!;
  a.free();
  const b = stack.allocate(100, "b")!;
  a.free();
  assertEquals(stack.liveLabels(), ["b"]);
  b.free();
  const allocator = new DefaultAllocator(makeBuffer);
  const c = allocator.allocate(100, "c");
  c.free();
  c.free();
  assertEquals(allocator.stats().currentBytes, 0);
});

Deno.test("an allocator refuses what is not alive on it", () => {
  const [one, two] = [makeStack(1024), makeStack(1024)];
  const a = one.allocate(100, "a")!;
  two.allocate(100, "b");
  assertThrows(() => two.free(a), GpuError, 'Cannot free "a" (256 bytes at 0) on stack 7: it is not alive');
  a.free();
  assertThrows(() => one.free(a), GpuError, "it is not alive on this stack");
  const allocator = new DefaultAllocator(makeBuffer);
  assertThrows(() => allocator.free(a), GpuError, "on the default allocator: it is not alive there");
});

Deno.test("using frees in reverse order, which is last in, first out", () => {
  const stack = makeStack(2048);
  {
    using _a = stack.allocate(10, "a")!;
    using _b = stack.allocate(10, "b")!;
    using _c = stack.allocate(10, "c")!;
    assertEquals(stack.stats().currentBytes, 768);
  }
  assert(stack.empty);
});

Deno.test("allocators refuse sizes that are no count of bytes", () => {
  const allocators: Allocator[] = [makeStack(1024), new DefaultAllocator(makeBuffer)];
  for (const allocator of allocators) {
    for (const bytes of [-1, 0.5, NaN, Infinity, 2 ** 60]) {
      const error = assertThrows(() => allocator.allocate(bytes, "odd"), GpuError);
      assertStringIncludes(error.message, `Cannot allocate "odd": ${bytes} is no count of bytes`);
    }
    assertEquals(allocator.stats().currentBytes, 0, allocator.label);
    assertEquals(allocator.stats().refusals, 0, allocator.label);
  }
});

Deno.test("DefaultAllocator makes and destroys one buffer each, in any order", () => {
  const destroyed: string[] = [];
  const allocator = new DefaultAllocator(makeBuffer, "heap", (buffer) => destroyed.push(buffer.label));
  const [a, b] = [allocator.allocate(100, "a"), allocator.allocate(1000, "b")];
  assert(a.buffer !== b.buffer);
  assertEquals([a.bytes, b.bytes, b.buffer.size], [256, 1024, 1024]);
  assertEquals(allocator.liveLabels(), ["a", "b"]);
  a.free();
  assertEquals(destroyed, ["a"]);
  b.free();
  assertEquals(destroyed, ["a", "b"]);
  const expected: AllocatorStats = {
    label: "heap",
    capacityBytes: Infinity,
    currentBytes: 0,
    highWaterBytes: 1280,
    allocations: 2,
    refusals: 0,
    largestRefusedBytes: 0,
  };
  assertEquals(allocator.stats(), expected);
});

Deno.test("StackPool has OpenCV's sizes by default: 5 stacks of 10 MiB", () => {
  const pool = new StackPool(makeBuffer);
  assertEquals([pool.stackBytes, pool.stackCount], [10 * 1024 * 1024, 5]);
  assertEquals(pool.allocators(), [], "nothing is made before a stream wants it");
});

Deno.test("StackPool makes a stack when it is first taken, and gives it again when it is free", () => {
  let made = 0;
  const pool = new StackPool((bytes, label) => (made++, makeBuffer(bytes, label)), {
    stackBytes: 1000,
    stackCount: 2,
  });
  assertEquals(pool.stackBytes, 1024);
  const [a, b] = [pool.take()!, pool.take()!];
  assertEquals([a.label, b.label, made], ["stack 0", "stack 1", 2]);
  assertEquals(pool.take(), undefined);
  pool.giveBack(a);
  assertEquals(pool.take(), a);
  pool.giveBack(b);
  pool.giveBack(a);
  assertEquals(pool.take(), a);
  assertEquals(made, 2);
});

Deno.test("StackPool refuses a stack that is in use, or held by nobody", () => {
  const pool = new StackPool(makeBuffer, { stackBytes: 1024, stackCount: 2 });
  const stack = pool.take()!;
  const live = stack.allocate(100, "left")!;
  const more = stack.allocate(300, "behind")!;
  const error = assertThrows(() => pool.giveBack(stack), GpuError);
  assertEquals(
    error.message,
    'Cannot give back stack 0: still alive on it: "left", "behind" (768 bytes); free them before the stream is ' +
      "disposed; Device.request({ debug: true }) shows where each was made",
  );
  more.free();
  live.free();
  pool.giveBack(stack);
  assertThrows(() => pool.giveBack(stack), GpuError, "Cannot give back stack 0: no stream holds it");
});

Deno.test("StackPool changes its sizes while every stack is free, else says who holds one", () => {
  const pool = new StackPool(makeBuffer, { stackBytes: 1024, stackCount: 2 });
  const stack = pool.take()!;
  pool.take();
  const error = assertThrows(() => pool.configure({ stackBytes: 4096 }), GpuError);
  assertEquals(
    error.message,
    "Cannot configure the stack pool: 2 of its stacks are held by streams (stack 0, stack 1); dispose these streams first",
  );
  assertEquals(pool.stackBytes, 1024);
  for (const taken of pool.allocators()) pool.giveBack(taken);
  pool.configure({ stackBytes: 4096 });
  assertEquals([pool.stackBytes, pool.stackCount, pool.allocators().length], [4096, 2, 0]);
  const larger = pool.take()!;
  assert(larger !== stack);
  assertEquals(larger.stats().capacityBytes, 4096);
  pool.giveBack(larger);
});

Deno.test("StackPool refuses sizes that are no whole numbers, and keeps what it has", () => {
  for (const bad of [-1, 1.5, NaN, Infinity]) {
    assertThrows(() => new StackPool(makeBuffer, { stackBytes: bad }), GpuError, `stackBytes ${bad}`);
    assertThrows(() => new StackPool(makeBuffer, { stackCount: bad }), GpuError, `stackCount ${bad}`);
  }
  const pool = new StackPool(makeBuffer, { stackBytes: 1024, stackCount: 2 });
  const stack = pool.take()!;
  pool.giveBack(stack);
  assertThrows(() => pool.configure({ stackBytes: 2048, stackCount: -1 }), GpuError);
  assertEquals([pool.stackBytes, pool.stackCount, pool.take()], [1024, 2, stack]);
});

Deno.test("StackPool of no bytes or no stacks gives none", () => {
  assertEquals(new StackPool(makeBuffer, { stackCount: 0 }).take(), undefined);
  assertEquals(new StackPool(makeBuffer, { stackBytes: 0 }).take(), undefined);
  assertEquals(new StackPool(makeBuffer, { stackBytes: 0 }).stackCount, 0);
});

Deno.test("a stream takes the user's own allocator, and the default one where that has no room", async () => {
  const warnings: string[] = [];
  using own = await Device.request({
    pool: { stackBytes: 1024, stackCount: 1 },
    onWarning: (message) => warnings.push(message),
  });
  const asked: string[] = [];
  const chunk = own.createBuffer({ label: "mine", size: 512, usage: GPUBufferUsage.STORAGE });
  const inner = new StackAllocator(chunk, 512, "my stack");
  const allocator: Allocator = {
    label: "my allocator",
    allocate(bytes: number, label: string): Allocation | null {
      asked.push(label);
      return inner.allocate(bytes, label);
    },
    free: (allocation: Allocation): void => inner.free(allocation),
    stats: () => inner.stats(),
  };
  using stream = own.stream({ label: "custom", allocator });
  assertEquals([stream.allocator, stream.stack], [allocator, undefined]);
  {
    using a = stream.allocate(512, "fits");
    using b = stream.allocate(10, "does not fit");
    assertEquals([a.buffer.label, a.owner], ["mine", inner]);
    assertEquals(b.owner, own.defaultAllocator);
  }
  assertEquals(asked, ["fits", "does not fit"]);
  assertEquals(warnings.length, 1);
  assertStringIncludes(
    warnings[0]!,
    '"does not fit" (256 bytes) does not fit on my stack of custom (512 of 512',
  );
  using other = own.stream();
  assertEquals(other.stack?.label, "stack 0", "the pool's stack was left for others");
});
