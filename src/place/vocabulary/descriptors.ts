import { VocabularyError } from "./errors.ts";

/** What a vocabulary's descriptors are. */
export interface DescriptorForm {
  /** `float`: compared by Euclidean distance. `binary`: a string of bits, compared by Hamming distance. */
  readonly kind: "float" | "binary";
  /** Floats, or bytes, of one descriptor. */
  readonly size: number;
}

/** Descriptors one after the other: floats, or bytes of bit strings. */
export type Descriptors = Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

/** An array for `count` descriptors, all zero. */
export function emptyDescriptors(form: DescriptorForm, count: number): Descriptors {
  return form.kind === "float" ? new Float32Array(count * form.size) : new Uint8Array(count * form.size);
}

/**
 * How many descriptors an array holds.
 *
 * @param what begins the message: "Cannot transform".
 * @throws {VocabularyError} if the array is of the other kind, or no whole number of descriptors.
 */
export function countDescriptors(descriptors: Descriptors, form: DescriptorForm, what: string): number {
  const kind = descriptors instanceof Float32Array ? "float" : "binary";
  if (kind !== form.kind) {
    throw new VocabularyError(
      `${what}: the descriptors are ${kind}, and the vocabulary's are ${form.kind}; take the vocabulary that was made ` +
        `for this kind of feature`,
    );
  }
  if (descriptors.length % form.size !== 0) {
    throw new VocabularyError(
      `${what}: ${descriptors.length} ${
        kind === "float" ? "floats" : "bytes"
      } are no whole number of descriptors of ` +
        `${form.size}`,
    );
  }
  return descriptors.length / form.size;
}

/** How many bits of a byte are set. */
const BITS: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  let bits = 0;
  for (let rest = byte; rest > 0; rest >>= 1) bits += rest & 1;
  return bits;
});

/** Squared Euclidean distance of floats, Hamming distance of bits; rows are counted from 0. */
export function distance(a: Descriptors, rowA: number, b: Descriptors, rowB: number, size: number): number {
  let sum = 0;
  const [fromA, fromB] = [rowA * size, rowB * size];
  if (a instanceof Float32Array) {
    for (let i = 0; i < size; i++) sum += (a[fromA + i]! - b[fromB + i]!) ** 2;
  } else {
    for (let i = 0; i < size; i++) sum += BITS[a[fromA + i]! ^ b[fromB + i]!]!;
  }
  return sum;
}
