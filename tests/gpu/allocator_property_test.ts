/**
 * Random programs of allocate, free, scope, fallback and dispose over several streams, against a plain model.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { alignUp, type Allocation, Device, GpuError, rangesOverlap, type Stream } from "../../src/gpu/mod.ts";

const SEED = 20_260_731;
const RUNS = 40;
const STACK_BYTES = 4096;
const STACK_COUNT = 2;
const MAX_STREAMS = 4;

type Step =
  | { do: "open" }
  | { do: "dispose"; which: number }
  | { do: "allocate"; which: number; bytes: number }
  | { do: "free"; which: number }
  | { do: "free newest"; which: number }
  | { do: "scope"; which: number; sizes: number[]; body: Step[] };

const which = fc.nat({ max: 1000 });
const bytes = fc.oneof(fc.nat({ max: 600 }), fc.nat({ max: 2500 }), fc.nat({ max: 6000 }));
const { step } = fc.letrec<{ step: Step }>((tie) => ({
  step: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    { weight: 8, arbitrary: fc.record({ do: fc.constant("allocate" as const), which, bytes }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("open" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("dispose" as const), which }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("free" as const), which }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant("free newest" as const), which }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant("scope" as const),
        which,
        sizes: fc.array(bytes, { maxLength: 4 }),
        body: fc.array(tie("step"), { maxLength: 6 }),
      }),
    },
  ),
}));

interface ModelStack {
  taken: boolean;
  live: Allocation[];
  top: number;
  highWater: number;
  allocations: number;
  refusals: number;
  largestRefused: number;
}

/** What must be so, told as simply as possible. */
class Model {
  readonly stacks: ModelStack[] = [];
  readonly streams: { stream: Stream; stack: ModelStack | undefined }[] = [];
  readonly heap = new Set<Allocation>();
  heapHighWater = 0;
  fallbacks = 0;
  fallbackBytes = 0;
  steps = 0;
  readonly device: Device;

  constructor(device: Device) {
    this.device = device;
  }

  run(steps: readonly Step[]): void {
    for (const one of steps) {
      this.steps++;
      this.#run(one);
      this.check(JSON.stringify(one));
    }
  }

