import { VocabularyError } from "./errors.ts";

/**
 * A checksum of 64 bits, as two words, over 32-bit words: each lane multiplies by an odd number after every word, so that
 * any single change shows, and the lanes are mixed at the end. It finds damage; it is no protection against intent.
 *
 * @param bytes begin at a multiple of 4 of their buffer; their number is a multiple of 8.
 */
export function checksum(bytes: Uint8Array): [low: number, high: number] {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2);
  let [a, b] = [0x9e3779b1 | 0, words.length | 0];
  for (let i = 0; i < words.length; i += 2) {
    a = Math.imul((a ^ words[i]!) << 13 | (a ^ words[i]!) >>> 19, 0x85ebca6b);
    b = Math.imul((b ^ words[i + 1]!) << 15 | (b ^ words[i + 1]!) >>> 17, 0xc2b2ae35);
  }
  const mix = (x: number): number => {
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
    return (x ^ (x >>> 16)) >>> 0;
  };
  return [mix(a ^ b), mix(Math.imul(b, 0x27d4eb2f) + a | 0)];
}

/** @throws {VocabularyError} on a machine whose words are big-endian, which reading by views would turn around. */
export function littleEndian(what: string): void {
  if (new Uint8Array(Uint32Array.of(1).buffer)[0] !== 1) {
    throw new VocabularyError(`${what}: this machine is big-endian; use the text or the YAML form`);
  }
}
