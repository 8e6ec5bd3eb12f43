import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { type BufferRange, Device } from "../../../src/gpu/mod.ts";
import {
  type KeyPointHead,
  KeyPointHeadError,
  type KeyPointOutputs,
  recogniseKeyPoints,
} from "../../../src/place/features/heads/mod.ts";
import {
  type KeyPointOptions,
  KeyPoints,
  type RawKeyPoints,
} from "../../../src/place/features/key_points.ts";
import { DescriptorMatcher } from "../../../src/place/features/matcher.ts";
import { Random } from "../../support/random.ts";
import { heatOf, type Planes, type ReferencePoint, referencePoints } from "./key_point_reference.ts";

function planes(channels: number, height: number, width: number, data: Float32Array<ArrayBuffer>) {
  return { channels, height, width, data };
}

/** Memory of buffers of their own, which end with it, filled with bytes that are no valid result. */
class Scratch implements Disposable {
  readonly device: Device;
  readonly #made: GPUBuffer[] = [];

  constructor(device: Device) {
    this.device = device;
  }

  readonly take = (bytes: number, label: string): BufferRange =>
    this.upload(new Uint8Array(bytes).fill(0xa5), label);

  upload(data: Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>, label: string): BufferRange {
    const range = this.device.upload(data, label);
    this.#made.push(range.buffer);
    return range;
  }

