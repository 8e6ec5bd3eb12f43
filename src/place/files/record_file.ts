/**
 * A file of records of any length, which is appended to, read anywhere, and survives a crash. All numbers are little-endian.
 *
 *     0  "FWRECRD\0"             16  0
 *     8  version, 1              20  CRC-32 of the 20 bytes before
 *    12  what the records are: four letters
 *
 * A record begins at a multiple of 8 bytes, with 24 bytes before its content:
 *
 *     0  "FWRC"                  12  records that had been flushed when it was written
 *     4  bytes of the content    16  CRC-32 of the content
 *     8  its number              20  CRC-32 of the 20 bytes before
 *
 * A crash of the process tears at most the record that was being written; one of the machine tears any of those that had
 * not been flushed. What does not check at the end is therefore dropped when the file is opened, and a record that does not check
 * before one that says that it had been flushed is told as damage.
 *
 * @module
 */
import { crc32 } from "./crc32.ts";
import type { RandomAccessFile } from "./random_access_file.ts";
import { ReadAhead } from "./read_ahead.ts";

/** What is wrong with a file of records. */
export class RecordFileError extends Error {
  override readonly name = "RecordFileError";
}

/** How a file of records is opened. */
export interface RecordFileOptions {
  /** What the records are: four letters, which the file must have too. */
  kind: string;
  /**
   * Where the first records begin, if that is written elsewhere: these are not read one by one. Only those from `safe` on,
   * and the last, are checked.
   */
  known?: { readonly positions: ArrayLike<number>; readonly safe: number };
  /** Is called with every record that is read on opening, in order: not with the known ones. */
  visit?: (content: Uint8Array, number: number) => void;
  /** Cuts off a damaged record and all that follow it, where opening would throw. */
  repair?: boolean;
  /** Records after which {@linkcode RecordFile.append} flushes. Default: it never does. */
  flushRecords?: number;
  /** Seconds after which {@linkcode RecordFile.append} flushes. Default: it never does. */
  flushSeconds?: number;
}

const MAGIC = "FWRECRD\0";
const VERSION = 1;
const HEADER_BYTES = 24;
/** Bytes before a record's content. */
const HEAD_BYTES = 24;
/** "FWRC". */
const MARK = 0x43525746;

/** Bytes that a record of some content takes. */
function recordBytes(content: number): number {
  return HEAD_BYTES + Math.ceil(content / 8) * 8;
}

/** An open file of records. Appending, cutting and flushing are done one after the other, each when the last has ended. */
export class RecordFile {
  /** Bytes at its end that did not check when it was opened, and were dropped. */
  readonly droppedBytes: number;
  readonly #file: RandomAccessFile;
  readonly #options: RecordFileOptions;
  readonly #positions: Positions;
  #flushed: number;
  #flushedAt = performance.now();
  #torn = false;

  private constructor(
    file: RandomAccessFile,
    options: RecordFileOptions,
    positions: Positions,
    flushed: number,
    droppedBytes: number,
  ) {
    this.#file = file;
    this.#options = options;
    this.#positions = positions;
    this.#flushed = flushed;
    this.droppedBytes = droppedBytes;
  }

  /**
   * Opens a file and cuts off what is torn at its end. An empty file, or one whose making was cut short, becomes one
   * without records.
   *
   * @throws {RecordFileError} if it is no such file, has records of another kind, or one of them is damaged.
   */
  static async open(file: RandomAccessFile, options: RecordFileOptions): Promise<RecordFile> {
    const size = await file.size();
    const header = headerOf(options.kind);
    const found = await file.read(0, Math.min(size, HEADER_BYTES));
    if (size < HEADER_BYTES) {
      if (found.some((byte, i) => byte !== header[i] && byte !== 0)) {
        throw new RecordFileError(
          `Cannot open a file of ${size} bytes as one of records: they are not the beginning of one`,
        );
      }
      await file.truncate(0);
      await file.append(header);
      await file.flush();
      return new RecordFile(file, options, new Positions(HEADER_BYTES), 0, size);
    }
    checkHeader(found, options.kind);
    const { positions, flushed } = await scan(file, size, options);
    if (positions.end < size) await file.truncate(positions.end);
    return new RecordFile(file, options, positions, flushed, size - positions.end);
  }

  /** Records in it. */
  get count(): number {
    return this.#positions.count;
  }

  /** Records that would survive a crash of the machine, as far as this is known. */
  get flushed(): number {
    return this.#flushed;
  }

  /** Its length in bytes. */
  get bytes(): number {
    return this.#positions.end;
  }

  /** Where a record begins, in bytes. */
  position(number: number): number {
    this.#check(number);
    return this.#positions.at(number);
  }

