import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Device, GpuError, Readback } from "../../../src/gpu/mod.ts";
import { DescriptorIndex } from "../../../src/place/index/descriptor_index.ts";
import type { Neighbours } from "../../../src/place/index/descriptor_search.ts";
import {
  type DescriptorMetric,
  type DescriptorType,
  packRows,
  unpackRows,
} from "../../../src/place/index/packing.ts";
import { Random } from "../../support/random.ts";
import { bruteForce, checkCase, exactRows, maskOf, plain } from "./random_cases.ts";

const TYPES: readonly DescriptorType[] = ["f32", "f16", "i8"];
const METRICS: readonly DescriptorMetric[] = ["inner_product", "l2"];
const STORAGES = ["buffer", "texture"] as const;

Deno.test("query() finds the rows of a brute-force search, in its order, in every type, metric and storage", async (t) => {
  using device = await Device.request({ pool: false });
  for (const type of TYPES) {
    for (const metric of METRICS) {
      for (const storage of STORAGES) {
        await t.step(`${type} ${metric} ${storage}`, async () => {
          const random = new Random(type.length * 7 + metric.length + storage.length);
          for (const dimensions of [1, 19]) {
            // Small magnitudes make many equal scores.
            const magnitude = dimensions === 1 ? 0 : 6;
            const count = 777, queries = 3;
            const rows = exactRows(random, count, dimensions, magnitude);
            const wanted = exactRows(random, queries, dimensions, magnitude);
            using index = new DescriptorIndex(device, { dimensions, type, metric, storage, chunkRows: 256 });
            index.add(rows);
            for (
              const [k, exceptNewest, masked] of [[1, 0, 0], [7, 30, 0], [33, 0, 3], [1024, 5, 2]] as const
            ) {
              const allowed = (row: number): boolean =>
                row < count - exceptNewest && (masked === 0 || row % masked !== 0);
              const found = await index.query(wanted, {
                k,
                exceptNewest,
                ...(masked > 0 && { mask: maskOf(count, (row) => row % masked !== 0) }),
              });
              for (let q = 0; q < queries; q++) {
                const query = wanted.subarray(q * dimensions, (q + 1) * dimensions);
                assertEquals(
                  plain(found[q]!),
                  bruteForce(rows, query, metric, k, allowed),
                  JSON.stringify({ seed: random.seed, dimensions, k, exceptNewest, masked, q }),
                );
              }
            }
          }
        });
      }
    }
  }
});

Deno.test("query() agrees with FAISS's IndexFlatIP and IndexFlatL2", async (t) => {
  interface Case {
    rows: number;
    dimensions: number;
    queries: number;
    k: number;
    magnitude: number;
    exceptNewest: number;
    nth: number;
    metric: DescriptorMetric;
    seed: number;
    ids: number[][];
    scores: number[][];
  }
  const path = new URL("../../data/faiss_index.json", import.meta.url);
  const { cases }: { cases: Case[] } = JSON.parse(await Deno.readTextFile(path));
  using device = await Device.request({ pool: false });
  assert(cases.length >= 12);
  for (
    const { rows, dimensions, queries, k, magnitude, exceptNewest, nth, metric, seed, ids, scores } of cases
  ) {
    await t.step(`${metric}, ${rows} rows of ${dimensions}, k ${k}`, async () => {
      // The generator of tests/data/faiss_index.py.
      let state = seed;
      const data = Float32Array.from({ length: (rows + queries) * dimensions }, () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return (state >>> 16) % (2 * magnitude + 1) - magnitude;
      });
      using index = new DescriptorIndex(device, { dimensions, metric });
      index.add(data.subarray(0, rows * dimensions));
      const found = await index.query(data.subarray(rows * dimensions), {
        k,
        exceptNewest,
        ...(nth > 0 && { mask: maskOf(rows, (row) => row % nth !== 0) }),
      });
      assertEquals(found.map((each) => [...each.ids]), ids);
      assertEquals(found.map((each) => [...each.scores]), scores);
    });
  }
});

Deno.test("the search is exact over many random cases of one index that grows", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const random = new Random(20), dimensions = 6;
  using index = new DescriptorIndex(device, { dimensions, chunkRows: 256 });
  const all: number[] = [];
  const searches = [1, 2, 5, 16, 50, 300].map((k) => index.search({ k }));
  const query = device.upload(new Float32Array(8), "query");
  for (let round = 0; round < 60; round++) {
    const more = exactRows(random, random.int(1, 90), dimensions, round % 2 === 0 ? 2 : 90);
    index.add(more);
    all.push(...more);
    const search = searches[round % searches.length]!;
    const wanted = exactRows(random, 1, dimensions, 50);
    device.gpu.queue.writeBuffer(query.buffer, 0, wanted);
    const exceptNewest = random.int(0, 20);
    search.record(stream, query, { exceptNewest });
    stream.submit();
    const [found] = search.decode(await device.read(search.result));
    const limit = index.rows - exceptNewest;
    assertEquals(
      plain(found!),
      bruteForce(Float32Array.from(all), wanted, "inner_product", search.k, (row) => row < limit),
      JSON.stringify({ seed: random.seed, round, rows: index.rows, k: search.k, exceptNewest }),
    );
  }
  for (const search of searches) search[Symbol.dispose]();
});

