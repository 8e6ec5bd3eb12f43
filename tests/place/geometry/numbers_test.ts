import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { fewestBeyondChance } from "../../../src/place/geometry/chance.ts";
import { FivePoint } from "../../../src/place/geometry/five_point.ts";
import { epipolarRow } from "../../../src/place/geometry/fundamental.ts";
import { realRoots } from "../../../src/place/geometry/real_roots.ts";
import { determinant, multiply, nullSpace, transposed } from "../../../src/place/geometry/small_matrices.ts";
import { countApart, extentOf, minorSpread } from "../../../src/place/geometry/spread.ts";
import { Random } from "../../support/random.ts";

/** The coefficients, lowest power first, of the product of x - root, and of x^2 + 1 to fill up to the degree. */
function polynomial(roots: readonly number[], degree: number): Float64Array {
  const out = new Float64Array(11);
  out[0] = 1;
  let n = 0;
  for (const root of roots) {
    for (let i = ++n; i >= 0; i--) out[i] = (i > 0 ? out[i - 1]! : 0) - root * out[i]!;
  }
  for (; n < degree; n += 2) {
    for (let i = n + 2; i >= 0; i--) out[i]! += i > 1 ? out[i - 2]! : 0;
  }
  return out;
}

Deno.test("realRoots() finds the roots that a polynomial was made of, small and large", () => {
  const random = new Random(21);
  for (let n = 0; n < 500; n++) {
    const degree = random.int(1, 10), count = degree - 2 * random.int(0, Math.floor(degree / 2));
    // Apart from each other, over six powers of ten.
    const roots: number[] = [];
    while (roots.length < count) {
      const root = random.pick([-1, 1]) * 10 ** random.uniform(-3, 3);
      if (roots.every((other) => Math.abs(root - other) > 0.2 * Math.abs(root))) roots.push(root);
    }
    const out = new Float64Array(11);
    const found = realRoots(polynomial(roots, degree), degree, out);
    const told = `${roots} of degree ${degree}: ${out.subarray(0, found)}`;
    assertEquals(found, count, told);
    const sorted = roots.toSorted((a, b) => a - b);
    out.subarray(0, found).toSorted().forEach((root, i) =>
      assertAlmostEquals(root / sorted[i]!, 1, 1e-5, told)
    );
  }
});

Deno.test("realRoots() finds the roots 0, 1 and -1 once, and none where there are none", () => {
  const out = new Float64Array(11);
  assertEquals(realRoots(Float64Array.of(0, -1, 0, 1), 3, out), 3);
  assertEquals(Array.from(out.subarray(0, 3)), [-1, 0, 1]);
  assertEquals(realRoots(Float64Array.of(1, 0, 1), 2, out), 0);
  assertEquals(realRoots(Float64Array.of(NaN, 1, 1, 1), 3, out), 0);
});

Deno.test("nullSpace() gives an orthonormal basis of what a matrix takes to zero, or says that a row depends on others", () => {
  const random = new Random(6);
  for (let n = 0; n < 100; n++) {
    const columns = random.int(3, 9), rows = random.int(1, columns - 1);
    const matrix = Float64Array.from(random.normals(rows * columns)),
      basis = new Float64Array((columns - rows) * columns);
    const told = `case ${n}: ${rows} x ${columns}`;
    assert(nullSpace(matrix.slice(), rows, columns, basis), told);
    const inner = (a: Float64Array, i: number, b: Float64Array, j: number): number =>
      a.subarray(i * columns, (i + 1) * columns).reduce((sum, x, k) => sum + x * b[j * columns + k]!, 0);
    for (let i = 0; i < columns - rows; i++) {
      for (let r = 0; r < rows; r++) assertAlmostEquals(inner(matrix, r, basis, i), 0, 1e-10, told);
      for (let j = 0; j <= i; j++) {
        assertAlmostEquals(inner(basis, i, basis, j), i === j ? 1 : 0, 1e-10, told);
      }
    }
    if (rows < 2) continue;
    matrix.set(matrix.subarray(0, columns).map((x) => 3 * x), columns);
    assert(!nullSpace(matrix, rows, columns, basis), told);
  }
  assert(!nullSpace(new Float64Array(6), 2, 3, new Float64Array(3)));
  assert(!nullSpace(Float64Array.of(1, NaN, 2, 1, 1, 5), 2, 3, new Float64Array(3)));
});

