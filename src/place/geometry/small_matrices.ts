import { symmetricEigen } from "../embedding/eigen.ts";

/** Nine numbers, row by row. */
export type Matrix3 = Float64Array<ArrayBuffer>;

/** `a b`, into `out`, which is neither. */
export function multiply(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  out: Matrix3 = new Float64Array(9),
): Matrix3 {
  for (let i = 0; i < 9; i += 3) {
    for (let j = 0; j < 3; j++) {
      out[i + j] = a[i]! * b[j]! + a[i + 1]! * b[j + 3]! + a[i + 2]! * b[j + 6]!;
    }
  }
  return out;
}

/** The rows of a matrix as columns. */
export function transposed(m: ArrayLike<number>): Matrix3 {
  return Float64Array.of(m[0]!, m[3]!, m[6]!, m[1]!, m[4]!, m[7]!, m[2]!, m[5]!, m[8]!);
}

/** What a matrix makes of a vector. */
export function apply(m: ArrayLike<number>, v: ArrayLike<number>): [number, number, number] {
  return [
    m[0]! * v[0]! + m[1]! * v[1]! + m[2]! * v[2]!,
    m[3]! * v[0]! + m[4]! * v[1]! + m[5]! * v[2]!,
    m[6]! * v[0]! + m[7]! * v[1]! + m[8]! * v[2]!,
  ];
}

/** The vector at right angles to two. */
export function cross(a: ArrayLike<number>, b: ArrayLike<number>): [number, number, number] {
  return [a[1]! * b[2]! - a[2]! * b[1]!, a[2]! * b[0]! - a[0]! * b[2]!, a[0]! * b[1]! - a[1]! * b[0]!];
}

/** The inner product of two vectors of three. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return a[0]! * b[0]! + a[1]! * b[1]! + a[2]! * b[2]!;
}

/** A vector's direction, of length 1. */
export function direction(v: readonly [number, number, number]): [number, number, number] {
  const length = Math.hypot(...v);
  return [v[0] / length, v[1] / length, v[2] / length];
}

/** The matrix that takes the cross product with `t`. */
export function crossMatrix(t: ArrayLike<number>): Matrix3 {
  return Float64Array.of(0, -t[2]!, t[1]!, t[2]!, 0, -t[0]!, -t[1]!, t[0]!, 0);
}

/** The determinant. */
export function determinant(m: ArrayLike<number>): number {
  return m[0]! * (m[4]! * m[8]! - m[5]! * m[7]!) - m[1]! * (m[3]! * m[8]! - m[5]! * m[6]!) +
    m[2]! * (m[3]! * m[7]! - m[4]! * m[6]!);
}

/** The inverse times the determinant: what serves for maps of homogeneous coordinates. */
export function adjugate(m: ArrayLike<number>, out: Matrix3 = new Float64Array(9)): Matrix3 {
  out[0] = m[4]! * m[8]! - m[5]! * m[7]!;
  out[1] = m[2]! * m[7]! - m[1]! * m[8]!;
  out[2] = m[1]! * m[5]! - m[2]! * m[4]!;
  out[3] = m[5]! * m[6]! - m[3]! * m[8]!;
  out[4] = m[0]! * m[8]! - m[2]! * m[6]!;
  out[5] = m[2]! * m[3]! - m[0]! * m[5]!;
  out[6] = m[3]! * m[7]! - m[4]! * m[6]!;
  out[7] = m[1]! * m[6]! - m[0]! * m[7]!;
  out[8] = m[0]! * m[4]! - m[1]! * m[3]!;
  return out;
}

/** The right singular vectors of a matrix, row by row, and its singular values, largest first. */
export interface RightSingular {
  readonly values: readonly [number, number, number];
  readonly vectors: Matrix3;
}

/** Right singular vectors of a 3 x 3 matrix: the eigenvectors of its product with itself. */
export function rightSingular(m: Matrix3): RightSingular {
  const { values, vectors } = symmetricEigen(multiply(transposed(m), m), 3);
  const root = (i: number): number => Math.sqrt(Math.max(values[i]!, 0));
  return { values: [root(0), root(1), root(2)], vectors };
}

