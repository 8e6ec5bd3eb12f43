/**
 * Operations on matrices against OpenCV's own results, which tests/data/opencv_matrix.py wrote.
 *
 * @module
 */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import {
  Device,
  elementArray,
  type Matrix,
  type MatrixDepth,
  type MatrixType,
  matrixType,
  parseMatrixType,
  type Stream,
} from "../../src/gpu/mod.ts";
import {
  blobFromImagesWithParams,
  blobRectsToImageRects,
  type BorderType,
  type ColorCode,
  copyMakeBorder,
  cvtColor,
  flip,
  type Image2BlobParams,
  type Interpolation,
  normalize,
  type NormType,
  resize,
} from "../../src/matrix/mod.ts";
import { type HostMatrix, put } from "./support.ts";
import cases from "../data/opencv_matrix.json" with { type: "json" };

type Case = typeof cases[number];
type Source = [rows: number, cols: number, type: MatrixType, seed: number];
type Numbers = readonly number[];

/** The elements of a source, as the script makes them. */
function source([rows, cols, type, seed]: Source): HostMatrix {
  const { depth, channels } = parseMatrixType(type);
  const data = elementArray(depth, rows * cols * channels);
  for (let i = 0; i < data.length; i++) {
    const v = Math.floor((i * 7919 + seed * 104729) / 13);
    const pixel = Math.floor(i / channels);
    const level = (pixel < cols ? pixel % 6 : Math.floor(pixel / 6 ** (i % channels)) % 6) * 51;
    if (seed === 100) data[i] = depth === "8U" ? level : level / 255;
    else if (depth === "8U") data[i] = v % 256;
    else if (depth === "8S") data[i] = v % 256 - 128;
    else if (depth === "16U") data[i] = v * 37 % 65536;
    else if (depth === "16S") data[i] = v * 37 % 65536 - 32768;
    else if (depth === "32S") data[i] = v * 1237 % 200001 - 100000;
    else data[i] = (v % 2048 - 1024) / 64;
  }
  return { rows, cols, type, data };
}

/** Whole numbers within a level, floats within 1e-4 of the largest. */
function compare(actual: ArrayLike<number>, testCase: Case): void {
  const depth = testCase.depth as MatrixDepth;
  const expected = elementArray(depth, Uint8Array.fromBase64(testCase.data).buffer);
  assertEquals(actual.length, expected.length, JSON.stringify(testCase));
  let largest = 1;
  for (const value of expected) largest = Math.max(largest, Math.abs(value));
  const allowed = depth.endsWith("F") ? 1e-4 * largest : 1;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    if (difference > allowed) {
      const { data: _, ...context } = testCase;
      const got = `got ${actual[i]}, expected ${expected[i]}, element ${i}`;
      assertLessOrEqual(difference, allowed, `${got}: ${JSON.stringify(context)}`);
    }
  }
}

async function withSources(
  stream: Stream,
  testCase: Case,
  body: (sources: Matrix[], hosts: HostMatrix[]) => Promise<void>,
): Promise<void> {
  const hosts = testCase.sources.map((one) => source(one as Source));
  const matrices = hosts.map(({ rows, cols, type }) => stream.pool.getBuffer(rows, cols, type, "source"));
  try {
    for (const [i, host] of hosts.entries()) matrices[i]!.upload(host.data);
    await body(matrices, hosts);
  } finally {
    for (const matrix of matrices.reverse()) matrix.release();
  }
}

/** Runs every case of one operation that makes one matrix of another. */
async function check(
  op: string,
  count: number,
  run: (src: Matrix, dst: Matrix, testCase: Case) => void,
  prepare: (host: HostMatrix, testCase: Case) => void = () => {},
): Promise<void> {
  const chosen = cases.filter((testCase) => testCase.op === op);
  assertEquals(chosen.length, count);
  using device = await Device.request();
  using stream = device.stream();
  for (const testCase of chosen) {
    await withSources(stream, testCase, async ([src], [host]) => {
      prepare(host!, testCase);
      src!.upload(host!.data);
      const [rows, cols, channels = 1] = testCase.shape as [number, number, number?];
      using dst = stream.pool.getBuffer(
        rows,
        cols,
        matrixType(testCase.depth as MatrixDepth, channels),
        "result",
      );
      run(src!, dst, testCase);
      compare(await dst.download(), testCase);
    });
  }
}

