import {
  GpuError,
  type KernelSource,
  type Matrix,
  MATRIX_DEPTHS,
  matrixKernel,
  matrixType,
} from "../gpu/mod.ts";
import { depthNumber, refuseDepth, refuseReleased } from "./operand.ts";
import areaWgsl from "../../shaders/matrix/resize_area.wgsl" with { type: "text" };
import cubicWgsl from "../../shaders/matrix/resize_cubic.wgsl" with { type: "text" };
import linearWgsl from "../../shaders/matrix/resize_linear.wgsl" with { type: "text" };
import nearestWgsl from "../../shaders/matrix/resize_nearest.wgsl" with { type: "text" };

const AREA: KernelSource = matrixKernel("matrix/resize_area", areaWgsl);
const CUBIC: KernelSource = matrixKernel("matrix/resize_cubic", cubicWgsl);
const LINEAR: KernelSource = matrixKernel("matrix/resize_linear", linearWgsl);
const NEAREST: KernelSource = matrixKernel("matrix/resize_nearest", nearestWgsl);

/** How {@linkcode resize} mixes pixels. */
export type Interpolation = "nearest" | "linear" | "area" | "cubic";

/** Which part of which resize a destination shows. */
export interface ResizeGeometry {
  /** Source columns over destination columns: numerator and denominator, whole numbers. */
  readonly x: readonly [from: number, to: number];
  /** Source rows over destination rows. */
  readonly y: readonly [from: number, to: number];
  /** Column and row of the resized source at which the destination begins; 0 and 0 if not given. */
  readonly start?: readonly [x: number, y: number];
}

/** llvmpipe ends an invocation after 65,535 turns of its loops; an invocation makes four pixels. */
const MOST_COVERED = 16000;

/**
 * Resizes a matrix to the size of another, after `cv::resize`, with its pixel centres: `(d + 0.5) * scale - 0.5`, the
 * border repeated. `area` weighs every source pixel by the part of it that is covered; where a side grows, it is
 * OpenCV's kind of linear. All depths but 32S, which only `nearest` takes.
 *
 * @param dst of the source's type; its size is the new one.
 * @throws {GpuError} if the types differ, `area` would take the mean of more than 16,000 columns or rows, the two
 * overlap, or one was released.
 */
export function resize(src: Matrix, dst: Matrix, interpolation: Interpolation = "linear"): void {
  resizePart(src, dst, interpolation, { x: [src.cols, dst.cols], y: [src.rows, dst.rows] });
}

/** {@linkcode resize} by a scale of its own, of which the destination shows a part. @throws {GpuError} as it does. */
export function resizePart(
  src: Matrix,
  dst: Matrix,
  interpolation: Interpolation,
  { x, y, start = [0, 0] }: ResizeGeometry,
): void {
  refuseReleased("resize", src, dst);
  if (src.type !== dst.type) {
    throw new GpuError(`Cannot resize ${src.describe()} to ${dst.describe()}: the types differ`);
  }
  const uniforms = { scale: [...x, ...y], start: [...start] };
  const operands = { y: dst, x: src, uniforms };
  const { pool } = dst.stream;
  const X_DEPTH = depthNumber(src);
  if (interpolation !== "nearest") {
    refuseDepth(
      "resize",
      src,
      MATRIX_DEPTHS.filter((depth) => depth !== "32S"),
    );
  }
  switch (interpolation) {
    case "nearest":
      return pool.run(NEAREST, operands);
    case "linear":
      return pool.run(LINEAR, { ...operands, overrides: { X_DEPTH, AREA: false } });
    case "cubic":
      return pool.run(CUBIC, { ...operands, overrides: { X_DEPTH } });
    case "area":
      if (x[0] < x[1] || y[0] < y[1]) {
        return pool.run(LINEAR, { ...operands, overrides: { X_DEPTH, AREA: true } });
      }
      return shrink(src, dst, { x, y, start });
    default:
      throw new GpuError(`Cannot resize by "${interpolation}"; take nearest, linear, area or cubic`);
  }
}

function shrink(src: Matrix, dst: Matrix, { x, y, start }: Required<ResizeGeometry>): void {
  const covered = ([from, to]: readonly [number, number]): number => Math.ceil(from / to) + 1;
  if (covered(x) > MOST_COVERED || covered(y) > MOST_COVERED) {
    throw new GpuError(
      `Cannot resize ${src.describe()} to ${dst.describe()} by area: a pixel covers ${
        covered(x)
      } columns and ` +
        `${covered(y)} rows, and at most ${MOST_COVERED} are possible; resize in two steps`,
    );
  }
  const run = (from: Matrix, to: Matrix, scale: readonly number[], begin: readonly number[]): void =>
    to.stream.pool.run(AREA, {
      y: to,
      x: from,
      overrides: { X_DEPTH: depthNumber(from), Y_DEPTH: depthNumber(to) },
      uniforms: { scale, start: begin },
    });
  if (covered(x) * covered(y) <= MOST_COVERED) return run(src, dst, [...x, ...y], start);
  const { pool } = dst.stream;
  using rows = pool.getBuffer(
    src.rows,
    dst.cols,
    matrixType("32F", src.channels),
    `${src.label}: fewer columns`,
  );
  run(src, rows, [...x, 1, 1], [start[0], 0]);
  run(rows, dst, [1, 1, ...y], [0, start[1]]);
}
