import { assert, assertEquals, assertThrows } from "@std/assert";
import { Device } from "../../../src/gpu/mod.ts";
import { DescriptorMatcher, type DescriptorMatcherOptions } from "../../../src/place/features/matcher.ts";
import { Random } from "../../support/random.ts";

type Rows = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** Squared Euclidean distances, or bits; the numbers of these tests are whole and small, so that all of it is exact. */
function distance(a: Rows, i: number, b: Rows, j: number, width: number, metric: string): number {
  let sum = 0;
  for (let c = 0; c < width; c++) {
    const [x, y] = [a[i * width + c]!, b[j * width + c]!];
    if (metric === "l2") sum += (x - y) ** 2;
    else if (metric === "inner") sum += x * y;
    else for (let bits = (x ^ y) >>> 0; bits > 0; bits = Math.floor(bits / 2)) sum += bits % 2;
  }
  return metric === "inner" ? 2 - 2 * sum : sum;
}

function nearest(a: Rows, i: number, b: Rows, width: number, metric: string) {
  let [best, row, second] = [Infinity, -1, Infinity];
  for (let j = 0; j < b.length / width; j++) {
    const d = distance(a, i, b, j, width, metric);
    if (d < best) [best, row, second] = [d, j, best];
    else if (d < second) second = d;
  }
  return { best, row, second };
}

function reference(a: Rows, b: Rows, width: number, options: DescriptorMatcherOptions) {
  const { metric, ratio, maxDistance = Infinity, mutual = true } = options;
  const square = (x: number): number => Math.fround(metric === "hamming" ? x : x * x);
  const matches = [];
  const back = Array.from({ length: b.length / width }, (_, j) => nearest(b, j, a, width, metric).row);
  for (let first = 0; first < a.length / width; first++) {
    const { best, row, second } = nearest(a, first, b, width, metric);
    if (row < 0 || best > square(maxDistance)) continue;
    if (ratio !== undefined && second < Infinity && best >= Math.fround(square(ratio) * second)) continue;
    if (mutual && back[row] !== first) continue;
    const apart = metric === "hamming" ? best : Math.sqrt(Math.max(best, 0));
    matches.push({ first, second: row, distance: apart });
  }
  return matches;
}

/** Rows of which some are near copies of rows of `other`, in another order, and some are equal to each other. */
function rows(random: Random, count: number, width: number, metric: string, other?: Rows): Rows {
  const bits = metric === "hamming";
  const out = bits ? new Uint32Array(count * width) : new Float32Array(count * width);
  const there = (other?.length ?? 0) / width;
  for (let row = 0; row < count; row++) {
    const copied = there > 0 && random.int(0, 2) > 0 ? random.int(0, there - 1) : -1;
    for (let c = 0; c < width; c++) {
      const fresh = bits ? Math.floor(random.next() * 2 ** 32) : random.int(-3, 3);
      const near = copied < 0 ? 0 : other![copied * width + c]!;
      if (copied < 0) out[row * width + c] = fresh;
      else if (bits) out[row * width + c] = near ^ (1 << random.int(0, 31));
      else out[row * width + c] = near + (random.int(0, 9) === 0 ? random.int(-1, 1) : 0);
    }
    if (row > 0 && random.int(0, 20) === 0) out.copyWithin(row * width, (row - 1) * width, row * width);
  }
  return out;
}

Deno.test("matches are those of a plain search, for every metric, size and test", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const sizes = [[0, 0], [0, 5], [5, 0], [1, 1], [1, 300], [300, 1], [3, 7], [255, 257], [513, 260]];
  let kept = 0;
  for (
    const [metric, dimensions] of [["l2", 64], ["l2", 3], ["inner", 128], ["inner", 5], [
      "hamming",
      0,
    ]] as const
  ) {
    const width = dimensions || 8;
    for (
      const tests of [{ maxDistance: Infinity }, { ratio: 0.8 }, { maxDistance: 4 }, {
        mutual: false,
        ratio: 0.9,
        maxDistance: 60,
      }]
    ) {
      const options: DescriptorMatcherOptions = {
        metric,
        ...(dimensions && { dimensions }),
        maxFirst: 513,
        maxSecond: 300,
        ...tests,
      };
      using matcher = new DescriptorMatcher(device, options);
      for (const [first, second] of sizes) {
        const random = new Random(first! * 1000 + second! + width);
        const a = rows(random, first!, width, metric), b = rows(random, second!, width, metric, a);
        const matches = await matcher.matchHost(stream, a, b);
        assertEquals(
          matches,
          reference(a, b, width, options),
          JSON.stringify({ ...options, first, second, seed: random.seed }),
        );
        kept += matches.length;
      }
    }
  }
  assert(kept > 3000, `${kept} matches show little`);
});