Deno.test("cvtColor() gives what OpenCV gives, within a level", async () => {
  await check(
    "cvtColor",
    45,
    (src, dst, { code }) => cvtColor(src, dst, code as ColorCode),
    ({ data, type }, { code }) => {
      for (let i = 0; i < data.length && code!.startsWith("HSV"); i += 3) {
        if (type.startsWith("32F")) data[i]! *= 360;
        else if (!code!.endsWith("FULL")) data[i] = Math.min(data[i]!, 179);
      }
    },
  );
});

Deno.test("resize() gives what OpenCV gives, in every interpolation", async () => {
  await check(
    "resize",
    77,
    (src, dst, testCase) => resize(src, dst, testCase.interpolation as Interpolation),
  );
});

Deno.test("copyMakeBorder() gives what OpenCV gives, in every border type", async () => {
  await check("copyMakeBorder", 20, (src, dst, testCase) => {
    const [top, bottom, left, right] = testCase.sides as [number, number, number, number];
    copyMakeBorder(src, dst, top, bottom, left, right, testCase.border as BorderType, [7, 8, 9, 10]);
  });
});

Deno.test("flip() gives what OpenCV gives", async () => {
  await check("flip", 15, (src, dst, { flipCode }) => flip(src, dst, flipCode as 0 | 1 | -1));
});

Deno.test("normalize() gives what OpenCV gives, in every norm", async () => {
  await check("normalize", 24, (src, dst, { alpha, beta, norm, masked }) => {
    if (!masked) return normalize(src, dst, alpha, beta, norm as NormType);
    const host = source([src.rows, src.cols, "8UC1", 7]);
    using mask = src.stream.pool.getBuffer(src.rows, src.cols, "8UC1", "mask");
    put(mask, { ...host, data: new Uint8Array([...host.data].map((value) => value < 99 ? 0 : value)) });
    normalize(src, dst.setTo(0), alpha, beta, norm as NormType, mask);
  });
});

Deno.test("convertTo() gives what OpenCV gives", async () => {
  await check("convertTo", 24, (src, dst, { alpha, beta }) => {
    src.convertTo(dst, alpha, beta);
  });
});

Deno.test("blobFromImagesWithParams() and the way back of rectangles give what OpenCV gives", async () => {
  const chosen = cases.filter((testCase) => testCase.op === "blob");
  assertEquals(chosen.length, 24);
  using device = await Device.request();
  using stream = device.stream();
  for (const testCase of chosen) {
    const [width, height] = testCase.params!.size as [number, number];
    const params = { ...testCase.params, size: { width, height } } as Image2BlobParams;
    await withSources(stream, testCase, async (images) => {
      using blob = blobFromImagesWithParams(images, params);
      assertEquals([...blob.shape], testCase.shape);
      compare(await blob.download(), testCase);
    });
    const [rows, cols] = testCase.sources[0] as unknown as Source;
    const rects = (list: readonly Numbers[]) =>
      list.map(([x, y, width, height]) => ({ x: x!, y: y!, width: width!, height: height! }));
    const actual = blobRectsToImageRects(params, rects(testCase.rects!), { width: cols, height: rows });
    for (const [i, { x, y, width, height }] of rects(testCase.imageRects!).entries()) {
      const got = actual[i]!;
      const near = [got.x - x, got.y - y, got.width - width, got.height - height].every((d) =>
        Math.abs(d) <= 1
      );
      assert(
        near,
        `${JSON.stringify(got)} for ${JSON.stringify({ x, y, width, height, params, cols, rows })}`,
      );
    }
  }
});
