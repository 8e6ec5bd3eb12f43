/** What the last numbers of a descriptor tell of the light that a picture was taken in. */
export interface LightNumbers {
  /** How many they are. The network keeps them small, so that they hardly matter in an inner product. */
  readonly numbers: number;
  /** From this distance on, the length of the difference of these numbers, two pictures were taken in quite another light. */
  readonly distance: number;
  /**
   * The share of what two pictures lack to be the same, 1 less their inner product, that is put down to the light then,
   * since another light makes one place less like itself; from 0 to 1. In proportion at smaller distances, so nothing where
   * the light is the same.
   */
  readonly allowance: number;
}

/** @throws {RangeError} for numbers that make no sense. */
export function checkLightNumbers({ numbers, distance, allowance }: LightNumbers): void {
  const refuse = (what: string, value: number, must: string): never => {
    throw new RangeError(
      `Cannot tell the light by a descriptor: \`${what}\` is ${value}; it must be ${must}`,
    );
  };
  if (!(Number.isSafeInteger(numbers) && numbers >= 1)) {
    refuse("numbers", numbers, "a whole number, 1 or more");
  }
  if (!(distance > 0 && Number.isFinite(distance))) refuse("distance", distance, "above 0");
  if (!(allowance >= 0 && allowance <= 1)) refuse("allowance", allowance, "from 0 to 1");
}

/** Adds up how the light of one way differs from that of another, pair by pair. */
export class LightDifference {
  readonly #light: LightNumbers;
  readonly #sum: Float64Array;
  #count = 0;

  /** Nothing is added yet. */
  constructor(light: LightNumbers) {
    this.#light = light;
    this.#sum = new Float64Array(light.numbers);
  }

  /** Adds the descriptors of two pictures. */
  add(a: Float32Array, b: Float32Array): void {
    const first = a.length - this.#sum.length;
    for (let i = 0; i < this.#sum.length; i++) this.#sum[i]! += a[first + i]! - b[first + i]!;
    this.#count++;
  }

  /** The likeness of the ways, by the mean difference, in which what single pictures show weighs little. */
  corrected(likeness: number): number {
    const { distance, allowance } = this.#light;
    const mean = Math.hypot(...this.#sum) / Math.max(this.#count, 1);
    return 1 - (1 - likeness) * (1 - allowance * Math.min(mean / distance, 1));
  }
}
