/**
 * The files of a map. In a folder: `map.json` (what it was made with), `descriptors.fwi` (an index file), `features.fwr`
 * and `frames.fwr` (files of records: the local features; and name, time, bag, result, covisibility). A frame is written in
 * this order and flushed in this order, so that one whose record in `frames.fwr` is whole is whole in all of them after the
 * process was killed; after a crash of the machine the files are cut to the frames that are whole in all.
 *
 * @module
 */
import { frozenFile } from "../files/frozen_file.ts";
import type { RandomAccessFile } from "../files/random_access_file.ts";
import { RecordFile } from "../files/record_file.ts";
import { IndexFile, IndexFileError } from "../index/index_file.ts";
import type { PackedRows } from "../index/packing.ts";
import { MapError } from "./errors.ts";
import type { MapFolder } from "./map_folder.ts";
import { type FrameHead, unpackFrameHead } from "./map_frame.ts";
import { manifestOf, type MapNetworks } from "./map_networks.ts";

/** The name of the manifest. */
export const MANIFEST = "map.json";
/** The names of the files that grow, in the order in which a frame is written. */
export const DATA_FILES = ["descriptors.fwi", "features.fwr", "frames.fwr"] as const;

/** The most that a file without frames holds. */
const HEADER_BYTES = 32;
const PIECE_BYTES = 1 << 20;

/** What was found on opening. */
export interface MapOpened {
  /** Frames that are whole. */
  readonly frames: number;
  /** Frames of which something was found, but not everything: they were being written, or not flushed, at a crash. */
  readonly droppedFrames: number;
  /** Bytes of them, in all files. */
  readonly droppedBytes: number;
}

