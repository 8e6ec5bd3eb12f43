import type { HostTensor } from "../tensor/host_tensor.ts";

const FINGERPRINTS = new WeakMap<HostTensor["data"], string>();

/**
 * For the keys of weights: a text that differs between constants, all but surely (two hashes after FNV-1a, over the
 * elements' bits).
 * Constants that are folded may depend on the input's shape: plans of other shapes must not take one for theirs.
 */
export function fingerprint({ data }: HostTensor): string {
  const known = FINGERPRINTS.get(data);
  if (known !== undefined) return known;
  const bytes = data.BYTES_PER_ELEMENT % 4 === 0
    ? new Uint32Array(data.buffer, data.byteOffset, data.byteLength / 4)
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  // Two hashes of 32 bits that mix differently.
  let [first, second] = [0x811c9dc5, 0x9747b28c];
  for (let i = 0; i < bytes.length; i++) {
    first = Math.imul(first ^ bytes[i]!, 0x01000193) ^ (first >>> 15);
    second = Math.imul(second ^ bytes[i]!, 0x5bd1e995) ^ (second >>> 13);
  }
  const text = [data.length, first >>> 0, second >>> 0].map((part) => part.toString(16)).join(":");
  FINGERPRINTS.set(data, text);
  return text;
}
