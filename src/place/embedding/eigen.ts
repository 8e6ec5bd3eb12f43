/** Eigenvalues, largest first, and their eigenvectors of unit length, row by row. */
export interface Eigen {
  values: Float64Array<ArrayBuffer>;
  vectors: Float64Array<ArrayBuffer>;
}

/**
 * The eigen-decomposition of a symmetric matrix: Householder reflections to tridiagonal form, then the QL algorithm with
 * implicit shifts (Golub and Van Loan, Matrix Computations, 8.3). About 10 n^3 operations.
 *
 * @param matrix `n * n` elements; only read.
 * @throws {RangeError} if an element is no number, or no convergence (which no finite symmetric matrix has shown).
 */
export function symmetricEigen(matrix: Float64Array, n: number): Eigen {
  if (matrix.some((x) => !Number.isFinite(x))) {
    throw new RangeError(
      "Cannot decompose a matrix with elements that are no finite numbers: check the descriptors",
    );
  }
  const basis = new Float64Array(n * n);
  for (let i = 0; i < n; i++) basis[i * n + i] = 1;
  const { diagonal, beside } = tridiagonal(matrix.slice(), basis, n);
  diagonalise(diagonal, beside, basis, n);
  const order = Array.from(diagonal.keys()).sort((a, b) => diagonal[b]! - diagonal[a]!);
  const vectors = new Float64Array(n * n);
  order.forEach((from, to) => vectors.set(basis.subarray(from * n, (from + 1) * n), to * n));
  return { values: Float64Array.from(order, (i) => diagonal[i]!), vectors };
}

/** Makes `a` tridiagonal; applies the same reflections to the rows of `basis`. `beside[i]` joins i and i + 1. */
function tridiagonal(
  a: Float64Array,
  basis: Float64Array,
  n: number,
): { diagonal: Float64Array<ArrayBuffer>; beside: Float64Array<ArrayBuffer> } {
  const v = new Float64Array(n), w = new Float64Array(n), beside = new Float64Array(n);
  for (let k = 0; k + 1 < n; k++) {
    let square = 0;
    for (let i = k + 1; i < n; i++) {
      v[i] = a[i * n + k]!;
      square += v[i]! ** 2;
    }
    const first = v[k + 1]!, tail = square - first ** 2;
    if (k + 2 === n || !(tail > 0)) {
      beside[k] = first;
      continue;
    }
    const target = first > 0 ? -Math.sqrt(square) : Math.sqrt(square);
    beside[k] = target;
    v[k + 1] = first - target;
    const factor = 2 / (tail + v[k + 1]! ** 2);
    let along = 0;
    for (let i = k + 1; i < n; i++) {
      let sum = 0;
      for (let j = k + 1; j < n; j++) sum += a[i * n + j]! * v[j]!;
      w[i] = factor * sum;
      along += w[i]! * v[i]!;
    }
    for (let i = k + 1; i < n; i++) w[i]! -= factor / 2 * along * v[i]!;
    for (let i = k + 1; i < n; i++) {
      for (let j = k + 1; j < n; j++) a[i * n + j]! -= v[i]! * w[j]! + w[i]! * v[j]!;
    }
    w.fill(0);
    for (let i = k + 1; i < n; i++) {
      for (let j = 1; j < n; j++) w[j]! += factor * v[i]! * basis[i * n + j]!;
    }
    for (let i = k + 1; i < n; i++) {
      for (let j = 1; j < n; j++) basis[i * n + j]! -= v[i]! * w[j]!;
    }
  }
  return { diagonal: Float64Array.from({ length: n }, (_, i) => a[i * n + i]!), beside };
}

/** Makes `d` the eigenvalues of the tridiagonal matrix, and rotates the rows of `basis` into the eigenvectors. */
function diagonalise(d: Float64Array, e: Float64Array, basis: Float64Array, n: number): void {
  for (let low = 0; low < n; low++) {
    for (let round = 0;; round++) {
      let high = low;
      while (
        high + 1 < n && Math.abs(e[high]!) > Number.EPSILON * (Math.abs(d[high]!) + Math.abs(d[high + 1]!))
      ) high++;
      if (high === low) break;
      if (round === 60) throw new RangeError("Cannot decompose the matrix: no convergence after 60 rounds");
      const half = (d[low + 1]! - d[low]!) / (2 * e[low]!);
      const root = Math.hypot(half, 1);
      let bulge = d[high]! - d[low]! + e[low]! / (half + (half < 0 ? -root : root));
      let [sine, cosine, shift] = [1, 1, 0];
      let i = high - 1;
      for (; i >= low; i--) {
        const f = sine * e[i]!, b = cosine * e[i]!;
        const r = Math.hypot(f, bulge);
        e[i + 1] = r;
        if (r === 0) {
          d[i + 1]! -= shift;
          e[high] = 0;
          break;
        }
        [sine, cosine] = [f / r, bulge / r];
        const g = d[i + 1]! - shift;
        const t = (d[i]! - g) * sine + 2 * cosine * b;
        shift = sine * t;
        d[i + 1] = g + shift;
        bulge = cosine * t - b;
        const upper = i * n, lower = upper + n;
        for (let j = 0; j < n; j++) {
          const x = basis[upper + j]!, y = basis[lower + j]!;
          basis[lower + j] = sine * x + cosine * y;
          basis[upper + j] = cosine * x - sine * y;
        }
      }
      if (i >= low) continue;
      d[low]! -= shift;
      e[low] = bulge;
      e[high] = 0;
    }
  }
}
