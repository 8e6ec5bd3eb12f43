/**
 * Reads protobuf messages field by field, with errors that name the place in the file.
 *
 * @module
 */

import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { OnnxError } from "./error.ts";

/** Deeper nesting than any network has; a damaged or hostile file must not exhaust the stack. */
const MAX_DEPTH = 100;

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** What is noted while a file is read, and reported together at its end. */
export interface Findings {
  /** What is wrong, one sentence each. */
  readonly problems: string[];
}

/** One protobuf message: a cursor over its fields. */
export class Message {
  /** What is noted while the whole file is read. */
  readonly findings: Findings;
  readonly #bytes: Uint8Array;
  readonly #reader: BinaryReader;
  readonly #parent: Message | undefined;
  readonly #label: string;
  readonly #depth: number;
  readonly #movable: boolean;
  #field = 0;
  #wire: WireType = WireType.Varint;

  private constructor(
    bytes: Uint8Array,
    label: string,
    findings: Findings,
    movable: boolean,
    parent?: Message,
  ) {
    this.findings = findings;
    this.#bytes = bytes;
    this.#reader = new BinaryReader(bytes);
    this.#parent = parent;
    this.#label = label;
    this.#depth = parent === undefined ? 0 : parent.#depth + 1;
    this.#movable = movable;
  }

  /** The outermost message of a file. If it is `movable`, its bytes may be changed: see {@linkcode Message.aligned}. */
  static root(bytes: Uint8Array, movable = false): Message {
    return new Message(bytes, "", { problems: [] }, movable);
  }

  /** The place of this message in the file, such as "graph.node[3]". */
  get path(): string {
    const outer = this.#parent?.path ?? "";
    return outer === "" ? this.#label : `${outer}.${this.#label}`;
  }

  /** Steps to the next field and gives its number; 0 at the end of the message. */
  next(): number {
    if (this.#reader.pos >= this.#reader.len) return 0;
    try {
      [this.#field, this.#wire] = this.#reader.tag();
    } catch (error) {
      throw this.#damaged(`no field begins at byte ${this.#offset}`, error);
    }
    return this.#field;
  }

  /** Passes over the present field. */
  skip(): void {
    try {
      this.#reader.skip(this.#wire, this.#field);
    } catch (error) {
      throw this.#damaged(`field ${this.#field} ends early`, error);
    }
  }

  /** Reads a whole number; beyond 2^53 it is rounded. */
  int(name: string): number {
    return Number(this.bigint(name));
  }

  /** Reads a signed 64-bit integer. */
  bigint(name: string): bigint {
    this.#expect(name, WireType.Varint);
    return this.#read(name, () => BigInt(this.#reader.int64()));
  }

  /** Reads a 32-bit float. */
  float(name: string): number {
    this.#expect(name, WireType.Bit32);
    return this.#read(name, () => this.#reader.float());
  }

  /** Reads a byte string: a view of the file. */
  bytes(name: string): Uint8Array {
    this.#expect(name, WireType.LengthDelimited);
    const length = this.#read(name, () => this.#reader.uint32());
    const remaining = this.#reader.len - this.#reader.pos;
    if (length > remaining) {
      throw this.#damaged(`"${name}" should take ${length} bytes, but only ${remaining} remain`);
    }
    const start = this.#reader.pos;
    this.#reader.pos += length;
    return this.#bytes.subarray(start, start + length);
  }

  /**
   * A byte string of this message at a multiple of `alignment` of its buffer, if the file may be changed: it is moved
   * towards the message's beginning, over fields that were read before. Otherwise as it is. What comes before it in
   * the message must not be read again.
   */
  aligned(bytes: Uint8Array, alignment: number): Uint8Array {
    const shift = bytes.byteOffset % alignment;
    const room = bytes.byteOffset - this.#bytes.byteOffset;
    if (!this.#movable || shift === 0 || shift > room) return bytes;
    const start = bytes.byteOffset - shift;
    new Uint8Array(bytes.buffer).copyWithin(start, bytes.byteOffset, bytes.byteOffset + bytes.length);
    return new Uint8Array(bytes.buffer, start, bytes.length);
  }

  /** Reads a text; bytes that are no UTF-8 become replacement characters. */
  string(name: string): string {
    return UTF8.decode(this.bytes(name));
  }

  /** Opens a message within this one. `index` tells the members of a repeated field apart in errors. */
  message(name: string, index?: number): Message {
    const bytes = this.bytes(name);
    if (this.#depth >= MAX_DEPTH) throw this.#damaged(`messages are nested more than ${MAX_DEPTH} deep`);
    const label = index === undefined ? name : `${name}[${index}]`;
    return new Message(bytes, label, this.findings, this.#movable, this);
  }

  /** Reads one or, packed, many 32-bit floats into `out`. */
  floats(name: string, out: number[]): void {
    this.#repeated(name, WireType.Bit32, (reader) => out.push(reader.float()));
  }

  /** Reads one or, packed, many 64-bit floats into `out`. */
  doubles(name: string, out: number[]): void {
    this.#repeated(name, WireType.Bit64, (reader) => out.push(reader.double()));
  }

  /** Reads one or, packed, many 32-bit integers into `out`. */
  int32s(name: string, out: number[]): void {
    this.#repeated(name, WireType.Varint, (reader) => out.push(reader.int32()));
  }

  /** Reads one or, packed, many signed 64-bit integers into `out`. */
  int64s(name: string, out: bigint[]): void {
    this.#repeated(name, WireType.Varint, (reader) => out.push(BigInt(reader.int64())));
  }

  /** Reads one or, packed, many unsigned 64-bit integers into `out`. */
  uint64s(name: string, out: bigint[]): void {
    this.#repeated(name, WireType.Varint, (reader) => out.push(BigInt(reader.uint64())));
  }

  /** An error about this message. */
  error(what: string): OnnxError {
    return this.#damaged(what);
  }

  #repeated(name: string, wire: WireType, read: (reader: BinaryReader) => void): void {
    if (this.#wire !== WireType.LengthDelimited) {
      this.#expect(name, wire);
      this.#read(name, () => read(this.#reader));
      return;
    }
    const packed = new BinaryReader(this.bytes(name));
    this.#read(name, () => {
      while (packed.pos < packed.len) read(packed);
    });
  }

  #read<T>(name: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw this.#damaged(`"${name}" ends early or is malformed`, error);
    }
  }

  #expect(name: string, wire: WireType): void {
    if (this.#wire === wire) return;
    throw this.#damaged(
      `"${name}" (field ${this.#field}) has wire type ${this.#wire}, but ONNX gives it ${wire}`,
    );
  }

  /** Where the next field begins in the file. */
  get #offset(): number {
    return this.#bytes.byteOffset - this.#origin + this.#reader.pos;
  }

  /** Where the file begins in its buffer. */
  get #origin(): number {
    return this.#parent === undefined ? this.#bytes.byteOffset : this.#parent.#origin;
  }

  #damaged(what: string, cause?: unknown): OnnxError {
    const where = this.path === "" ? "" : `${this.path}: `;
    const advice = "the file is damaged, incomplete or no ONNX model: download or export it again";
    return new OnnxError("Cannot read the ONNX model", { problems: [`${where}${what}; ${advice}`], cause });
  }
}
