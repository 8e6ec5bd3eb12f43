/**
 * Drawing shapes, values and attributes.
 *
 * @module
 */
import { elementCount, type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import type { NumericDType } from "../../src/tensor/dtype.ts";
import { Random } from "../../tests/support/random.ts";

/** An input of an operator: computed while the network runs, a constant, or left out. */
export type Operand = HostTensor | { readonly constant: HostTensor } | undefined;

/** Bounds of a shape. */
export interface ShapeBounds {
  /** Elements at most; 2,000 unless told. */
  elements?: number;
  /** Extents at least; 1 unless told. */
  extent?: number;
  /** How often an extent is 0. */
  empty?: number;
}

/** The widest whole numbers drawn of each type unless told otherwise. */
const WHOLE: Partial<Record<NumericDType, readonly [number, number]>> = {
  i8: [-128, 127],
  u8: [0, 255],
  i16: [-3000, 3000],
  u16: [0, 6000],
  i32: [-100_000, 100_000],
  i64: [-100_000, 100_000],
  bool: [0, 1],
};

/** What a generator draws from: all of a case follows from its seed. */
export class Draw extends Random {
  /** The operator set of the case. */
  readonly opset: number;

  constructor(seed: number, opset: number) {
    super(seed);
    this.opset = opset;
  }

  /** True with the probability given. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** An extent: mostly small, odd ones and multiples of 4 alike, at times larger. */
  extent(low = 1, high = 40): number {
    const most = this.chance(0.8) ? Math.min(high, low + 8) : high;
    return this.int(low, Math.max(low, most));
  }

  /** A shape of a rank between bounds. */
  shape(minimum: number, maximum: number, bounds: ShapeBounds = {}): number[] {
    const { elements = 2000, extent = 1, empty = 0 } = bounds;
    // Ranks of 2 to 4 are what networks are made of.
    const rank = this.chance(0.6)
      ? this.int(Math.min(Math.max(minimum, 2), maximum), Math.max(minimum, Math.min(maximum, 4)))
      : this.int(minimum, maximum);
    const shape = Array.from({ length: rank }, () => this.extent(extent));
    for (let tries = 0; elementCount(shape) > elements && tries < 100; tries++) {
      const largest = shape.indexOf(Math.max(...shape));
      shape[largest] = Math.max(extent, shape[largest]! >> 1);
    }
    if (rank > 0 && this.chance(empty)) shape[this.int(0, rank - 1)] = 0;
    return shape;
  }

  /** An image's shape: batch, channels, and extents from `extent` on. */
  image(spatial = 2, channels = this.extent(1, 20), extent = 1): number[] {
    const most = spatial === 1 ? 40 : spatial === 2 ? 13 : 6;
    const extents = Array.from({ length: spatial }, () => this.int(extent, Math.max(extent, most)));
    return [this.chance(0.6) ? 1 : this.int(2, 3), channels, ...extents];
  }

  /** Normally distributed floats, or whole numbers of the type's usual span. */
  tensor(dtype: NumericDType, shape: readonly number[]): HostTensor {
    const span = WHOLE[dtype];
    if (span) return this.whole(dtype, shape, ...span);
    return hostTensor(dtype, shape, this.normals(elementCount(shape)));
  }

  /** Normally distributed 32-bit floats. */
  floats(shape: readonly number[], deviation = 1, mean = 0): HostTensor<"f32"> {
    return hostTensor("f32", shape, this.normals(elementCount(shape), mean, deviation));
  }

  /** Evenly distributed floats of a type. */
  between(dtype: NumericDType, shape: readonly number[], low: number, high: number): HostTensor {
    return hostTensor(dtype, shape, this.uniforms(elementCount(shape), low, high));
  }

  /** Whole numbers from `low` to `high`, in any type. */
  whole(dtype: NumericDType, shape: readonly number[], low: number, high: number): HostTensor {
    const values = Array.from({ length: elementCount(shape) }, () => this.int(low, high));
    return hostTensor(dtype, shape, values);
  }

  /** The tensor as computed, or as a constant with the probability given. */
  operand(tensor: HostTensor, constant = 0.3): Operand {
    return this.chance(constant) ? { constant: tensor } : tensor;
  }

  /** Whole numbers that decide a shape or a parameter: constant mostly, else given to the run. */
  list(values: readonly number[], dtype: NumericDType = "i64", computed = 0.15): Operand {
    return this.operand(hostTensor(dtype, [values.length], [...values]), 1 - computed);
  }

  /** One float in a list, as thresholds are given. */
  list1(value: number, computed = 0.1): Operand {
    return this.operand(hostTensor("f32", [1], [value]), 1 - computed);
  }

  /** One number in a tensor of rank 0. */
  scalar(dtype: NumericDType, value: number, computed = 0.15): Operand {
    return this.operand(hostTensor(dtype, [], [value]), 1 - computed);
  }

  /** An axis of a rank, at times counted from the end. */
  axis(rank: number): number {
    return this.signed(this.int(0, rank - 1), rank);
  }

  /** The axis as it is, or counted from the end. */
  signed(axis: number, rank: number): number {
    return this.chance(0.4) ? axis - rank : axis;
  }

  /** Some axes of a rank, `least` of them or more, in any order, at times counted from the end. */
  axes(rank: number, least = 1): number[] {
    const all = this.shuffled(Array.from({ length: rank }, (_, i) => i));
    return all.slice(0, this.int(Math.min(least, rank), rank)).map((axis) => this.signed(axis, rank));
  }

  /** Shapes that broadcast to one, which is one of them or not. */
  broadcast(count: number, bounds: ShapeBounds = {}): number[][] {
    const full = this.shape(0, this.chance(0.1) ? 6 : 4, bounds);
    return Array.from({ length: count }, () => {
      if (this.chance(0.4)) return full;
      const start = this.chance(0.5) ? 0 : this.int(0, full.length);
      return full.slice(start).map((extent) => this.chance(0.3) ? 1 : extent);
    });
  }
}
