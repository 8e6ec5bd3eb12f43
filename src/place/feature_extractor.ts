import type { Device } from "../gpu/mod.ts";
import type { FrameForecast } from "./embedding/embedding_stage.ts";
import type { LocalFeatures } from "./features/local_features.ts";
import type { FeatureSource } from "./feature_source.ts";
import { type PlaceFrame, PlaceSlot, reserveStacks } from "./place_slot.ts";
import { Turns } from "./turns.ts";

/** How an extractor is made. */
export interface FeatureExtractorOptions extends FrameForecast {
  /** Where the features come from. */
  features: FeatureSource;
  /** Frames under way at once; default 4. */
  slots?: number;
}

/** Finds the local features of frames and does nothing with them: to train a vocabulary, or to look at them. */
export class FeatureExtractor implements Disposable {
  /** One for each frame in flight; a frame loop takes them as they are. */
  readonly slots: readonly PlaceSlot<LocalFeatures>[];

  /** Makes everything that frames will need. @throws {GpuError} if the device has no room. */
  static async create(device: Device, options: FeatureExtractorOptions): Promise<FeatureExtractor> {
    const { features, slots: count = 4, frame, formats } = options;
    reserveStacks(device, count, [features.measure(device)]);
    const parts = {
      embedding: undefined,
      index: undefined,
      features,
      tree: undefined,
      levelsUp: 0,
      neighbours: 1,
      append: false,
      newest: () => -1,
      forecast: { ...(frame && { frame }), ...(formats && { formats }) },
      turns: new Turns(),
      conclude: (seen: { features?: LocalFeatures }) => Promise.resolve(seen.features!),
    };
    const slots: PlaceSlot<LocalFeatures>[] = [];
    try {
      for (let i = 0; i < count; i++) slots.push(await PlaceSlot.create(device, parts, i));
    } catch (error) {
      for (const slot of slots) slot[Symbol.dispose]();
      throw error;
    }
    return new FeatureExtractor(slots);
  }

  private constructor(slots: readonly PlaceSlot<LocalFeatures>[]) {
    this.slots = slots;
  }

  /** The features of a single frame. */
  async extract(frame: PlaceFrame): Promise<LocalFeatures> {
    const slot = this.slots[0]!;
    slot.submit(frame);
    return (await slot.collect()).result;
  }

  /** Ends what it made. */
  [Symbol.dispose](): void {
    for (const slot of this.slots) slot[Symbol.dispose]();
  }
}
