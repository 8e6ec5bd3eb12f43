/**
 * Local features of frames, as a part of a frame in flight that others put into their submission.
 *
 * @module
 */
import type { BufferRange, Dispatch } from "../../gpu/mod.ts";
import type { PixelFrame } from "../../vision/pixels.ts";
import type { DescriptorForm } from "../vocabulary/descriptors.ts";
import type { LocalFeatures } from "./local_features.ts";
import type { DescriptorRows } from "./matcher.ts";

/**
 * What finds the features of one frame in flight. It submits nothing and reads nothing back: write a frame, record its
 * dispatches, copy {@linkcode result} with the readback of whoever submits, and give the bytes to {@linkcode read}
 * before the next frame is written.
 */
export interface FeatureStage extends Disposable {
  /** Most features of a frame. */
  readonly maxFeatures: number;
  /** What its descriptors are. */
  readonly form: DescriptorForm;
  /**
   * Writes a frame's pixels and chooses what is dispatched. No recorded, unsubmitted work may still need the frame before.
   *
   * @throws {RangeError} as `InputBlob.write` does.
   */
  write(frame: PixelFrame): void;
  /** From pixels to features, for the frame written last, to be recorded in this order. */
  readonly dispatches: readonly Dispatch[];
  /**
   * The descriptors and their count on the GPU, once the dispatches have run: what a matcher takes, and what the words of a
   * vocabulary are found for. Rows are in the order of {@linkcode read}.
   */
  readonly rows: DescriptorRows;
  /** What is read back: a multiple of 4 bytes. */
  readonly result: BufferRange;
  /**
   * The features of the frame written last, in its pixels.
   *
   * @param bytes what was read back.
   * @param offset where {@linkcode result} begins in it, a multiple of 4.
   * @throws {RangeError} if the bytes are too few, or no result of this stage.
   */
  read(bytes: ArrayBuffer, offset?: number): LocalFeatures;
}
