/**
 * The file of a {@linkcode DescriptorIndex}: a header of 32 bytes and records of one size, so that it is appended to
 * frame by frame, and read in pieces. All numbers are little-endian.
 *
 *     0  "FWPLACE\0"             16  type: 0 f32, 1 f16, 2 i8
 *     8  version, 1              20  metric: 0 inner product, 1 squared distance
 *     12 dimensions              24  bytes of a record
 *                                28  CRC-32 of the 28 bytes before
 *
 * A record is the row as the index keeps it, padded to 16 elements; for i8 its factor, f32; and the CRC-32 of the
 * record's number (u32) followed by all that. A crash can leave the last records torn or as zeros: they do not check,
 * and are dropped when the file is opened.
 *
 * @module
 */
import { crc32 } from "../files/crc32.ts";
import type { RandomAccessFile } from "../files/random_access_file.ts";
import type { DescriptorIndex } from "./descriptor_index.ts";
import type { IvfIndex } from "./ivf_index.ts";
import { type DescriptorMetric, type DescriptorType, type PackedRows, rowBytesOf } from "./packing.ts";

/** What is wrong with an index file. */
export class IndexFileError extends Error {
  override readonly name = "IndexFileError";
}

/** What the rows of a file are. */
export interface IndexFileLayout {
  /** Elements of a descriptor. */
  readonly dimensions: number;
  /** How they are kept. */
  readonly type: DescriptorType;
  /** What they are compared by. */
  readonly metric: DescriptorMetric;
}

const MAGIC = "FWPLACE\0";
const VERSION = 1;
const HEADER_BYTES = 32;
const TYPES: readonly DescriptorType[] = ["f32", "f16", "i8"];
const METRICS: readonly DescriptorMetric[] = ["inner_product", "l2"];
const PIECE_BYTES = 1 << 20;

/** An open file of descriptors. Calls are made one after the other, each when the last has ended. */
export class IndexFile {
  /** What its rows are. */
  readonly layout: IndexFileLayout;
  /** Bytes at its end that did not check when it was opened, and were dropped. */
  readonly droppedBytes: number;
  readonly #file: RandomAccessFile;
  readonly #rowBytes: number;
  readonly #recordBytes: number;
  #rows: number;
  #torn = false;

  private constructor(file: RandomAccessFile, layout: IndexFileLayout, rows: number, droppedBytes: number) {
    this.#file = file;
    this.layout = layout;
    this.#rowBytes = rowBytesOf(layout.dimensions, layout.type);
    this.#recordBytes = recordBytesOf(layout);
    this.#rows = rows;
    this.droppedBytes = droppedBytes;
  }

  /**
   * Opens a file. What is torn at its end is cut off. An empty file, or one whose making was cut short, becomes one
   * without rows.
   *
   * @param layout what the rows must be; without it, whatever the file says, and an empty file is refused.
   * @param options `repair`: check every record, and cut off the first that does not check with all that follow it;
   * otherwise records are checked when they are read.
   * @throws {IndexFileError} if it is no such file, or of other rows.
   */
  static async open(
    file: RandomAccessFile,
    layout?: IndexFileLayout,
    options: { repair?: boolean } = {},
  ): Promise<IndexFile> {
    const size = await file.size();
    if (size < HEADER_BYTES) {
      const start = await file.read(0, size);
      const wanted = layout && headerOf(layout);
      if (!wanted || start.some((byte, i) => byte !== wanted[i] && byte !== 0)) {
        throw new IndexFileError(
          `Cannot open an index file of ${size} bytes: its header has ${HEADER_BYTES}` +
            (wanted
              ? ", and these are not the beginning of one"
              : "; say what its rows are to begin a new one"),
        );
      }
      await file.truncate(0);
      await file.append(wanted);
      await file.flush();
      return new IndexFile(file, layout, 0, size);
    }
    const found = parseHeader(await file.read(0, HEADER_BYTES));
    if (
      layout && Object.entries(found).some(([key, value]) => layout[key as keyof IndexFileLayout] !== value)
    ) {
      throw new IndexFileError(
        `Cannot open an index file of ${describe(found)} for ${
          describe(layout)
        }: use another file, or make the index like it`,
      );
    }
    const bytes = recordBytesOf(found);
    const whole = Math.floor((size - HEADER_BYTES) / bytes);
    const probe = new IndexFile(file, found, whole, 0);
    const rows = options.repair ? await probe.#wholeFromStart() : await probe.#wholeFromEnd();
    const end = HEADER_BYTES + rows * bytes;
    if (end < size) await file.truncate(end);
    return new IndexFile(file, found, rows, size - end);
  }

