import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { DescriptorSearch, DescriptorStore, readMatch } from "../../../bench/habits/descriptor_store.ts";
import { Device } from "../../../src/gpu/mod.ts";
import { Random } from "../../support/random.ts";

Deno.test("the search finds the row of the largest inner product, whatever the number of rows and chunks", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  for (const dimensions of [4, 60, 256]) {
    const random = new Random(dimensions), capacity = 900;
    using store = new DescriptorStore(device, { dimensions, capacity, chunkRows: 256 });
    const data = random.normals(capacity * dimensions);
    const all = device.upload(data, "all");
    for (let row = 0; row < capacity; row++) {
      assertEquals(
        store.append(stream, { ...all, offset: row * store.rowBytes, bytes: store.rowBytes }),
        row,
      );
    }
    const wanted = random.normals(dimensions);
    const query = device.upload(wanted, "query");
    using search = new DescriptorSearch(
      device,
      store,
      query,
      (bytes, label) => stream.allocate(bytes, label),
    );
    const score = (row: number): number => {
      let sum = 0;
      for (let i = 0; i < dimensions; i++) sum += wanted[i]! * data[row * dimensions + i]!;
      return sum;
    };
    for (const rows of [0, 1, 2, 63, 64, 65, 255, 256, 257, 300, 512, 700, 900]) {
      stream.run(search.dispatches(rows));
      await stream.finish();
      const match = readMatch(await device.read(search.result));
      const context = JSON.stringify({ dimensions, rows, match });
      if (rows === 0) {
        assertEquals(match, undefined, context);
        continue;
      }
      let best = 0;
      for (let row = 1; row < rows; row++) if (score(row) > score(best)) best = row;
      assertEquals(match?.row, best, context);
      assertAlmostEquals(match!.score, score(best), 1e-4 * dimensions, context);
    }
  }
});

Deno.test("of equal scores the search takes the earliest row, also across chunks", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  using store = new DescriptorStore(device, { dimensions: 4, capacity: 600, chunkRows: 256 });
  const [low, high] = [new Float32Array([1, 0, 0, 0]), new Float32Array([2, 0, 0, 0])].map((row) =>
    device.upload(row, "row")
  );
  const first = 70;
  for (let row = 0; row < 600; row++) store.append(stream, row >= first ? high! : low!);
  using search = new DescriptorSearch(device, store, low!, (bytes, label) => stream.allocate(bytes, label));
  stream.run(search.dispatches(600));
  await stream.finish();
  assertEquals(readMatch(await device.read(search.result)), { row: first, score: 2 });
});

Deno.test("a store refuses sizes that its kernels cannot take, and a row too many", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const make = (dimensions: number, capacity: number, chunkRows: number) => () =>
    new DescriptorStore(device, { dimensions, capacity, chunkRows });
  assertThrows(make(6, 10, 256), RangeError, "descriptors of 6 elements");
  assertThrows(make(8, 0, 256), RangeError, "store 0 descriptors");
  assertThrows(make(8, 10, 100), RangeError, "chunks of 100");
  using store = make(4, 1, 256)();
  const row = device.upload(new Float32Array(4), "row");
  store.append(stream, row);
  assertThrows(() => store.append(stream, row), RangeError, "room for 1");
});
