import { assert, assertEquals, assertThrows } from "@std/assert";
import { WorkingMemory } from "../../../src/place/map/working_memory.ts";
import { Random } from "../../support/random.ts";

Deno.test("without a bound everything is remembered", () => {
  const memory = new WorkingMemory();
  for (let id = 0; id < 10_000; id++) {
    assertEquals(memory.add(id % 9 === 8 ? id - 5 : undefined), { forgotten: [], retrieved: [] });
  }
  assertEquals([memory.size, memory.remembered, memory.weight(3), memory.weight(4)], [10_000, 10_000, 1, 0]);
  assert(memory.mask.every((bits) => bits === 0xffffffff));
});

Deno.test("of those that weigh least the one is forgotten that came in first, never one of the newest", () => {
  const memory = new WorkingMemory({ remember: 8, gap: 3, retrieve: 0 });
  for (let id = 0; id < 8; id++) assertEquals(memory.add().forgotten, []);
  assertEquals(memory.add(0).forgotten, [1]);
  assertEquals(memory.add(2).forgotten, [3]);
  assertEquals(memory.add(2).forgotten, [4]);
  assertEquals([0, 1, 2].map((id) => memory.weight(id)), [1, 0, 2]);
  for (const [i, forgotten] of [5, 6, 7, 8, 9].entries()) {
    assertEquals(memory.add().forgotten, [forgotten], `${i}`);
  }
  assertEquals([...Array(16).keys()].filter((id) => memory.has(id)), [0, 2, 10, 11, 12, 13, 14, 15]);
  for (let id = 10; id < 40; id++) memory.add();
  assert(memory.has(0) && memory.has(2) && memory.remembered === 8);
});

Deno.test("a rehearsal takes the weight of the frame before over, which is forgotten first", () => {
  const memory = new WorkingMemory({ remember: 8, gap: 2, retrieve: 0 });
  memory.add();
  for (let i = 0; i < 3; i++) memory.add(undefined, true);
  assertEquals([0, 1, 2, 3].map((id) => memory.weight(id)), [0, 0, 0, 3]);
  for (let id = 4; id < 8; id++) memory.add();
  assertEquals([0, 1, 2].map(() => memory.add().forgotten[0]), [0, 1, 2]);
  assertEquals(memory.add().forgotten, [4]);
  assert(memory.has(3));
});

Deno.test("frames next to a match are retrieved, by loops and then in time, and stay for that frame", () => {
  const memory = new WorkingMemory({ remember: 10, gap: 3, retrieve: 2 });
  for (let id = 0; id < 12; id++) memory.add();
  assertEquals([0, 1, 2].map((id) => memory.has(id)), [false, false, true]);
  const { retrieved, forgotten } = memory.add(2);
  assertEquals([retrieved, forgotten], [[1, 0], [3, 4, 5]]);
  assertEquals(memory.remembered, 10);
});

Deno.test("the books are those of a plain implementation, over random runs", () => {
  for (let trial = 0; trial < 40; trial++) {
    const random = new Random(900 + trial);
    const options = { gap: random.int(0, 6), retrieve: random.int(0, 3), remember: 0 };
    options.remember = options.gap + options.retrieve + 2 + random.int(0, 20);
    const memory = new WorkingMemory(options);
    // A set keeps the order in which its members came in.
    const weights: number[] = [], here = new Set<number>();
    for (let id = 0; id < 300; id++) {
      const what = JSON.stringify({ trial, id, ...options });
      const match = id > options.gap && random.next() < 0.2 ? random.int(0, id - 1) : undefined;
      const rehearsal = random.next() < 0.3;
      const change = memory.add(match, rehearsal);
      weights.push(0);
      here.add(id);
      if (rehearsal && id > 0) {
        weights[id] = weights[id - 1]! + 1;
        weights[id - 1] = 0;
      }
      if (match !== undefined) weights[match]!++;
      for (const back of change.retrieved) {
        assert(!here.has(back), what);
        here.add(back);
      }
      assert(
        change.retrieved.length <= options.retrieve && (match !== undefined || change.retrieved.length === 0),
        what,
      );
      for (const gone of change.forgotten) {
        const kept = new Set([match, ...change.retrieved]);
        const least = [...here].filter((other) => other <= id - options.gap && !kept.has(other))
          .sort((a, b) => weights[a]! - weights[b]!)[0];
        assertEquals(gone, least, what);
        here.delete(gone);
      }
      assertEquals(memory.remembered, Math.min(id + 1, options.remember), what);
      assertEquals([...weights.keys()].map((other) => memory.weight(other)), weights, what);
      assertEquals(
        [...weights.keys()].filter((other) => memory.has(other)),
        [...here].sort((a, b) => a - b),
        what,
      );
    }
  }
});

Deno.test("bounds that leave nothing to forget are refused", () => {
  assertThrows(() => new WorkingMemory({ remember: 18 }), RangeError, "above 18");
  assertThrows(() => new WorkingMemory({ remember: 30.5 }), RangeError, "30.5");
  new WorkingMemory({ remember: 19 });
});
