/** A file, as the caller reaches it. */
export interface RandomAccessFile {
  /** Its length in bytes. */
  size(): Promise<number>;
  /** `length` bytes from `offset` on; the caller asks for none beyond the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Writes at the end. */
  append(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Cuts off what lies behind `length`. */
  truncate(length: number): Promise<void>;
  /** Waits until all that was written would survive a crash of the machine. */
  flush(): Promise<void>;
}