  /** Descriptors in it. */
  get rows(): number {
    return this.#rows;
  }

  /**
   * Writes rows at its end, in one call of the file's `append`. They survive a crash of the process from then on, and
   * one of the machine after {@linkcode flush}.
   *
   * @throws {IndexFileError} if the rows are of another size; and what the file throws: nothing was added then.
   */
  async append(packed: PackedRows): Promise<void> {
    const scaled = this.layout.type === "i8";
    if (
      packed.bytes.length !== packed.count * this.#rowBytes ||
      packed.scales?.length !== (scaled ? packed.count : undefined)
    ) {
      throw new IndexFileError(
        `Cannot append ${packed.count} rows of ${packed.bytes.length} bytes to an index file of ${
          describe(this.layout)
        }: it takes ${this.#rowBytes} bytes a row${scaled ? " and a factor" : ""}`,
      );
    }
    const bytes = new Uint8Array(packed.count * this.#recordBytes);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < packed.count; i++) {
      const at = i * this.#recordBytes, checked = this.#recordBytes - 4;
      bytes.set(packed.bytes.subarray(i * this.#rowBytes, (i + 1) * this.#rowBytes), at);
      if (packed.scales) view.setFloat32(at + this.#rowBytes, packed.scales[i]!, true);
      view.setUint32(at + checked, checksum(this.#rows + i, bytes.subarray(at, at + checked)), true);
    }
    if (this.#torn) await this.#file.truncate(HEADER_BYTES + this.#rows * this.#recordBytes);
    this.#torn = true;
    await this.#file.append(bytes);
    this.#torn = false;
    this.#rows += packed.count;
  }

  /** Cuts off the rows from row `rows` on, and what an append that failed left behind them. */
  async truncate(rows: number): Promise<void> {
    if (rows >= this.#rows && !this.#torn) return;
    const left = Math.min(rows, this.#rows);
    await this.#file.truncate(HEADER_BYTES + left * this.#recordBytes);
    this.#rows = left;
    this.#torn = false;
  }

  /** Waits until all that was appended would survive a crash of the machine. */
  async flush(): Promise<void> {
    await this.#file.flush();
  }

  /**
   * Reads some rows.
   *
   * @throws {RangeError} for rows that are not there.
   * @throws {IndexFileError} if one of them does not check.
   */
  async read(first: number, count: number): Promise<PackedRows> {
    if (
      !(Number.isInteger(first) && Number.isInteger(count) && first >= 0 && count >= 0 &&
        first + count <= this.#rows)
    ) {
      throw new RangeError(`Cannot read rows ${first} to ${first + count}: the index file has ${this.#rows}`);
    }
    const { packed, whole } = await this.#read(first, count);
    if (whole < count) {
      throw new IndexFileError(
        `Cannot read row ${
          first + whole
        } of the index file: its checksum is wrong, and later rows are whole; open the ` +
          `file with repair to keep the ${first + whole} rows before it`,
      );
    }
    return packed;
  }

  /** All rows from `first` on in pieces of about a mebibyte. @throws {IndexFileError} at a row that does not check. */
  async *pieces(first = 0): AsyncGenerator<PackedRows> {
    const step = this.#pieceRows;
    for (let row = first; row < this.#rows; row += step) {
      yield await this.read(row, Math.min(step, this.#rows - row));
    }
  }

  get #pieceRows(): number {
    return Math.max(1, Math.floor(PIECE_BYTES / this.#recordBytes));
  }

  async #wholeFromStart(): Promise<number> {
    for (let row = 0; row < this.#rows; row += this.#pieceRows) {
      const count = Math.min(this.#pieceRows, this.#rows - row);
      const { whole } = await this.#read(row, count);
      if (whole < count) return row + whole;
    }
    return this.#rows;
  }

  async #wholeFromEnd(): Promise<number> {
    let rows = this.#rows;
    while (rows > 0 && (await this.#read(rows - 1, 1)).whole === 0) rows--;
    return rows;
  }

  /** Reads records; `whole` of them check, up to the first that does not. */
  async #read(first: number, count: number): Promise<{ packed: PackedRows; whole: number }> {
    const record = this.#recordBytes, rowBytes = this.#rowBytes;
    const bytes = await this.#file.read(HEADER_BYTES + first * record, count * record);
    if (bytes.length !== count * record) {
      throw new IndexFileError(
        `Cannot read rows ${first} to ${first + count} of the index file: ${bytes.length} bytes came for ${
          count * record
        }`,
      );
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const packed = {
      count,
      bytes: new Uint8Array(count * rowBytes),
      scales: this.layout.type === "i8" ? new Float32Array(count) : undefined,
    };
    for (let i = 0; i < count; i++) {
      const at = i * record, checked = bytes.subarray(at, at + record - 4);
      if (checksum(first + i, checked) !== view.getUint32(at + record - 4, true)) return { packed, whole: i };
      packed.bytes.set(checked.subarray(0, rowBytes), i * rowBytes);
      if (packed.scales) packed.scales[i] = view.getFloat32(at + rowBytes, true);
    }
    return { packed, whole: count };
  }
}

/**
 * Adds a file's rows to an index that holds its first ones, or none yet, piece by piece.
 *
 * @throws {IndexFileError} if they are of another kind, or a row does not check: those before it were added.
 */
export async function loadIndex(index: DescriptorIndex | IvfIndex, file: IndexFile): Promise<void> {
  refuseOther(index, file);
  for await (const piece of file.pieces(index.rows)) await index.addPacked(piece);
}

/**
 * Appends to a file the rows of an index that it does not have yet, piece by piece, and flushes it. The file's rows must be
 * the index's first ones.
 *
 * @throws {IndexFileError} if they are of another kind, or the file has more rows.
 */
export async function saveIndex(index: DescriptorIndex, file: IndexFile): Promise<void> {
  refuseOther(index, file);
  if (file.rows > index.rows) {
    throw new IndexFileError(
      `Cannot save an index of ${index.rows} rows to a file that has ${file.rows}: use the file that it was loaded from, ` +
        `or a new one`,
    );
  }
  const step = Math.max(1, Math.floor(PIECE_BYTES / recordBytesOf(file.layout)));
  while (file.rows < index.rows) {
    await file.append(await index.readPacked(file.rows, Math.min(step, index.rows - file.rows)));
  }
  await file.flush();
}

function refuseOther(index: DescriptorIndex | IvfIndex, { layout }: IndexFile): void {
  const { dimensions, type, metric } = index;
  if (dimensions !== layout.dimensions || type !== layout.type || metric !== layout.metric) {
    throw new IndexFileError(
      `Cannot use an index file of ${describe(layout)} for an index of ${
        describe(index)
      }: make the two the same`,
    );
  }
}

function recordBytesOf({ dimensions, type }: IndexFileLayout): number {
  return rowBytesOf(dimensions, type) + (type === "i8" ? 4 : 0) + 4;
}

/** The number of a record is checked too, so that one in another's place is found. */
function checksum(row: number, record: Uint8Array): number {
  return crc32(record, crc32(new Uint8Array([row, row >>> 8, row >>> 16, row >>> 24])));
}

function describe({ dimensions, type, metric }: IndexFileLayout): string {
  return `${dimensions} dimensions, ${type}, ${metric}`;
}

function headerOf(layout: IndexFileLayout): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < MAGIC.length; i++) bytes[i] = MAGIC.charCodeAt(i);
  const { dimensions, type, metric } = layout;
  [VERSION, dimensions, TYPES.indexOf(type), METRICS.indexOf(metric), recordBytesOf(layout)]
    .forEach((value, i) => view.setUint32(8 + i * 4, value, true));
  view.setUint32(28, crc32(bytes.subarray(0, 28)), true);
  return bytes;
}

function parseHeader(bytes: Uint8Array): IndexFileLayout {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [version, dimensions, type, metric, record] = [8, 12, 16, 20, 24].map((at) =>
    view.getUint32(at, true)
  );
  if ([...MAGIC].some((c, i) => bytes[i] !== c.charCodeAt(0))) {
    throw new IndexFileError(
      `Cannot open the index file: it does not begin with "FWPLACE"; give a file that it wrote`,
    );
  }
  if (crc32(bytes.subarray(0, 28)) !== view.getUint32(28, true)) {
    throw new IndexFileError(
      "Cannot open the index file: its header is damaged (wrong checksum); use a copy of it",
    );
  }
  if (version !== VERSION) {
    throw new IndexFileError(
      `Cannot open the index file: it is of version ${version}, and this reads ${VERSION}`,
    );
  }
  const layout = { dimensions: dimensions!, type: TYPES[type!]!, metric: METRICS[metric!]! };
  if (!layout.type || !layout.metric || dimensions === 0 || recordBytesOf(layout) !== record) {
    throw new IndexFileError(
      `Cannot open the index file: its header says type ${type}, metric ${metric}, ${dimensions} dimensions, records of ` +
        `${record} bytes, which does not come out`,
    );
  }
  return layout;
}
