/**
 * Matrices for tests: random elements, and plain loops over them.
 *
 * @module
 */
import {
  elementArray,
  type Matrix,
  type MatrixData,
  type MatrixDepth,
  type MatrixType,
  parseMatrixType,
} from "../../src/gpu/mod.ts";
import type { Random } from "../support/random.ts";

/** A matrix in host memory, without padding. */
export interface HostMatrix {
  readonly rows: number;
  readonly cols: number;
  readonly type: MatrixType;
  readonly data: MatrixData;
}

/** The range that random elements of a depth are from. */
const RANGES: Readonly<Record<MatrixDepth, readonly [number, number]>> = {
  "8U": [0, 255],
  "8S": [-128, 127],
  "16U": [0, 65535],
  "16S": [-32768, 32767],
  "32S": [-2147483648, 2147483647],
  "16F": [-2048, 2047],
  "32F": [-100, 100],
};

/** Random elements: of the whole range of whole-number depths, and small fractions of floating ones. */
export function randomMatrix(random: Random, rows: number, cols: number, type: MatrixType): HostMatrix {
  const { depth, channels } = parseMatrixType(type);
  const [low, high] = RANGES[depth];
  const data = elementArray(depth, rows * cols * channels);
  for (let i = 0; i < data.length; i++) {
    data[i] = depth.endsWith("F") ? random.int(low * 8, high * 8) / 8 : random.int(low, high);
  }
  return { rows, cols, type, data };
}

/** A matrix whose element at (row, column, channel) is what `element` says. */
export function matrixOf(
  rows: number,
  cols: number,
  type: MatrixType,
  element: (row: number, col: number, channel: number) => number,
): HostMatrix {
  const { depth, channels } = parseMatrixType(type);
  const data = elementArray(depth, rows * cols * channels);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / channels);
    data[i] = element(Math.floor(pixel / cols), pixel % cols, i % channels);
  }
  return { rows, cols, type, data };
}

/** The element at (row, column, channel). */
export function at(matrix: HostMatrix, row: number, col: number, channel: number): number {
  const { channels } = parseMatrixType(matrix.type);
  return matrix.data[(row * matrix.cols + col) * channels + channel]!;
}

/** Writes a host matrix to one on the GPU. */
export function put(matrix: Matrix, host: HostMatrix): void {
  matrix.upload(host.data);
}
