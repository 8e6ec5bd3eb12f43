/** Where the results of a drive go, frame by frame: the video, the score, and what the report will show. */
import type { FramePictures } from "../cli/frame_pictures.ts";
import { inlierLines } from "../cli/loops_outputs.ts";
import type { Frame, FrameSink } from "../frame/frame.ts";
import type { Detection } from "../vision/detection.ts";
import type { FrameTruth } from "../world/truth.ts";
import { type Drive, VIDEO_RATE } from "./drive.ts";
import { shownDetections } from "./drive_record.ts";
import type { DriveResult } from "./drive_slot.ts";
import { DriveView } from "./drive_view.ts";
import type { DriveReport } from "./report/drive_report.ts";

/** What a {@linkcode DriveSink} works with. */
export interface DriveSinkParts {
  readonly drive: Drive;
  /** What is true of a frame. */
  readonly truth: (frame: number) => FrameTruth;
  readonly pictures: FramePictures;
  readonly video: FrameSink<readonly Detection[]>;
  readonly report: DriveReport;
}

/** Takes each frame's results, holds them against the truth, and shows both. */
export class DriveSink implements FrameSink<DriveResult> {
  readonly #parts: DriveSinkParts;
  readonly #view: DriveView;
  #closed = false;

  constructor(parts: DriveSinkParts) {
    this.#parts = parts;
    this.#view = new DriveView(parts.drive);
  }

  /** Takes a frame. */
  async write(frame: Frame, result: DriveResult): Promise<void> {
    const { truth, pictures, video, report } = this.#parts;
    const { place } = result;
    const { index } = frame;
    const picture = await pictures.keep(index, frame);
    const lines = inlierLines(place);
    const shown = shownDetections(result);
    const outcome = report.add({ result, shown, truth: truth(index), lines });
    const { status, match, similarity, matches, inliers, geometry } = place;
    const data = this.#view.draw({
      frame: index,
      picture,
      detections: shown,
      outcome,
      ...(status === "loop" && match !== undefined && {
        match: {
          frame: match,
          picture: await pictures.get(match),
          similarity,
          matches,
          inliers,
          lines: geometry?.id === match ? lines : new Float32Array(0),
        },
      }),
    });
    await video.write({
      index,
      timeSeconds: index / VIDEO_RATE,
      ...this.#view.size,
      format: "rgb24",
      colour: { matrix: "bt709", range: "full" },
      data,
      release: () => {},
    }, []);
  }

  /** Finishes the video. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#parts.video.close();
  }
}
