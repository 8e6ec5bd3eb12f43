/**
 * Local features without a network: ORB in frames of any size and format.
 *
 * @module
 */
import type { Allocation, BufferRange, Device, Dispatch, StackRegion } from "../../gpu/mod.ts";
import { InputBlob } from "../../vision/blob.ts";
import type { Size } from "../../vision/fit.ts";
import { pixelBytes, type PixelFormat, type PixelFrame } from "../../vision/pixels.ts";
import type { InputTreatment } from "../../vision/treatment.ts";
import type { DescriptorForm } from "../vocabulary/descriptors.ts";
import type { FeatureStage } from "./feature_stage.ts";
import { toFramePoints } from "./frame_points.ts";
import type { LocalFeatures } from "./local_features.ts";
import { OrbFeatures, type OrbOptions } from "./orb.ts";

/** Bytes of an ORB descriptor. */
export const ORB_BYTES = 32;
/** Pixels of its level that a key point's patch is wide. */
const PATCH = 31;
const WORKING_SIZE: Size = { width: 640, height: 480 };
/** Without padding that ends in the middle of a picture, and without the aliasing that makes corners of fine patterns. */
const TREATMENT: InputTreatment = { fit: "letterbox-top-left", channels: "rgb", filter: "area" };

/** What a stage is made of. */
export interface OrbFeatureOptions
  extends Pick<OrbOptions, "levels" | "scaleFactor" | "threshold" | "border"> {
  /** Most features: 1,000 unless given. */
  readonly maxFeatures?: number;
  /** Into which size a frame is brought in its aspect ratio: 640 x 480 unless given. */
  readonly size?: Size;
  /** Largest frame to come, where it is known; larger ones make buffers grow. */
  readonly frame?: Size;
  /** Pixel formats to come; default `i420` and `rgb24`. */
  readonly formats?: readonly PixelFormat[];
}

/** Finds ORB features. After {@linkcode OrbFeatureStage.create}, a frame creates nothing on the GPU. */
export class OrbFeatureStage implements FeatureStage {
  readonly form: DescriptorForm = { kind: "binary", size: ORB_BYTES };
  readonly #orb: OrbFeatures;
  readonly #blob: InputBlob;
  readonly #search: readonly Dispatch[];

  /** Bytes of a region that a stage takes. */
  static measure(device: Device, options: OrbFeatureOptions = {}): number {
    const made: Allocation[] = [];
    try {
      const stage = device.allOrNothing(() =>
        new OrbFeatureStage(device, (bytes, label) => {
          const allocation = device.defaultAllocator.allocate(bytes, label);
          made.push(allocation);
          return allocation;
        }, options)
      );
      stage[Symbol.dispose]();
      return made.reduce((sum, { bytes }) => sum + bytes, 0);
    } finally {
      for (const allocation of made) allocation.free();
    }
  }

  /**
   * Makes everything that frames will need, in memory of `region`, which whoever made it seals, pushes and pops.
   *
   * @throws {RangeError}, {GpuError} if an option is out of its range, or the adapter does not fit.
   */
  static async create(
    device: Device,
    region: StackRegion,
    options: OrbFeatureOptions = {},
  ): Promise<OrbFeatureStage> {
    const stage = device.allOrNothing(() =>
      new OrbFeatureStage(device, (bytes, label) => region.take(bytes, label), options)
    );
    try {
      await device.settle();
      return stage;
    } catch (error) {
      stage[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(
    device: Device,
    scratch: (bytes: number, label: string) => BufferRange,
    options: OrbFeatureOptions,
  ) {
    const { size = WORKING_SIZE, maxFeatures = 1000, frame, formats, ...orb } = options;
    const { width, height } = size;
    this.#orb = new OrbFeatures(device, { ...orb, width, height, features: maxFeatures }, scratch);
    const grey = scratch(width * height * 16, "orb: grey");
    this.#blob = new InputBlob(device, {
      treatment: TREATMENT,
      width,
      height,
      channels: 1,
      output: grey,
      ...(frame && { sourceBytes: pixelBytes({ ...frame, format: "rgb24" }) }),
      ...(formats && { formats }),
      label: "feature blob",
    });
    this.#search = [this.#orb.fromGrey(grey), ...this.#orb.search];
  }

  get maxFeatures(): number {
    return this.#orb.maxFeatures;
  }

  get rows(): FeatureStage["rows"] {
    return this.#orb.rows;
  }

  get result(): BufferRange {
    return this.#orb.result;
  }

  get dispatches(): readonly Dispatch[] {
    return [this.#blob.dispatch, ...this.#search];
  }

  write(frame: PixelFrame): void {
    const { content } = this.#blob.write(frame);
    this.#orb.setArea(content);
  }

  read(bytes: ArrayBuffer, offset = 0): LocalFeatures {
    const { keyPoints, descriptors } = this.#orb.read(bytes, offset);
    const points = new Float32Array(keyPoints.length * 2), scores = new Float32Array(keyPoints.length);
    for (const [i, { x, y, size, response }] of keyPoints.entries()) {
      // ORB's positions are those of a level times its scale, which is right for the corners of pixels, not their middles.
      const shift = (size / PATCH - 1) / 2;
      points.set([x + shift, y + shift], i * 2);
      scores[i] = response;
    }
    toFramePoints(points, this.#blob.fit);
    return { points, scores, descriptors: new Uint8Array(descriptors.buffer) };
  }

  [Symbol.dispose](): void {
    this.#orb[Symbol.dispose]();
    this.#blob[Symbol.dispose]();
  }
}
