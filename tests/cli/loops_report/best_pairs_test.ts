import { assert, assertEquals } from "@std/assert";
import { BestPairs, type ShownPair } from "../../../src/cli/loops_report/best_pairs.ts";
import { roundSteps } from "../../../src/cli/loops_report/figures.ts";
import { Random } from "../../support/random.ts";

const pair = (id: number, score: number): ShownPair => ({ id, match: 0, score, lines: new Float32Array(0) });

Deno.test("BestPairs gives all of a few, in the order of the frames", () => {
  const pairs = new BestPairs();
  for (const [id, score] of [[30, 5], [31, 9], [40, 1]] as const) pairs.add(pair(id, score));
  assertEquals(pairs.best(12).map(({ id }) => id), [30, 31, 40]);
  assertEquals(new BestPairs().best(12), []);
});

Deno.test("BestPairs prefers pairs that are far apart to better ones side by side", () => {
  const pairs = new BestPairs();
  for (let id = 0; id < 10; id++) pairs.add(pair(id, 100 + id));
  pairs.add(pair(50, 1));
  pairs.add(pair(99, 2));
  assertEquals(pairs.best(3).map(({ id }) => id), [9, 50, 99]);
});

Deno.test("BestPairs of a long run is from all parts of it, and has its best", () => {
  const random = new Random(1);
  const pairs = new BestPairs();
  let best = pair(0, -1);
  for (let id = 0; id < 20_000; id++) {
    const one = pair(id, random.next());
    if (one.score > best.score) best = one;
    pairs.add(one);
  }
  const chosen = pairs.best(12);
  assertEquals(chosen.length, 12);
  assert(chosen.includes(best));
  const ids = [-1, ...chosen.map(({ id }) => id), 20_000];
  for (let i = 1; i < ids.length; i++) assert(ids[i]! - ids[i - 1]! < 6000, ids.join(" "));
});

Deno.test("roundSteps() gives a few round numbers", () => {
  assertEquals(roundSteps(84), [0, 20, 40, 60, 80]);
  assertEquals(roundSteps(3), [0, 1, 2]);
  assertEquals(roundSteps(1), [0]);
  assertEquals(roundSteps(10_000), [0, 2000, 4000, 6000, 8000]);
});
