/**
 * Small pictures of all frames, kept in a temporary file: which of them will be shown again is not known beforehand.
 *
 * @module
 */
import type { PixelFrame } from "../vision/pixels.ts";
import type { Size } from "../vision/fit.ts";
import { shrink, sizeWithin } from "../vision/shrink.ts";

/** No side of a picture is longer, in pixels. */
export const PICTURE_SIDE = 400;
/** The file gets no larger; later frames have no picture then. */
export const MOST_PICTURE_BYTES: number = 4 * 2 ** 30;

/** A small picture of a frame. */
export interface FramePicture extends Size {
  /** Red, green and blue of each pixel, row by row. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  /** What a coordinate of the frame is multiplied by to be one of the picture. */
  readonly scale: number;
}

/** Keeps pictures by the numbers of their frames. Nothing but where they are is kept in memory. */
export class FramePictures implements AsyncDisposable {
  readonly #file: Deno.FsFile;
  /** Until it has no name any more. */
  #path: string | undefined;
  readonly #most: number;
  readonly #kept = new Map<number, Size & { offset: number; scale: number }>();
  #end = 0;

  private constructor(file: Deno.FsFile, path: string | undefined, most: number) {
    this.#file = file;
    this.#path = path;
    this.#most = most;
  }

  /** Makes the temporary file. @param most bytes that it may have. */
  static async open(most: number = MOST_PICTURE_BYTES): Promise<FramePictures> {
    const path = await Deno.makeTempFile({ prefix: "framewise-pictures-" });
    const file = await Deno.open(path, { read: true, write: true });
    // Where a file can lose its name while it is open, nothing is left of it however this process ends.
    const removed = await Deno.remove(path).then(() => true, () => false);
    return new FramePictures(file, removed ? undefined : path, most);
  }

  /** Bytes on disk. */
  get bytes(): number {
    return this.#end;
  }

  /** Makes a frame's picture, and keeps it if there is room. */
  async keep(id: number, frame: PixelFrame): Promise<FramePicture> {
    const size = sizeWithin(frame, { width: PICTURE_SIDE, height: PICTURE_SIDE });
    const pixels = shrink(frame, size);
    const scale = size.width / frame.width;
    if (this.#end + pixels.length <= this.#most) {
      await this.#file.seek(this.#end, Deno.SeekMode.Start);
      for (let at = 0; at < pixels.length;) at += await this.#file.write(pixels.subarray(at));
      this.#kept.set(id, { ...size, offset: this.#end, scale });
      this.#end += pixels.length;
    }
    return { ...size, pixels, scale };
  }

  /** The picture of a frame; undefined if there is none. */
  async get(id: number): Promise<FramePicture | undefined> {
    const place = this.#kept.get(id);
    if (!place) return undefined;
    const { width, height, offset, scale } = place;
    const pixels = new Uint8Array(width * height * 3);
    await this.#file.seek(offset, Deno.SeekMode.Start);
    for (let at = 0; at < pixels.length;) {
      const count = await this.#file.read(pixels.subarray(at));
      if (count === null) return undefined;
      at += count;
    }
    return { width, height, pixels, scale };
  }

  /** Removes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#file.close();
    if (this.#path !== undefined) await Deno.remove(this.#path).catch(() => {});
    this.#path = undefined;
  }
}
