/**
 * Random programs of allocate, free, mark, scope, fallback and dispose over several streams, with stacks of the pool and
 * with an allocator of the user's own that at times breaks its contract, against a plain model.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import {
  alignUp,
  Allocation,
  type Allocator,
  type AllocatorStats,
  Device,
  GpuError,
  type Mark,
  rangesOverlap,
  replayTrace,
  StackAllocator,
  type Stream,
} from "../../src/gpu/mod.ts";

const SEED = 20_260_731;
const RUNS = 36;
const STEPS = { minLength: 1, maxLength: 1200 };
const STACK_BYTES = 4096;
const STACK_COUNT = 2;
const OWN_BYTES = 6144;
const MAX_STREAMS = 5;

const FAULTS = ["small", "outside", "crooked", "overlap", "again", "throws", "nothing"] as const;
type Fault = typeof FAULTS[number];

type Step =
  | { do: "open"; own: boolean }
  | { do: "dispose"; which: number }
  | { do: "allocate"; which: number; bytes: number }
  | { do: "break"; which: number; fault: Fault }
  | { do: "free"; which: number }
  | { do: "free newest"; which: number }
  | { do: "mark"; which: number }
  | { do: "release"; which: number; mark: number }
  | { do: "scope"; which: number; sizes: number[]; body: Step[]; fail: boolean };

const which = fc.nat({ max: 1000 });
const bytes = fc.oneof(fc.nat({ max: 600 }), fc.nat({ max: 2500 }), fc.nat({ max: 6000 }));
const { step } = fc.letrec<{ step: Step }>((tie) => ({
  step: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    { weight: 10, arbitrary: fc.record({ do: fc.constant("allocate" as const), which, bytes }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("open" as const), own: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("dispose" as const), which }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant("break" as const), which, fault: fc.constantFrom(...FAULTS) }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("free" as const), which }) },
    { weight: 9, arbitrary: fc.record({ do: fc.constant("free newest" as const), which }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("mark" as const), which }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("release" as const), which, mark: which }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant("scope" as const),
        which,
        sizes: fc.array(bytes, { maxLength: 4 }),
        body: fc.array(tie("step"), { maxLength: 6 }),
        fail: fc.boolean(),
      }),
    },
  ),
}));

/** The user's own: a stack shared by several streams, which does wrong once when it is told to. */
class OwnAllocator implements Allocator {
  readonly label = "own";
  readonly inner: StackAllocator;
  readonly #chunk: GPUBuffer;
  fault: Fault | undefined;
  victim: Allocation | undefined;

