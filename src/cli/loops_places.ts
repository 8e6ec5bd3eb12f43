/**
 * Opens all that `framewise loops` recognises places with: networks, vocabulary, map.
 *
 * @module
 */
import type { Device } from "../gpu/mod.ts";
import type { EmbeddingOptions } from "../place/embedding/embedding_stage.ts";
import type { FeatureSource } from "../place/feature_source.ts";
import { PlaceRecogniser } from "../place/places.ts";
import type { Vocabulary } from "../place/vocabulary/mod.ts";
import type { Size } from "../vision/fit.ts";
import { UsageError } from "./failure.ts";
import type { LoopsOptions } from "./loops_options.ts";
import { type OpenedPart, openEmbedding, openFeatures } from "./place_models.ts";

/** What is known beforehand. */
export interface PlacesForecast {
  readonly vocabulary: Vocabulary | undefined;
  /** The largest frame. */
  readonly frame: Size;
  /** Frames to come, where that is known. */
  readonly frames: number | undefined;
  readonly warn: (message: string) => void;
}

/** What was opened. */
export interface OpenedPlaces {
  readonly recogniser: PlaceRecogniser;
  readonly embedding: OpenedPart<EmbeddingOptions> | undefined;
  readonly features: OpenedPart<FeatureSource> | undefined;
  readonly vocabulary: Vocabulary | undefined;
}

/** For containers that tell of fewer frames than they have. */
const SPARE_FRAMES = 64;

/**
 * Opens networks and makes the recogniser; the stack ends them.
 *
 * @throws as the parts do, saying what is missing and which option tells it.
 */
export async function openPlaces(
  device: Device,
  options: LoopsOptions,
  { vocabulary, frame, frames, warn }: PlacesForecast,
  stack: AsyncDisposableStack,
): Promise<OpenedPlaces> {
  const { f16, slots, gap, top, method, minSimilarity, minInliers, intrinsics, raw } = options;
  const embedding = options.embed === undefined
    ? undefined
    : await openEmbedding(device, options.embed, { ...options, f16 }, stack);
  const features = options.features === undefined ? undefined : await openFeatures(
    device,
    options.features,
    { input: options.featuresInput, most: options.mostFeatures, f16 },
    stack,
  );
  if (vocabulary && features) refuseOtherWords(vocabulary, features, options);
  const capacity = options.capacity ?? (frames === undefined ? undefined : frames + SPARE_FRAMES);
  const recogniser = stack.use(
    await PlaceRecogniser.create(device, {
      ...(embedding && { embed: embedding.part }),
      ...(features && { features: features.part }),
      ...(vocabulary && { vocabulary }),
      ...(method && { method }),
      gap,
      candidates: top,
      decision: {
        ...(minSimilarity !== undefined && { minSimilarity }),
        ...(minInliers !== undefined && { minInliers }),
      },
      ...(intrinsics && { geometry: { intrinsics } }),
      index: { type: options.index === "int8" ? "i8" : options.index },
      ...(capacity !== undefined && { capacity }),
      slots,
      frame,
      ...(options.source === "-" && { formats: [raw.format ?? "rgb24"] }),
      onWarning: warn,
    }),
  );
  return { recogniser, embedding, features, vocabulary };
}

/** Words of other descriptors say nothing. */
function refuseOtherWords(
  vocabulary: Vocabulary,
  { part, name }: OpenedPart<FeatureSource>,
  { vocabulary: path }: LoopsOptions,
): void {
  const [words, found] = [vocabulary.form, part.form];
  if (words.kind === found.kind && words.size === found.size) return;
  const say = ({ kind, size }: { kind: string; size: number }): string =>
    kind === "float" ? `${size} floats` : `${size * 8} bits`;
  throw new UsageError(
    `--vocabulary: "${path}" is for descriptors of ${say(words)}, and those of --features ${name} are ${
      say(found)
    }; make one by: framewise vocabulary train SOURCE... --features ${name} --out FILE`,
  );
}
