import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { Device } from "../../../src/gpu/mod.ts";
import { symmetricEigen } from "../../../src/place/embedding/eigen.ts";
import { Whitening, WhiteningStep } from "../../../src/place/embedding/whitening.ts";
import { Random } from "../../support/random.ts";

Deno.test("symmetricEigen() takes symmetric matrices apart, also with equal and zero eigenvalues", () => {
  const random = new Random(6);
  for (const n of [1, 2, 3, 8, 33, 90]) {
    for (const kind of ["full", "rank 1", "diagonal", "identity", "zero"]) {
      const a = new Float64Array(n * n), u = random.normals(n);
      for (let i = 0; i < n; i++) {
        for (let j = i; j < n; j++) {
          const value = kind === "full"
            ? random.normal()
            : kind === "rank 1"
            ? u[i]! * u[j]!
            : i !== j || kind === "zero"
            ? 0
            : kind === "identity"
            ? 1
            : u[i]!;
          a[i * n + j] = a[j * n + i] = value;
        }
      }
      const { values, vectors } = symmetricEigen(a, n);
      const row = (i: number): Float64Array => vectors.subarray(i * n, (i + 1) * n);
      for (let k = 0; k < n; k++) {
        const context = `seed 6, n ${n}, ${kind}, eigenvector ${k}`;
        if (k > 0) assert(values[k]! <= values[k - 1]!, context);
        for (let i = 0; i < n; i++) {
          const product = row(k).reduce((sum, x, j) => sum + a[i * n + j]! * x, 0);
          assertAlmostEquals(product, values[k]! * row(k)[i]!, 1e-10 * n, context);
        }
        for (let l = 0; l <= k; l++) {
          const dot = row(k).reduce((sum, x, j) => sum + x * row(l)[j]!, 0);
          assertAlmostEquals(dot, k === l ? 1 : 0, 1e-10, context);
        }
      }
    }
  }
});

/** Descriptors whose elements depend on each other. */
function mixed(random: Random, count: number, d: number): Float32Array<ArrayBuffer> {
  const mix = random.normals(d * d), rows = new Float32Array(count * d);
  for (let row = 0; row < count; row++) {
    const x = random.normals(d);
    for (let i = 0; i < d; i++) {
      let sum = 3 * i;
      for (let j = 0; j < d; j++) sum += mix[i * d + j]! * x[j]!;
      rows[row * d + i] = sum;
    }
  }
  return rows;
}

Deno.test("a trained whitening gives its training set zero mean and unit covariance", () => {
  const random = new Random(8), d = 13, count = 400;
  const rows = mixed(random, count, d);
  for (const components of [13, 5]) {
    const { matrix, mean } = Whitening.train(rows, d, { components, floor: 1e-12 });
    const y = Array.from({ length: count }, (_, row) =>
      Array.from({ length: components }, (_, c) => {
        let sum = 0;
        for (let i = 0; i < d; i++) sum += matrix[c * d + i]! * (rows[row * d + i]! - mean[i]!);
        return sum;
      }));
    for (let a = 0; a < components; a++) {
      assertAlmostEquals(y.reduce((sum, each) => sum + each[a]!, 0) / count, 0, 1e-3);
      for (let b = 0; b <= a; b++) {
        const product = y.reduce((sum, each) => sum + each[a]! * each[b]!, 0) / (count - 1);
        assertAlmostEquals(product, a === b ? 1 : 0, 2e-3, `components ${a} and ${b}`);
      }
    }
  }
});

Deno.test("the GPU whitens as the host does, after save and load too", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const random = new Random(11);
  for (const [d, components, count] of [[7, 7, 3], [20, 9, 5], [64, 64, 1], [5, 1, 2]] as const) {
    const rows = mixed(random, 100, d);
    const whitening = Whitening.load(Whitening.train(rows, d, { components }).save());
    assertEquals(Whitening.train(rows, d, { components }), whitening);
    const some = rows.slice(0, count * d);
    const host = whitening.apply(some);
    using step = new WhiteningStep(device, whitening);
    const source = device.upload(some, "rows");
    const target = device.upload(new Float32Array(count * components), "whitened");
    stream.run(step.dispatches(source, target, count));
    stream.submit();
    const gpu = new Float32Array(await device.read(target), 0, count * components);
    host.forEach((x, i) => assertAlmostEquals(gpu[i]!, x, 2e-5, `${d} to ${components}, element ${i}`));
    for (let row = 0; row < count; row++) {
      const part = gpu.subarray(row * components, (row + 1) * components);
      assertAlmostEquals(part.reduce((sum, x) => sum + x * x, 0), 1, 1e-5);
    }
    assertThrows(() => step.dispatches(source, { ...target, bytes: 0 }, count), RangeError, "to 0 bytes");
    source.buffer.destroy();
    target.buffer.destroy();
  }
});

Deno.test("directions without variance stay small, and bad input is refused", () => {
  const random = new Random(12);
  const rows = Float32Array.from({ length: 50 * 3 }, (_, i) => i % 3 === 2 ? 4 : random.normal());
  const whitening = Whitening.train(rows, 3);
  assert(whitening.matrix.every((x) => Number.isFinite(x) && Math.abs(x) < 1e4));
  assertEquals(
    [...Whitening.train(new Float32Array(6).fill(1), 3).apply(new Float32Array([1, 1, 1]))].map(Math.abs),
    [
      0,
      0,
      0,
    ],
  );
  assertThrows(() => Whitening.train(rows.slice(0, 3), 3), RangeError, "two or more");
  assertThrows(() => Whitening.train(rows, 3, { components: 4 }), RangeError, "3 dimensions to 4");
  assertThrows(() => Whitening.train(rows.map(() => NaN), 3), RangeError, "no finite numbers");
  const bytes = whitening.save();
  assertThrows(() => Whitening.load(bytes.slice(0, -1)), RangeError, "wrong checksum");
  bytes[30]! ^= 1;
  assertThrows(() => Whitening.load(bytes), RangeError, "wrong checksum");
  assertThrows(() => Whitening.load(new Uint8Array(40)), RangeError, "FWWHITE");
});
