/**
 * Opens all that `framewise loops` recognises places with: networks, vocabulary, map.
 *
 * @module
 */
import type { Device } from "../gpu/mod.ts";
import { EmbeddingNetwork, type EmbeddingOptions } from "../place/embedding/embedding_stage.ts";
import type { FeatureSource } from "../place/feature_source.ts";
import type { DescriptorType } from "../place/index/packing.ts";
import { MANIFEST } from "../place/map/map_files.ts";
import {
  fingerprintVocabulary,
  type MapEmbedding,
  type MapNetworks,
  parseManifest,
} from "../place/map/map_networks.ts";
import { PlaceMap } from "../place/map/place_map.ts";
import { PlaceRecogniser } from "../place/places.ts";
import { TOWN_DECISION, TOWN_MATCHING } from "../place/town_places.ts";
import type { Vocabulary } from "../place/vocabulary/mod.ts";
import { mapFolder } from "../video/map_folder.ts";
import type { Size } from "../vision/fit.ts";
import { UsageError } from "./failure.ts";
import type { LoopsOptions } from "./loops_options.ts";
import { type OpenedPart, openEmbedding, openFeatures } from "./place_models.ts";

/** The networks and the vocabulary. */
export interface PlaceParts {
  readonly embedding: OpenedPart<EmbeddingOptions> | undefined;
  readonly features: OpenedPart<FeatureSource> | undefined;
  readonly vocabulary: Vocabulary | undefined;
}

/** What is known beforehand. */
export interface PlacesForecast {
  /** The largest frame. */
  readonly frame: Size;
  /** Frames to come, where that is known. */
  readonly frames: number | undefined;
  readonly warn: (message: string) => void;
}

/** What was opened. */
export interface OpenedPlaces extends PlaceParts {
  readonly recogniser: PlaceRecogniser;
  readonly map: PlaceMap | undefined;
  /** Frames that the map had before. */
  readonly before: number;
}

/** For containers that tell of fewer frames than they have. */
const SPARE_FRAMES = 64;

/**
 * Opens the networks; the stack ends them.
 *
 * @throws {UsageError} if the vocabulary is for other features; else as {@linkcode openEmbedding} and
 * {@linkcode openFeatures} do.
 */
export async function openParts(
  device: Device,
  options: LoopsOptions,
  vocabulary: Vocabulary | undefined,
  stack: AsyncDisposableStack,
  warn: (message: string) => void = console.error,
): Promise<PlaceParts> {
  const { embed, features: name, f16, tune, featuresInput, mostFeatures } = options;
  const embedding = embed === undefined
    ? undefined
    : await openEmbedding(device, embed, { ...options, f16, tune, warn }, stack);
  const hints = { input: featuresInput, most: mostFeatures, f16, tune, warn };
  const features = name === undefined ? undefined : await openFeatures(device, name, hints, stack);
  if (vocabulary && features) refuseOtherWords(vocabulary, features, options);
  return { embedding, features, vocabulary };
}

/**
 * Opens the map, if there is to be one, and makes the recogniser; the stack closes both.
 *
 * @throws {MapError} if the map was made with other networks, is damaged, or another process writes to it.
 * @throws as {@linkcode PlaceRecogniser.create} does.
 */
export async function openPlaces(
  device: Device,
  options: LoopsOptions,
  parts: PlaceParts,
  { frame, frames, warn }: PlacesForecast,
  stack: AsyncDisposableStack,
): Promise<OpenedPlaces> {
  const { slots, gap, top, method, sequence, leastSequence, minInliers, intrinsics, raw, relocalise } =
    options;
  const { embedding, features, vocabulary } = parts;
  const minSimilarity = options.minSimilarity ?? embedding?.similarity;
  const map = options.map === undefined
    ? undefined
    : await openMap(device, options.map, options, parts, stack);
  const before = map?.size ?? 0;
  const coming = relocalise ? 0 : frames === undefined ? undefined : frames + SPARE_FRAMES;
  const capacity = options.capacity ?? coming;
  const recogniser = stack.use(
    await PlaceRecogniser.create(device, {
      ...(embedding && { embed: embedding.part }),
      ...(features && { features: features.part }),
      ...(vocabulary && { vocabulary }),
      ...(method && { method }),
      ...(map && { map, relocaliseOnly: relocalise }),
      gap,
      candidates: top,
      ...(sequence !== undefined && { sequence }),
      ...(leastSequence !== undefined && { leastSequence }),
      ...(options.byDefault && { matching: TOWN_MATCHING }),
      decision: {
        ...(options.byDefault && TOWN_DECISION),
        ...options.decide,
        ...(minSimilarity !== undefined && { minSimilarity }),
        ...(minInliers !== undefined && { minInliers }),
      },
      ...(intrinsics && { geometry: { intrinsics } }),
      index: { type: typeOf(options) ?? "f32" },
      ...(capacity !== undefined && { capacity: before + capacity }),
      slots,
      frame,
      ...(options.source === "-" && { formats: [raw.format ?? "rgb24"] }),
      onWarning: warn,
    }),
  );
  return { ...parts, recogniser, map, before };
}

/** Opens a map, or begins it; the stack closes it. */
async function openMap(
  device: Device,
  path: string,
  options: LoopsOptions,
  parts: PlaceParts,
  stack: AsyncDisposableStack,
): Promise<PlaceMap> {
  const folder = mapFolder(path);
  const manifest = await folder.read(MANIFEST);
  const kept = manifest && parseManifest(path, manifest).embedding?.type;
  const networks = await networksOf(device, options, parts, typeOf(options) ?? kept ?? "f32");
  const { relocalise: readOnly, gap, remember } = options;
  const map = await PlaceMap.open(folder, {
    networks,
    readOnly,
    gap,
    ...(remember !== undefined && { remember }),
  });
  return stack.adopt(map, (it) => it.close());
}

function typeOf({ index }: LoopsOptions): DescriptorType | undefined {
  return index === "int8" ? "i8" : index;
}

async function networksOf(
  device: Device,
  { vocabulary: path }: LoopsOptions,
  { embedding, features, vocabulary }: PlaceParts,
  type: DescriptorType,
): Promise<MapNetworks> {
  const described = (
    { name, fingerprint, input }: OpenedPart<unknown>,
  ): Omit<MapEmbedding, "dimensions" | "type" | "metric"> => ({
    name,
    fingerprint,
    ...input!,
  });
  return {
    ...(embedding && {
      embedding: {
        ...described(embedding),
        dimensions: dimensionsOf(device, embedding.part),
        type,
        metric: "inner_product",
      },
    }),
    ...(features && {
      features: {
        name: features.name,
        fingerprint: features.fingerprint,
        kind: features.part.form.kind,
        size: features.part.form.size,
        ...features.input,
      },
    }),
    ...(vocabulary && {
      vocabulary: {
        name: path!,
        fingerprint: await fingerprintVocabulary(vocabulary),
        words: vocabulary.wordCount,
        scoring: vocabulary.scoring,
      },
    }),
  };
}

function dimensionsOf(device: Device, options: EmbeddingOptions): number {
  using network = new EmbeddingNetwork(device, options);
  return network.dimensions;
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
