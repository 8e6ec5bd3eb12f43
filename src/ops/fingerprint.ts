import type { HostTensor } from "../tensor/host_tensor.ts";

const FINGERPRINTS = new WeakMap<HostTensor["data"], string>();

/**
 * For the keys of weights: a text that differs between constants, all but surely (FNV-1a over the elements' bits).
 * Constants that are folded may depend on the input's shape: plans of other shapes must not take one for theirs.
 */
export function fingerprint({ data }: HostTensor): string {
  const known = FINGERPRINTS.get(data);
  if (known !== undefined) return known;
  const bytes = data.BYTES_PER_ELEMENT % 4 === 0
    ? new Uint32Array(data.buffer, data.byteOffset, data.byteLength / 4)
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193) ^ (hash >>> 15);
  const text = `${data.length}:${(hash >>> 0).toString(16)}`;
  FINGERPRINTS.set(data, text);
  return text;
}
