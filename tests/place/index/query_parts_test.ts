import { assert, assertEquals, assertRejects } from "@std/assert";
import { Device } from "../../../src/gpu/mod.ts";
import { queriesAtOnce, queryInParts } from "../../../src/place/index/query_parts.ts";
import { DescriptorIndex } from "../../../src/place/mod.ts";
import { Random } from "../../support/random.ts";

Deno.test("queries that go in parts find what they find at once, in their order", async () => {
  using device = await Device.request({ pool: false });
  const random = new Random(31), dimensions = 12, k = 3;
  using index = new DescriptorIndex(device, { dimensions, chunkRows: 256 });
  await index.add(random.normals(300 * dimensions));
  const queries = random.normals(23 * dimensions);
  const whole = await index.query(queries, { k });
  for (const atOnce of [1, 5, 23, 64]) {
    const sizes: number[] = [];
    const found = await queryInParts(queries, dimensions, atOnce, (part, count) => {
      assertEquals(part.length, count * dimensions, `${atOnce} at once`);
      sizes.push(count);
      return index.query(part, { k });
    });
    assertEquals(found, whole, `${atOnce} at once`);
    assert(Math.max(...sizes) <= atOnce && sizes.length === Math.ceil(23 / atOnce), `${atOnce}: ${sizes}`);
  }
  await assertRejects(
    () => queryInParts(queries.slice(1), dimensions, 4, () => Promise.resolve([])),
    RangeError,
    "275 elements in an index of 12 dimensions",
  );
});

Deno.test("a search takes as many queries as its keys have memory for", async () => {
  using device = await Device.request({ pool: false });
  for (const [rows, most] of [[0, 1 << 24], [1_000_000, 16], [100_000_000, 1]] as const) {
    assertEquals(queriesAtOnce(device, rows), most, `${rows} rows`);
  }
});