Deno.test("256 dimensions and thousands of rows are matched to their shuffled copies", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const random = new Random(7);
  const [count, dimensions] = [2051, 256];
  const a = random.normals(count * dimensions);
  const order = random.shuffled(Array.from({ length: count }, (_, i) => i));
  const b = new Float32Array(a.length);
  for (const [row, from] of order.entries()) {
    b.set(a.subarray(from * dimensions, (from + 1) * dimensions), row * dimensions);
  }
  using matcher = new DescriptorMatcher(device, {
    metric: "l2",
    dimensions,
    maxFirst: 2100,
    maxSecond: 2100,
    ratio: 0.8,
  });
  const matches = await matcher.matchHost(stream, a, b);
  assertEquals(matches.length, count);
  for (const [i, { first, second, distance }] of matches.entries()) {
    assertEquals([first, order[second], distance], [i, i, 0]);
  }
});

Deno.test("match() makes nothing for sets that it has seen, and takes counts from the GPU", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const random = new Random(11);
  using matcher = new DescriptorMatcher(device, { metric: "hamming", maxFirst: 64, maxSecond: 64 });
  const words = rows(random, 64, 8, "hamming") as Uint32Array<ArrayBuffer>;
  const data = device.upload(words, "rows");
  const count = device.upload(new Uint32Array([64]), "count");
  const [a, b] = [{ rows: data, count }, { rows: data, count }];
  matcher.match(stream, a, b);
  await stream.finish();
  let before = device.counters.snapshot();
  for (const there of [64, 1, 0, 33, 1000]) {
    device.gpu.queue.writeBuffer(count.buffer, count.offset, new Uint32Array([there]));
    matcher.match(stream, a, b);
    await stream.finish();
    assertEquals(device.counters.snapshot(), before);
    const bytes = await device.read(matcher.result);
    const live = words.subarray(0, Math.min(there, 64) * 8);
    assertEquals(
      matcher.read(bytes),
      reference(live, live, 8, { metric: "hamming", maxFirst: 64, maxSecond: 64 }),
      `${there} rows`,
    );
    // Reading makes a buffer.
    before = device.counters.snapshot();
  }
});

Deno.test("a matcher refuses what it cannot do, with the numbers", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const good = { metric: "l2", dimensions: 64, maxFirst: 8, maxSecond: 8 } as const;
  const make = (bad: object) => () => new DescriptorMatcher(device, { ...good, ...bad });
  assertThrows(
    make({ dimensions: 0 }),
    RangeError,
    "dimensions is 0; it must be a whole number from 1 to 512",
  );
  assertThrows(make({ metric: "hamming" }), RangeError, "dimensions is 64; it must be left out");
  assertThrows(make({ maxFirst: 40000 }), RangeError, "maxFirst is 40000");
  assertThrows(make({ ratio: 1.5 }), RangeError, "ratio is 1.5");
  assertThrows(make({ maxDistance: NaN }), RangeError, "maxDistance is NaN");
  using matcher = new DescriptorMatcher(device, good);
  const set = (floats: number) => ({
    rows: device.upload(new Float32Array(floats), "rows"),
    count: device.upload(new Uint32Array(1), "count"),
  });
  assertThrows(() => matcher.match(stream, set(64 * 9), set(64)), RangeError, "the first set has 2304 bytes");
  assertThrows(() => matcher.match(stream, set(64), set(60)), RangeError, "the second set has 240 bytes");
});
