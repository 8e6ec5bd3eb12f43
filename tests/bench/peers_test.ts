import { assert, assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  compare,
  type Figures,
  figures,
  geometricMean,
  ratio,
  ratioTable,
  relativeError,
  type Row,
  spread,
  table,
} from "../../bench/peers/report.ts";
import type { Told } from "../../bench/peers/runner.ts";
import { channelsLastFilter } from "../../bench/peers/tensorflow/windows.ts";

function told(part: Partial<Told>): Told {
  return {
    firstMs: 100,
    spareMs: 0,
    latencyMs: [10],
    latencyCpuMs: 12,
    throughputMs: [5],
    throughputCpuMs: 6,
    batch: 16,
    peakMiB: 200,
    outputs: [],
    ...part,
  };
}

function row(name: string, sides: Record<string, number | string>): Row {
  return {
    name,
    title: `the ${name}`,
    kind: "layer",
    sides: Object.fromEntries(
      Object.entries(sides).map(([side, value]) => [
        side,
        typeof value === "string" ? { failed: value } : figures([told({ throughputMs: [value] })], 0),
      ]),
    ),
  };
}

Deno.test("peers: the middle and the least of figures, of an odd and an even number", () => {
  assertEquals(spread([3, 1, 2]), { median: 2, least: 1 });
  assertEquals(spread([4, 1, 2, 3]), { median: 2.5, least: 1 });
  assertThrows(() => spread([]), RangeError);
});

Deno.test("peers: an error is relative to the largest magnitude, and misfits are infinite", () => {
  assertAlmostEquals(relativeError([1, -9], [1, -10]), 0.1);
  assertEquals(relativeError([0, 0], [0, 0]), 0);
  assertEquals(relativeError([1], [1, 2]), Infinity);
  assertEquals(relativeError([NaN, 1], [1, 1]), Infinity);
  assertEquals(relativeError([1e-9], [0]), Infinity);
});

Deno.test("peers: the first round's first result counts only where it is the only one, less what was spare", () => {
  const cold = told({ firstMs: 900, spareMs: 100 });
  assertEquals(figures([cold], 0).firstMs.median, 800);
  const warm: Figures = figures([cold, told({ firstMs: 300, spareMs: 20 }), told({ firstMs: 320 })], 1e-5);
  assertEquals(warm.firstMs, { median: 300, least: 280 });
  assertEquals(warm.rounds, 3);
  assertEquals(warm.throughputMs, { median: 5, least: 5 });
  const firstOnly = told({ firstMs: 200, latencyMs: [], throughputMs: [], batch: 0, peakMiB: 1 });
  const short = figures([cold, firstOnly], 0);
  assertEquals(short.firstMs.median, 200);
  assertEquals([short.rounds, short.firstResults, short.warm], [1, 1, true]);
  assertEquals([short.batch, short.peakMiB.median, short.throughputMs.median], [16, 200, 5]);
});

Deno.test("peers: a side is compared with the best of those that have figures", () => {
  const rows = [
    row("a", { own: 2, slow: 20, fast: 8, broken: "wrong outputs" }),
    row("b", { own: 1, slow: 16, broken: "wrong outputs" }),
    row("c", { own: 1, broken: "wrong outputs" }),
    row("d", { own: "nothing", fast: 1 }),
  ];
  const others = ["slow", "fast", "broken"];
  assertEquals(ratio(rows[0]!, "own", others, "throughputMs"), { times: 4, best: "fast" });
  assertEquals(ratio(rows[2]!, "own", others, "throughputMs"), undefined);
  assertEquals(ratio(rows[3]!, "own", others, "throughputMs"), undefined);
  const found = compare(rows, "own", others, "throughputMs")!;
  assertAlmostEquals(found.geometricMean, 8);
  assertEquals([found.least, found.leastOf, found.of], [4, "a", 2]);
  assertEquals(compare(rows, "broken", others, "throughputMs"), undefined);
  assertAlmostEquals(geometricMean([1, 4, 16]), 4);
});

Deno.test("peers: tables have a dash for what failed or was not measured", () => {
  const rows = [row("a", { own: 2.345, other: "wrong outputs" }), row("b", { own: 123.4 })];
  const lines = table(rows, ["own", "other"], "throughputMs").split("\n");
  assertEquals(lines[0], "| network |  own | other |");
  assertEquals(lines[2], "| the a   | 2.35 |     - |");
  assertEquals(lines[3], "| the b   |  123 |     - |");
  const ratios = ratioTable([row("a", { own: 2, other: 25 })], "own", ["other"], {
    throughputMs: "throughput",
  });
  assertStringIncludes(ratios, "| network        | throughput   |");
  assertStringIncludes(ratios, "| the a          | 12.5 (other) |");
  assert(ratios.endsWith("| geometric mean | 12.5         |"), ratios);
});

Deno.test("peers: a convolution's weights with the channels last", () => {
  // Two outputs, two inputs, one row, three columns: element 100 o + 10 i + k.
  const from = new Float32Array([0, 1, 2, 10, 11, 12, 100, 101, 102, 110, 111, 112]);
  assertEquals(
    [...channelsLastFilter(from, [2, 2, 1, 3])],
    [0, 100, 10, 110, 1, 101, 11, 111, 2, 102, 12, 112],
  );
});
