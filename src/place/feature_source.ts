import type { Device, StackRegion } from "../gpu/mod.ts";
import type { FrameForecast } from "./embedding/embedding_stage.ts";
import type { FeatureStage } from "./features/feature_stage.ts";
import { type NetworkFeatureOptions, NetworkFeatureStage } from "./features/network_feature_stage.ts";
import { ORB_BYTES, type OrbFeatureOptions, OrbFeatureStage } from "./features/orb_feature_stage.ts";
import type { DescriptorForm } from "./vocabulary/descriptors.ts";

/** Where local features come from: a network or ORB, or whatever gives stages. */
export interface FeatureSource {
  /** What its descriptors are. */
  readonly form: DescriptorForm;
  /** Bytes of a region that a stage takes. */
  measure(device: Device): number;
  /** Makes what finds the features of one frame in flight, in memory of `region`, which the caller seals, pushes and pops. */
  stage(device: Device, region: StackRegion, forecast: FrameForecast): FeatureStage | Promise<FeatureStage>;
}

/** Features from a network such as XFeat or SuperPoint. */
export function networkFeatures(options: Omit<NetworkFeatureOptions, "frame" | "formats">): FeatureSource {
  return {
    form: { kind: "float", size: options.head.dimensions },
    measure: (device) => NetworkFeatureStage.measure(device, options),
    stage: (device, region, forecast) =>
      NetworkFeatureStage.create(device, region, { ...options, ...forecast }),
  };
}

/** ORB features, which need no network. */
export function orbFeatures(options: Omit<OrbFeatureOptions, "frame" | "formats"> = {}): FeatureSource {
  return {
    form: { kind: "binary", size: ORB_BYTES },
    measure: (device) => OrbFeatureStage.measure(device, options),
    stage: (device, region, forecast) => OrbFeatureStage.create(device, region, { ...options, ...forecast }),
  };
}
