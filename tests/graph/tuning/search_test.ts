import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { GpuError } from "../../../src/gpu/mod.ts";
import {
  type CandidateTimer,
  type OpenCandidate,
  search,
  type SearchedLayer,
} from "../../../src/graph/tuning/search.ts";

/** A machine whose clock goes on by what it is told to take, and nothing else. */
class FakeMachine implements CandidateTimer {
  now = 0;
  /** Candidates that run now. */
  open_ = 0;
  mostOpen = 0;
  readonly opened: string[] = [];
  readonly rounds: string[] = [];
  readonly #ms: Readonly<Record<string, number>>;
  readonly #compileMs: number;
  /** Multiplies all times: what else runs on the machine. */
  hindrance = (): number => 1;

  /** @param ms of one run, by candidate; one that is missing is refused. */
  constructor(ms: Readonly<Record<string, number>>, compileMs = 100) {
    this.#ms = ms;
    this.#compileMs = compileMs;
  }

  open(layer: string, candidate: string): Promise<OpenCandidate> {
    const ms = this.#ms[candidate];
    this.opened.push(`${layer} ${candidate}`);
    this.now += this.#compileMs;
    if (ms === undefined) return Promise.reject(new GpuError("refused"));
    this.mostOpen = Math.max(this.mostOpen, ++this.open_);
    return Promise.resolve({
      round: () => {
        this.rounds.push(candidate);
        const taken = ms * this.hindrance();
        this.now += taken;
        return Promise.resolve(taken);
      },
      [Symbol.dispose]: () => void this.open_--,
    });
  }

  search(layers: readonly SearchedLayer[], mode: "fast" | "full", budgetMs: number) {
    return search(layers, { mode, budgetMs, now: () => this.now, timer: this });
  }
}

Deno.test("search takes the fastest candidate, and leaves nothing open", async () => {
  const machine = new FakeMachine({ a: 10, b: 8, c: 12, d: 6, e: 9 });
  const { measured, left } = await machine.search(
    [{ layer: "one", candidates: [..."abcde"] }],
    "full",
    1e6,
  );
  assertEquals(left, []);
  assertEquals(measured.get("one")!.chosen, "d");
  assertEquals(measured.get("one")!.ms, { a: 10, b: 8, c: 12, d: 6, e: 9 });
  assertEquals(machine.open_, 0);
  assert(machine.mostOpen <= 3, `${machine.mostOpen} at once`);
});

Deno.test("search gives a slow candidate up after its first round", async () => {
  const machine = new FakeMachine({ a: 10, b: 50, c: 9 });
  await machine.search([{ layer: "one", candidates: ["a", "b", "c"] }], "full", 1e6);
  assertEquals(machine.rounds.filter((candidate) => candidate === "b").length, 1);
  assert(machine.rounds.filter((candidate) => candidate === "c").length > 5);
});

Deno.test("search keeps the estimate's candidate where another is hardly faster", async () => {
  const machine = new FakeMachine({ a: 10, b: 9.3 });
  const { measured } = await machine.search([{ layer: "one", candidates: ["a", "b"] }], "full", 1e6);
  assertEquals(measured.get("one")!.chosen, "a");
});

Deno.test("search is not misled by other work on the machine that comes and goes", async () => {
  const machine = new FakeMachine({ a: 10, b: 8.5, c: 11, d: 12 });
  // Everything takes three times as long from some point on.
  machine.hindrance = () => machine.rounds.length > 14 ? 3 : 1;
  const { measured } = await machine.search([{ layer: "one", candidates: [..."acdb"] }], "full", 1e6);
  const { chosen, ms } = measured.get("one")!;
  assertEquals(chosen, "b");
  assertAlmostEquals(ms.b!, 8.5, 1e-9);
});

Deno.test("search times the three candidates that are estimated best, if it is to be fast", async () => {
  const machine = new FakeMachine({ a: 10, b: 9, c: 8, d: 1 });
  const { measured } = await machine.search([{ layer: "one", candidates: [..."abcd"] }], "fast", 1e6);
  assertEquals(measured.get("one")!.chosen, "c");
  assertEquals(machine.opened, ["one a", "one b", "one c"]);
});

Deno.test("search stays within its budget, compiling included, and tells what it had no time for", async () => {
  const layers = ["one", "two", "three"].map((layer) => ({ layer, candidates: [..."abcd"] }));
  for (const budgetMs of [0, 300, 1000, 2000, 3000]) {
    const machine = new FakeMachine({ a: 10, b: 10, c: 10, d: 10 }, 200);
    const { measured, left } = await machine.search(layers, "full", budgetMs);
    assert(machine.now <= budgetMs + 320, `${machine.now} of ${budgetMs} ms`);
    assert(budgetMs > 0 || machine.opened.length === 0);
    for (const { layer } of layers) {
      const times = Object.keys(measured.get(layer)?.ms ?? {}).length;
      assertEquals(left.includes(layer), times < 4, `${layer} with ${times} times in ${budgetMs} ms`);
    }
    assertEquals(machine.open_, 0);
  }
});

Deno.test("search tells which candidates an adapter refused, and compares the others", async () => {
  const machine = new FakeMachine({ b: 10, d: 5 });
  const { measured } = await machine.search([{ layer: "one", candidates: [..."abcd"] }], "full", 1e6);
  assertEquals(measured.get("one"), { chosen: "d", ms: { a: null, b: 10, c: null, d: 5 } });
  const alone = new FakeMachine({ b: 10 });
  const result = await alone.search([{ layer: "one", candidates: ["a", "b"] }], "full", 1e6);
  assertEquals([...result.measured], []);
});

Deno.test("search ends with what is no refusal, and leaves nothing open then", async () => {
  const machine = new FakeMachine({ a: 10, b: 9, c: 8 });
  machine.hindrance = () => {
    if (machine.rounds.length > 12) throw new RangeError("lost");
    return 1;
  };
  await assertRejects(
    () => machine.search([{ layer: "one", candidates: ["a", "b", "c"] }], "full", 1e6),
    RangeError,
  );
  assertEquals(machine.open_, 0);
});
