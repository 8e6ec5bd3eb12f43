import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Device, GpuError, Readback } from "../../../src/gpu/mod.ts";
import { DescriptorIndex } from "../../../src/place/index/descriptor_index.ts";
import { IvfIndex } from "../../../src/place/index/ivf_index.ts";
import { IndexFile, loadIndex } from "../../../src/place/index/index_file.ts";
import { packRows } from "../../../src/place/index/packing.ts";
import { openFile } from "../../../src/video/random_access_file.ts";
import { Random } from "../../support/random.ts";
import { exactRows, maskOf, plain } from "./random_cases.ts";

/** Unit vectors around a number of random directions. */
function clustered(
  random: Random,
  count: number,
  dimensions: number,
  clusters: number,
): Float32Array<ArrayBuffer> {
  const middles = random.normals(clusters * dimensions);
  const rows = new Float32Array(count * dimensions);
  for (let row = 0; row < count; row++) {
    const cluster = random.int(0, clusters - 1);
    let sum = 0;
    for (let i = 0; i < dimensions; i++) {
      const x = middles[cluster * dimensions + i]! + random.normal(0, 0.7);
      rows[row * dimensions + i] = x;
      sum += x * x;
    }
    for (let i = 0; i < dimensions; i++) rows[row * dimensions + i]! /= Math.sqrt(sum);
  }
  return rows;
}

Deno.test("an IVF index that looks through all lists answers as the exact one, to the bit", async (t) => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  for (const type of ["f32", "f16", "i8"] as const) {
    for (const metric of ["inner_product", "l2"] as const) {
      const storage = type === "f16" ? "buffer" : "texture";
      await t.step(`${type} ${metric} ${storage}`, async () => {
        const random = new Random(type.length + metric.length), dimensions = 20, count = 1500, queries = 3;
        for (const magnitude of [1, 90]) {
          // Many equal scores, which lie in many lists, at the small magnitude.
          const rows = exactRows(random, count, dimensions, magnitude);
          const wanted = exactRows(random, queries, dimensions, magnitude);
          const options = { dimensions, type, metric, storage, chunkRows: 256 } as const;
          using exact = new DescriptorIndex(device, options);
          exact.add(rows);
          using ivf = await IvfIndex.train(device, rows, { ...options, lists: 13, probes: 13 });
          await ivf.add(rows.slice(0, 900 * dimensions));
          const range = device.upload(rows.subarray(900 * dimensions), "newer rows");
          assertEquals(ivf.append(stream, range, 500), 900);
          stream.submit();
          await ivf.sort();
          assertEquals([ivf.rows, ivf.sorted], [1400, 1400]);
          const rest = device.upload(rows.subarray(1400 * dimensions), "newest rows");
          assertEquals(ivf.append(stream, rest, 100), 1400);
          stream.submit();
          for (
            const [k, exceptNewest, masked] of [[1, 0, 0], [10, 40, 3], [70, 700, 0], [300, 0, 2]] as const
          ) {
            const search = {
              k,
              exceptNewest,
              ...(masked > 0 && { mask: maskOf(count - 7, (row) => row % masked !== 0) }),
            };
            const found = await ivf.query(wanted, search);
            const context = JSON.stringify({ seed: random.seed, magnitude, k, exceptNewest, masked });
            assertEquals(found.map(plain), (await exact.query(wanted, search)).map(plain), context);
          }
          range.buffer.destroy();
          rest.buffer.destroy();
        }
      });
    }
  }
});

Deno.test("calibrate() finds the fewest lists for a recall, and the index then has it", async () => {
  using device = await Device.request({ pool: false });
  const random = new Random(5), dimensions = 24, count = 4000, k = 10;
  const all = clustered(random, count + 64 + 64, dimensions, 60);
  const rows = all.slice(0, count * dimensions);
  const [queries, others] = [0, 64].map((first) =>
    all.slice((count + first) * dimensions, (count + first + 64) * dimensions)
  );
  using ivf = await IvfIndex.train(device, rows, { dimensions, lists: 40, seed: 3 });
  await ivf.add(rows);
  const { probes, recall, tried } = await ivf.calibrate(queries!, { k, recall: 0.95 });
  assertEquals(ivf.probes, probes);
  assert(recall >= 0.95 && probes < 40, JSON.stringify(tried));
  const fewer = tried.findLast((one) => one.probes < probes);
  assert(!fewer || fewer.recall < 0.95, JSON.stringify(tried));
  using exact = new DescriptorIndex(device, { dimensions });
  exact.add(rows);
  const [found, right] = [await ivf.query(others!, { k }), await exact.query(others!, { k })];
  let same = 0;
  found.forEach(({ ids }, q) => ids.forEach((id) => same += right[q]!.ids.includes(id) ? 1 : 0));
  assert(
    same / 640 > 0.88,
    `recall ${same / 640} of other queries with ${probes} lists: ${JSON.stringify(tried)}`,
  );
  // One list alone must miss some: else this test shows nothing.
  assert(tried[0]!.probes === 1 && tried[0]!.recall < 0.95, JSON.stringify(tried));
});

