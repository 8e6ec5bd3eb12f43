import type { Matrix3 } from "./small_matrices.ts";

/** A camera without distortion, in pixels: focal lengths and the point that the axis meets. */
export interface Intrinsics {
  readonly fx: number;
  readonly fy: number;
  readonly cx: number;
  readonly cy: number;
}

/** The matrix that takes a direction to a pixel. */
export function cameraMatrix({ fx, fy, cx, cy }: Intrinsics): Matrix3 {
  return Float64Array.of(fx, 0, cx, 0, fy, cy, 0, 0, 1);
}

/** The matrix that takes a pixel to its direction. */
export function inverseCamera({ fx, fy, cx, cy }: Intrinsics): Matrix3 {
  return Float64Array.of(1 / fx, 0, -cx / fx, 0, 1 / fy, -cy / fy, 0, 0, 1);
}

/** Refuses what is no camera. @throws {RangeError} */
export function checkIntrinsics({ fx, fy, cx, cy }: Intrinsics): void {
  if (!(fx > 0 && fy > 0 && [fx, fy, cx, cy].every(Number.isFinite))) {
    throw new RangeError(
      `Cannot check geometry: the intrinsics are fx ${fx}, fy ${fy}, cx ${cx}, cy ${cy}; give pixels, the focal lengths ` +
        `over 0`,
    );
  }
}