/** Says what a map lost when it was opened; `undefined` if nothing. */
export function describeLoss(
  { label, opened: { frames, droppedFrames, droppedBytes } }: { label: string; opened: MapOpened },
): string | undefined {
  if (droppedFrames === 0 && droppedBytes === 0) return undefined;
  const counted = (count: number, noun: string): string =>
    `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
  return `the map "${label}" was not closed: the last ${counted(droppedFrames, "frame")} (${
    counted(droppedBytes, "byte")
  }) were not whole and are dropped; ${counted(frames, "frame")} before are kept`;
}

/** The open files of a map. Calls that write are made one after the other. */
export class MapFiles implements Disposable {
  /** What was found. */
  readonly opened: MapOpened;
  /** The global descriptors. */
  readonly descriptors: IndexFile | undefined;
  /** The local features. */
  readonly features: RecordFile | undefined;
  /** All else. */
  readonly frames: RecordFile;
  readonly #files: readonly RandomAccessFile[];
  readonly #closing: DisposableStack;

  private constructor(
    parts: Pick<MapFiles, "opened" | "descriptors" | "features" | "frames">,
    files: readonly RandomAccessFile[],
    closing: DisposableStack,
  ) {
    this.opened = parts.opened;
    this.descriptors = parts.descriptors;
    this.features = parts.features;
    this.frames = parts.frames;
    this.#files = files;
    this.#closing = closing;
  }

  /** Begins a map without frames. @throws {MapError} if files of one are there. */
  static async create(folder: MapFolder, networks: MapNetworks): Promise<void> {
    await MapFiles.#refuseLeftovers(folder);
    // The manifest comes last: where it is, the others are too, whatever happened meanwhile.
    const { files } = await MapFiles.open(folder, networks, {});
    files[Symbol.dispose]();
    await folder.replace(MANIFEST, manifestOf(networks));
  }

  static async #refuseLeftovers(folder: MapFolder): Promise<void> {
    for (const name of DATA_FILES) {
      const size = await folder.size(name);
      // A header alone is no loss: a map whose making was cut short.
      if (size !== undefined && size > HEADER_BYTES) {
        throw new MapError(
          `Cannot begin a map in "${folder.label}": ${name} is there and ${MANIFEST} is not; put that back, or ` +
            `use another folder`,
        );
      }
      await folder.remove(name);
    }
  }

  /** Opens the files, and cuts them to the frames that are whole in all; if they are only read, for this reader. */
  static async open(
    folder: MapFolder,
    networks: MapNetworks,
    { readOnly = false, repair = false }: { readOnly?: boolean; repair?: boolean },
  ): Promise<{ files: MapFiles; heads: FrameHead[] }> {
    using closing = new DisposableStack();
    const files: RandomAccessFile[] = [];
    const open = async (name: string): Promise<RandomAccessFile> => {
      const file = closing.use(await folder.open(name, { readOnly }));
      files.push(readOnly ? await frozenFile(file) : file);
      return files.at(-1)!;
    };
    try {
      const [descriptorsName, featuresName, framesName] = DATA_FILES;
      const descriptorsFile = networks.embedding && await open(descriptorsName);
      const featuresFile = networks.features && await open(featuresName);
      const framesFile = await open(framesName);
      const before = await sizes(files);
      const heads: FrameHead[] = [];
      const frames = await RecordFile.open(framesFile, {
        kind: "FRAM",
        repair,
        visit: (content) => heads.push(unpackFrameHead(content)),
      });
      const safe = repair ? 0 : frames.flushed;
      const features = featuresFile && await RecordFile.open(featuresFile, {
        kind: "FEAT",
        repair,
        known: { positions: heads.map(({ f }) => f ?? -1), safe },
      });
      const { dimensions, type, metric } = networks.embedding ?? {};
      const descriptors = descriptorsFile &&
        await IndexFile.open(descriptorsFile, { dimensions: dimensions!, type: type!, metric: metric! });
      const parts = [frames, features].filter((part) => part !== undefined);
      const found = parts.map(({ count, droppedBytes }) => count + (droppedBytes > 0 ? 1 : 0));
      const whole = parts.map(({ count }) => count);
      if (descriptors) {
        found.push(descriptors.rows + (descriptors.droppedBytes > 0 ? 1 : 0));
        whole.push(await wholeRows(descriptors, safe));
      }
      const count = Math.min(...whole);
      await frames.truncate(count);
      await features?.truncate(count);
      await descriptors?.truncate(count);
      heads.length = count;
      const after = await sizes(files);
      // Headers that were made now are no frames.
      const droppedBytes = before.reduce((sum, size, i) => sum + Math.max(0, size - after[i]!), 0);
      const opened = { frames: count, droppedFrames: Math.max(...found) - count, droppedBytes };
      const closer = closing.move();
      return { files: new MapFiles({ opened, descriptors, features, frames }, files, closer), heads };
    } catch (cause) {
      if (cause instanceof MapError) throw cause;
      throw new MapError(`Cannot open the map "${folder.label}": ${messageOf(cause)}`, { cause });
    }
  }

  /** Waits until all frames that there are now would survive a crash of the machine. */
  async flush(): Promise<void> {
    const { count } = this.frames;
    await this.descriptors?.flush();
    await this.features?.flush();
    await this.frames.flush(count);
  }

  /** Cuts off what a write that failed left of a frame. */
  async cut(count: number): Promise<void> {
    await this.frames.truncate(count);
    await this.features?.truncate(count);
    await this.descriptors?.truncate(count);
  }

  /** One row of the descriptors. */
  async descriptor(id: number): Promise<PackedRows | undefined> {
    return await this.descriptors?.read(id, 1);
  }

  /**
   * Copies the files, as they are now, into a folder without a map, the manifest last.
   *
   * @throws {MapError} if it cannot be written: what was is removed then.
   */
  async copy(folder: MapFolder, networks: MapNetworks): Promise<void> {
    await MapFiles.#refuseLeftovers(folder);
    const names = DATA_FILES.filter((_, i) => [this.descriptors, this.features, this.frames][i]);
    try {
      for (const [i, name] of names.entries()) {
        using to = await folder.open(name);
        const from = this.#files[i]!, size = await from.size();
        for (let at = 0; at < size; at += PIECE_BYTES) {
          await to.append(new Uint8Array(await from.read(at, Math.min(PIECE_BYTES, size - at))));
        }
        await to.flush();
      }
      await folder.replace(MANIFEST, manifestOf(networks));
    } catch (cause) {
      for (const name of [MANIFEST, ...names]) await folder.remove(name);
      throw new MapError(`Cannot save the map to "${folder.label}": ${messageOf(cause)}`, { cause });
    }
  }

  /** Closes the files. */
  [Symbol.dispose](): void {
    this.#closing[Symbol.dispose]();
  }
}

/** The message of what was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function sizes(files: readonly RandomAccessFile[]): Promise<number[]> {
  const list: number[] = [];
  for (const file of files) list.push(await file.size());
  return list;
}

/** How many rows are whole: those from `safe` on are read one by one. */
async function wholeRows(file: IndexFile, safe: number): Promise<number> {
  for (let row = Math.min(safe, file.rows); row < file.rows; row++) {
    try {
      await file.read(row, 1);
    } catch (error) {
      if (error instanceof IndexFileError) return row;
      throw error;
    }
  }
  return file.rows;
}