  [Symbol.dispose](): void {
    for (const buffer of this.#made) buffer.destroy();
  }
}

function upload(
  scratch: Scratch,
  maps: Readonly<Record<string, Planes & { data: Float32Array<ArrayBuffer> }>>,
): KeyPointOutputs {
  return Object.fromEntries(
    Object.entries(maps).map(([name, { data, channels, height, width }]) => [
      name,
      { range: scratch.upload(data, name), shape: [1, channels, height, width] },
    ]),
  );
}

async function run(device: Device, found: KeyPoints): Promise<RawKeyPoints> {
  await device.settle();
  using stream = device.stream();
  stream.run(found.dispatches);
  stream.submit();
  return found.parse(await device.read(found.result));
}

function assertPoints(
  actual: RawKeyPoints,
  expected: readonly ReferencePoint[],
  context: unknown,
  tolerance: { score: number; px: number; descriptor: number },
): void {
  const message = (what: string): string => `${what}; case ${JSON.stringify(context)}`;
  assertEquals(actual.scores.length, expected.length, message("number of key points"));
  for (const [i, wanted] of expected.entries()) {
    assertAlmostEquals(actual.scores[i]!, wanted.score, tolerance.score, message(`score of ${i}`));
    assertAlmostEquals(actual.points[2 * i]!, wanted.x, tolerance.px, message(`column of ${i}`));
    assertAlmostEquals(actual.points[2 * i + 1]!, wanted.y, tolerance.px, message(`row of ${i}`));
    const size = wanted.descriptor.length;
    for (const [c, value] of wanted.descriptor.entries()) {
      const there = actual.descriptors[i * size + c]!;
      assertAlmostEquals(there, value, tolerance.descriptor, message(`element ${c} of ${i}`));
    }
  }
}

const HEAT_HEAD: KeyPointHead = { family: "heat", scores: "heat", descriptors: "map", dimensions: 3 };

/** Scores in steps, so that equal ones are neighbours often, and plateaus. */
function stepped(random: Random, height: number, width: number, steps: number): Float32Array<ArrayBuffer> {
  const heat = new Float32Array(height * width).map(() => random.int(0, steps) / steps);
  for (let plateau = 0; plateau < 3; plateau++) {
    const [left, top] = [random.int(0, width - 1), random.int(0, height - 1)];
    const value = random.int(0, steps) / steps;
    for (let y = top; y < Math.min(top + 7, height); y++) {
      heat.fill(value, y * width + left, y * width + Math.min(left + 9, width));
    }
  }
  return heat;
}

Deno.test("key points of a heat map are those of plain loops: sizes, radii, ties, plateaus, borders, counts", async () => {
  using device = await Device.request({ pool: false });
  let [all, cut] = [0, 0];
  for (const [height, width] of [[1, 1], [5, 3], [17, 31], [33, 50], [64, 61]] as const) {
    for (const [radius, border, threshold] of [[0, 0, 0.3], [1, 1, 0.5], [2, 0, 0.9], [4, 3, 0.1]] as const) {
      for (const [steps, maxFeatures] of [[3, 7], [100, 1000], [1000, 9], [1, 40]] as const) {
        const random = new Random(height * 100 + radius * 10 + steps);
        const heat = planes(1, height, width, stepped(random, height, width, steps));
        const map = planes(3, 2, 3, random.normals(18));
        const options = { radius, border, threshold, maxFeatures, refine: false };
        using scratch = new Scratch(device);
        using found = new KeyPoints(device, scratch.take, upload(scratch, { heat, map }), {
          head: HEAT_HEAD,
          input: { width, height },
          ...options,
        });
        const actual = await run(device, found);
        const expected = referencePoints(heat, map, undefined, {
          ...options,
          area: [border, border, width - border, height - border],
          cubic: false,
          stretched: false,
        });
        const context = { height, width, ...options, steps, seed: random.seed };
        assertPoints(actual, expected, context, { score: 0, px: 0, descriptor: 1e-5 });
        all += expected.length;
        if (actual.candidates > maxFeatures) cut++;
      }
    }
  }
  assert(all > 2000 && cut > 10, `${all} key points, ${cut} times more than asked for`);
});

Deno.test("thousands of key points are ordered, and the rest is left out", async () => {
  using device = await Device.request({ pool: false });
  const random = new Random(5);
  const [height, width] = [251, 303];
  const heat = planes(1, height, width, stepped(random, height, width, 200));
  const map = planes(3, 2, 3, random.normals(18));
  for (const maxFeatures of [4099, 30000]) {
    const options = { radius: 1, border: 0, threshold: 0, maxFeatures, refine: false };
    using scratch = new Scratch(device);
    using found = new KeyPoints(device, scratch.take, upload(scratch, { heat, map }), {
      head: HEAT_HEAD,
      input: { width, height },
      ...options,
    });
    const area = [0, 0, width, height] as const;
    const expected = referencePoints(heat, map, undefined, {
      ...options,
      area,
      cubic: false,
      stretched: false,
    });
    assertPoints(await run(device, found), expected, options, { score: 0, px: 0, descriptor: 1e-5 });
  }
});

Deno.test("positions are refined by the peak of a quadratic form", async () => {
  using device = await Device.request({ pool: false });
  const random = new Random(9);
  const [height, width] = [40, 45];
  const bumps = Array.from({ length: 12 }, (_, i) => ({
    x: 5 + i % 4 * 11 + random.uniform(-0.35, 0.35),
    y: 6 + Math.floor(i / 4) * 12 + random.uniform(-0.35, 0.35),
    twist: random.uniform(-0.03, 0.03),
    height: random.uniform(0.5, 1),
  }));
  const data = new Float32Array(height * width).map((_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return Math.max(
      0,
      ...bumps.map((bump) => {
        const [dx, dy] = [x - bump.x, y - bump.y];
        return bump.height - 0.05 * dx * dx - 0.04 * dy * dy - bump.twist * dx * dy;
      }),
    );
  });
  const heat = planes(1, height, width, data), map = planes(3, 2, 3, random.normals(18));
  using scratch = new Scratch(device);
  using found = new KeyPoints(device, scratch.take, upload(scratch, { heat, map }), {
    head: HEAT_HEAD,
    input: { width, height },
    threshold: 0.2,
  });
  const { points, scores } = await run(device, found);
  assertEquals(scores.length, bumps.length);
  for (const { x, y } of bumps) {
    const near = Array.from(scores, (_, i) => Math.hypot(points[2 * i]! - x, points[2 * i + 1]! - y));
    // A bump's own form is a quadratic one, so that its peak is found exactly.
    assert(Math.min(...near) < 1e-3, `${x}, ${y}: ${Math.min(...near)} away; seed ${random.seed}`);
  }
});

interface Sizes {
  rows: number;
  columns: number;
  dimensions: number;
  seed: number;
}

function network({ rows, columns, dimensions, seed }: Sizes) {
  const random = new Random(seed);
  const cells = rows * columns;
  return {
    logits: planes(65, rows, columns, random.normals(65 * cells, 0, 2)),
    map: planes(dimensions, rows, columns, random.normals(dimensions * cells, 0, 3)),
    reliability: planes(1, rows, columns, random.uniforms(cells, 0, 1)),
  };
}

const SIZES: Sizes[] = [
  { rows: 1, columns: 1, dimensions: 4, seed: 1 },
  { rows: 3, columns: 5, dimensions: 64, seed: 2 },
  { rows: 7, columns: 4, dimensions: 30, seed: 3 },
  { rows: 5, columns: 6, dimensions: 256, seed: 4 },
  { rows: 2, columns: 3, dimensions: 511, seed: 5 },
];

Deno.test("SuperPoint's and XFeat's outputs give what plain loops give", async () => {
  using device = await Device.request({ pool: false });
  let all = 0;
  for (const sizes of SIZES) {
    const { logits, map, reliability } = network(sizes);
    const input = { width: sizes.columns * 8, height: sizes.rows * 8 };
    for (const family of ["superpoint", "xfeat"] as const) {
      for (const refine of [false, true]) {
        const maps = { logits, map, ...(family === "xfeat" && { reliability }) };
        const shapes = Object.fromEntries(
          Object.entries(maps).map(([name, { channels, height, width }]) => [name, [
            1,
            channels,
            height,
            width,
          ]]),
        );
        const { head, reason } = { reason: "", ...recogniseKeyPoints(shapes, input) };
        assert(head, reason);
        assertEquals([head.family, head.dimensions], [family, sizes.dimensions]);
        const options = { radius: family === "xfeat" ? 2 : 4, border: 1, maxFeatures: 50, refine };
        using scratch = new Scratch(device);
        using found = new KeyPoints(device, scratch.take, upload(scratch, maps), {
          head,
          input,
          ...options,
        });
        const heat = heatOf(logits);
        const expected = referencePoints(heat, map, "reliability" in maps ? reliability : undefined, {
          ...options,
          threshold: family === "xfeat" ? 0.05 : 0.005,
          area: [1, 1, input.width - 1, input.height - 1],
          cubic: family === "xfeat",
          stretched: family === "xfeat",
        });
        const tolerance = { score: 2e-6, px: 1e-3, descriptor: 2e-4 };
        assertPoints(await run(device, found), expected, { ...sizes, family, refine }, tolerance);
        all += expected.length;
      }
    }
  }
  assert(all > 200, `${all} key points show little`);
});

Deno.test("a frame's area limits key points, and a frame makes nothing; rows go to the matcher", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const sizes = { rows: 9, columns: 7, dimensions: 16, seed: 12 };
  const { logits, map } = network(sizes);
  const input = { width: 56, height: 72 };
  const head: KeyPointHead = { family: "superpoint", scores: "logits", descriptors: "map", dimensions: 16 };
  using scratch = new Scratch(device);
  using found = new KeyPoints(device, scratch.take, upload(scratch, { logits, map }), {
    head,
    input,
    border: 2,
    refine: false,
    maxFeatures: 60,
  });
  using matcher = new DescriptorMatcher(device, {
    metric: "inner",
    dimensions: 16,
    maxFirst: 60,
    maxSecond: 60,
  });
  matcher.match(stream, found.rows, found.rows);
  await stream.finish();
  const areas = [
    { x: 0, y: 0, width: 56, height: 72 },
    { x: 5, y: 10, width: 40, height: 33 },
    { x: 0, y: 30, width: 3, height: 9 },
    { x: 0, y: 0, width: 56, height: 72 },
  ];
  for (const area of areas) {
    const before = device.counters.snapshot();
    found.setArea(area);
    stream.run(found.dispatches);
    matcher.match(stream, found.rows, found.rows);
    await stream.finish();
    assertEquals(device.counters.snapshot(), before);
    const actual = found.parse(await device.read(found.result));
    const { x, y, width, height } = area;
    const expected = referencePoints(heatOf(logits), map, undefined, {
      radius: 4,
      threshold: 0.005,
      maxFeatures: 60,
      area: [x + 2, y + 2, x + width - 2, y + height - 2],
      refine: false,
      cubic: false,
      stretched: false,
    });
    assertPoints(actual, expected, area, { score: 1e-6, px: 0, descriptor: 2e-5 });
    const matches = matcher.read(await device.read(matcher.result));
    assertEquals(
      matches.map(({ first, second }) => [first, second]),
      expected.map((_, i) => [i, i]),
      JSON.stringify(area),
    );
  }
});

