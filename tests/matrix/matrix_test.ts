/**
 * The typed matrix against plain loops: every type, odd sizes, regions at odd offsets, masks.
 *
 * @module
 */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  Device,
  GpuError,
  type Matrix,
  MATRIX_DEPTHS,
  type MatrixType,
  matrixType,
  parseMatrixType,
  saturate,
} from "../../src/gpu/mod.ts";
import { Random } from "../support/random.ts";
import { at, matrixOf, put, randomMatrix } from "./support.ts";

/** Every depth and every count of channels. */
const TYPES: readonly MatrixType[] = [
  "8UC3",
  "8SC1",
  "8UC4",
  "16UC2",
  "16SC3",
  "32SC1",
  "32FC3",
  "16FC1",
  "16UC4",
];

const SIZES = [[1, 1], [3, 5], [17, 33]] as const;

Deno.test("a matrix gives back what was uploaded, in every type, and regions give their part", async () => {
  using device = await Device.request({ pool: { stackBytes: 1 << 20 } });
  using stream = device.stream();
  const random = new Random(301);
  for (const depth of MATRIX_DEPTHS) {
    for (const channels of [1, 2, 3, 4]) {
      const [rows, cols] = random.pick(SIZES);
      const type = matrixType(depth, channels);
      const host = randomMatrix(random, rows, cols, type);
      using matrix = stream.pool.getBuffer(rows, cols, type);
      put(matrix, host);
      const [x, y] = [random.int(0, cols - 1), random.int(0, rows - 1)];
      const [width, height] = [random.int(1, cols - x), random.int(1, rows - y)];
      const part = matrixOf(height, width, type, (row, col, c) => at(host, y + row, x + col, c));
      const context = JSON.stringify({ type, rows, cols, x, y, width, height, seed: random.seed });
      assertEquals(await matrix.download(), host.data, context);
      assertEquals(await matrix.roi(x, y, width, height).download(), part.data, context);
    }
  }
});

Deno.test("setTo() and copyTo() through a region, with and without a mask, touch its pixels only", async () => {
  using device = await Device.request({ pool: { stackBytes: 1 << 20 } });
  using stream = device.stream();
  const random = new Random(302);
  for (const type of TYPES) {
    const { channels, depth } = parseMatrixType(type);
    for (const [rows, cols] of SIZES) {
      const [x, y] = [random.int(0, cols - 1), random.int(0, rows - 1)];
      const [width, height] = [random.int(1, cols - x), random.int(1, rows - y)];
      const [sx, sy] = [random.int(0, 3), random.int(0, 2)];
      const context = JSON.stringify({ type, rows, cols, x, y, width, height, sx, sy, seed: random.seed });
      const host = randomMatrix(random, rows, cols, type);
      const other = randomMatrix(random, height + sy, width + sx, type);
      const chosen = matrixOf(height, width, "8UC1", () => random.int(0, 1) * random.int(1, 255));
      const scalar = Array.from({ length: channels }, () => random.uniform(-300, 70000));
      using matrix = stream.pool.getBuffer(rows, cols, type, "matrix");
      using source = stream.pool.getBuffer(other.rows, other.cols, type, "source");
      using mask = stream.pool.getBuffer(height, width, "8UC1", "mask");
      put(source, other);
      put(mask, chosen);
      const region = matrix.roi(x, y, width, height);
      const inside = (row: number, col: number): boolean =>
        row >= y && row < y + height && col >= x && col < x + width;
      const from = source.roi(sx, sy, width, height);
      for (const masked of [false, true]) {
        const takes = (row: number, col: number): boolean =>
          inside(row, col) && (!masked || at(chosen, row - y, col - x, 0) !== 0);
        put(matrix, host);
        from.copyTo(region, masked ? mask : undefined);
        assertEquals(
          await matrix.download(),
          matrixOf(
            rows,
            cols,
            type,
            (row, col, c) =>
              takes(row, col) ? at(other, row - y + sy, col - x + sx, c) : at(host, row, col, c),
          ).data,
          `copyTo, masked ${masked}: ${context}`,
        );
        put(matrix, host);
        region.setTo(scalar, masked ? mask : undefined);
        assertEquals(
          await matrix.download(),
          matrixOf(
            rows,
            cols,
            type,
            (row, col, c) => takes(row, col) ? saturate(scalar[c]!, depth) : at(host, row, col, c),
          ).data,
          `setTo ${scalar}, masked ${masked}: ${context}`,
        );
      }
    }
  }
});

