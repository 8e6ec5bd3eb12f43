/** Finds frames that show again what the frame before showed, by their global descriptors. */
export class Rehearsals {
  readonly #threshold: number | undefined;
  #newest: Float32Array | undefined;

  /** @param threshold the cosine from which on a frame does; without it none does. */
  constructor(threshold: number | undefined) {
    this.#threshold = threshold;
  }

  /** Whether the next frame shows again what the one before showed. */
  next(descriptor: unknown): boolean {
    if (this.#threshold === undefined || !(descriptor instanceof Float32Array)) return false;
    const before = this.#newest;
    this.#newest = descriptor.slice();
    return before !== undefined && cosine(before, descriptor) >= this.#threshold;
  }
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [product, lengthA, lengthB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    product += a[i]! * b[i]!;
    lengthA += a[i]! ** 2;
    lengthB += b[i]! ** 2;
  }
  return product / Math.sqrt(lengthA * lengthB);
}