Deno.test("frames that append and search create nothing, and see the rows just appended", async () => {
  using device = await Device.request({ pool: false });
  const random = new Random(6), dimensions = 8;
  const rows = random.normals(300 * dimensions);
  using ivf = await IvfIndex.train(device, rows, {
    dimensions,
    lists: 6,
    probes: 2,
    tailCapacity: 512,
    metric: "l2",
  });
  await ivf.add(rows);
  const slots = [0, 1].map((i) => {
    const stream = device.stream({ label: `slot ${i}` });
    const range = device.upload(random.normals(dimensions), "query");
    const search = ivf.search({ k: 2 });
    ivf.prepare(range);
    return { stream, range, search, readback: new Readback(device, search.resultBytes, "nearest") };
  });
  const record = ({ stream, range, search, readback }: typeof slots[0]): number => {
    const row = ivf.append(stream, range);
    search.record(stream, range);
    readback.record(stream, { ...search.result, bytes: search.resultBytes });
    stream.submit();
    return row;
  };
  const before = device.counters.snapshot();
  for (let frame = 0; frame < 40; frame += 2) {
    const made = slots.map(record);
    for (const [i, { readback, search }] of slots.entries()) {
      const [found] = await readback.take((bytes) => search.decode(bytes));
      // Equal scores: the slot's first row of its own.
      assertEquals(found!.ids[0], 300 + i, `frame ${made[i]}`);
    }
  }
  assertEquals(device.counters.snapshot(), before);
  for (const { stream, search, readback } of slots) {
    for (const part of [search, readback, stream]) part[Symbol.dispose]();
  }
});

Deno.test("an IVF index is made again from its centres and a file of rows", async () => {
  using device = await Device.request({ pool: false });
  const random = new Random(8), dimensions = 12, count = 600;
  const rows = random.normals(count * dimensions), wanted = random.normals(3 * dimensions);
  const options = { dimensions, type: "i8", metric: "l2", probes: 3 } as const;
  using first = await IvfIndex.train(device, rows, { ...options, lists: 9 });
  await first.add(rows);
  const path = await Deno.makeTempFile();
  try {
    using file = await openFile(path);
    const kept = await IndexFile.open(file, { dimensions, type: "i8", metric: "l2" });
    await kept.append(packRows(rows, dimensions, "i8"));
    using again = new IvfIndex(device, first.centres, options);
    await loadIndex(again, kept);
    assertEquals(again.rows, count);
    const [before, after] = [await first.query(wanted, { k: 20 }), await again.query(wanted, { k: 20 })];
    assertEquals(after, before);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("an IVF index refuses what it cannot do", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const rows = new Random(1).normals(40);
  await assertRejects(
    () => IvfIndex.train(device, rows, { dimensions: 4, lists: 11 }),
    RangeError,
    "11 centres",
  );
  await assertRejects(() => IvfIndex.train(device, rows, { dimensions: 4, lists: 0 }), RangeError, "0 lists");
  using ivf = await IvfIndex.train(device, rows, { dimensions: 4, lists: 3 });
  assertThrows(() => ivf.probes = 4, RangeError, "4 of 3 lists");
  await assertRejects(() => ivf.add(new Float32Array(5)), RangeError, "add 5 elements");
  await assertRejects(() => ivf.calibrate(rows), RangeError, "0 rows");
  assertEquals((await ivf.query(rows.slice(0, 4), { k: 3 }))[0]!.ids.length, 0);
  const range = device.upload(rows, "rows");
  ivf.append(stream, range, 10);
  stream.submit();
  const sorting = ivf.sort();
  assertThrows(() => ivf.append(stream, range, 1), GpuError, "being sorted");
  await sorting;
  using search = ivf.search({ k: 1 });
  search.record(stream, range);
  assertThrows(() => search.record(stream, range), GpuError, "not submitted yet");
});
