/**
 * A whole detector written plainly: pixels by the blob reference, the network by ONNX Runtime, heads and suppression by
 * their references. It shares nothing with the code under test but the catalogue's facts.
 *
 * @module
 */
import { fitFrame } from "../../src/vision/fit.ts";
import type { PixelFrame } from "../../src/vision/pixels.ts";
import type { InputTreatment } from "../../src/vision/treatment.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { blobReference } from "../vision/pixel_reference.ts";
import { OrtSession } from "../support/ort.ts";
import { type Candidate, fastestDetReference, suppressReference, yoloxReference } from "./head_reference.ts";

/** A box in source pixels. */
export interface ReferenceBox {
  box: [number, number, number, number];
  score: number;
  classId: number;
}

/** What the reference needs to know of a network. */
export interface ReferenceModel {
  family: "yolox" | "fastestdet";
  inputName: string;
  width: number;
  height: number;
  treatment: InputTreatment;
}

/** Runs frames one by one. */
export class ReferenceDetector implements AsyncDisposable {
  readonly #session: OrtSession;
  readonly #model: ReferenceModel;

  private constructor(session: OrtSession, model: ReferenceModel) {
    this.#session = session;
    this.#model = model;
  }

  static async open(bytes: Uint8Array<ArrayBuffer>, model: ReferenceModel): Promise<ReferenceDetector> {
    return new ReferenceDetector(await OrtSession.create(bytes), model);
  }

  async detect(frame: PixelFrame, scoreThreshold: number, iouThreshold: number): Promise<ReferenceBox[]> {
    const { width, height, treatment, inputName, family } = this.#model;
    const pixels = blobReference(frame, width, height, treatment, 3);
    const planes = new Float32Array(3 * width * height);
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) planes[c * width * height + i] = pixels[i * 4 + c]!;
    }
    const outputs = await this.#session.run({
      [inputName]: hostTensor("f32", [1, 3, height, width], planes),
    });
    const values = Object.values(outputs)[0]!;
    const data = values.data as Float32Array;
    const candidates: Candidate[] = family === "yolox"
      ? yoloxReference(data, values.shape[2]! - 5, width, height)
      : fastestDetReference(data, values.shape[1]! - 5, values.shape[3]!, values.shape[2]!, width, height);
    const kept = suppressReference(candidates, { score: scoreThreshold, iou: iouThreshold });
    const fit = fitFrame({ width: frame.width, height: frame.height }, { width, height }, treatment.fit);
    const clip = (value: number, end: number): number => Math.min(Math.max(value, 0), end);
    return kept.map(({ box: [x1, y1, x2, y2], score, classId }) => ({
      score,
      classId,
      box: [
        clip(x1! * fit.scaleX + fit.originX, frame.width),
        clip(y1! * fit.scaleY + fit.originY, frame.height),
        clip(x2! * fit.scaleX + fit.originX, frame.width),
        clip(y2! * fit.scaleY + fit.originY, frame.height),
      ],
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}