Deno.test("copyTo() and setTo() fill whole matrices of every size", async () => {
  using device = await Device.request({ pool: { stackBytes: 1 << 20 } });
  using stream = device.stream();
  const random = new Random(303);
  for (const [rows, cols] of [...SIZES, [2, 4], [1, 130]] as const) {
    const host = randomMatrix(random, rows, cols, "8UC3");
    using a = stream.pool.getBuffer(rows, cols, "8UC3");
    using b = stream.pool.getBuffer(rows, cols, "8UC3");
    put(a, host);
    assertEquals(await a.copyTo(b.setTo([1, 2])).download(), host.data);
    b.setTo([1, 2]);
    assertEquals(await b.download(), matrixOf(rows, cols, "8UC3", (_row, _col, c) => [1, 2, 0][c]!).data);
    assertEquals(await b.setTo(9).download(), matrixOf(rows, cols, "8UC3", () => 9).data);
  }
});

Deno.test("convertTo() rounds halves to the even number and saturates, from and to every depth", async () => {
  using device = await Device.request({ pool: { stackBytes: 1 << 20 } });
  using stream = device.stream();
  const random = new Random(304);
  // Each depth is once a source and once a target; all pairs would compile 49 kernels.
  const depths = MATRIX_DEPTHS;
  for (const [i, depth] of depths.entries()) {
    const target = depths[(i + 3) % depths.length]!;
    for (const [rows, cols] of SIZES) {
      // Halves and quarters of numbers that 32-bit floats hold exactly, so that the expected result is exact.
      const alpha = random.pick([0.5, 1, 2, -0.25]);
      const beta = random.pick([0, 0.5, -64]);
      const type = matrixType(depth, 3);
      const host = depth === "32S"
        ? matrixOf(rows, cols, type, () => random.int(-70000, 70000))
        : randomMatrix(random, rows, cols, type);
      using x = stream.pool.getBuffer(rows, cols, type, "x");
      put(x, host);
      using y = x.convertTo(matrixType(target, 3), alpha, beta);
      const expected = matrixOf(
        rows,
        cols,
        y.type,
        (row, col, c) => saturate(at(host, row, col, c) * alpha + beta, target),
      );
      const context = JSON.stringify({ from: depth, to: target, rows, cols, alpha, beta, seed: random.seed });
      assertEquals(await y.download(), expected.data, context);
    }
  }
});

Deno.test("convertTo() into a region keeps what is beside it", async () => {
  using device = await Device.request();
  using stream = device.stream();
  const random = new Random(305);
  const host = randomMatrix(random, 5, 7, "32FC3");
  using x = stream.pool.getBuffer(5, 7, "32FC3", "x");
  using y = stream.pool.getBuffer(9, 11, "8UC3", "y");
  put(x, host);
  y.setTo(77);
  x.convertTo(y.roi(3, 2, 7, 5), 1, 3);
  const inside = (row: number, col: number): boolean => row >= 2 && row < 7 && col >= 3 && col < 10;
  const expected = matrixOf(
    9,
    11,
    "8UC3",
    (row, col, c) => inside(row, col) ? saturate(at(host, row - 2, col - 3, c) + 3, "8U") : 77,
  );
  assertEquals(await y.download(), expected.data);
});

Deno.test("16-bit floats keep their smallest numbers, infinities, and round to even", async () => {
  using device = await Device.request();
  using stream = device.stream();
  const values = [
    0,
    -0,
    2 ** -24,
    2 ** -25,
    2 ** -25 * 1.5,
    -(2 ** -14),
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
    65504,
    65519,
  ];
  values.push(65520, -70000, Infinity, -Infinity, 1 / 3, 6.1e-5, 6.0e-5);
  using x = stream.pool.getBuffer(1, values.length, "32FC1");
  x.upload(new Float32Array(values));
  using half = x.convertTo("16FC1");
  assertEquals([...await half.download()], values.map((value) => Math.f16round(Math.fround(value))));
  using back = half.convertTo("32FC1");
  assertEquals([...await back.download()], values.map((value) => Math.f16round(Math.fround(value))));
});

