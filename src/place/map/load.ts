import type { BagDatabase } from "../bags/bag_database.ts";
import type { RecordFile } from "../files/record_file.ts";
import type { DescriptorIndex } from "../index/descriptor_index.ts";
import type { IndexFile } from "../index/index_file.ts";
import type { PackedRows } from "../index/packing.ts";
import type { CovisibilityGraph } from "../loop/covisibility_graph.ts";
import type { Bag } from "../vocabulary/bag.ts";
import { unpackFrame } from "./map_frame.ts";
import type { WorkingMemory } from "./working_memory.ts";

/** Bags that are read and then added at once. */
const BATCH_BAGS = 2048;

/** The bag of a frame's record. */
export function bagOf(content: Uint8Array): Bag {
  return unpackFrame(content).bag!;
}

/** Adds the bags of what is remembered to an empty database; the others' numbers are reserved. */
export async function loadBags(bags: BagDatabase, frames: RecordFile, memory: WorkingMemory): Promise<void> {
  const { size } = memory;
  // Reading all of the file in order is faster than many single records.
  const few = memory.remembered * 8 < size;
  const contents = few ? undefined : frames.records();
  for (let first = 0; first < size; first += BATCH_BAGS) {
    const batch: (Bag | undefined)[] = [];
    for (let id = first; id < Math.min(first + BATCH_BAGS, size); id++) {
      const content = contents && (await contents.next()).value;
      batch.push(memory.has(id) ? bagOf(content ?? await frames.read(id)) : undefined);
    }
    bags.addAll(batch);
  }
}

/** Adds all frames to an empty graph, with what they see the same as. */
export async function loadCovisibility(graph: CovisibilityGraph, frames: RecordFile): Promise<void> {
  let id = 0;
  for await (const content of frames.records()) {
    const { covisibility } = unpackFrame(content);
    if (covisibility) graph.restoreFrame(id, covisibility);
    id++;
  }
}

/** Adds the descriptors of what is remembered to an index; gives the frame of each row. */
export async function loadRows(
  index: DescriptorIndex,
  file: IndexFile,
  memory: WorkingMemory,
): Promise<Uint32Array<ArrayBuffer>> {
  const ids: number[] = [];
  let first = 0;
  for await (const piece of file.pieces()) {
    const rows: number[] = [];
    for (let row = 0; row < piece.count; row++) if (memory.has(first + row)) rows.push(row);
    for (const row of rows) ids.push(first + row);
    if (rows.length > 0) index.addPacked(pickRows(piece, rows));
    first += piece.count;
  }
  return Uint32Array.from(ids);
}

function pickRows({ count, bytes, scales }: PackedRows, rows: readonly number[]): PackedRows {
  const size = bytes.length / count;
  const picked = new Uint8Array(rows.length * size);
  for (const [i, row] of rows.entries()) picked.set(bytes.subarray(row * size, (row + 1) * size), i * size);
  return {
    count: rows.length,
    bytes: picked,
    scales: scales && Float32Array.from(rows, (row) => scales[row]!),
  };
}
