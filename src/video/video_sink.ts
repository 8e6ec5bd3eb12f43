/**
 * Annotated video files.
 *
 * @module
 */

import { type Frame, type FrameSink, SinkError } from "../frame/frame.ts";
import type { Detection } from "../vision/detection.ts";
import type { FfmpegPrograms } from "./ffmpeg.ts";
import { extensionOf } from "./files.ts";
import { checkWritable, findEncoders } from "./output.ts";
import { WorkerSink } from "./worker_sink.ts";

/** How to write a video. */
export interface VideoSinkOptions extends FfmpegPrograms {
  /** Mean frame rate of the source, for the duration of the last frame. Times come from the frames. */
  frameRate?: number | undefined;
  /** How many frames may be on their way to the encoder (default 4). */
  buffers?: number;
  /** Draw frame number and time in a corner (default false). */
  status?: boolean;
}

const EXTENSIONS = ["mp4", "m4v", "mov", "mkv"];
/** In order of preference. */
const ENCODERS = ["libx264", "libopenh264", "mpeg4"];

/**
 * Draws detections on frames and encodes them as H.264 in a worker and an ffmpeg process. Every frame is written once,
 * at the time it has in the source. The file is playable once {@linkcode VideoSink.close} has resolved; a Ctrl-C in
 * the terminal does not reach ffmpeg, and if this process dies, ffmpeg finishes the file with what it has.
 */
export class VideoSink implements FrameSink<readonly Detection[]> {
  readonly #sink: WorkerSink;

  private constructor(sink: WorkerSink) {
    this.#sink = sink;
  }

  /**
   * Checks the output and ffmpeg, and makes the sink. The file itself appears with the first frame.
   *
   * @throws {SinkError} If the path is a folder or cannot be written, its extension is unknown, or ffmpeg is missing.
   */
  static async open(path: string, options: VideoSinkOptions = {}): Promise<VideoSink> {
    const folder = await Deno.stat(path).then((file) => file.isDirectory, () => false);
    if (!folder && !EXTENSIONS.includes(extensionOf(path))) {
      const extension = extensionOf(path);
      throw new SinkError(
        `Cannot write video "${path}": ` +
          (extension === "" ? "the name has no extension" : `".${extension}" is no known kind of video`) +
          `; give a name that ends in .${EXTENSIONS.join(", .")}`,
      );
    }
    await checkWritable(path);
    const { version, names } = await findEncoders(options);
    const encoder = ENCODERS.find((name) => names.has(name));
    if (encoder === undefined) {
      throw new SinkError(
        `Cannot write video "${path}": this ffmpeg (${version}) has none of the encoders ${
          ENCODERS.join(", ")
        }; install a full ffmpeg`,
      );
    }
    const { frameRate, status = false, buffers = 4 } = options;
    const job = {
      kind: "video" as const,
      path,
      version,
      encoder,
      ffmpeg: options.ffmpeg ?? "ffmpeg",
      ...(frameRate === undefined ? {} : { frameRate }),
    };
    return new VideoSink(new WorkerSink(job, { status }, Math.max(1, buffers)));
  }

  /** Writes one frame with its detections drawn on. All frames must have the same size and format. */
  write(frame: Frame, detections: readonly Detection[]): Promise<void> {
    return this.#sink.write(frame, detections);
  }

  /** Finishes the file. */
  close(): Promise<void> {
    return this.#sink.close();
  }
}
