import { assert, assertAlmostEquals, assertEquals, assertGreater, assertLess } from "@std/assert";
import { Device } from "../../src/gpu/mod.ts";
import { measurePeaks } from "../../src/gpu/peak.ts";
import { fmaDispatch, Stopwatch } from "../../src/gpu/stopwatch.ts";

Deno.test("measurePeaks() finds rates and costs that a machine can have", async () => {
  using device = await Device.request({ pool: false });
  const peaks = await measurePeaks(device);
  const told = JSON.stringify(peaks);
  const { flops, copyBytes, storageBytes, launchMs, passMs, waitMs, clock } = peaks;
  for (const rate of [flops, copyBytes, storageBytes]) {
    assertGreater(rate, 1e7, told);
    assertLess(rate, 1e15, told);
  }
  for (const ms of [launchMs, passMs, waitMs]) {
    assertGreater(ms, 0, told);
    assertLess(ms, 1000, told);
  }
  assertEquals(clock !== undefined, device.features.has("timestamp-query"), told);
});

Deno.test("the probe of multiply-adds does all of them: its sums are those of the recurrence", async () => {
  using device = await Device.request({ pool: false });
  for (const chains of [2, 3, 4, 8]) {
    const { dispatch, buffer, operations } = fmaDispatch(device, chains);
    using stream = device.stream({ allocator: device.defaultAllocator });
    stream.run(dispatch);
    stream.submit();
    const sums = new Float32Array(await device.read({ buffer, offset: 0, bytes: 8192 * 16 }));
    for (const id of [0, 1, 63, 5000]) {
      const a = Math.fround(id * 1e-6), b = Math.fround(0.999), kept = b ** 1000;
      // s = s * b + a, a thousand times from a + c.
      let expected = 0;
      for (let c = 0; c < chains; c++) expected += (a + c) * kept + a * (1 - kept) / (1 - b);
      for (let lane = 0; lane < 4; lane++) {
        assertAlmostEquals(sums[id * 4 + lane]!, expected, 1e-3 * Math.max(expected, 1), `${chains} ${id}`);
      }
    }
    assertEquals(operations, buffer.size / 16 * 1000 * chains * 8);
    buffer.destroy();
  }
});

Deno.test("a stopwatch times what takes longer as longer, and gives as many samples as asked for", async () => {
  using device = await Device.request({ pool: false });
  using watch = await Stopwatch.create(device);
  const { dispatch, buffer } = fmaDispatch(device, 2);
  const once = await watch.samples(() => watch.stream.run(dispatch), 3);
  const often = await watch.least(() => watch.stream.run(new Array(8).fill(dispatch)));
  assertEquals(once.length, 3);
  const least = Math.min(...once);
  assert(often > 2 * least, `8 take ${often} ms, 1 takes ${least} ms`);
  buffer.destroy();
});
