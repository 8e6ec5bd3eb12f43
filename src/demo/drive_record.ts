/** What is written of a frame: a JSON line with what was seen in it and which earlier frame shows the same place. */
import { type LoopRecord, loopRecord } from "../cli/loop_record.ts";
import {
  type Detection,
  type DetectionFrame,
  type DetectionRecord,
  detectionRecord,
} from "../vision/detection.ts";
import type { DriveResult } from "./drive_slot.ts";

/** Objects with a lower score are neither shown nor written; the score against the truth wants to know of all. */
export const SHOWN_SCORE = 0.35;

/** The JSON line of one frame: that of `framewise detect`, and as `place` what `framewise loops` tells. */
export interface DriveRecord extends DetectionRecord {
  readonly place: Omit<LoopRecord, "frame" | "id" | "name" | "time_s">;
}

/** What is sure enough to be shown. */
export function shownDetections({ detections }: Pick<DriveResult, "detections">): Detection[] {
  return detections.filter(({ score }) => score >= SHOWN_SCORE);
}

/** The record of one frame. */
export function driveRecord(frame: DetectionFrame, result: DriveResult): DriveRecord {
  const { frame: _, id: __, name: ___, time_s: ____, ...place } = loopRecord(frame, result.place);
  return { ...detectionRecord(frame, shownDetections(result)), place };
}