/** The singular value decomposition of a matrix of rank 2, with both bases turned the same way; undefined below rank 2. */
export function rankTwoBases(m: Matrix3): { readonly left: Matrix3; readonly right: Matrix3 } | undefined {
  const { values, vectors } = rightSingular(m);
  if (!(values[1] > 1e-12 * values[0])) return undefined;
  const [v0, v1] = [vectors.subarray(0, 3), vectors.subarray(3, 6)];
  const u0 = direction(apply(m, v0));
  const raw = apply(m, v1), along = dot(raw, u0);
  const u1 = direction([raw[0] - along * u0[0], raw[1] - along * u0[1], raw[2] - along * u0[2]]);
  return {
    left: Float64Array.of(...u0, ...u1, ...cross(u0, u1)),
    right: Float64Array.of(...v0, ...v1, ...cross(v0, v1)),
  };
}

/**
 * An orthonormal basis of the vectors that a matrix of `rows < columns` takes to zero: elimination with full pivoting,
 * then Gram and Schmidt.
 *
 * @param matrix `rows * columns` numbers; overwritten.
 * @param basis room for `columns - rows` vectors of `columns`.
 * @returns false if a row depends on the others, or is of what is no finite number.
 */
export function nullSpace(matrix: Float64Array, rows: number, columns: number, basis: Float64Array): boolean {
  const order = ORDERS[columns] ??= new Uint8Array(columns);
  for (let j = 0; j < columns; j++) order[j] = j;
  let greatest = 0;
  for (let r = 0; r < rows; r++) {
    let most = 0, row = r, column = r;
    for (let i = r; i < rows; i++) {
      for (let j = r; j < columns; j++) {
        const size = Math.abs(matrix[i * columns + j]!);
        if (size > most) {
          most = size;
          row = i;
          column = j;
        }
      }
    }
    if (r === 0) greatest = most;
    if (!(most > 1e-9 * greatest) || most === Infinity) return false;
    for (let j = 0; j < columns; j++) {
      const kept = matrix[r * columns + j]!;
      matrix[r * columns + j] = matrix[row * columns + j]!;
      matrix[row * columns + j] = kept;
    }
    for (let i = 0; i < rows; i++) {
      const kept = matrix[i * columns + r]!;
      matrix[i * columns + r] = matrix[i * columns + column]!;
      matrix[i * columns + column] = kept;
    }
    const kept = order[r]!;
    order[r] = order[column]!;
    order[column] = kept;
    const scale = 1 / matrix[r * columns + r]!;
    for (let j = r; j < columns; j++) matrix[r * columns + j]! *= scale;
    for (let i = 0; i < rows; i++) {
      const factor = matrix[i * columns + r]!;
      if (i === r || factor === 0) continue;
      for (let j = r; j < columns; j++) matrix[i * columns + j]! -= factor * matrix[r * columns + j]!;
    }
  }
  for (let v = 0; v < columns - rows; v++) {
    const at = v * columns;
    for (let j = rows; j < columns; j++) basis[at + order[j]!] = j === rows + v ? 1 : 0;
    for (let r = 0; r < rows; r++) basis[at + order[r]!] = -matrix[r * columns + rows + v]!;
    for (let w = 0; w < v; w++) {
      let along = 0;
      for (let j = 0; j < columns; j++) along += basis[at + j]! * basis[w * columns + j]!;
      for (let j = 0; j < columns; j++) basis[at + j]! -= along * basis[w * columns + j]!;
    }
    let square = 0;
    for (let j = 0; j < columns; j++) square += basis[at + j]! ** 2;
    if (!(square > 0 && square < Infinity)) return false;
    const length = Math.sqrt(square);
    for (let j = 0; j < columns; j++) basis[at + j]! /= length;
  }
  return true;
}

/** Room for the order of columns. */
const ORDERS: Uint8Array[] = [];

/** The unit vector that a sum of squares of `n` unknowns is least for, and the next: the last eigenvectors of `normal`. */
export function leastVectors(normal: Float64Array, n: number): Float64Array<ArrayBuffer> | undefined {
  for (let i = 0; i < n * n; i++) {
    if (!Number.isFinite(normal[i]!)) return undefined;
  }
  return symmetricEigen(normal, n).vectors;
}
