/** A picture that was drawn, and what each of its pixels shows. */

/** What is known of a thing in a picture that was drawn. */
export interface Shown {
  /** Its number in the scene. */
  readonly id: number;
  /** Class number, or -1. */
  readonly label: number;
  /** Whether it may be elsewhere in another picture. */
  readonly moving: boolean;
  /** Pixels that it would cover if nothing else were there; 0 where it has no class or is out of sight. */
  covered: number;
  /** Least and largest x, y, z in the world. */
  readonly low: readonly [number, number, number];
  readonly high: readonly [number, number, number];
}

/** A picture with what each pixel shows. Valid until the call that it was given to returns. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue, a byte each. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  /** For each pixel: 0 sky, 1 ground, else 2 + the solid at its centre. */
  readonly hits: Uint32Array;
  /** For each pixel: depth along the camera's axis in metres at its centre, 0 for the sky. */
  readonly depths: Float32Array;
  /** For each solid the thing that it belongs to: indices into `things`. */
  readonly owners: Int32Array;
  /** All things of the scene; those without a class too. */
  readonly things: readonly Shown[];
}
