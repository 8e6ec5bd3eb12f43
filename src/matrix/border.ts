import { GpuError, type KernelSource, type Matrix, matrixKernel, scalarBits } from "../gpu/mod.ts";
import { refuseReleased, refuseTarget } from "./operand.ts";
import borderWgsl from "../../shaders/matrix/border.wgsl" with { type: "text" };

const BORDER: KernelSource = matrixKernel("matrix/border", borderWgsl);

/** What lies beyond the ends of a matrix `abcd`: `iiii|abcd|iiii`, `aaaa|abcd|dddd`, `dcba|abcd|dcba`, `dcb|abcd|cba`, `abcd|abcd|abcd`. */
export type BorderType = "constant" | "replicate" | "reflect" | "reflect101" | "wrap";

/** All of them, in the order of their numbers in the shader. */
const BORDERS: readonly BorderType[] = ["constant", "replicate", "reflect", "reflect101", "wrap"];

/** The number of a mirrored axis in the shader. */
const MIRRORED = BORDERS.length;

/**
 * Copies a matrix into the middle of a larger one, and fills what is around it, after `cv::copyMakeBorder`.
 *
 * @param dst of the source's type, larger by what the four sides say.
 * @param value for `constant`: a number for all channels, or one for each.
 * @throws {GpuError} if a side is no whole number from 0 on, the destination does not fit, or as a copy does.
 */
export function copyMakeBorder(
  src: Matrix,
  dst: Matrix,
  top: number,
  bottom: number,
  left: number,
  right: number,
  borderType: BorderType,
  value: number | readonly number[] = 0,
): void {
  refuseReleased("make a border of", src, dst);
  if (![top, bottom, left, right].every((side) => Number.isSafeInteger(side) && side >= 0)) {
    throw new GpuError(
      `Cannot make a border of ${src.describe()}: top ${top}, bottom ${bottom}, left ${left} and right ${right} must be ` +
        `whole numbers, 0 or more`,
    );
  }
  const kind = BORDERS.indexOf(borderType);
  if (kind < 0) {
    throw new GpuError(`Cannot make a border of type "${borderType}"; take ${BORDERS.join(", ")}`);
  }
  const size = { rows: src.rows + top + bottom, cols: src.cols + left + right, type: src.type };
  refuseTarget("make a border of", src, dst, size);
  dst.stream.pool.run(BORDER, {
    y: dst,
    x: src,
    uniforms: { start: [-left, -top], kind: [kind, kind], value: scalarBits(value, src.depth) },
  });
}

/**
 * Mirrors a matrix, after `cv::flip`.
 *
 * @param flipCode 0: top to bottom; 1: left to right; -1: both.
 * @throws {GpuError} if size or type differ, or as a copy does.
 */
export function flip(src: Matrix, dst: Matrix, flipCode: 0 | 1 | -1): void {
  refuseReleased("flip", src, dst);
  if (![0, 1, -1].includes(flipCode)) {
    throw new GpuError(
      `Cannot flip ${src.describe()} by ${flipCode}; take 0 (rows), 1 (columns) or -1 (both)`,
    );
  }
  refuseTarget("flip", src, dst, src);
  const replicate = BORDERS.indexOf("replicate");
  const kind = [flipCode === 0 ? replicate : MIRRORED, flipCode === 1 ? replicate : MIRRORED];
  dst.stream.pool.run(BORDER, { y: dst, x: src, uniforms: { start: [0, 0], kind, value: [0, 0, 0, 0] } });
}

/**
 * Copies the rectangle of a matrix that begins at a pixel and has the destination's size: `src(rect).copyTo(dst)`.
 *
 * @throws {GpuError} if the rectangle is not inside, or as a copy does.
 */
export function crop(src: Matrix, dst: Matrix, x: number, y: number): void {
  src.roi(x, y, dst.cols, dst.rows).copyTo(dst);
}