Deno.test("outputs that are none of a family's are told, and options out of range refused", async () => {
  const input = { width: 32, height: 24 };
  const xfeat = { a: [1, 64, 3, 4], b: [1, 65, 3, 4], c: [1, 1, 3, 4] };
  assertEquals(recogniseKeyPoints(xfeat, input), {
    head: { family: "xfeat", scores: "b", reliability: "c", descriptors: "a", dimensions: 64 },
  });
  assertEquals(recogniseKeyPoints({ a: [1, 24, 32], b: [1, 128, 6, 8] }, input), {
    head: { family: "heat", scores: "a", descriptors: "b", dimensions: 128 },
  });
  for (
    const bad of [{}, { a: [1, 64, 3, 4] }, { a: [1, 65, 3, 4] }, { ...xfeat, d: [1, 2] }, {
      a: [1, 65, 4, 3],
    }]
  ) {
    const found = recogniseKeyPoints(bad, input);
    assert(found.head === undefined && found.reason.includes("superpoint: it takes [1, 65, 3, 4]"));
  }
  using device = await Device.request({ pool: false });
  const heat = planes(1, 4, 4, new Float32Array(16)), map = planes(3, 2, 3, new Float32Array(18));
  using scratch = new Scratch(device);
  const outputs = upload(scratch, { heat, map });
  const good: KeyPointOptions = { head: HEAT_HEAD, input: { width: 4, height: 4 } };
  const make = (bad: object) => () => new KeyPoints(device, scratch.take, outputs, { ...good, ...bad });
  assertThrows(make({ radius: 99 }), RangeError, "radius is 99; it must be a whole number from 0 to 32");
  assertThrows(make({ maxFeatures: 0 }), RangeError, "maxFeatures is 0");
  assertThrows(make({ border: -1 }), RangeError, "border is -1");
  assertThrows(make({ threshold: NaN }), RangeError, "threshold is NaN");
  assertThrows(make({ sampling: "nearest" }), RangeError, "bilinear or bicubic");
  assertThrows(make({ input: { width: 5, height: 4 } }), KeyPointHeadError, '"heat" must be [1, 1, 4, 5]');
  assertThrows(
    make({ head: { ...HEAT_HEAD, dimensions: 4 } }),
    KeyPointHeadError,
    '"map" must be [1, 4, 2, 3]',
  );
  using found = new KeyPoints(device, scratch.take, outputs, good);
  assertThrows(() => found.parse(new ArrayBuffer(64)), RangeError, "64 bytes from 0 on");
  const foreign = new Uint8Array(found.result.bytes).fill(0xa5).buffer;
  assertThrows(() => found.parse(foreign), RangeError, "these bytes are no result of this head");
});