Deno.test("a region of a region, and copies between regions of one matrix", async () => {
  using device = await Device.request();
  using stream = device.stream();
  const random = new Random(306);
  const host = randomMatrix(random, 8, 9, "8UC3");
  using matrix = stream.pool.getBuffer(8, 9, "8UC3", "matrix");
  put(matrix, host);
  const region = matrix.roi(1, 2, 7, 6).roi(2, 1, 3, 4);
  const part = matrixOf(4, 3, "8UC3", (row, col, c) => at(host, row + 3, col + 3, c));
  assertEquals(await region.download(), part.data);
  matrix.roi(0, 0, 3, 4).copyTo(matrix.roi(6, 1, 3, 4));
  const expected = matrixOf(
    8,
    9,
    "8UC3",
    (row, col, c) => row >= 1 && row < 5 && col >= 6 ? at(host, row - 1, col - 6, c) : at(host, row, col, c),
  );
  assertEquals(await matrix.download(), expected.data);
});

Deno.test("work, uploads and releases take effect in the order of the calls", async () => {
  using device = await Device.request();
  using stream = device.stream();
  using result = stream.pool.getBuffer(2, 2, "8UC1", "result");
  {
    using first = stream.pool.getBuffer(1, 2, "8UC1", "first");
    first.upload(new Uint8Array([1, 2]));
    first.copyTo(result.roi(0, 0, 2, 1));
  }
  {
    // The same bytes of the stack as `first` had, written while its copy is recorded only.
    using second = stream.pool.getBuffer(1, 2, "8UC1", "second");
    second.upload(new Uint8Array([3, 4]));
    second.copyTo(result.roi(0, 1, 2, 1));
  }
  assertEquals([...await result.download()], [1, 2, 3, 4]);
});

Deno.test("matrices are taken from the stream's stack, last in, first out, and from the default allocator beyond", async () => {
  const warnings: string[] = [];
  using device = await Device.request({
    pool: { stackBytes: 4096, stackCount: 1 },
    onWarning: (message) => warnings.push(message),
  });
  using stream = device.stream({ label: "first" });
  using other = device.stream({ label: "second" });
  const place = ({ allocation }: Matrix): [string, number] => [allocation.owner.label, allocation.offset];
  using a = stream.pool.getBuffer(10, 10, "8UC3", "a");
  const b = stream.pool.getBuffer(16, 16, "32FC1", "b");
  using c = stream.pool.getBuffer(64, 64, "8UC1", "c");
  using d = other.pool.getBuffer(4, 4, "8UC1", "d");
  // 10 rows of 12 pixels of 3 bytes.
  assertEquals([a.step, a.allocation.bytes, b.step], [36, 512, 64]);
  assertEquals([a, b, c, d].map(place), [
    ["stack 0", 0],
    ["stack 0", 512],
    ["default allocator", 0],
    ["default allocator", 0],
  ]);
  assertEquals(warnings.length, 2);
  const error = assertThrows(() => a.release(), GpuError);
  assertStringIncludes(error.message, '"a"');
  assertStringIncludes(error.message, '"b"');
  assertEquals(a.released, false);
  a.setTo(1);
  c.release();
  b.release();
  using again = stream.pool.getBuffer(1, 1, "8UC1", "again");
  assertEquals(place(again), ["stack 0", 512]);
  assertEquals(String(new Set(await a.download())), String(new Set([1])));
});

