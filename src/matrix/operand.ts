import { GpuError, type Matrix, MATRIX_DEPTHS, type MatrixDepth } from "../gpu/mod.ts";

/** A depth's number in the shaders. */
export function depthNumber(matrix: Matrix): number {
  return MATRIX_DEPTHS.indexOf(matrix.depth);
}

/** Refuses operands that were released. @throws {GpuError} naming the one. */
export function refuseReleased(what: string, ...matrices: readonly Matrix[]): void {
  for (const matrix of matrices) matrix.check(what);
}

/** Refuses a depth that an operation does not take. @throws {GpuError} naming the matrix and the depths. */
export function refuseDepth(what: string, matrix: Matrix, depths: readonly MatrixDepth[]): void {
  if (!depths.includes(matrix.depth)) {
    throw new GpuError(
      `Cannot ${what} ${matrix.describe()}: its depth must be ${depths.join(", ")}; use convertTo() before`,
    );
  }
}

/** Refuses a destination of another size or type. @throws {GpuError} naming both and what it must be. */
export function refuseTarget(
  what: string,
  source: Matrix,
  target: Matrix,
  expected: { readonly rows: number; readonly cols: number; readonly type: string },
): void {
  const { rows, cols, type } = expected;
  if (target.rows !== rows || target.cols !== cols || target.type !== type) {
    throw new GpuError(
      `Cannot ${what} ${source.describe()} to ${target.describe()}: the result is ${rows} x ${cols} ${type}; give a ` +
        `matrix of that size and type`,
    );
  }
}
