import { MemoryFile } from "../files/memory_file.ts";
import type { RandomAccessFile } from "../files/random_access_file.ts";
import { MapError } from "./errors.ts";

/** A file of a folder, until it is closed. */
export interface MapFile extends RandomAccessFile, Disposable {}

/** A folder, as the caller reaches it: `mapFolder()` of `@framewise/framewise/video` is one on disk. */
export interface MapFolder {
  /** What messages call it: its path. */
  readonly label: string;
  /** Opens a file; makes it if it is not there, unless it is only read. */
  open(name: string, options?: { readOnly?: boolean }): Promise<MapFile>;
  /** Bytes of a file, or `undefined` if there is none. */
  size(name: string): Promise<number | undefined>;
  /** A whole file, or `undefined` if there is none. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** Writes a whole file so that after a crash at any moment it is the old or the new one, and survives one of the machine. */
  replace(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Removes a file, if it is there. */
  remove(name: string): Promise<void>;
  /**
   * Bars others from writing until it is disposed of, or its process ends in whatever way.
   *
   * @throws {MapError} if another one has it.
   */
  lock(): Promise<Disposable>;
}

/** A folder in memory. */
export class MemoryFolder implements MapFolder {
  /** What messages call it. */
  readonly label: string;
  /** Its files by name. */
  readonly files: Map<string, MemoryFile> = new Map();
  #locked = false;

  /** @param label what messages call it. */
  constructor(label = "in memory") {
    this.label = label;
  }

  /** See {@linkcode MapFolder}. */
  open(name: string, options: { readOnly?: boolean } = {}): Promise<MapFile> {
    let file = this.files.get(name);
    if (!file) {
      if (options.readOnly) return Promise.reject(new MapError(`Cannot open ${name}: it is not there`));
      this.files.set(name, file = new MemoryFile());
    }
    return Promise.resolve(file);
  }

  /** See {@linkcode MapFolder}. */
  async size(name: string): Promise<number | undefined> {
    return await this.files.get(name)?.size();
  }

  /** See {@linkcode MapFolder}. */
  async read(name: string): Promise<Uint8Array | undefined> {
    const file = this.files.get(name);
    return file && await file.read(0, await file.size());
  }

  /** See {@linkcode MapFolder}. */
  async replace(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const file = new MemoryFile();
    await file.append(bytes);
    this.files.set(name, file);
  }

  /** See {@linkcode MapFolder}. */
  remove(name: string): Promise<void> {
    this.files.delete(name);
    return Promise.resolve();
  }

  /** See {@linkcode MapFolder}. */
  lock(): Promise<Disposable> {
    if (this.#locked) {
      return Promise.reject(
        new MapError(`Cannot write to the map "${this.label}": it is open already; close it first`),
      );
    }
    this.#locked = true;
    return Promise.resolve({ [Symbol.dispose]: () => void (this.#locked = false) });
  }
}
