const TABLE = new Uint32Array(256).map((_, i) => {
  let c = i;
  for (let bit = 0; bit < 8; bit++) c = (c & 1) === 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});

/**
 * The CRC-32 of ISO 3309, as in gzip and PNG ({@link https://www.rfc-editor.org/rfc/rfc1952#section-8}).
 *
 * @param before the CRC-32 of what comes before `bytes`; default: nothing does.
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  let c = ~before;
  for (let i = 0; i < bytes.length; i++) c = TABLE[(c ^ bytes[i]!) & 255]! ^ (c >>> 8);
  return ~c >>> 0;
}