  #run(one: Step): void {
    if (one.do === "open") return this.open();
    if (one.do === "free" || one.do === "free newest") {
      const live = one.do === "free"
        ? this.live()
        : this.stacks.map((stack) => stack.live.at(-1)).filter((newest) => newest !== undefined);
      if (live.length > 0) this.free(live[one.which % live.length]!);
      return;
    }
    if (this.streams.length === 0) return;
    const index = one.which % this.streams.length;
    if (one.do === "dispose") this.dispose(index);
    else if (one.do === "allocate") {
      this.allocate(index, one.bytes, (n, label) => this.streams[index]!.stream.allocate(n, label));
    } else this.scope(index, one.sizes, one.body);
  }

  open(): void {
    if (this.streams.length === MAX_STREAMS) return;
    let stack = this.stacks.find((candidate) => !candidate.taken);
    if (!stack && this.stacks.length < STACK_COUNT) {
      stack = {
        taken: false,
        live: [],
        top: 0,
        highWater: 0,
        allocations: 0,
        refusals: 0,
        largestRefused: 0,
      };
      this.stacks.push(stack);
    }
    const stream = this.device.stream();
    if (stack) stack.taken = true;
    assertEquals(stream.stack?.label, stack && `stack ${this.stacks.indexOf(stack)}`);
    this.streams.push({ stream, stack });
  }

  dispose(index: number): void {
    const { stream, stack } = this.streams[index]!;
    if (stack && stack.live.length > 0) {
      const message = this.refused(() => stream[Symbol.dispose]());
      for (const { label } of stack.live) assertStringIncludes(message, `"${label}"`);
      return;
    }
    stream[Symbol.dispose]();
    if (stack) stack.taken = false;
    this.streams.splice(index, 1);
  }

  allocate(
    index: number,
    wanted: number,
    allocate: (bytes: number, label: string) => Allocation,
  ): Allocation {
    const { stack } = this.streams[index]!;
    const size = Math.max(alignUp(wanted), 256);
    const allocation = allocate(wanted, `${this.steps}: ${wanted}`);
    assertEquals([allocation.bytes, allocation.freed], [size, false]);
    if (stack && stack.top + size <= STACK_BYTES) {
      assertEquals(allocation.offset, stack.top);
      assertEquals(allocation.owner.label, `stack ${this.stacks.indexOf(stack)}`);
      stack.live.push(allocation);
      stack.top += size;
      stack.highWater = Math.max(stack.highWater, stack.top);
      stack.allocations++;
      return allocation;
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
    return allocation;
  }

  free(allocation: Allocation): void {
    if (this.heap.delete(allocation)) {
      allocation.free();
      assert(allocation.freed);
      return;
    }
    const stack = this.stacks.find((candidate) => candidate.live.includes(allocation))!;
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

  scope(index: number, sizes: number[], body: Step[]): void {
    const { stream } = this.streams[index]!;
    const made: Allocation[] = [];
    let reached = false;
    const run = (): void =>
      stream.scope((allocate) => {
        for (const size of sizes) made.push(this.allocate(index, size, allocate));
        this.run(body);
        reached = true;
      });
    // What the scope's end will do, told after its body ran: free newest first, stop at what cannot be freed.
    let failure: unknown;
    try {
      run();
    } catch (error) {
      failure = error;
    }
    if (!reached) throw failure;
    let stuck: Allocation | undefined;
    for (const allocation of made.reverse()) {
      if (this.heap.delete(allocation)) continue;
      const stack = this.stacks.find((candidate) => candidate.live.includes(allocation));
      if (!stack) continue;
      if (stack.live.at(-1) !== allocation) {
        stuck = allocation;
        break;
      }
      this.#popped(stack);
    }
    if (!stuck) assertEquals(failure, undefined);
    else {
      assert(failure instanceof GpuError);
      assertStringIncludes(failure.message, `Cannot free "${stuck.label}"`);
    }
  }

  #popped(stack: ModelStack): void {
    stack.top = stack.live.pop()!.offset;
  }

  refused(action: () => void): string {
    try {
      action();
    } catch (error) {
      assert(error instanceof GpuError, String(error));
      return error.message;
    }
    throw new Error("A wrong order was not refused");
  }

  live(): Allocation[] {
    return [...this.stacks.flatMap((stack) => stack.live), ...this.heap];
  }

  heapBytes(): number {
    return [...this.heap].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  check(context: string): void {
    const memory = this.device.memory();
    assertEquals(
      memory.stacks.map((stats) => ({
        now: stats.currentBytes,
        most: stats.highWaterBytes,
        count: stats.allocations,
        refusals: stats.refusals,
        largest: stats.largestRefusedBytes,
      })),
      this.stacks.map((stack) => ({
        now: stack.top,
        most: stack.highWater,
        count: stack.allocations,
        refusals: stack.refusals,
        largest: stack.largestRefused,
      })),
      context,
    );
    assertEquals(
      [memory.default.currentBytes, memory.default.highWaterBytes, memory.default.allocations],
      [this.heapBytes(), this.heapHighWater, this.fallbacks],
      context,
    );
    assertEquals([memory.fallbacks, memory.fallbackBytes], [this.fallbacks, this.fallbackBytes], context);
    const live = this.live();
    assert(live.every((allocation) => !allocation.freed), context);
    live.forEach((a, i) =>
      live.slice(i + 1).forEach((b) => assert(!rangesOverlap(a, b), `${context}: ${a.label} and ${b.label}`))
    );
  }

  /** Releases everything; all memory must be back. */
  end(): void {
    for (const allocation of [...this.heap]) this.free(allocation);
    for (const stack of this.stacks) for (const one of [...stack.live].reverse()) this.free(one);
    while (this.streams.length > 0) this.dispose(0);
    this.check("the end");
    assertEquals(this.live(), []);
    assertEquals(this.device.memory().default.currentBytes, 0);
  }
}

Deno.test(`random programs over several streams do what a plain model says (seed ${SEED})`, async () => {
  let steps = 0;
  let fallbacks = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 40, maxLength: 120, size: "max" }), async (program) => {
      const warnings: string[] = [];
      using device = await Device.request({
        pool: { stackBytes: STACK_BYTES, stackCount: STACK_COUNT },
        onWarning: (message) => warnings.push(message),
      });
      const model = new Model(device);
      model.open();
      model.run(program);
      model.end();
      await device.settle();
      // Told once for a full stack, once for a missing one.
      assert(warnings.length <= 2 && warnings.length >= Math.min(model.fallbacks, 1), warnings.join("\n"));
      steps += model.steps;
      fallbacks += model.fallbacks;
    }),
    { seed: SEED, numRuns: RUNS },
  );
  assert(steps > 3000 && fallbacks > 100, `seed ${SEED}: ${steps} steps, ${fallbacks} fallbacks`);
});