  constructor(device: Device) {
    this.#chunk = device.createBuffer({ label: "own chunk", size: OWN_BYTES, usage: GPUBufferUsage.STORAGE });
    this.inner = new StackAllocator(this.#chunk, OWN_BYTES, this.label);
  }

  allocate(wanted: number, label: string): Allocation | null {
    const fault = this.fault;
    this.fault = undefined;
    if (fault === undefined) return this.inner.allocate(wanted, label);
    if (fault === "throws") throw new Error("out of order");
    if (fault === "nothing") return undefined as unknown as null;
    if (fault === "again") return this.victim!;
    const [offset, length] = {
      small: [0, wanted - 1],
      outside: [OWN_BYTES - 256, alignUp(wanted) + 256],
      crooked: [100, alignUp(wanted)],
      overlap: [this.victim?.offset ?? 0, alignUp(wanted)],
    }[fault];
    return new Allocation(this, this.#chunk, offset!, length!, label);
  }

  free(allocation: Allocation): void {
    this.inner.free(allocation);
  }

  stats(): AllocatorStats {
    return this.inner.stats();
  }
}

interface ModelStack {
  readonly label: string;
  readonly capacity: number;
  taken: boolean;
  live: Allocation[];
  top: number;
  highWater: number;
  allocations: number;
  refusals: number;
  largestRefused: number;
}

function emptyStack(label: string, capacity: number): ModelStack {
  const counts = { top: 0, highWater: 0, allocations: 0, refusals: 0, largestRefused: 0 };
  return { label, capacity, taken: false, live: [], ...counts };
}

interface ModelStream {
  readonly stream: Stream;
  readonly stack: ModelStack | undefined;
  readonly isOwn: boolean;
  readonly marks: { mark: Mark; made: Allocation[] }[];
}

/** What must be so, told as simply as possible. */
class Model {
  readonly stacks: ModelStack[] = [];
  readonly own = emptyStack("own", OWN_BYTES);
  readonly streams: ModelStream[] = [];
  readonly heap = new Set<Allocation>();
  /** Marks that were released, to be refused. */
  readonly stale: { stream: Stream; mark: Mark }[] = [];
  readonly device: Device;
  readonly allocator: OwnAllocator;
  heapHighWater = 0;
  fallbacks = 0;
  fallbackBytes = 0;
  withoutStack = 0;
  steps = 0;
  refusals = 0;

  constructor(device: Device) {
    this.device = device;
    this.allocator = new OwnAllocator(device);
  }

  run(steps: readonly Step[]): void {
    for (const one of steps) {
      this.steps++;
      this.#run(one);
      this.check(JSON.stringify(one));
    }
  }

  #run(one: Step): void {
    if (one.do === "open") return this.open(one.own);
    if (one.do === "free" || one.do === "free newest") {
      const live = one.do === "free"
        ? this.live()
        : [...this.stacks, this.own].map((stack) => stack.live.at(-1)).filter((newest) =>
          newest !== undefined
        );
      if (live.length > 0) this.free(live[one.which % live.length]!);
      return;
    }
    if (this.streams.length === 0) return;
    const stream = this.streams[one.which % this.streams.length]!;
    if (one.do === "dispose") this.dispose(stream);
    else if (one.do === "allocate") this.allocate(stream, one.bytes);
    else if (one.do === "break") this.breakContract(stream, one.fault);
    else if (one.do === "mark") stream.marks.push({ mark: stream.stream.mark(), made: [] });
    else if (one.do === "release") this.release(stream, one.mark);
    else this.scope(stream, one);
  }

  open(own: boolean): void {
    if (this.streams.length === MAX_STREAMS) return;
    if (own) {
      const stream = this.device.stream({ allocator: this.allocator });
      this.streams.push({ stream, stack: this.own, isOwn: true, marks: [] });
      return;
    }
    let stack = this.stacks.find((candidate) => !candidate.taken);
    if (!stack && this.stacks.length < STACK_COUNT) {
      this.stacks.push(stack = emptyStack(`stack ${this.stacks.length}`, STACK_BYTES));
    }
    const stream = this.device.stream();
    if (stack) stack.taken = true;
    else this.withoutStack++;
    assertEquals(stream.stack?.label, stack?.label);
    this.streams.push({ stream, stack, isOwn: false, marks: [] });
  }

  dispose(one: ModelStream): void {
    const { stream, stack } = one;
    if (stack && !one.isOwn && stack.live.length > 0) {
      const message = this.refused(() => stream[Symbol.dispose]());
      for (const { label } of stack.live) assertStringIncludes(message, `"${label}"`);
      return;
    }
    stream[Symbol.dispose]();
    if (stack) stack.taken = false;
    this.streams.splice(this.streams.indexOf(one), 1);
    assertStringIncludes(this.refused(() => stream.allocate(1, "x")), "it is disposed");
  }

  allocate({ stream, stack, marks }: ModelStream, wanted: number): void {
    const size = Math.max(alignUp(wanted), 256);
    const allocation = stream.allocate(wanted, `${this.steps}: ${wanted}`);
    assertEquals([allocation.bytes, allocation.freed], [size, false]);
    marks.at(-1)?.made.push(allocation);
    if (stack && stack.top + size <= stack.capacity) {
      assertEquals(allocation.offset, stack.top);
      assertEquals(allocation.owner.label, stack.label);
      stack.live.push(allocation);
      stack.top += size;
      stack.highWater = Math.max(stack.highWater, stack.top);
      stack.allocations++;
      return;
    }
    if (stack) {
      stack.refusals++;
      stack.largestRefused = Math.max(stack.largestRefused, size);
    }
    assertEquals(allocation.owner, this.device.defaultAllocator);
    this.heap.add(allocation);
    this.heapHighWater = Math.max(this.heapHighWater, this.heapBytes());
    this.fallbacks++;
    this.fallbackBytes += size;
  }

  breakContract({ stream, isOwn }: ModelStream, fault: Fault): void {
    if (!isOwn) return;
    const victim = this.own.live[0];
    if (!victim && (fault === "overlap" || fault === "again")) return;
    Object.assign(this.allocator, { fault, victim });
    const message = this.refused(() => stream.allocate(512, "broken"));
    assertStringIncludes(message, 'Cannot allocate "broken" (512 bytes) from own: ');
    const told: Record<Fault, string> = {
      small: "511 bytes at 0), which is too small; give 512 bytes",
      outside: `which ends beyond its buffer of ${OWN_BYTES} bytes`,
      crooked: "which does not begin at a multiple of 256",
      overlap: `"broken" (512 bytes at ${victim?.offset}), which overlaps "${victim?.label}"`,
      again: `it gave "${victim?.label}" (${victim?.bytes} bytes at ${victim?.offset}) a second time`,
      throws: "out of order",
      nothing: "it gave undefined, no Allocation",
    };
    assertStringIncludes(message, told[fault]);
  }

  free(allocation: Allocation): void {
    if (this.heap.delete(allocation)) {
      allocation.free();
      assert(allocation.freed);
      return;
    }
    const stack = this.stackOf(allocation)!;
    const newest = stack.live.at(-1)!;
    if (newest !== allocation) {
      const message = this.refused(() => allocation.free());
      assertStringIncludes(message, `"${allocation.label}"`);
      assertStringIncludes(message, `"${newest.label}"`);
      assert(!allocation.freed);
      return;
    }
    allocation.free();
    this.#popped(stack);
  }

  release(one: ModelStream, number: number): void {
    if (one.marks.length === 0) {
      const stale = this.stale[number % Math.max(this.stale.length, 1)];
      if (!stale) return;
      const message = this.refused(() => one.stream.release(stale.mark));
      assertStringIncludes(message, stale.stream === one.stream ? "released already" : "was made on");
      return;
    }
    const index = number % one.marks.length;
    const { mark } = one.marks[index]!;
    const failure = this.#attempt(() => one.stream.release(mark));
    const stuck = this.#unwind(one, index);
    this.#expect(failure, stuck);
    assertEquals(mark.released, stuck === undefined);
  }

  scope(one: ModelStream, { sizes, body, fail }: Step & { do: "scope" }): void {
    const mine = new TypeError("the body failed");
    let mark: ModelStream["marks"][number] | undefined;
    let reached = false;
    const failure = this.#attempt(() =>
      one.stream.scope(() => {
        one.marks.push(mark = { mark: undefined!, made: [] });
        for (const size of sizes) this.allocate(one, size);
        // Marks that the body leaves are inside; the stream itself must outlive its scope.
        this.run(body.filter((inner) => inner.do !== "dispose" && inner.do !== "release"));
        reached = true;
        if (fail) throw mine;
      })
    );
    if (!reached) throw failure;
    const index = one.marks.indexOf(mark!);
    const stuck = this.#unwind(one, index);
    if (!stuck) return assertEquals(failure, fail ? mine : undefined);
    this.#expect(failure, stuck);
    if (fail) assertEquals((failure as Error).cause, mine);
    // What could not be freed falls to the mark before.
    const left = one.marks.splice(index).flatMap(({ made }) => made);
    one.marks.at(-1)?.made.push(...left);
  }