Deno.test("random cases agree with a brute-force search to the bit, in order", async () => {
  using device = await Device.request({ pool: false });
  for (let seed = 0; seed < 25; seed++) await checkCase(device, seed);
});

Deno.test("real descriptors score as in double precision, in every type", async () => {
  using device = await Device.request({ pool: false });
  const random = new Random(3), dimensions = 130, count = 600, k = 20;
  const rows = random.normals(count * dimensions), query = random.normals(dimensions);
  for (const type of TYPES) {
    for (const metric of METRICS) {
      for (const storage of STORAGES) {
        const context = `${type} ${metric} ${storage}`;
        using index = new DescriptorIndex(device, { dimensions, type, metric, storage });
        index.add(rows);
        const kept = unpackRows(packRows(rows, dimensions, type), dimensions, type);
        const [found] = await index.query(query, { k });
        const exact = bruteForce(kept, query, metric, k, () => true);
        found!.scores.forEach((score, i) =>
          assertAlmostEquals(score, exact.scores[i]!, 3e-4, `${context}, place ${i}`)
        );
      }
    }
  }
});

Deno.test("append() keeps what add() keeps, across chunks, and searches of the same stream see it", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const random = new Random(9);
  for (const type of TYPES) {
    for (const storage of STORAGES) {
      for (const dimensions of [5, 32]) {
        const count = 300, context = JSON.stringify({ type, storage, dimensions });
        const rows = random.normals(count * dimensions);
        using index = new DescriptorIndex(device, { dimensions, type, storage, chunkRows: 256 });
        const range = device.upload(rows, "rows");
        assertEquals(index.append(stream, range, count), 0, context);
        using search = index.search({ k: 1 });
        using readback = new Readback(device, search.resultBytes, "nearest");
        search.record(stream, range);
        readback.record(stream, { ...search.result, bytes: search.resultBytes });
        stream.submit();
        const [found] = await readback.take((bytes) => search.decode(bytes));
        using other = new DescriptorIndex(device, { dimensions, type, storage });
        other.add(rows);
        const [appended, added] = [await index.read(0, count), await other.read(0, count)];
        appended.forEach((x, i) => {
          // 8-bit integers may round to the other side where the GPU divides less exactly.
          const step = type === "i8"
            ? Math.abs(added[i]!) / 64 + 0.04
            : type === "f16"
            ? Math.abs(x) / 1000
            : 0;
          assertAlmostEquals(x, added[i]!, step + 1e-7, `${context}, element ${i}`);
        });
        const exact = bruteForce(appended, rows.subarray(0, dimensions), "inner_product", 1, () => true);
        assertEquals(found!.ids[0], exact.ids[0], context);
        range.buffer.destroy();
      }
    }
  }
});

Deno.test("a frame creates nothing while the reserved rows last", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const random = new Random(4), dimensions = 12;
  using index = new DescriptorIndex(device, { dimensions, capacity: 512, chunkRows: 256, type: "i8" });
  const query = device.upload(random.normals(dimensions), "query");
  const range = { ...query, bytes: dimensions * 4 };
  using search = index.search({ k: 3 });
  using readback = new Readback(device, search.resultBytes, "nearest");
  const frame = async (): Promise<Neighbours[]> => {
    index.append(stream, range);
    search.record(stream, range, { exceptNewest: 1 });
    readback.record(stream, { ...search.result, bytes: search.resultBytes });
    stream.submit();
    return await readback.take((bytes) => search.decode(bytes));
  };
  assertEquals((await frame())[0]!.ids.length, 0);
  const before = device.counters.snapshot();
  for (let i = 0; i < 300; i++) await frame();
  assertEquals(device.counters.snapshot(), before);
  assertEquals(index.rows, 301);
});

