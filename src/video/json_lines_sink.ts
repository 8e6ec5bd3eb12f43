/**
 * Results as JSON lines.
 *
 * @module
 */

import { type FrameSink, SinkError } from "../frame/frame.ts";
import { type Detection, type DetectionFrame, detectionRecord } from "../vision/detection.ts";
import { checkWritable, writeProblem } from "./output.ts";

/** Lines are gathered up to this many characters, or this long, before they are written. */
const BUFFER_CHARACTERS = 64 * 1024;
const BUFFER_MS = 200;

/** What makes the object of a frame's line. */
export type RecordOf<Result> = (frame: DetectionFrame, result: Result) => unknown;

/**
 * One JSON object a line, one line a frame: of detections by {@linkcode detectionRecord}, of other results as told. Lines are written in blocks, at the latest
 * with the first line after 200 ms, and never in halves: what is in the file can be read at any time, up to the last
 * line end.
 */
export class JsonLinesSink<Result = readonly Detection[]> implements FrameSink<Result> {
  readonly #path: string;
  readonly #recordOf: RecordOf<Result>;
  readonly #file: { write(bytes: Uint8Array): Promise<number>; close(): void };
  readonly #encoder = new TextEncoder();
  readonly #isStdout: boolean;
  #text = "";
  #lastFlush = performance.now();
  #ended = false;
  #closed = false;

  // Written by write() and not through the file's stream, which in Deno 2.9.6 hides a full disk.
  private constructor(path: string, file: typeof Deno.stdout | Deno.FsFile, recordOf: RecordOf<Result>) {
    this.#path = path;
    this.#recordOf = recordOf;
    this.#isStdout = path === "-";
    this.#file = file;
  }

  /**
   * Opens a file, replacing what it held, or standard output.
   *
   * @param path A file, or `-` for standard output.
   * @throws {SinkError} If it is a folder or cannot be written.
   */
  static open(path: string): Promise<JsonLinesSink>;
  /** As above, for results other than detections. */
  static open<Result>(path: string, recordOf: RecordOf<Result>): Promise<JsonLinesSink<Result>>;
  static async open(
    path: string,
    recordOf: RecordOf<readonly Detection[]> = detectionRecord,
  ): Promise<JsonLinesSink> {
    if (path === "-") return new JsonLinesSink(path, Deno.stdout, recordOf);
    await checkWritable(path);
    const file = await Deno.open(path, { write: true, create: true, truncate: true });
    return new JsonLinesSink(path, file, recordOf);
  }

  /** True when nobody reads standard output any more; that is no error, and further writes do nothing. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Writes the line of one frame. Pixels are not needed. */
  async write(frame: DetectionFrame, result: Result): Promise<void> {
    if (this.#closed) throw new SinkError(`Cannot write frame ${frame.index}: the sink is closed`);
    if (this.#ended) return;
    this.#text += JSON.stringify(this.#recordOf(frame, result)) + "\n";
    if (this.#text.length >= BUFFER_CHARACTERS || performance.now() - this.#lastFlush >= BUFFER_MS) {
      await this.flush();
    }
  }

  /** Writes what was gathered. */
  async flush(): Promise<void> {
    this.#lastFlush = performance.now();
    const bytes = this.#encoder.encode(this.#text);
    this.#text = "";
    if (bytes.length === 0 || this.#ended) return;
    try {
      for (let at = 0; at < bytes.length;) at += await this.#file.write(bytes.subarray(at));
    } catch (error) {
      this.#ended = true;
      if (this.#isStdout && error instanceof Deno.errors.BrokenPipe) return;
      const target = this.#isStdout ? "standard output" : `"${this.#path}"`;
      throw new SinkError(`Cannot write ${target}: ${writeProblem(error)}`, { cause: error });
    }
  }

  /** Writes what was gathered and closes the file. Standard output stays open. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.flush();
    } finally {
      if (!this.#isStdout) this.#file.close();
    }
  }
}
