/**
 * Local features from a network such as XFeat or SuperPoint.
 *
 * @module
 */
import {
  alignUp,
  type Allocation,
  type BufferRange,
  type Device,
  type Dispatch,
  type StackRegion,
} from "../../gpu/mod.ts";
import type { BoundPlan } from "../../graph/bind.ts";
import type { Plan } from "../../graph/plan.ts";
import type { Session } from "../../graph/session.ts";
import { InputBlob } from "../../vision/blob.ts";
import type { Size } from "../../vision/fit.ts";
import { pixelBytes, type PixelFormat, type PixelFrame } from "../../vision/pixels.ts";
import type { InputTreatment } from "../../vision/treatment.ts";
import type { DescriptorForm } from "../vocabulary/descriptors.ts";
import type { FeatureStage } from "./feature_stage.ts";
import { toFramePoints } from "./frame_points.ts";
import type { KeyPointHead, KeyPointOutputs } from "./heads/mod.ts";
import { KeyPoints, type KeyPointSettings } from "./key_points.ts";
import type { LocalFeatures } from "./local_features.ts";

/** What a stage is made of. */
export interface NetworkFeatureOptions extends KeyPointSettings {
  /** The network. */
  readonly session: Session;
  /** How its outputs are read: see `recogniseKeyPoints`. */
  readonly head: KeyPointHead;
  /** What its input wants, and in which size. */
  readonly treatment: InputTreatment;
  readonly input: Size;
  /** Largest frame to come, where it is known; larger ones make buffers grow. */
  readonly frame?: Size;
  /** Pixel formats to come; default `i420` and `rgb24`. */
  readonly formats?: readonly PixelFormat[];
}

/** Finds features by a network. After {@linkcode NetworkFeatureStage.create}, a frame creates nothing on the GPU. */
export class NetworkFeatureStage implements FeatureStage {
  readonly form: DescriptorForm;
  readonly #bound: BoundPlan;
  readonly #blob: InputBlob;
  readonly #keyPoints: KeyPoints;
  readonly #network: readonly Dispatch[];

  /** Bytes of a region that a stage takes: activations, and what the search for key points needs. */
  static measure(device: Device, options: NetworkFeatureOptions): number {
    const plan = planOf(options);
    const made: Allocation[] = [];
    const scratch = (bytes: number, label: string): BufferRange => {
      const allocation = device.defaultAllocator.allocate(bytes, label);
      made.push(allocation);
      return allocation;
    };
    try {
      const largest = Math.max(...plan.outputs.map(({ view }) => plan.storages[view.storage]!.bytes));
      const outputs = outputsOf(plan, () => scratch(largest, "measure"));
      const before = made.length;
      device.allOrNothing(() => new KeyPoints(device, scratch, outputs, options))[Symbol.dispose]();
      return alignUp(plan.arenaBytes) + made.slice(before).reduce((sum, { bytes }) => sum + bytes, 0);
    } finally {
      for (const allocation of made) allocation.free();
    }
  }

  /**
   * Plans the network and makes everything that frames will need, in memory of `region`, which whoever made it seals, pushes
   * and pops.
   *
   * @throws {GraphError}, {KeyPointHeadError}, {RangeError}, {GpuError} if the network, its head or the adapter do not fit.
   */
  static async create(
    device: Device,
    region: StackRegion,
    options: NetworkFeatureOptions,
  ): Promise<NetworkFeatureStage> {
    const plan = planOf(options);
    const arena = region.take(plan.arenaBytes, "feature activations");
    const bound = await options.session.bind(plan, arena);
    let stage: NetworkFeatureStage | undefined;
    try {
      stage = device.allOrNothing(() => new NetworkFeatureStage(device, region, bound, options));
      await device.settle();
      return stage;
    } catch (error) {
      if (stage) stage[Symbol.dispose]();
      else bound[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(device: Device, region: StackRegion, bound: BoundPlan, options: NetworkFeatureOptions) {
    const { input, treatment, frame, formats, head } = options;
    this.form = { kind: "float", size: head.dimensions };
    this.#bound = bound;
    const [value] = bound.plan.inputs;
    this.#blob = new InputBlob(device, {
      treatment,
      ...input,
      channels: value!.type.shape[1] === 1 ? 1 : 3,
      output: bound.inputs[value!.name]!,
      ...(frame && { sourceBytes: pixelBytes({ ...frame, format: "rgb24" }) }),
      ...(formats && { formats }),
      label: "feature blob",
    });
    try {
      const outputs = outputsOf(bound.plan, (name) => bound.outputs[name]!);
      this.#keyPoints = new KeyPoints(
        device,
        (bytes, label) => region.take(bytes, label),
        outputs,
        options,
      );
    } catch (error) {
      this.#blob[Symbol.dispose]();
      throw error;
    }
    this.#network = [...bound.dispatches, ...this.#keyPoints.dispatches];
  }

  get maxFeatures(): number {
    return this.#keyPoints.maxFeatures;
  }

  get rows(): FeatureStage["rows"] {
    return this.#keyPoints.rows;
  }

  get result(): BufferRange {
    return this.#keyPoints.result;
  }

  get dispatches(): readonly Dispatch[] {
    return [this.#blob.dispatch, ...this.#network];
  }

  write(frame: PixelFrame): void {
    const { content } = this.#blob.write(frame);
    // The edges of the padding are no places of the world.
    this.#keyPoints.setArea(content);
  }

  read(bytes: ArrayBuffer, offset = 0): LocalFeatures {
    const { points, scores, descriptors } = this.#keyPoints.parse(bytes, offset);
    toFramePoints(points, this.#blob.fit);
    return { points, scores, descriptors };
  }

  [Symbol.dispose](): void {
    for (const part of [this.#keyPoints, this.#blob, this.#bound]) part[Symbol.dispose]();
  }
}

function planOf({ session, input }: NetworkFeatureOptions): Plan {
  const { name, dims } = session.inputs[0]!;
  const channels = Number(dims[1]) === 1 ? 1 : 3;
  return session.plan({ [name]: [1, channels, input.height, input.width] });
}

function outputsOf(plan: Plan, rangeOf: (name: string) => BufferRange): KeyPointOutputs {
  return Object.fromEntries(
    plan.outputs.map(({ name, type }) => [name, { range: rangeOf(name), shape: type.shape }]),
  );
}
