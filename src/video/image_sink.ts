/**
 * Annotated images.
 *
 * @module
 */

import { type Frame, type FrameSink, SinkError } from "../frame/frame.ts";
import type { Detection } from "../vision/detection.ts";
import type { FfmpegPrograms } from "./ffmpeg.ts";
import { extensionOf } from "./files.ts";
import { checkWritable, findEncoders, isSameFile, nameOf, writeProblem } from "./output.ts";
import { WorkerSink } from "./worker_sink.ts";

/** How to write images. */
export interface ImageSinkOptions extends FfmpegPrograms {
  /** How many images may be on their way to the encoder (default 3). */
  buffers?: number;
}

/** Kinds of images that are written. */
const EXTENSIONS = ["png", "jpg", "jpeg", "bmp", "tif", "tiff", "ppm"];

/**
 * Draws detections on frames and writes each as an image: into a folder, under the name that the image has in the
 * source (`.png` where its kind cannot be written; `frame-000012.png` where it has no name), or, for a source of one
 * image, into one file. Source images are never overwritten.
 */
export class ImageSink implements FrameSink<readonly Detection[]> {
  readonly #sink: WorkerSink;
  readonly #folder: string | undefined;
  readonly #file: string | undefined;
  readonly #names = new Map<string, number>();

  private constructor(sink: WorkerSink, folder: string | undefined, file: string | undefined) {
    this.#sink = sink;
    this.#folder = folder;
    this.#file = file;
  }

  /**
   * Checks the output and ffmpeg, and makes the sink.
   *
   * @param path A folder, which is made if it does not exist, or the name of one image.
   * @throws {SinkError} If it cannot be written or made, its extension is unknown, or ffmpeg is missing.
   */
  static async open(path: string, options: ImageSinkOptions = {}): Promise<ImageSink> {
    const existing = await Deno.stat(path).catch(() => undefined);
    const extension = extensionOf(path);
    const toFolder = existing?.isDirectory === true || path.endsWith("/") ||
      (existing === undefined && extension === "");
    if (!toFolder && !EXTENSIONS.includes(extension)) {
      throw new SinkError(
        `Cannot write image "${path}": ` +
          (extension === ""
            ? "it is a file without an extension"
            : `".${extension}" is no known kind of image`) +
          `; give a folder, or a name that ends in .${EXTENSIONS.join(", .")}`,
      );
    }
    if (toFolder) await makeFolder(path);
    else await checkWritable(path);
    await findEncoders(options);
    const job = { kind: "images" as const, ffmpeg: options.ffmpeg ?? "ffmpeg" };
    const sink = new WorkerSink(job, { status: false }, Math.max(1, options.buffers ?? 3));
    return toFolder ? new ImageSink(sink, path, undefined) : new ImageSink(sink, undefined, path);
  }

  /** Writes one frame with its detections drawn on. */
  async write(frame: Frame, detections: readonly Detection[]): Promise<void> {
    const path = this.#pathOf(frame);
    if (frame.name !== undefined && await isSameFile(frame.name, path)) {
      throw new SinkError(`Cannot write "${path}": it is the source image; write into another folder`);
    }
    await this.#sink.write(frame, detections, path);
  }

  #pathOf(frame: Frame): string {
    if (this.#folder === undefined) {
      if (this.#names.size > 0) {
        throw new SinkError(
          `Cannot write a second image to "${this.#file}"; give a folder for a source of several images`,
        );
      }
      this.#names.set("", 1);
      return this.#file ?? "";
    }
    const source = frame.name === undefined
      ? `frame-${String(frame.index).padStart(6, "0")}.png`
      : nameOf(frame.name);
    const extension = EXTENSIONS.includes(extensionOf(source)) ? extensionOf(source) : "png";
    const stem = source.replace(/\.[^.]*$/, "");
    let name = `${stem}.${extension}`;
    // Images of several folders may have the same name.
    const count = (this.#names.get(name) ?? 0) + 1;
    this.#names.set(name, count);
    if (count > 1) name = `${stem}-${count}.${extension}`;
    return `${this.#folder.replace(/\/+$/, "")}/${name}`;
  }

  /** Waits until all images are written. */
  close(): Promise<void> {
    return this.#sink.close();
  }
}

/** Makes a folder and makes sure that files can be written into it. */
async function makeFolder(path: string): Promise<void> {
  const probe = `${path.replace(/\/+$/, "")}/.framewise-${crypto.randomUUID()}`;
  try {
    await Deno.mkdir(path, { recursive: true });
    await Deno.writeFile(probe, new Uint8Array(0));
    await Deno.remove(probe);
  } catch (error) {
    throw new SinkError(`Cannot write into folder "${path}": ${writeProblem(error)}`, { cause: error });
  }
}