  /** Frees newest first down to mark `index`; gives what cannot be freed. */
  #unwind(one: ModelStream, index: number): Allocation | undefined {
    while (one.marks.length > index) {
      const { mark, made } = one.marks.at(-1)!;
      for (let last = made.at(-1); last; last = made.at(-1)) {
        const stack = this.stackOf(last);
        if (stack && stack.live.at(-1) !== last) return last;
        if (stack) this.#popped(stack);
        this.heap.delete(last);
        made.pop();
      }
      if (mark) this.stale.push({ stream: one.stream, mark });
      one.marks.pop();
    }
    return undefined;
  }

  #attempt(action: () => void): unknown {
    try {
      action();
      return undefined;
    } catch (error) {
      return error;
    }
  }

  #expect(failure: unknown, stuck: Allocation | undefined): void {
    if (!stuck) return assertEquals(failure, undefined);
    assert(failure instanceof GpuError, String(failure));
    assertStringIncludes(failure.message, `Cannot free "${stuck.label}"`);
    this.refusals++;
  }

  #popped(stack: ModelStack): void {
    stack.top = stack.live.pop()!.offset;
  }

  refused(action: () => void): string {
    const error = this.#attempt(action);
    assert(error !== undefined, "What is not allowed was not refused");
    assert(error instanceof GpuError, String(error));
    this.refusals++;
    return error.message;
  }

  stackOf(allocation: Allocation): ModelStack | undefined {
    return [...this.stacks, this.own].find((stack) => stack.live.includes(allocation));
  }

  live(): Allocation[] {
    return [...this.stacks.flatMap((stack) => stack.live), ...this.own.live, ...this.heap];
  }

  heapBytes(): number {
    return [...this.heap].reduce((sum, allocation) => sum + allocation.bytes, 0);
  }

  check(context: string): void {
    const memory = this.device.memory();
    const hasOwn = this.streams.some(({ isOwn }) => isOwn);
    assertEquals(
      [...memory.stacks, ...memory.others],
      [...this.stacks, ...(hasOwn ? [this.own] : [])].map((stack) => ({
        label: stack.label,
        capacityBytes: stack.capacity,
        currentBytes: stack.top,
        highWaterBytes: stack.highWater,
        allocations: stack.allocations,
        refusals: stack.refusals,
        largestRefusedBytes: stack.largestRefused,
      })),
      context,
    );
    assertEquals(
      [memory.default.currentBytes, memory.default.highWaterBytes, memory.default.allocations],
      [this.heapBytes(), this.heapHighWater, this.fallbacks],
      context,
    );
    assertEquals(
      [memory.fallbacks, memory.fallbackBytes, memory.streamsWithoutStack],
      [this.fallbacks, this.fallbackBytes, this.withoutStack],
      context,
    );
    const live = this.live();
    // The stacks that were made, what serves beside them, and the chunk of the user's own.
    assertEquals(
      [memory.buffers.count, memory.buffers.bytes],
      [
        this.stacks.length + this.heap.size + 1,
        this.stacks.length * STACK_BYTES + this.heapBytes() + OWN_BYTES,
      ],
      context,
    );
    assertEquals(this.device.watch.alive().length, live.length, context);
    assert(live.every((allocation) => !allocation.freed), context);
    live.forEach((a, i) => {
      for (const b of live.slice(i + 1)) {
        if (rangesOverlap(a, b)) throw new Error(`${context}: ${a.label} and ${b.label} overlap`);
      }
    });
  }

  /** Releases everything; all memory must be back. */
  end(): void {
    for (const allocation of [...this.heap]) this.free(allocation);
    for (const stack of [...this.stacks, this.own]) {
      for (const one of [...stack.live].reverse()) this.free(one);
    }
    while (this.streams.length > 0) this.dispose(this.streams[0]!);
    this.check("the end");
    assertEquals(this.live(), []);
    assertEquals(this.device.memory().default.currentBytes, 0);
  }
}

