import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Histogram } from "../../src/frame/mod.ts";

Deno.test("Histogram gives every percentile within 1 %", () => {
  const durations = fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), {
    minLength: 1,
    maxLength: 200,
  });
  fc.assert(
    fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (values, share) => {
      const histogram = new Histogram();
      for (const value of values) histogram.add(value);
      const sorted = [...values].sort((a, b) => a - b);
      const exact = sorted[Math.max(0, Math.ceil(share * values.length) - 1)]!;
      const got = histogram.percentileMs(share);
      assert(Math.abs(got - exact) <= 0.0101 * exact, `${got} for ${exact}`);
      assertEquals(histogram.count, values.length);
    }),
    { seed: 7, numRuns: 300 },
  );
});

Deno.test("Histogram keeps the exact mean", () => {
  const histogram = new Histogram();
  for (const value of [1, 2, 6]) histogram.add(value);
  assertAlmostEquals(histogram.meanMs, 3, 1e-12);
});

Deno.test("Histogram without durations gives zeros", () => {
  const histogram = new Histogram();
  assertEquals([histogram.count, histogram.meanMs, histogram.percentileMs(0.5)], [0, 0, 0]);
});

Deno.test("Histogram takes durations beyond its range, and leaves out what is no number", () => {
  const histogram = new Histogram();
  for (const value of [0, -3, 1e12, NaN, Infinity]) histogram.add(value);
  assertEquals(histogram.count, 3);
  assertEquals(histogram.percentileMs(0), 0.001);
  assert(histogram.percentileMs(1) >= 1e6 && Number.isFinite(histogram.percentileMs(1)));
});