  /**
   * Writes a record at its end, in one call of the file's `append`. It survives a crash of the process from then on, and one of
   * the machine after {@linkcode flush}.
   *
   * @returns its number.
   * @throws {Error} what the file throws: nothing was added then.
   */
  async append(content: Uint8Array): Promise<number> {
    const number = this.count, { end } = this.#positions;
    const bytes = new Uint8Array(recordBytes(content.length));
    const view = new DataView(bytes.buffer);
    bytes.set(content, HEAD_BYTES);
    [MARK, content.length, number, this.#flushed, crc32(content)].forEach((value, i) =>
      view.setUint32(i * 4, value, true)
    );
    view.setUint32(20, crc32(bytes.subarray(0, 20)), true);
    if (this.#torn) await this.#file.truncate(end);
    this.#torn = true;
    await this.#file.append(bytes);
    this.#torn = false;
    this.#positions.push(bytes.length);
    const { flushRecords = Infinity, flushSeconds = Infinity } = this.#options;
    if (
      this.count - this.#flushed >= flushRecords ||
      performance.now() - this.#flushedAt >= flushSeconds * 1000
    ) {
      await this.flush();
    }
    return number;
  }

  /**
   * Waits until all that was appended would survive a crash of the machine.
   *
   * @param count records that are then told as flushed; for those whose other parts, in other files, were. Default: all.
   */
  async flush(count: number = this.count): Promise<void> {
    await this.#file.flush();
    this.#flushed = Math.max(this.#flushed, Math.min(count, this.count));
    this.#flushedAt = performance.now();
  }

  /**
   * The content of a record.
   *
   * @throws {RangeError} if there is no such record.
   * @throws {RecordFileError} if it does not check.
   */
  async read(number: number): Promise<Uint8Array<ArrayBuffer>> {
    this.#check(number);
    const start = this.#positions.at(number), length = this.#positions.endOf(number) - start;
    const bytes = await this.#file.read(start, length);
    const content = contentOf(bytes, number);
    if (!content || recordBytes(content.length) !== length) {
      throw new RecordFileError(
        `Cannot read record ${number} of ${this.count}: its checksum is wrong, and later records are whole; open ` +
          `the file with repair to keep the ${number} before it`,
      );
    }
    return content.slice();
  }

  /** All records from `first` on, read in pieces of about a mebibyte. @throws {RecordFileError} as {@linkcode read} does. */
  async *records(first = 0): AsyncGenerator<Uint8Array> {
    const ahead = new ReadAhead(this.#file, this.bytes);
    for (let number = first; number < this.count; number++) {
      const start = this.#positions.at(number);
      const content = contentOf(await ahead.read(start, this.#positions.endOf(number) - start), number);
      yield content ?? await this.read(number);
    }
  }

  /** Cuts off the records from number `count` on, and what an append that failed left behind them. */
  async truncate(count: number): Promise<void> {
    const cut = count < this.count;
    if (!cut && !this.#torn) return;
    await this.#file.truncate(cut ? this.#positions.at(count) : this.bytes);
    if (cut) this.#positions.cut(count);
    this.#flushed = Math.min(this.#flushed, count);
    this.#torn = false;
  }

  #check(number: number): void {
    if (!(Number.isInteger(number) && number >= 0 && number < this.count)) {
      throw new RangeError(`Cannot read record ${number}: the file has ${this.count}, from 0 on`);
    }
  }
}

/** Where records begin, and where the last one ends. Grows by doubling. */
class Positions {
  #starts = new Float64Array(64);
  #count = 0;

  constructor(public end: number) {}

  get count(): number {
    return this.#count;
  }

  at(number: number): number {
    return this.#starts[number]!;
  }

  endOf(number: number): number {
    return number + 1 < this.#count ? this.at(number + 1) : this.end;
  }

  /** Adds a record at the end. */
  push(bytes: number): void {
    if (this.#count === this.#starts.length) {
      const starts = new Float64Array(this.#count * 2);
      starts.set(this.#starts);
      this.#starts = starts;
    }
    this.#starts[this.#count++] = this.end;
    this.end += bytes;
  }

  cut(count: number): void {
    this.end = this.at(count);
    this.#count = count;
  }
}

/** Finds the whole records. */
async function scan(
  file: RandomAccessFile,
  size: number,
  { known, visit, repair }: RecordFileOptions,
): Promise<{ positions: Positions; flushed: number }> {
  const positions = new Positions(HEADER_BYTES);
  const ahead = new ReadAhead(file, size);
  let flushed = 0;
  const { positions: given, safe } = known ?? { positions: [], safe: 0 };
  // A known record is there if the next one begins where it ends; the last, and those after `safe`, are read.
  for (let i = 0; i < Math.min(safe, given.length) - 1 && given[i] === positions.end; i++) {
    const next = given[i + 1]!;
    if (next > size - HEAD_BYTES || next <= positions.end) break;
    positions.push(next - positions.end);
  }
  for (;;) {
    const head = headOf(await ahead.read(positions.end, HEAD_BYTES), positions.count);
    const length = head ? recordBytes(head.length) : 0;
    const content = head && positions.end + length <= size
      ? contentOf(await ahead.read(positions.end, length), positions.count)
      : undefined;
    if (!head || !content) break;
    flushed = Math.max(flushed, head.flushed);
    visit?.(content, positions.count);
    positions.push(length);
  }
  if (!repair && positions.end < size) {
    const later = await findLater(ahead, positions.end + 8, size, positions.count);
    if (later !== undefined) {
      throw new RecordFileError(
        `Cannot open the file: record ${positions.count} at byte ${positions.end} is damaged, and record ${later} behind it ` +
          `is whole, so that this is no torn end; open the file with repair to keep the ${positions.count} records before it`,
      );
    }
  }
  return { positions, flushed: Math.min(flushed, positions.count) };
}

/** The number of a whole record from byte `start` on that was written when record `number` had been flushed. */
async function findLater(
  ahead: ReadAhead,
  start: number,
  size: number,
  number: number,
): Promise<number | undefined> {
  for (let at = Math.ceil(start / 8) * 8; at + HEAD_BYTES <= size; at += 8) {
    const bytes = await ahead.peek(at, HEAD_BYTES);
    const head = bytes && markOf(bytes) === MARK ? headOf(bytes) : undefined;
    if (!head || head.number <= number || head.flushed <= number) continue;
    const length = recordBytes(head.length);
    if (at + length <= size && contentOf(await ahead.read(at, length), head.number)) return head.number;
  }
  return undefined;
}

function markOf(bytes: Uint8Array): number {
  return (bytes[0]! | bytes[1]! << 8 | bytes[2]! << 16 | bytes[3]! << 24) >>> 0;
}

interface Head {
  readonly length: number;
  readonly number: number;
  readonly flushed: number;
  readonly crc: number;
}

/** What stands before a record's content, if it checks; with `number`, only if it is that one. */
function headOf(bytes: Uint8Array, number?: number): Head | undefined {
  if (bytes.length < HEAD_BYTES || markOf(bytes) !== MARK) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const head = {
    length: view.getUint32(4, true),
    number: view.getUint32(8, true),
    flushed: view.getUint32(12, true),
    crc: view.getUint32(16, true),
  };
  if (crc32(bytes.subarray(0, 20)) !== view.getUint32(20, true)) return undefined;
  return number === undefined || head.number === number ? head : undefined;
}

/** A record's content, if all of it checks. */
function contentOf(bytes: Uint8Array, number: number): Uint8Array | undefined {
  const head = headOf(bytes, number);
  if (!head || bytes.length < recordBytes(head.length)) return undefined;
  const content = bytes.subarray(HEAD_BYTES, HEAD_BYTES + head.length);
  return crc32(content) === head.crc ? content : undefined;
}

function headerOf(kind: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < MAGIC.length; i++) bytes[i] = MAGIC.charCodeAt(i);
  view.setUint32(8, VERSION, true);
  for (let i = 0; i < 4; i++) bytes[12 + i] = kind.charCodeAt(i);
  view.setUint32(20, crc32(bytes.subarray(0, 20)), true);
  return bytes;
}

function checkHeader(bytes: Uint8Array, kind: string): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (at: number, length: number): string =>
    String.fromCharCode(...bytes.subarray(at, at + length));
  if (text(0, MAGIC.length) !== MAGIC) {
    throw new RecordFileError(
      `Cannot open the file: it does not begin with "FWRECRD"; give one that was written so`,
    );
  }
  if (crc32(bytes.subarray(0, 20)) !== view.getUint32(20, true)) {
    throw new RecordFileError(
      "Cannot open the file: its header is damaged (wrong checksum); use a copy of it",
    );
  }
  const version = view.getUint32(8, true);
  if (version !== VERSION) {
    throw new RecordFileError(`Cannot open the file: it is of version ${version}, and this reads ${VERSION}`);
  }
  if (text(12, 4) !== kind) {
    throw new RecordFileError(
      `Cannot open the file: its records are "${
        text(12, 4)
      }", and "${kind}" is wanted; were files exchanged?`,
    );
  }
}