Deno.test(`random programs over several streams do what a plain model says (seed ${SEED})`, async () => {
  const pool = { stackBytes: STACK_BYTES, stackCount: STACK_COUNT };
  let [steps, fallbacks, refusals] = [0, 0, 0];
  await fc.assert(
    fc.asyncProperty(fc.array(step, { ...STEPS, size: "max" }), fc.boolean(), async (program, tidy) => {
      const warnings: string[] = [];
      using device = await Device.request({ pool, onWarning: (message) => warnings.push(message) });
      const model = new Model(device);
      using recording = device.trace();
      model.open(false);
      model.run(program);
      if (tidy) model.end();
      await device.settle();
      // Told once for a full stack, once for a missing one.
      assert(warnings.length <= 2 && warnings.length >= Math.min(model.fallbacks, 1), warnings.join("\n"));
      const trace = recording.stop();
      const live = model.live();
      device[Symbol.dispose]();
      const told = warnings.slice().pop() ?? "";
      assertEquals(told.includes("the device was disposed while"), live.length > 0, told);
      if (live.length <= 50) { for (const { label } of live) assertStringIncludes(told, `"${label}"`); }

      using again = await Device.request({ pool, onWarning: () => {} });
      const replayed = replayTrace(again, trace, { allocators: { own: new OwnAllocator(again) } });
      assertEquals(replayed.differences, []);
      assertEquals(replayed.left, live.length);
      steps += model.steps;
      fallbacks += model.fallbacks;
      refusals += model.refusals;
    }),
    { seed: SEED, numRuns: RUNS },
  );
  assert(
    steps > 20_000 && fallbacks > 1000 && refusals > 500,
    `seed ${SEED}: ${steps} steps, ${fallbacks} fallbacks, ${refusals} refusals`,
  );
});
