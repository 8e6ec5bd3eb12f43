/**
 * Operations on matrices against plain loops: odd sizes, regions at odd offsets, types of every size.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  Device,
  GpuError,
  type Matrix,
  type MatrixType,
  matrixType,
  parseMatrixType,
  type Stream,
} from "../../src/gpu/mod.ts";
import {
  blobFromImage,
  blobFromImagesWithParams,
  type BorderType,
  copyMakeBorder,
  crop,
  cvtColor,
  flip,
  type Interpolation,
  normalize,
  type NormType,
  resize,
} from "../../src/matrix/mod.ts";
import { Random } from "../support/random.ts";
import { bordered, isNear, normalizing, resized } from "./reference.ts";
import { at, type HostMatrix, matrixOf, put, randomMatrix } from "./support.ts";

const SIZES = [[1, 1], [3, 5], [17, 33]] as const;

/** Frees matrices in reverse order: regions and the matrices that they are of. */
class Matrices implements Disposable {
  readonly #made: Matrix[] = [];
  readonly #stream: Stream;
  readonly #random: Random;
  readonly #surroundings: { whole: Matrix; before: HostMatrix; region: Matrix }[] = [];

  constructor(stream: Stream, random: Random) {
    this.#stream = stream;
    this.#random = random;
  }

