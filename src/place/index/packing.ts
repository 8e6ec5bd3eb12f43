/**
 * How descriptors lie in an index and in its file: 32-bit or 16-bit floats, or 8-bit integers with a factor a row.
 *
 * @module
 */

/** How an element of a descriptor is kept. */
export type DescriptorType = "f32" | "f16" | "i8";

/** How descriptors are compared: the larger inner product, or the smaller squared distance, is the better one. */
export type DescriptorMetric = "inner_product" | "l2";

/** Elements of a row are padded with zeros to whole blocks. */
export const BLOCK_ELEMENTS = 16;

const ELEMENT_BYTES: Readonly<Record<DescriptorType, number>> = { f32: 4, f16: 2, i8: 1 };

/** Blocks of a row. */
export function blocksOf(dimensions: number): number {
  return Math.ceil(dimensions / BLOCK_ELEMENTS);
}

/** Bytes of a row on the GPU, without its factor. */
export function rowBytesOf(dimensions: number, type: DescriptorType): number {
  return blocksOf(dimensions) * BLOCK_ELEMENTS * ELEMENT_BYTES[type];
}

/** Rows as an index keeps them. */
export interface PackedRows {
  /** How many. */
  readonly count: number;
  /** {@linkcode rowBytesOf} bytes a row. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The factor of each row's integers; only of type `i8`. */
  readonly scales: Float32Array<ArrayBuffer> | undefined;
}

/**
 * Packs descriptors. 8-bit integers are the elements times 127 over the largest magnitude of the row, rounded (halves
 * to even); 16-bit floats are the nearest.
 *
 * @param rows `count * dimensions` elements.
 * @throws {RangeError} if that does not come out.
 */
export function packRows(rows: Float32Array, dimensions: number, type: DescriptorType): PackedRows {
  const count = rows.length / dimensions;
  if (!Number.isInteger(count)) {
    throw new RangeError(
      `Cannot pack ${rows.length} elements as descriptors of ${dimensions}: give whole descriptors`,
    );
  }
  const width = blocksOf(dimensions) * BLOCK_ELEMENTS;
  const bytes = new Uint8Array(count * rowBytesOf(dimensions, type));
  if (type !== "i8") {
    const packed = type === "f32" ? new Float32Array(bytes.buffer) : new Float16Array(bytes.buffer);
    for (let row = 0; row < count; row++) {
      packed.set(rows.subarray(row * dimensions, (row + 1) * dimensions), row * width);
    }
    return { count, bytes, scales: undefined };
  }
  const packed = new Int8Array(bytes.buffer), scales = new Float32Array(count);
  for (let row = 0; row < count; row++) {
    const elements = rows.subarray(row * dimensions, (row + 1) * dimensions);
    const largest = elements.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const factor = largest > 0 ? 127 / largest : 0;
    scales[row] = largest / 127;
    elements.forEach((x, i) => packed[row * width + i] = roundHalfEven(x * factor));
  }
  return { count, bytes, scales };
}

/** Refuses rows that were packed otherwise. @throws {RangeError} with what an index takes. */
export function refusePacked(packed: PackedRows, dimensions: number, type: DescriptorType): void {
  const bytes = rowBytesOf(dimensions, type);
  if (
    packed.bytes.length !== packed.count * bytes ||
    packed.scales?.length !== (type === "i8" ? packed.count : undefined)
  ) {
    throw new RangeError(
      `Cannot add ${packed.count} packed rows of ${packed.bytes.length} bytes: this index takes ${bytes} bytes a row` +
        `${type === "i8" ? " and a factor" : ""}`,
    );
  }
}

/** The descriptors again, as near as their type keeps them. */
export function unpackRows(
  packed: PackedRows,
  dimensions: number,
  type: DescriptorType,
): Float32Array<ArrayBuffer> {
  const width = blocksOf(dimensions) * BLOCK_ELEMENTS;
  const { buffer, byteOffset } = packed.bytes;
  const length = packed.count * width;
  const elements = type === "f32"
    ? new Float32Array(buffer, byteOffset, length)
    : type === "f16"
    ? new Float16Array(buffer, byteOffset, length)
    : new Int8Array(buffer, byteOffset, length);
  const rows = new Float32Array(packed.count * dimensions);
  for (let row = 0; row < packed.count; row++) {
    const scale = packed.scales?.[row] ?? 1;
    for (let i = 0; i < dimensions; i++) rows[row * dimensions + i] = elements[row * width + i]! * scale;
  }
  return rows;
}

function roundHalfEven(x: number): number {
  const down = Math.floor(x), rest = x - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down;
}
