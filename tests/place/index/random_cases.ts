/**
 * Random cases for the search of a DescriptorIndex beside a brute-force search on the host. Elements are small whole numbers,
 * some of them eighths, so that every sum is exact in 32 bits: rows, their order and the bits of scores must agree.
 *
 * `deno run -A tests/place/index/random_cases.ts [--cases 10000] [--first 0]` tries many, and names the first that differs.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { parseArgs } from "@std/cli/parse-args";
import { Device } from "../../../src/gpu/mod.ts";
import { DescriptorIndex } from "../../../src/place/index/descriptor_index.ts";
import type { Neighbours } from "../../../src/place/index/descriptor_search.ts";
import type { DescriptorMetric } from "../../../src/place/index/packing.ts";
import { Random } from "../../support/random.ts";

/** The `k` best of the rows that are allowed: the better, of equal ones the lower. */
export function bruteForce(
  rows: Float32Array,
  query: Float32Array,
  metric: DescriptorMetric,
  k: number,
  allowed: (row: number) => boolean,
): { ids: number[]; scores: number[] } {
  const d = query.length;
  const scores = new Float64Array(rows.length / d);
  for (let row = 0, at = 0; row < scores.length; row++) {
    let sum = 0;
    for (let i = 0; i < d; i++, at++) {
      sum += metric === "l2" ? (query[i]! - rows[at]!) ** 2 : query[i]! * rows[at]!;
    }
    scores[row] = sum;
  }
  const sign = metric === "l2" ? 1 : -1;
  const ids = Array.from(scores, (_, row) => row).filter(allowed)
    .sort((a, b) => sign * (scores[a]! - scores[b]!) || a - b).slice(0, k);
  return { ids, scores: ids.map((id) => scores[id]!) };
}

/** Bits for the rows that are allowed. */
export function maskOf(rows: number, allowed: (row: number) => boolean): Uint32Array<ArrayBuffer> {
  const mask = new Uint32Array(Math.ceil(rows / 32));
  for (let row = 0; row < rows; row++) if (allowed(row)) mask[row >> 5]! |= 1 << (row & 31);
  return mask;
}

/** A result as {@linkcode bruteForce} gives it. */
export function plain({ ids, scores }: Neighbours): { ids: number[]; scores: number[] } {
  return { ids: [...ids], scores: [...scores] };
}

/**
 * Elements from -magnitude to magnitude, times `unit`; the first of a row is 127 units, so that 8-bit integers keep them
 * too.
 */
export function exactRows(
  random: Random,
  rows: number,
  dimensions: number,
  magnitude: number,
  unit = 1,
): Float32Array<ArrayBuffer> {
  return Float32Array.from(
    { length: rows * dimensions },
    (_, i) => (i % dimensions === 0 ? 127 : random.int(-magnitude, magnitude)) * unit,
  );
}

/** Makes the case of a seed, searches, and compares. @throws if it differs, with all that it was made of. */
export async function checkCase(device: Device, seed: number): Promise<void> {
  const random = new Random(seed);
  const dimensions = random.pick([1, 3, 16, 17, 40, 64, 128]);
  const type = random.pick(["f32", "f16", "i8"] as const);
  const metric = random.pick(["inner_product", "l2"] as const);
  const storage = random.pick(["texture", "buffer"] as const);
  const count = random.pick([random.int(0, 70), random.int(0, 700), random.int(700, 4000)]);
  const magnitude = random.pick([0, 1, 6, 120]);
  const queries = random.pick([1, 1, 1, 2, 8, 9]);
  const k = random.pick([1, 2, random.int(1, 70), random.int(1, 1024), 1024]);
  const exceptNewest = random.pick([0, 0, random.int(0, 100), count]);
  const masked = random.pick([0, 0, 1, 2, 3, 37]);
  const unit = random.pick([1, 0.125]);
  const repeated = random.next() < 0.2;
  const context = JSON.stringify({
    seed,
    dimensions,
    type,
    metric,
    storage,
    count,
    magnitude,
    queries,
    k,
    exceptNewest,
    masked,
    unit,
    repeated,
  });
  const rows = exactRows(random, count, dimensions, magnitude, unit);
  // A clip that begins anew: each row again and again.
  if (repeated) { for (let i = 50 * dimensions; i < rows.length; i++) rows[i] = rows[i - 50 * dimensions]!; }
  const wanted = exactRows(random, queries, dimensions, magnitude, unit);
  using index = new DescriptorIndex(device, { dimensions, type, metric, storage, chunkRows: 512 });
  const cut = random.int(0, count) * dimensions;
  index.add(rows.subarray(0, cut));
  if (type === "i8") index.add(rows.subarray(cut));
  else if (cut < rows.length) await appendOnGpu(device, index, rows.slice(cut));
  const mayFind = (row: number): boolean => masked === 0 || row % masked !== 0;
  const found = await index.query(wanted, {
    k,
    exceptNewest,
    ...(masked > 0 && { mask: maskOf(count, mayFind) }),
  });
  for (let q = 0; q < queries; q++) {
    const query = wanted.subarray(q * dimensions, (q + 1) * dimensions);
    const exact = bruteForce(
      rows,
      query,
      metric,
      k,
      (row) => row < count - exceptNewest && mayFind(row),
    );
    assertEquals(plain(found[q]!), exact, `query ${q} of ${context}`);
  }
}

async function appendOnGpu(
  device: Device,
  index: DescriptorIndex,
  rows: Float32Array<ArrayBuffer>,
): Promise<void> {
  using stream = device.stream();
  const range = device.upload(rows, "rows");
  index.append(stream, range, rows.length / index.dimensions);
  await stream.finish();
  range.buffer.destroy();
}

if (import.meta.main) {
  const given = parseArgs(Deno.args, { string: ["cases", "first"] });
  const cases = Number(given.cases ?? 10_000), first = Number(given.first ?? 0);
  using device = await Device.request({ pool: false });
  const begin = performance.now();
  for (let i = 0; i < cases; i++) {
    await checkCase(device, first + i);
    if ((i + 1) % 1000 === 0) {
      console.log(`${i + 1} cases agree (${((performance.now() - begin) / 1000).toFixed(0)} s)`);
    }
  }
  console.log(`All ${cases} cases from ${first} on agree, on ${device.adapterInfo.description}`);
}