Deno.test("the five-point matrices are essential, and take the five pairs to zero", () => {
  const random = new Random(15);
  let found = 0;
  for (let n = 0; n < 300; n++) {
    const solver = new FivePoint(), out = new Float64Array(90);
    const points = Float64Array.from({ length: 20 }, () => random.uniform(-1, 1));
    for (let i = 0; i < 5; i++) {
      epipolarRow(
        points[4 * i]!,
        points[4 * i + 1]!,
        points[4 * i + 2]!,
        points[4 * i + 3]!,
        solver.rows,
        9 * i,
      );
    }
    const rows = solver.rows.slice(), count = solver.solve(out);
    found += count;
    for (let m = 0; m < count; m++) {
      const e = out.slice(9 * m, 9 * m + 9), told = `case ${n}, matrix ${m}: ${e}`;
      for (let i = 0; i < 5; i++) {
        assertAlmostEquals(e.reduce((sum, x, k) => sum + x * rows[9 * i + k]!, 0), 0, 1e-9, told);
      }
      assertAlmostEquals(determinant(e), 0, 1e-6, told);
      const square = multiply(e, transposed(e)), trace = square[0]! + square[4]! + square[8]!;
      multiply(square, e).forEach((x, i) => assertAlmostEquals(2 * x - trace * e[i]!, 0, 1e-5, told));
    }
  }
  // Nistér's mean over random points is between four and five.
  assert(found > 3 * 300 && found < 6 * 300, `${found} matrices`);
});

Deno.test("fewestBeyondChance() is where the binomial tail falls below the bound", () => {
  /** P(at least k of n). */
  const tail = (n: number, k: number, p: number): number => {
    let sum = 0;
    for (let i = k; i <= n; i++) {
      let term = 1;
      for (let j = 0; j < i; j++) term *= (n - j) / (j + 1) * p;
      sum += term * (1 - p) ** (n - i);
    }
    return sum;
  };
  for (const count of [8, 12, 30, 90]) {
    for (const share of [1e-4, 0.01, 0.1, 0.6]) {
      for (const tests of [1, 3000]) {
        const sample = 7, alarms = 1e-3, n = count - sample;
        const fewest = fewestBeyondChance(count, { sample, share, tests, alarms });
        const told = JSON.stringify({ count, share, tests, fewest });
        if (fewest <= count) assert(tests * tail(n, fewest - sample, share) < alarms * (1 + 1e-9), told);
        if (fewest > sample) assert(tests * tail(n, fewest - sample - 1, share) >= alarms * (1 - 1e-9), told);
      }
    }
  }
  const none = { sample: 7, tests: 1, alarms: 1e-3 };
  assertEquals(fewestBeyondChance(7, { ...none, share: 0.1 }), 8);
  assertEquals(fewestBeyondChance(20, { ...none, share: 1.5 }), 21);
  assertEquals(fewestBeyondChance(20, { ...none, share: NaN }), 21);
});

Deno.test("spread is the smaller axis of the points, and one place counts once", () => {
  const x = Float64Array.of(0, 10, 0, 10, 99),
    y = Float64Array.of(0, 0, 4, 4, 99),
    list = Uint32Array.of(0, 1, 2, 3);
  assertAlmostEquals(minorSpread(x, y, list), 2, 1e-12);
  assertEquals(minorSpread(x, x, list), 0);
  assertEquals(minorSpread(x, y, new Uint32Array()), 0);
  const pairs = { count: 5, x1: x, y1: y, x2: x, y2: y };
  assertEquals(countApart(pairs, list, 3.9, 10), 4);
  assertEquals(countApart(pairs, list, 4, 10), 2);
  assertEquals(countApart(pairs, list, 1, 3), 3);
  // Apart in one frame only.
  assertEquals(countApart({ ...pairs, x2: new Float64Array(5), y2: new Float64Array(5) }, list, 1, 9), 1);
  assertEquals(extentOf({ points: Float32Array.of(1, 2, NaN, 90, 4, 6) }), { diagonal: 5, area: 12 });
  assertEquals(extentOf({ points: new Float32Array() }), { diagonal: 0, area: 0 });
});