  /** A matrix, or a region at a random place of a larger one with random elements around it. */
  make(rows: number, cols: number, type: MatrixType, region: boolean): Matrix {
    const [left, top] = region ? [this.#random.int(0, 5), this.#random.int(0, 2)] : [0, 0];
    const [right, bottom] = region ? [this.#random.int(0, 3), this.#random.int(0, 2)] : [0, 0];
    const whole = this.#stream.pool.getBuffer(rows + top + bottom, cols + left + right, type);
    this.#made.push(whole);
    if (!region) return whole;
    const before = randomMatrix(this.#random, whole.rows, whole.cols, type);
    whole.upload(before.data);
    const part = whole.roi(left, top, cols, rows);
    this.#surroundings.push({ whole, before, region: part });
    return part;
  }

  source(host: HostMatrix, region: boolean): Matrix {
    const matrix = this.make(host.rows, host.cols, host.type, region);
    matrix.upload(host.data);
    return matrix;
  }

  /** What lies around the regions is as it was. */
  async checkSurroundings(context: string): Promise<void> {
    for (const { whole, before, region } of this.#surroundings) {
      const after = { ...before, data: await whole.download() };
      const column = (region.offset % region.step) / region.channels / region.elementBytes;
      const row = Math.floor(region.offset / region.step);
      for (let y = 0; y < before.rows; y++) {
        for (let x = 0; x < before.cols; x++) {
          if (y >= row && y < row + region.rows && x >= column && x < column + region.cols) continue;
          for (let c = 0; c < region.channels; c++) {
            assertEquals(
              at(after, y, x, c),
              at(before, y, x, c),
              `beside a region, (${y}, ${x}): ${context}`,
            );
          }
        }
      }
    }
  }

  [Symbol.dispose](): void {
    for (const matrix of this.#made.reverse()) matrix.release();
  }
}

function assertNear(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  type: MatrixType,
  context: string,
  levels = 0,
): void {
  assertEquals(actual.length, expected.length, context);
  const { depth } = parseMatrixType(type);
  for (let i = 0; i < expected.length; i++) {
    const near = isNear(actual[i]!, expected[i]!, depth, levels);
    assert(near, `element ${i} is ${actual[i]}, not ${expected[i]} as ${depth}: ${context}`);
  }
}

Deno.test("copyMakeBorder(), flip(), crop() and nearest resize move any elements, between regions as well", async () => {
  using device = await Device.request({ pool: { stackBytes: 1 << 22 } });
  using stream = device.stream();
  const random = new Random(311);
  for (const type of ["8UC3", "16FC1", "32SC2", "8SC4", "16UC3"] as const) {
    for (const [rows, cols] of SIZES) {
      for (const region of [false, true]) {
        const host = randomMatrix(random, rows, cols, type);
        const context = JSON.stringify({ type, rows, cols, region, seed: random.seed });
        using matrices = new Matrices(stream, random);
        const src = matrices.source(host, region);
        const sides = [random.int(0, 7), random.int(0, 7), random.int(0, 7), random.int(0, 7)] as const;
        const border = random.pick<BorderType>(["constant", "replicate", "reflect", "reflect101", "wrap"]);
        const around = bordered(host, sides, border, [5, 6, 7]);
        const larger = matrices.make(around.rows, around.cols, type, region);
        copyMakeBorder(src, larger, ...sides, border, [5, 6, 7]);
        assertEquals(await larger.download(), around.data, `${border} ${sides}: ${context}`);
        const flipCode = random.pick([0, 1, -1] as const);
        const flipped = matrices.make(rows, cols, type, region);
        flip(src, flipped, flipCode);
        const mirrored = matrixOf(
          rows,
          cols,
          type,
          (row, col, c) =>
            at(host, flipCode === 1 ? row : rows - 1 - row, flipCode === 0 ? col : cols - 1 - col, c),
        );
        assertEquals(await flipped.download(), mirrored.data, `flip ${flipCode}: ${context}`);
        const [x, y] = [random.int(0, cols - 1), random.int(0, rows - 1)];
        const cut = matrices.make(random.int(1, rows - y), random.int(1, cols - x), type, region);
        crop(src, cut, x, y);
        const inner = matrixOf(cut.rows, cut.cols, type, (row, col, c) => at(host, row + y, col + x, c));
        assertEquals(await cut.download(), inner.data, `crop ${x}, ${y}: ${context}`);
        const scaled = matrices.make(random.int(1, 20), random.int(1, 20), type, region);
        resize(src, scaled, "nearest");
        const expected = [...resized(host, scaled.rows, scaled.cols, "nearest")];
        assertEquals(
          [...await scaled.download()],
          expected,
          `nearest ${scaled.rows} x ${scaled.cols}: ${context}`,
        );
        await matrices.checkSurroundings(context);
      }
    }
  }
});

Deno.test("linear, area and cubic resize, of regions as well, by their definitions", async () => {
  using device = await Device.request({ pool: { stackBytes: 1 << 22 } });
  using stream = device.stream();
  const random = new Random(312);
  for (const type of ["8UC3", "16FC1", "8SC2"] as const) {
    for (const interpolation of ["linear", "area", "cubic"] as const) {
      for (const [rows, cols] of SIZES) {
        using matrices = new Matrices(stream, random);
        const host = randomMatrix(random, rows, cols, type);
        const src = matrices.source(host, true);
        const dst = matrices.make(random.int(1, 24), random.int(1, 40), type, true);
        const context = JSON.stringify({
          type,
          interpolation,
          rows,
          cols,
          to: [dst.rows, dst.cols],
          seed: random.seed,
        });
        resize(src, dst, interpolation);
        // OpenCV drops bits between the two directions of 8-bit linear, and so does the kernel.
        const levels = type === "8UC3" && interpolation !== "cubic" ? 1 : 0;
        assertNear(
          await dst.download(),
          resized(host, dst.rows, dst.cols, interpolation),
          type,
          context,
          levels,
        );
        await matrices.checkSurroundings(context);
      }
    }
  }
});

Deno.test("area resize takes the mean of more pixels than one invocation can visit", async () => {
  using device = await Device.request();
  using stream = device.stream();
  const random = new Random(313);
  const host = randomMatrix(random, 300, 401, "8UC1");
  using src = stream.pool.getBuffer(300, 401, "8UC1");
  put(src, host);
  using dst = stream.pool.getBuffer(1, 2, "8UC1");
  resize(src, dst, "area");
  assertNear(await dst.download(), resized(host, 1, 2, "area"), "8UC1", "300 x 401");
});

Deno.test("cvtColor() converts between regions as between matrices", async () => {
  using device = await Device.request({ pool: { stackBytes: 1 << 22 } });
  using stream = device.stream();
  const random = new Random(314);
  for (const code of ["BGR2GRAY", "BGR2HSV", "RGB2BGRA", "BGR2YUV_I420", "RGB2YUV_NV12"] as const) {
    for (const [rows, cols] of [[2, 2], [4, 6], [18, 34]] as const) {
      using matrices = new Matrices(stream, random);
      const yuv = code.includes("YUV");
      const host = randomMatrix(random, rows, cols, "8UC3");
      const type = matrixType("8U", code.endsWith("BGRA") ? 4 : code.endsWith("HSV") ? 3 : 1);
      const make = (region: boolean): Matrix => matrices.make(yuv ? rows / 2 * 3 : rows, cols, type, region);
      const [plain, part] = [make(false), make(true)];
      const context = JSON.stringify({ code, rows, cols, seed: random.seed });
      cvtColor(matrices.source(host, false), plain, code);
      cvtColor(matrices.source(host, true), part, code);
      assertEquals(await part.download(), await plain.download(), context);
      if (yuv) {
        const back = code.endsWith("NV12") ? "YUV2BGR_NV12" : "YUV2BGR_I420";
        const [whole, region] = [false, true].map((region) => matrices.make(rows, cols, "8UC3", region));
        cvtColor(plain, whole!, back);
        cvtColor(part, region!, back);
        assertEquals(await region!.download(), await whole!.download(), context);
      }
      await matrices.checkSurroundings(context);
    }
  }
});

Deno.test("NV12 and I420 hold the same samples in another order", async () => {
  using device = await Device.request();
  using stream = device.stream();
  const [rows, cols] = [6, 10];
  using image = stream.pool.getBuffer(rows, cols, "8UC3");
  put(image, randomMatrix(new Random(315), rows, cols, "8UC3"));
  using planes = stream.pool.getBuffer(9, cols, "8UC1");
  using pairs = stream.pool.getBuffer(9, cols, "8UC1");
  cvtColor(image, planes, "BGR2YUV_I420");
  cvtColor(image, pairs, "BGR2YUV_NV12");
  const [i420, nv12] = [await planes.download(), await pairs.download()];
  const luma = rows * cols;
  assertEquals(nv12.subarray(0, luma), i420.subarray(0, luma));
  const u = nv12.subarray(luma).filter((_, i) => i % 2 === 0);
  const v = nv12.subarray(luma).filter((_, i) => i % 2 === 1);
  assertEquals([...u, ...v], [...i420.subarray(luma)]);
});

Deno.test("normalize() finds range and norms of any size, of regions as well", async () => {
  using device = await Device.request({ pool: { stackBytes: 1 << 24 } });
  using stream = device.stream();
  const random = new Random(316);
  for (const [rows, cols] of [[1, 1], [3, 5], [17, 33], [411, 397]] as const) {
    for (const norm of ["minmax", "inf", "L1", "L2"] as NormType[]) {
      using matrices = new Matrices(stream, random);
      const region = random.next() < 0.5;
      const host = randomMatrix(random, rows, cols, "8SC3");
      const [alpha, beta] = [random.uniform(-2, 50), random.uniform(-100, 100)];
      const context = JSON.stringify({ rows, cols, norm, region, alpha, beta, seed: random.seed });
      const dst = matrices.make(rows, cols, "32FC3", false);
      normalize(matrices.source(host, region), dst, alpha, beta, norm);
      const [scale, shift] = normalizing(host, alpha, beta, norm);
      assertNear(
        await dst.download(),
        [...host.data].map((value) => value * scale + shift),
        "32FC3",
        context,
      );
    }
  }
});

Deno.test("a blob of regions is the blob of the matrices, in both layouts", async () => {
  using device = await Device.request();
  using stream = device.stream();
  const random = new Random(317);
  for (const datalayout of ["NCHW", "NHWC"] as const) {
    using matrices = new Matrices(stream, random);
    const hosts = [randomMatrix(random, 5, 3, "8UC3"), randomMatrix(random, 5, 3, "8UC3")];
    const images = hosts.map((host) => matrices.source(host, true));
    const mean = [1, 2, 3];
    using blob = blobFromImagesWithParams(images, { datalayout, mean, scalefactor: 0.5, swapRB: true });
    assertEquals([...blob.shape], datalayout === "NCHW" ? [2, 3, 5, 3] : [2, 5, 3, 3]);
    const data = await blob.download();
    for (const [n, host] of hosts.entries()) {
      for (let row = 0; row < 5; row++) {
        for (let col = 0; col < 3; col++) {
          for (let c = 0; c < 3; c++) {
            const i = datalayout === "NCHW"
              ? ((n * 3 + c) * 5 + row) * 3 + col
              : ((n * 5 + row) * 3 + col) * 3 + c;
            assertEquals(
              data[i],
              (at(host, row, col, 2 - c) - mean[c]!) * 0.5,
              `${datalayout} ${[n, c, row, col]}`,
            );
          }
        }
      }
    }
  }
});

Deno.test("operations say what does not fit, with the numbers, and leave nothing behind on the stack", async () => {
  using device = await Device.request();
  using stream = device.stream();
  const { pool } = stream;
  using bgr = pool.getBuffer(4, 6, "8UC3", "bgr");
  using gray = pool.getBuffer(4, 6, "8UC1", "gray");
  using float = pool.getBuffer(4, 6, "32FC3", "float");
  using odd = pool.getBuffer(3, 5, "8UC3", "odd");
  using ints = pool.getBuffer(4, 6, "32SC1", "ints");
  const allocated = stream.allocator.stats().currentBytes;
  const refused: readonly (readonly [() => unknown, string])[] = [
    [
      () => cvtColor(bgr, gray, "BGR2LAB" as never),
      'Cannot convert colours by "BGR2LAB": there is no such code',
    ],
    [() => cvtColor(bgr, gray, "BGR2BGR"), "there is no such code"],
    [() => cvtColor(gray, bgr, "BGR2GRAY"), '"gray" (4 x 6 8UC1) must have 3 channels'],
    [() => cvtColor(bgr, odd, "BGR2GRAY"), "the result is 4 x 6 8UC1"],
    [() => cvtColor(ints, gray, "GRAY2BGR"), '"ints" (4 x 6 32SC1): its depth must be 8U, 16U, 32F'],
    [() => cvtColor(odd, gray, "BGR2YUV_I420"), "an even number of columns and a multiple of 2 rows"],
    [() => cvtColor(gray, bgr, "YUV2BGR_NV12"), "a multiple of 3 rows"],
    [() => cvtColor(bgr, bgr, "BGR2RGB"), '"bgr" (4 x 6 8UC3) and "bgr" (4 x 6 8UC3) overlap'],
    [() => resize(bgr, float), '"bgr" (4 x 6 8UC3) to "float" (4 x 6 32FC3): the types differ'],
    [() => resize(ints, ints), "its depth must be 8U, 8S, 16U, 16S, 32F, 16F"],
    [() => resize(bgr, odd, "lanczos" as Interpolation), 'by "lanczos"; take nearest, linear, area or cubic'],
    [() => copyMakeBorder(bgr, odd, 1, 0, 0, 0, "wrap"), "the result is 5 x 6 8UC3"],
    [() => copyMakeBorder(bgr, odd, -1, 0, 0, 0, "wrap"), "top -1, bottom 0"],
    [() => copyMakeBorder(bgr, odd, 0, 0, 0, 0, "isolated" as never), 'of type "isolated"'],
    [() => flip(bgr, odd, 1), "the result is 4 x 6 8UC3"],
    [() => flip(bgr, odd, 2 as never), "by 2; take 0 (rows), 1 (columns) or -1 (both)"],
    [() => crop(bgr, odd, 2, 0), "x 2, y 0, 5 wide and 3 high is not inside 6 columns and 4 rows"],
    [() => normalize(bgr, gray), "the channels differ"],
    [() => normalize(bgr, odd), "the sizes differ"],
    [() => normalize(bgr, float, NaN), "alpha NaN"],
    [() => normalize(bgr, float, 1, 0, "L3" as NormType), 'by "L3"; take minmax, inf, L1, L2'],
    [() => normalize(bgr, float, 1, 0, "L2", float), '"float" (4 x 6 32FC3) as a mask of "bgr"'],
    [() => normalize(float, float), '"float" (4 x 6 32FC3) and "float" (4 x 6 32FC3) overlap'],
    [() => blobFromImagesWithParams([]), "no images"],
    [() => blobFromImagesWithParams([bgr, gray]), "the types differ"],
    [() => blobFromImage(bgr, 2, undefined, 0, false, false, "8U"), "a scalefactor of 1 and a mean of 0"],
    [() => blobFromImage(bgr, 1, { width: 0, height: 3 }), "0x3"],
    [() => blobFromImage(bgr, [1, NaN]), "scalefactor is [1, NaN, 0, 0]"],
    [() => blobFromImagesWithParams([bgr], { paddingmode: "tile" as never }), 'padding mode "tile"'],
  ];
  for (const [run, message] of refused) {
    assertStringIncludes(assertThrows(run, Error).message, message);
    assertEquals(stream.allocator.stats().currentBytes, allocated, message);
  }
  const gone = pool.getBuffer(4, 6, "8UC3", "gone");
  gone.release();
  for (
    const run of [
      () => cvtColor(gone, gray, "BGR2GRAY"),
      () => resize(bgr, gone),
      () => flip(gone, bgr, 0),
      () => normalize(gone, bgr),
      () => blobFromImage(gone),
      () => copyMakeBorder(gone, bgr, 0, 0, 0, 0, "wrap"),
    ]
  ) assertStringIncludes(assertThrows(run, GpuError).message, '"gone" (4 x 6 8UC3): it was released');
});

Deno.test("a loop of operations creates nothing after its first turn, and its temporaries lie on the stack", async () => {
  using device = await Device.request();
  using stream = device.stream();
  using frame = stream.pool.getBuffer(48, 64, "8UC3");
  let counts = "";
  for (let turn = 0; turn < 4; turn++) {
    using small = stream.pool.getBuffer(24, 32, "8UC3");
    using gray = stream.pool.getBuffer(24, 32, "8UC1");
    using even = stream.pool.getBuffer(24, 32, "32FC1");
    frame.setTo(10 + turn);
    frame.roi(turn, 0, 2 + turn, 3).setTo(7);
    resize(frame, small, "area");
    cvtColor(small, gray, "BGR2GRAY");
    normalize(gray, even, 0, 1, "inf");
    using blob = blobFromImage(frame, 1 / 255, { width: 20, height: 20 }, 0, true, true);
    await blob.download();
    assertEquals((await gray.download())[767], 10 + turn);
    if (turn > 0) assertEquals(JSON.stringify(device.counters.snapshot()), counts, `turn ${turn}`);
    counts = JSON.stringify(device.counters.snapshot());
  }
  assertEquals(device.memory().fallbacks, 0);
});
