import type { DescriptorForm, Descriptors } from "./descriptors.ts";

/**
 * Puts the mean of some descriptors into a row: of floats the mean, of bits the majority (a bit that half of them have is
 * set), as in DBoW2.
 *
 * @param members numbers of descriptors, at least one.
 */
export function putMean(
  descriptors: Descriptors,
  form: DescriptorForm,
  members: Uint32Array,
  into: Descriptors,
  row: number,
): void {
  if (form.kind === "float") putFloatMean(descriptors as Float32Array, form.size, members, into, row);
  else putMajority(descriptors as Uint8Array, form.size, members, into, row);
}

function putFloatMean(
  descriptors: Float32Array,
  size: number,
  members: Uint32Array,
  into: Descriptors,
  row: number,
): void {
  const sums = new Float64Array(size);
  for (const member of members) {
    for (let i = 0, at = member * size; i < size; i++, at++) sums[i]! += descriptors[at]!;
  }
  for (let i = 0; i < size; i++) into[row * size + i] = sums[i]! / members.length;
}

/** For each byte its bits 0 to 3, one a byte of a word; then bits 4 to 7. */
const SPREAD: Uint32Array = Uint32Array.from({ length: 512 }, (_, i) => {
  const bits = i >> 8 === 0 ? i & 15 : (i >> 4) & 15;
  return (bits & 1) | (bits & 2) << 7 | (bits & 4) << 14 | (bits & 8) << 21;
});

/** Counts bits four to a word, which holds 255 of each. */
function putMajority(
  descriptors: Uint8Array,
  size: number,
  members: Uint32Array,
  into: Descriptors,
  row: number,
): void {
  const packed = new Uint32Array(size * 2);
  const counts = new Uint32Array(size * 8);
  for (let from = 0; from < members.length; from += 255) {
    packed.fill(0);
    for (const member of members.subarray(from, from + 255)) {
      for (let i = 0, at = member * size; i < size; i++, at++) {
        const byte = descriptors[at]!;
        packed[i * 2]! += SPREAD[byte]!;
        packed[i * 2 + 1]! += SPREAD[byte + 256]!;
      }
    }
    for (let i = 0; i < counts.length; i++) counts[i]! += (packed[i >> 2]! >>> (i & 3) * 8) & 255;
  }
  for (let i = 0; i < size; i++) {
    let byte = 0;
    for (let bit = 0; bit < 8; bit++) if (counts[i * 8 + bit]! * 2 >= members.length) byte |= 1 << bit;
    into[row * size + i] = byte;
  }
}
