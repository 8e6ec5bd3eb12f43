/**
 * Descriptors from feature maps, for networks that have no embedding output: pooling over all pixels, and unit length.
 *
 * @module
 */
import { type BufferRange, type Device, type Dispatch, foldWorkgroups } from "../../gpu/mod.ts";
import type { View } from "../../tensor/mod.ts";
import normalizeText from "../../../shaders/place/l2_normalize.wgsl" with { type: "text" };
import poolText from "../../../shaders/place/pool_features.wgsl" with { type: "text" };

/**
 * How a channel becomes one number. `gem` is the generalised mean, the p-th root of the mean of p-th powers, with elements
 * below 1e-6 counting as that ({@link https://arxiv.org/abs/1711.02512 Radenović, Tolias and Chum}, who find p about 3).
 */
export type Pooling = "average" | "max" | { readonly gem: number };

const LOWEST = 1e-6;
const KINDS: Readonly<Record<string, number>> = { average: 0, max: 1 };

/** Where a feature map of 32-bit floats lies: memory, and the view of it with shape [images, channels, height, width]. */
export interface FeatureMap {
  /** The storage that the view is of. */
  readonly range: BufferRange;
  /** Which of its elements. */
  readonly view: Pick<View, "shape" | "strides" | "offset">;
}

/**
 * What pools each image's channels to a descriptor of unit length, and puts the descriptors one after the other into
 * `target`; made once, run every frame.
 *
 * @param options `normalize`: unit length, default true.
 * @throws {RangeError} if the map is no [images, channels, height, width], has no elements or more than 65,000 pixels, the
 * power is not above 0, or the target is too short.
 */
export function poolingDispatches(
  device: Device,
  { range, view }: FeatureMap,
  target: BufferRange,
  pooling: Pooling,
  options: { normalize?: boolean } = {},
): Dispatch[] {
  const { shape, strides, offset } = view;
  const [images = 0, channels = 0, height = 0, width = 0] = shape;
  const power = typeof pooling === "string" ? 1 : pooling.gem;
  if (
    shape.length !== 4 || shape.includes(0) || height * width > 65000 || !(power > 0) ||
    target.bytes < images * channels * 4
  ) {
    throw new RangeError(
      `Cannot pool a map of [${
        shape.join(", ")
      }], power ${power}, into ${target.bytes} bytes: give [images, channels, ` +
        `height, width] of up to 65000 pixels, a power above 0, and 4 bytes for each channel`,
    );
  }
  const kernel = device.kernel({ name: "place/pool_features", wgsl: poolText }, {
    overrides: { PIXELS: height * width, KIND: typeof pooling === "string" ? KINDS[pooling]! : 2 },
  });
  const pool = device.dispatch(kernel, {
    bindings: { x: range, y: target },
    uniforms: { x_strides: [...strides], x_offset: offset, images, channels, width, power, lowest: LOWEST },
    workgroups: foldWorkgroups(Math.ceil(images * channels / 64)),
  });
  return options.normalize === false ? [pool] : [pool, normalizeDispatch(device, target, images, channels)];
}

/** What makes rows of `elements` 32-bit floats, one after the other, of unit length, in place; zeros stay. */
export function normalizeDispatch(
  device: Device,
  range: BufferRange,
  rows: number,
  elements: number,
): Dispatch {
  return device.dispatch(device.kernel({ name: "place/l2_normalize", wgsl: normalizeText }), {
    bindings: { y: range },
    uniforms: { rows, elements },
    workgroups: foldWorkgroups(rows),
  });
}
