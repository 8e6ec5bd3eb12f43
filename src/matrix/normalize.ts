import {
  asElements,
  GpuError,
  type KernelSource,
  type Matrix,
  matrixKernel,
  refuseMask,
  refuseSizes,
  sourceConstants,
  viewParameters,
} from "../gpu/mod.ts";
import { depthNumber, refuseReleased } from "./operand.ts";
import factorsWgsl from "../../shaders/matrix/factors.wgsl" with { type: "text" };
import normalizeWgsl from "../../shaders/matrix/normalize.wgsl" with { type: "text" };
import reduceMaskedWgsl from "../../shaders/matrix/reduce_masked.wgsl" with { type: "text" };
import reduceWgsl from "../../shaders/matrix/reduce.wgsl" with { type: "text" };

const FACTORS: KernelSource = { name: "matrix/factors", wgsl: factorsWgsl };
const NORMALIZE: KernelSource = matrixKernel("matrix/normalize", normalizeWgsl);
const REDUCE: KernelSource = matrixKernel("matrix/reduce", reduceWgsl);
const REDUCE_MASKED: KernelSource = matrixKernel("matrix/reduce_masked", reduceMaskedWgsl);

/** What {@linkcode normalize} sets: the range, or a norm of all elements. */
export type NormType = "minmax" | "inf" | "L1" | "L2";

/** All of them, in the order of their numbers in the shader. */
const NORMS: readonly NormType[] = ["minmax", "inf", "L1", "L2"];

/** Quads that an invocation of the reduction takes, and the most workgroups that it runs on. */
const QUADS_EACH = 4;
const MOST_GROUPS = 256;

/**
 * Scales (and for `minmax` shifts) all elements of a matrix, channels together, so that their norm is `alpha` or their
 * range is from `alpha` to `beta`, after `cv::normalize`. The norm is found on the GPU; nothing is read back.
 *
 * @param dst of the same size and channels; its depth is that of the result.
 * @param mask `8UC1` of the same size: only pixels where it is not 0 count, and only they are written.
 * @throws {GpuError} if sizes or channels differ, a parameter is no number, the two overlap, or one was released.
 */
export function normalize(
  src: Matrix,
  dst: Matrix,
  alpha = 1,
  beta = 0,
  normType: NormType = "L2",
  mask?: Matrix,
): void {
  refuseReleased("normalize", src, dst);
  refuseSizes("normalize", src, dst);
  if (src.channels !== dst.channels) {
    throw new GpuError(`Cannot normalize ${src.describe()} to ${dst.describe()}: the channels differ`);
  }
  if (mask) refuseMask(src, mask);
  const kind = NORMS.indexOf(normType);
  if (kind < 0) throw new GpuError(`Cannot normalize by "${normType}"; take ${NORMS.join(", ")}`);
  if (!Number.isFinite(alpha) || !Number.isFinite(beta)) {
    throw new GpuError(
      `Cannot normalize ${src.describe()}: alpha ${alpha} and beta ${beta} must be finite numbers`,
    );
  }
  const { pool } = dst.stream;
  const x = mask ? src : asElements(src);
  const quads = Math.ceil(x.cols / 4);
  const groups = Math.min(Math.ceil(quads * x.rows / (64 * QUADS_EACH)), MOST_GROUPS);
  using partial = pool.getRow(groups, "32FC4", `${src.label}: sums`);
  using factors = pool.getRow(2, "32FC1", `${src.label}: factors`);
  pool.record(mask ? REDUCE_MASKED : REDUCE, {
    overrides: { ...sourceConstants(x), X_DEPTH: depthNumber(src), VIEWS: !src.whole },
    bindings: {
      x: src.allocation,
      partial: partial.allocation,
      ...(mask && { mask: mask.allocation }),
    },
    uniforms: {
      x_view: viewParameters(x),
      quads: [quads, quads * x.rows],
      ...(mask && { mask_view: viewParameters(mask) }),
    },
    workgroups: [groups, 1, 1],
  });
  const range = normType === "minmax" ? [Math.min(alpha, beta), Math.max(alpha, beta)] : [alpha, 0];
  pool.record(FACTORS, {
    overrides: {},
    bindings: { partial: partial.allocation, factors: factors.allocation },
    uniforms: { count: groups, kind, range },
    workgroups: [1, 1, 1],
  });
  const scaled = (target: Matrix): void =>
    pool.run(NORMALIZE, {
      y: target,
      x: src,
      bindings: { factors: factors.allocation },
      overrides: { X_DEPTH: depthNumber(src), Y_DEPTH: depthNumber(target) },
    }, asElements);
  if (!mask) return scaled(dst);
  using whole = pool.getBuffer(dst.rows, dst.cols, dst.type, `${src.label}: normalized`);
  scaled(whole);
  whole.copyTo(dst, mask);
}