Deno.test("slots of their own streams append and search in turn, are read late, and make things only when a chunk is added", async () => {
  using device = await Device.request({ pool: false });
  for (const storage of STORAGES) {
    const random = new Random(21), dimensions = 6, k = 5, gap = 3, slotCount = 3, first = 230, frames = 300;
    using index = new DescriptorIndex(device, { dimensions, capacity: 256, chunkRows: 256, storage });
    const rows = exactRows(random, frames, dimensions, 40);
    index.add(rows.subarray(0, first * dimensions));
    const slots = Array.from({ length: slotCount }, (_, i) => {
      const stream = device.stream({ label: `slot ${i}` });
      const range = { ...device.upload(new Float32Array(dimensions), "descriptor"), bytes: dimensions * 4 };
      const search = index.search({ k });
      index.prepare(range);
      return { stream, range, search, readback: new Readback(device, search.resultBytes, "nearest") };
    });
    const submit = (frame: number): void => {
      const { stream, range, search, readback } = slots[frame % slotCount]!;
      device.gpu.queue.writeBuffer(
        range.buffer,
        0,
        rows.subarray(frame * dimensions, (frame + 1) * dimensions),
      );
      assertEquals(index.append(stream, range), frame);
      search.record(stream, range, { exceptNewest: gap });
      readback.record(stream, { ...search.result, bytes: search.resultBytes });
      stream.submit();
    };
    const collect = async (frame: number): Promise<void> => {
      const { search, readback } = slots[frame % slotCount]!;
      const [found] = await readback.take((bytes) => search.decode(bytes));
      const wanted = rows.subarray(frame * dimensions, (frame + 1) * dimensions);
      const exact = bruteForce(rows, wanted, "inner_product", k, (row) => row <= frame - gap);
      assertEquals(plain(found!), exact, JSON.stringify({ seed: random.seed, storage, frame }));
    };
    const made: number[] = [];
    for (let frame = first; frame < frames + slotCount; frame++) {
      if (frame >= first + slotCount) await collect(frame - slotCount);
      if (frame >= frames) continue;
      const before = JSON.stringify(device.counters.snapshot());
      submit(frame);
      if (JSON.stringify(device.counters.snapshot()) !== before) made.push(frame);
    }
    // The frame that finds no place makes a chunk; each slot's next search what it needs for that.
    assertEquals(made, [256, 257, 258], storage);
    for (const { stream, range, search, readback } of slots) {
      for (const part of [search, readback, stream]) part[Symbol.dispose]();
      range.buffer.destroy();
    }
  }
});

Deno.test("query() serves many different sizes, at the same time too", async () => {
  using device = await Device.request({ pool: false });
  const random = new Random(14), dimensions = 3;
  using index = new DescriptorIndex(device, { dimensions });
  const rows = exactRows(random, 90, dimensions, 60);
  index.add(rows);
  const query = rows.slice(6, 9);
  const found = await Promise.all(
    [1, 2, 3, 4, 5, 6, 1, 2].map((k) => index.query(query, { k }).then(([one]) => plain(one!))),
  );
  [1, 2, 3, 4, 5, 6, 1, 2].forEach((k, i) =>
    assertEquals(found[i], bruteForce(rows, query, "inner_product", k, () => true), `k ${k}`)
  );
});

Deno.test("rows that are no numbers come last, and both zeros are equal", async () => {
  using device = await Device.request({ pool: false });
  using index = new DescriptorIndex(device, { dimensions: 1 });
  index.add(new Float32Array([NaN, -0, 0, -1, -Infinity, Infinity]));
  const [found] = await index.query(new Float32Array([1]), { k: 6 });
  assertEquals([...found!.ids], [5, 1, 2, 3, 4, 0]);
});

Deno.test("an index refuses what it cannot do", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const make = (options: Partial<ConstructorParameters<typeof DescriptorIndex>[1]>) => () =>
    new DescriptorIndex(device, { dimensions: 4, ...options });
  assertThrows(make({ dimensions: 0 }), RangeError, "descriptors of 0 elements");
  assertThrows(make({ chunkRows: 100 }), RangeError, "chunks of 100 rows");
  assertThrows(make({ capacity: -1 }), RangeError, "reserve -1 rows");
  using index = make({})();
  assertThrows(() => index.add(new Float32Array(5)), RangeError, "add 5 elements");
  assertThrows(() => index.search({ k: 1025 }), RangeError, "1025 nearest");
  await assertRejects(() => index.query(new Float32Array(3), { k: 1 }), RangeError, "search for 3 elements");
  await assertRejects(() => index.read(0, 1), RangeError, "there are 0");
  const range = device.upload(new Float32Array(4), "row");
  assertThrows(() => index.append(stream, { ...range, bytes: 8 }), RangeError, "0.5 descriptors");
  using search = index.search({ k: 1 });
  assertThrows(() => search.record(stream, range, { exceptNewest: -1 }), RangeError, "newest -1");
  search.record(stream, range);
  assertThrows(() => search.record(stream, range), GpuError, "not submitted yet");
});
