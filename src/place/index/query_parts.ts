/** Many queries at once, in as many searches as their memory asks for. */
import type { Device } from "../../gpu/mod.ts";
import type { Neighbours } from "./row_search.ts";

/** Bytes that one search may take for its keys: four for each query and row. Device limits are larger or equal. */
const KEY_BYTES = 64 << 20;

/** How many queries one search compares with so many rows; 1 at least. */
export function queriesAtOnce(device: Device, rows: number): number {
  const bytes = Math.min(KEY_BYTES, device.limits.maxStorageBufferBindingSize);
  return Math.max(1, Math.floor(bytes / 4 / Math.max(1, rows)));
}

/**
 * Searches for many descriptors, some at once, one part after the other.
 *
 * @param queries `n * dimensions` elements.
 * @param atOnce descriptors of one part; the last one may have fewer.
 * @param search finds the neighbours of a part.
 * @throws {RangeError} if the elements are no whole number of descriptors, or none.
 */
export async function queryInParts(
  queries: Float32Array,
  dimensions: number,
  atOnce: number,
  search: (part: Float32Array<ArrayBuffer>, count: number) => Promise<Neighbours[]>,
): Promise<Neighbours[]> {
  const count = queries.length / dimensions;
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(
      `Cannot search for ${queries.length} elements in an index of ${dimensions} dimensions: give whole descriptors`,
    );
  }
  const found: Neighbours[] = [];
  for (let at = 0; at < count; at += atOnce) {
    const part = Math.min(atOnce, count - at);
    found.push(...await search(queries.slice(at * dimensions, (at + part) * dimensions), part));
  }
  return found;
}
