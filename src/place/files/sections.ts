/**
 * What a record holds: a small JSON value, and arrays of numbers. Little-endian: bytes of the JSON and number of arrays, u32
 * each; kind and length of each array, u32 each; the JSON; the arrays. Each part is padded to 8 bytes.
 *
 * @module
 */

/** An array of numbers of a record. */
export type SectionArray =
  | Uint8Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>;

/** Kinds of arrays; their numbers in the file are their places here. */
const KINDS = [Uint8Array, Int8Array, Uint32Array, Int32Array, Float32Array, Float64Array] as const;
const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

/** Writes them one after the other. @throws {TypeError} on a big-endian machine. */
export function packSections(head: unknown, arrays: readonly SectionArray[] = []): Uint8Array<ArrayBuffer> {
  if (!LITTLE_ENDIAN) throw new TypeError("Cannot write records: this machine is big-endian");
  const json = new TextEncoder().encode(JSON.stringify(head));
  const start = 8 + arrays.length * 8;
  const length = arrays.reduce(
    (sum, { byteLength }) => sum + padded(byteLength),
    start + padded(json.length),
  );
  const bytes = new Uint8Array(length);
  const words = new Uint32Array(bytes.buffer, 0, start / 4);
  words.set([json.length, arrays.length]);
  bytes.set(json, start);
  let at = start + padded(json.length);
  for (const [i, array] of arrays.entries()) {
    const kind = KINDS.findIndex((kind) => array instanceof kind);
    if (kind < 0) {
      throw new TypeError(`Cannot write array ${i} of a record: it is no array of ${KINDS.length} kinds`);
    }
    words[2 + i * 2] = kind;
    words[3 + i * 2] = array.length;
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at += padded(array.byteLength);
  }
  return bytes;
}

/** The JSON value alone. */
export function unpackHead(content: Uint8Array): unknown {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const start = 8 + view.getUint32(4, true) * 8;
  return JSON.parse(new TextDecoder().decode(content.subarray(start, start + view.getUint32(0, true))));
}

/** The arrays, copied. @throws {RangeError} if they do not fit into the content. */
export function unpackArrays(content: Uint8Array): SectionArray[] {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const count = view.getUint32(4, true);
  let at = 8 + count * 8 + padded(view.getUint32(0, true));
  return Array.from({ length: count }, (_, i) => {
    const kind = KINDS[view.getUint32(8 + i * 8, true)], length = view.getUint32(12 + i * 8, true);
    const bytes = (kind?.BYTES_PER_ELEMENT ?? NaN) * length;
    if (!kind || !(at + bytes <= content.length)) {
      throw new RangeError(
        `Cannot read array ${i} of a record: ${bytes} bytes at ${at} of ${content.length}`,
      );
    }
    const array = new kind(content.slice(at, at + bytes).buffer, 0, length);
    at += padded(bytes);
    return array;
  });
}
