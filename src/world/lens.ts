/**
 * The camera: where it is, how it looks, and what its lens does. Axes as OpenCV has them: x right, y down, z forward;
 * the world has x east, y up, z south. Pixel (0, 0) covers [0, 1) x [0, 1), so its centre lies at (0.5, 0.5).
 */

/** A point or direction of three coordinates. */
export type Vector3 = readonly [x: number, y: number, z: number];

/** Where a camera is and where it looks. */
export interface Pose {
  /** Its centre in the world, in metres. */
  readonly position: Vector3;
  /** World to camera, row by row: the rows are the camera's right, down and forward as seen in the world. */
  readonly rotation: readonly number[];
}

/** A lens on a sensor: pinhole with radial distortion (Brown's model, as in OpenCV's first two coefficients). */
export interface Lens {
  /** Image width in pixels. */
  readonly width: number;
  /** Image height in pixels. */
  readonly height: number;
  /** Focal length in pixels, the same both ways. */
  readonly focal: number;
  /** Principal point in pixels. */
  readonly centre: readonly [x: number, y: number];
  /** Radial distortion: a ray at distance r (of the plane z = 1) is drawn at r (1 + k1 r^2 + k2 r^4). */
  readonly k1: number;
  /** See {@linkcode Lens.k1}. */
  readonly k2: number;
}

/**
 * A lens by its field of view.
 *
 * @param fieldDegrees horizontal field of view of the pinhole, before distortion.
 * @throws {RangeError} if the field is not between 10 and 140 degrees, or the distortion folds the image over.
 */
export function lensOf(width: number, height: number, fieldDegrees = 72, k1 = 0, k2 = 0): Lens {
  if (!(fieldDegrees >= 10 && fieldDegrees <= 140)) {
    throw new RangeError(`Cannot make a lens of ${fieldDegrees} degrees: give 10 to 140`);
  }
  const focal = width / 2 / Math.tan(fieldDegrees * Math.PI / 360);
  const lens = { width, height, focal, centre: [width / 2, height / 2] as const, k1, k2 };
  const corner = Math.hypot(width, height) / 2 / focal;
  const radius = undistortedRadius(lens, corner);
  if (
    !(Math.abs(distortedRadius(lens, radius) - corner) < 1e-6 * corner) || !isRising(lens, radius * 1.05)
  ) {
    throw new RangeError(
      `Cannot make a lens of ${fieldDegrees} degrees with k1 ${k1}, k2 ${k2}: the distortion folds the corners over; ` +
        `give less of it, or a narrower field`,
    );
  }
  return lens;
}

/** Where a ray at distance `radius` of the plane z = 1 is drawn, as a distance of the same plane. */
export function distortedRadius({ k1, k2 }: Pick<Lens, "k1" | "k2">, radius: number): number {
  const square = radius * radius;
  return radius * (1 + k1 * square + k2 * square * square);
}

/** The inverse of {@linkcode distortedRadius}, by Newton's method. */
export function undistortedRadius(lens: Pick<Lens, "k1" | "k2">, radius: number): number {
  let r = radius;
  for (let i = 0; i < 12; i++) {
    const square = r * r;
    const slope = 1 + 3 * lens.k1 * square + 5 * lens.k2 * square * square;
    r -= (distortedRadius(lens, r) - radius) / Math.max(slope, 0.05);
  }
  return r;
}

function isRising({ k1, k2 }: Pick<Lens, "k1" | "k2">, to: number): boolean {
  for (let i = 1; i <= 32; i++) {
    const square = (to * i / 32) ** 2;
    if (1 + 3 * k1 * square + 5 * k2 * square * square < 0.1) return false;
  }
  return true;
}

/** The ray through a point of the image, in camera axes, with z = 1. */
export function rayOf(lens: Lens, u: number, v: number): Vector3 {
  const [x, y] = [(u - lens.centre[0]) / lens.focal, (v - lens.centre[1]) / lens.focal];
  const drawn = Math.hypot(x, y);
  const scale = drawn < 1e-9 ? 1 : undistortedRadius(lens, drawn) / drawn;
  return [x * scale, y * scale, 1];
}

/** Where the camera draws a direction of its own axes; undefined for what is not before it. */
export function drawnAt(lens: Lens, [x, y, z]: Vector3): readonly [u: number, v: number] | undefined {
  if (z <= 1e-6) return undefined;
  const [a, b] = [x / z, y / z];
  const square = a * a + b * b;
  const scale = (1 + lens.k1 * square + lens.k2 * square * square) * lens.focal;
  return [lens.centre[0] + a * scale, lens.centre[1] + b * scale];
}

/** A point of the world in camera axes. */
export function toCamera({ position, rotation: r }: Pose, [x, y, z]: Vector3): Vector3 {
  const [a, b, c] = [x - position[0], y - position[1], z - position[2]];
  return [
    r[0]! * a + r[1]! * b + r[2]! * c,
    r[3]! * a + r[4]! * b + r[5]! * c,
    r[6]! * a + r[7]! * b + r[8]! * c,
  ];
}

/** A point of camera axes in the world. */
export function toWorld({ position, rotation: r }: Pose, [a, b, c]: Vector3): Vector3 {
  return [
    position[0] + r[0]! * a + r[3]! * b + r[6]! * c,
    position[1] + r[1]! * a + r[4]! * b + r[7]! * c,
    position[2] + r[2]! * a + r[5]! * b + r[8]! * c,
  ];
}

/** Where a point of the world is drawn, in pixels, and how far it is along the axis; undefined behind the camera. */
export function project(
  pose: Pose,
  lens: Lens,
  point: Vector3,
): { u: number; v: number; depth: number } | undefined {
  const seen = toCamera(pose, point);
  const at = drawnAt(lens, seen);
  return at && { u: at[0], v: at[1], depth: seen[2] };
}

/** The point of the world that a pixel with a known depth (along the camera's axis) shows. */
export function unproject(pose: Pose, lens: Lens, u: number, v: number, depth: number): Vector3 {
  const [x, y] = rayOf(lens, u, v);
  return toWorld(pose, [x * depth, y * depth, depth]);
}

/**
 * A pose by angles in radians: `yaw` turns from north (-z) to the east, `pitch` looks up, `roll` turns the head to the
 * right shoulder.
 */
export function poseOf(position: Vector3, yaw: number, pitch = 0, roll = 0): Pose {
  const [sy, cy, sp, cp] = [Math.sin(yaw), Math.cos(yaw), Math.sin(pitch), Math.cos(pitch)];
  const forward = [sy * cp, sp, -cy * cp] as const;
  const level = [cy, 0, sy] as const;
  // down = forward x right
  const down = [
    forward[1] * level[2] - forward[2] * level[1],
    forward[2] * level[0] - forward[0] * level[2],
    forward[0] * level[1] - forward[1] * level[0],
  ] as const;
  const [sr, cr] = [Math.sin(roll), Math.cos(roll)];
  const right = level.map((value, i) => value * cr + down[i]! * sr);
  const turnedDown = down.map((value, i) => value * cr - level[i]! * sr);
  return { position, rotation: [...right, ...turnedDown, ...forward] };
}
