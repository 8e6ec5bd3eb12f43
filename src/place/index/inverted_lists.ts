/**
 * Rows on the GPU list by list: each list has panels of its own, and each row keeps its number.
 *
 * @module
 */
import type { BufferRange, Device } from "../../gpu/mod.ts";
import { DescriptorChunk, type RowLayout, storageBuffer } from "./descriptor_chunk.ts";
import { type DescriptorMetric, type DescriptorType, type PackedRows, rowBytesOf } from "./packing.ts";
import { PANEL_ROWS, type RowStorage } from "./row_kernels.ts";
import type { NumberedRows, SearchedRows } from "./row_search.ts";

/** Words of a panel: the numbers of its rows, and its list. */
const PANEL_WORDS = PANEL_ROWS + 1;
const NONE = 0xffffffff;

/** How rows are kept and compared. */
export interface ListsLayout extends RowLayout {
  readonly metric: DescriptorMetric;
  readonly chunkRows: number;
  readonly lists: number;
}

/** What a search of lists takes. */
export class InvertedLists implements SearchedRows, Disposable {
  readonly device: Device;
  readonly dimensions: number;
  readonly type: DescriptorType;
  readonly metric: DescriptorMetric;
  readonly storage: RowStorage;
  readonly chunkRows: number;
  /** How many lists there are. */
  readonly lists: number;
  readonly chunks: DescriptorChunk[] = [];
  readonly #layout: ListsLayout;
  /** Where the next row of a list goes; undefined where its last panel is full. */
  readonly #next: (number | undefined)[];
  #panels = 0;
  #listed: Uint32Array<ArrayBuffer> = new Uint32Array(0);
  #buffer: BufferRange;

  /** No rows yet. @throws {GpuError} as `device.createBuffer` does. */
  constructor(device: Device, layout: ListsLayout) {
    this.device = device;
    this.#layout = layout;
    ({
      dimensions: this.dimensions,
      type: this.type,
      metric: this.metric,
      storage: this.storage,
      chunkRows: this.chunkRows,
      lists: this.lists,
    } = layout);
    this.#next = new Array(layout.lists);
    this.#buffer = storageBuffer(device, PANEL_WORDS * 4, "numbers in lists");
  }

  get capacity(): number {
    return this.chunks.length * this.chunkRows;
  }

  /** Places that rows can lie in: whole panels. */
  get slots(): number {
    return this.#panels * PANEL_ROWS;
  }

  /** Holds, of each panel, the numbers of its rows and its list. Another one after it grew. */
  get listed(): BufferRange {
    return this.#buffer;
  }

  /** Adds rows, whose numbers run from `first` on, to the lists that are named. */
  add(packed: PackedRows, lists: Uint32Array, first: number): void {
    const members: number[][] = Array.from({ length: this.lists }, () => []);
    lists.forEach((list, row) => members[list]!.push(row));
    members.forEach((rows, list) => {
      for (let done = 0; done < rows.length;) {
        const slot = this.#next[list] ?? this.#addPanel(list);
        const count = Math.min(rows.length - done, PANEL_ROWS - slot % PANEL_ROWS);
        const run = rows.slice(done, done + count);
        this.chunks[Math.floor(slot / this.chunkRows)]!.write(slot % this.chunkRows, this.#pick(packed, run));
        const at = Math.floor(slot / PANEL_ROWS) * PANEL_WORDS + slot % PANEL_ROWS;
        run.forEach((row, i) => this.#listed[at + i] = first + row);
        this.#next[list] = (slot + count) % PANEL_ROWS === 0 ? undefined : slot + count;
        done += count;
      }
    });
    this.#upload();
  }

  /** What the searches' kernels need to know of numbers. @param sought a word a query and list: 1, it is looked for there. */
  numbered(sought: BufferRange): NumberedRows {
    const listed = this.#buffer;
    return {
      compare: { text: compareText(this.lists), bindings: { listed, sought } },
      choose: { text: CHOOSE, bindings: { listed } },
    };
  }

  /** Ends its memory. */
  [Symbol.dispose](): void {
    for (const chunk of this.chunks) chunk[Symbol.dispose]();
    this.#buffer.buffer.destroy();
  }

  #addPanel(list: number): number {
    const panel = this.#panels++;
    if (panel * PANEL_ROWS >= this.capacity) {
      this.chunks.push(
        this.device.allOrNothing(() =>
          new DescriptorChunk(this.device, this.#layout, this.chunkRows, this.capacity)
        ),
      );
      const words = this.capacity / PANEL_ROWS * PANEL_WORDS;
      if (this.#listed.length < words) {
        const larger = new Uint32Array(Math.max(words, this.#listed.length * 2)).fill(NONE);
        larger.set(this.#listed);
        this.#listed = larger;
      }
    }
    this.#listed[panel * PANEL_WORDS + PANEL_ROWS] = list;
    return panel * PANEL_ROWS;
  }

  #pick({ bytes, scales }: PackedRows, rows: readonly number[]): PackedRows {
    const size = rowBytesOf(this.dimensions, this.type);
    const picked = new Uint8Array(rows.length * size);
    rows.forEach((row, i) => picked.set(bytes.subarray(row * size, (row + 1) * size), i * size));
    return {
      count: rows.length,
      bytes: picked,
      scales: scales && Float32Array.from(rows, (row) => scales[row]!),
    };
  }

  #upload(): void {
    if (this.#buffer.bytes < this.#listed.byteLength) {
      this.device.recordings.destroyAfter(this.#buffer.buffer);
      this.#buffer = storageBuffer(this.device, this.#listed.byteLength, "numbers in lists");
    }
    this.device.gpu.queue.writeBuffer(this.#buffer.buffer, 0, this.#listed);
  }
}

const NUMBER = `
fn number_of(row: u32) -> u32 { return listed[(row / 64u) * 65u + row % 64u]; }`;

function compareText(lists: number): string {
  return `
@group(0) @binding(7) var<storage, read> listed: array<u32>;
@group(0) @binding(8) var<storage, read> sought: array<u32>;${NUMBER}
fn seeks(query: u32, panel: u32) -> bool {
  let list = listed[panel * 65u + 64u];
  return list < ${lists}u && sought[query * ${lists}u + list] != 0u;
}
fn passes_over(panel: u32) -> bool {
  for (var q = 0u; q < QUERIES; q++) {
    if (seeks(params.first_query + q, panel)) { return false; }
  }
  return true;
}`;
}

// Panels are told apart by the lowest number that has their best key.
const CHOOSE = `
@group(0) @binding(5) var<storage, read> listed: array<u32>;${NUMBER}
fn number_of_panel(query: u32, panel: u32, key: u32) -> u32 {
  var least = 0xffffffffu;
  for (var i = 0u; i < 16u; i++) {
    let four = keys[(query * params.stride + panel * 64u) / 4u + i];
    for (var j = 0u; j < 4u; j++) {
      if (four[j] == key) { least = min(least, number_of(panel * 64u + i * 4u + j)); }
    }
  }
  return least;
}`;