Deno.test("what matrices cannot do is said with the numbers", async () => {
  using device = await Device.request();
  using stream = device.stream();
  const { pool } = stream;
  using elsewhere = await Device.request();
  using farStream = elsewhere.stream();
  using far = farStream.pool.getBuffer(4, 6, "8UC3", "far");
  using a = pool.getBuffer(4, 6, "8UC3", "a");
  using b = pool.getBuffer(4, 5, "8UC3", "b");
  using c = pool.getBuffer(4, 6, "32FC1", "c");
  const gone = pool.getBuffer(2, 2, "8UC1", "gone");
  const region = gone.roi(0, 0, 1, 1);
  gone.release();
  gone.release();
  const refused: readonly (readonly [() => unknown, string])[] = [
    [() => pool.getBuffer(0, 4, "8UC1", "none"), 'Cannot make "none": 0 rows and 4 columns'],
    [() => pool.getBuffer(4, 2.5, "8UC1", "none"), "4 rows and 2.5 columns"],
    [() => pool.getBuffer(4, 40000, "8UC1", "none"), "from 1 to 32767"],
    [() => pool.getBuffer(4, 4, "8UC5" as MatrixType), 'Cannot make a matrix of "8UC5"'],
    [() => pool.getBuffer(32767, 32767, "32FC4", "huge"), "it takes 17179344896 bytes"],
    [() => a.upload(new Uint8Array(71)), "it has 72 elements, 71 were given"],
    [() => a.upload(new Int8Array(72) as never), "it takes a Uint8Array, not a Int8Array"],
    [() => a.copyTo(b), '"a" (4 x 6 8UC3) to "b" (4 x 5 8UC3): the sizes differ'],
    [() => a.copyTo(c as never), "the types differ; use convertTo()"],
    [() => a.convertTo(c), "the channels differ"],
    [() => a.convertTo("32FC1"), "it has 3 channels; give 32FC3"],
    [() => a.convertTo("32FC3", Infinity), "alpha Infinity and beta 0 must be finite"],
    [() => a.roi(3, 0, 4, 1), "x 3, y 0, 4 wide and 1 high is not inside 6 columns and 4 rows"],
    [() => a.roi(0, 0, 0, 1), "0 wide"],
    [() => a.setTo([1, 2, 3, 4, 5]), "give one to four numbers"],
    [() => a.setTo(NaN), "[NaN, NaN, NaN, NaN]"],
    [() => a.setTo(1, b), '"b" (4 x 5 8UC3) as a mask of "a" (4 x 6 8UC3)'],
    [() => a.copyTo(a), '"a" (4 x 6 8UC3) and "a" (4 x 6 8UC3) overlap'],
    [
      () => a.roi(0, 0, 4, 4).copyTo(a.roi(2, 0, 4, 4)),
      '"a[0,0]" (4 x 4 8UC3) and "a[2,0]" (4 x 4 8UC3) overlap',
    ],
    [() => far.copyTo(a), '"far" (4 x 6 8UC3) lies on another device than "a" (4 x 6 8UC3)'],
    [() => gone.setTo(1), 'Cannot set "gone" (2 x 2 8UC1): it was released'],
    [() => region.setTo(1), '"gone", which it is a region of, was released'],
    [() => gone.roi(0, 0, 1, 1), "was released"],
  ];
  for (const [run, message] of refused) {
    assertStringIncludes(assertThrows(run, GpuError).message, message);
  }
  assertEquals(device.memory().default.currentBytes, 0);
});

Deno.test("a loop over matrices creates nothing after its first turn, downloads included", async () => {
  using device = await Device.request();
  using stream = device.stream();
  let counts = "";
  for (let turn = 0; turn < 5; turn++) {
    using image = stream.pool.getBuffer(9, 7, "8UC3");
    image.upload(new Uint8Array(9 * 7 * 3).fill(turn));
    using float = image.convertTo("32FC3", 0.5);
    image.roi(1, 1, 3, 3).setTo(0);
    await image.download();
    assertEquals((await float.download())[0], turn / 2);
    if (turn > 0) assertEquals(JSON.stringify(device.counters.snapshot()), counts, `turn ${turn}`);
    counts = JSON.stringify(device.counters.snapshot());
  }
});

Deno.test("regions of whole rows, and more dispatches than are kept, give the right result", async () => {
  using device = await Device.request();
  using stream = device.stream();
  using image = stream.pool.getBuffer(600, 1, "8UC1", "image");
  image.setTo(0);
  for (let row = 0; row < 600; row++) image.roi(0, row, 1, 1).setTo(row % 251);
  assertEquals([...await image.download()], Array.from({ length: 600 }, (_, row) => row % 251));
});
