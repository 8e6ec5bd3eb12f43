/**
 * Operations on matrices of 1280x720. Each measurement submits several and waits once, because a wait costs about 11 ms
 * whatever the work. At the end it prints the median time of one operation, and GB/s, where the bytes are those of source
 * and destination together. `deno bench -A bench/matrix/`
 *
 * @module
 */
import { Device, type MatrixType } from "../../src/gpu/mod.ts";
import { blobFromImage, type ColorCode, cvtColor, type Interpolation, resize } from "../../src/matrix/mod.ts";

const [ROWS, COLS, SIDE, TIMES] = [720, 1280, 416, 16];

const device = await Device.request({ pool: { stackBytes: 1 << 26 } });
const stream = device.stream({ label: "bench" });

/** A matrix that lives as long as the program. */
function filled(rows: number, cols: number, type: MatrixType) {
  const matrix = stream.pool.getBuffer(rows, cols, type);
  matrix.setTo([30, 120, 200, 255]);
  return matrix;
}

/** Megabytes of a matrix. */
function megabytes(rows: number, cols: number, channels: number): number {
  return rows * cols * channels / 1e6;
}

/** Milliseconds of one operation, of every measurement. */
const measured = new Map<string, { bytes: number; times: number[] }>();

function bench(group: string, name: string, bytes: number, run: () => void): void {
  const times: number[] = [];
  measured.set(name, { bytes, times });
  Deno.bench({
    group,
    name: `${name}, ${TIMES} times`,
    n: 10,
    warmup: 3,
    async fn() {
      const start = performance.now();
      for (let i = 0; i < TIMES; i++) run();
      await stream.finish();
      times.push((performance.now() - start) / TIMES);
    },
  });
}

globalThis.addEventListener("unload", () => {
  for (const [name, { bytes, times }] of measured) {
    const sorted = times.toSorted((a, b) => a - b);
    const [median, best] = [sorted[Math.floor(sorted.length / 2)] ?? NaN, sorted[0] ?? NaN];
    const rate = (ms: number): string => `${ms.toFixed(2)} ms (${(bytes / ms).toFixed(2)} GB/s)`;
    console.log(`${name}: median ${rate(median)}, best ${rate(best)}`);
  }
});

const bgr = filled(ROWS, COLS, "8UC3");
const bgra = filled(ROWS, COLS, "8UC4");
const gray = filled(ROWS, COLS, "8UC1");
const other = filled(ROWS, COLS, "8UC3");
const yuv = filled(ROWS / 2 * 3, COLS, "8UC1");
const small = filled(SIDE, SIDE, "8UC3");
const floats = filled(ROWS, COLS, "32FC3");
const smallFloats = filled(SIDE, SIDE, "32FC3");

for (const interpolation of ["nearest", "linear", "area", "cubic"] as Interpolation[]) {
  const bytes = megabytes(ROWS, COLS, 3) + megabytes(SIDE, SIDE, 3);
  bench(
    "resize",
    `${interpolation} 8UC3 ${COLS}x${ROWS} to ${SIDE}x${SIDE}`,
    bytes,
    () => resize(bgr, small, interpolation),
  );
}
bench(
  "resize",
  `linear 32FC3 ${COLS}x${ROWS} to ${SIDE}x${SIDE}`,
  4 * (megabytes(ROWS, COLS, 3) + megabytes(SIDE, SIDE, 3)),
  () => resize(floats, smallFloats, "linear"),
);

const colours: readonly (readonly [ColorCode, typeof bgr, typeof bgr, number])[] = [
  ["BGR2GRAY", bgr, gray, 4],
  ["GRAY2BGR", gray, other, 4],
  ["BGR2RGB", bgr, other, 6],
  ["BGR2BGRA", bgr, bgra, 7],
  ["BGR2HSV", bgr, other, 6],
  ["HSV2BGR", bgr, other, 6],
  ["YUV2BGR_I420", yuv, other, 4.5],
  ["YUV2BGR_NV12", yuv, other, 4.5],
  ["BGR2YUV_I420", bgr, yuv, 4.5],
];
for (const [code, src, dst, channels] of colours) {
  bench(
    "cvtColor",
    `${code} ${COLS}x${ROWS}`,
    megabytes(ROWS, COLS, channels),
    () => cvtColor(src, dst, code),
  );
}

bench("others", `copyTo 8UC3 ${COLS}x${ROWS}`, megabytes(ROWS, COLS, 6), () => {
  bgr.copyTo(other);
});
bench("others", `convertTo 8UC3 to 32FC3 ${COLS}x${ROWS}`, megabytes(ROWS, COLS, 15), () => {
  bgr.convertTo(floats, 1 / 255);
});
bench(
  "others",
  `blobFromImage 8UC3 ${COLS}x${ROWS} to ${SIDE}x${SIDE}`,
  megabytes(ROWS, COLS, 3) + megabytes(SIDE, SIDE, 12),
  () => blobFromImage(bgr, 1 / 255, { width: SIDE, height: SIDE }, 0, true).release(),
);
