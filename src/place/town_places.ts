/**
 * What recognises places where nothing else is given.
 *
 * @module
 */
import { embeddedNetwork, embeddedVocabulary } from "../embedded/mod.ts";
import type { Device } from "../gpu/mod.ts";
import { loadGraph } from "../graph/load.ts";
import { planGraph, Session } from "../graph/session.ts";
import type { EmbeddingOptions } from "./embedding/embedding_stage.ts";
import { type FeatureSource, networkFeatures } from "./feature_source.ts";
import { KeyPointHeadError, recogniseKeyPoints } from "./features/heads/mod.ts";
import type { LoopDetectorOptions } from "./loop/loop_options.ts";
import { readVocabulary } from "./vocabulary/read.ts";
import type { Vocabulary } from "./vocabulary/vocabulary.ts";

/** The networks and the vocabulary that come with Framewise, ready for a recogniser. */
export interface TownPlaces {
  readonly embed: EmbeddingOptions;
  readonly features: FeatureSource;
  readonly vocabulary: Vocabulary;
  /** Frames over which likeness is the mean, and over how many at least. */
  readonly sequence: number;
  readonly leastSequence: number;
  /** Which features are compared. */
  readonly matching: typeof TOWN_MATCHING;
  /** How the decision is best made with them. */
  readonly decision: Pick<LoopDetectorOptions, "minSimilarity" | keyof typeof TOWN_DECISION>;
}

/**
 * How decisions are made with a descriptor that was trained to tell streets apart that look alike. What the words find has to be
 * like enough by the descriptor, too, whose threshold is so strict that streets built alike stay below it; where a revisit
 * began, less is enough, so that a turn or a lorry does not end it. Geometry only confirms, so few features are enough: 12, as in
 * DLoopDetector, where frames before agree, too. Chosen on four drives twice round the same houses in two
 * lights and four down two streets built alike, of seeds that nothing was trained on or is evaluated on.
 */
export const TOWN_DECISION = {
  agreement: "both",
  trackFrames: 60,
  trackSimilarity: 0.4,
  minMatches: 12,
  minInliers: 12,
  support: 1,
} as const satisfies LoopDetectorOptions;

/** Frames over which likeness is the mean: one picture of a street can be like one of another street. */
export const TOWN_SEQUENCE = 30;

/** Frames that such a mean is over at least: streets built alike are most alike over the first frames of a drive. */
export const TOWN_LEAST_SEQUENCE = 5;

/** A picture has 100 to 200 of these features, which are soon compared; in other light some come to other nodes. */
export const TOWN_MATCHING = "all";

/**
 * Opens `town-place`, `town-features` and `town-words`, which come with Framewise.
 *
 * @param own is given the sessions, to end them.
 * @throws {EmbeddedNetworkError} if they cannot be read.
 */
export async function townPlaces(
  device: Device,
  own: <T extends Disposable>(part: T) => T,
): Promise<TownPlaces> {
  const place = await embeddedNetwork("town-place");
  const local = await embeddedNetwork("town-features");
  const vocabulary = await readVocabulary(await embeddedVocabulary());
  const graph = await loadGraph(local.bytes, { movable: true });
  const { width, height } = local.input;
  const plan = planGraph(graph, { [graph.inputs[0]!.name]: [1, 3, height, width] });
  const shapes = Object.fromEntries(plan.outputs.map(({ name, type }) => [name, type.shape]));
  const recognised = recogniseKeyPoints(shapes, local.input);
  if (!recognised.head) {
    throw new KeyPointHeadError(`Cannot find features with ${local.name}: ${recognised.reason}`);
  }
  const session = own(new Session(device, await loadGraph(place.bytes, { movable: true })));
  const { treatment, input } = local;
  return {
    embed: {
      session,
      treatment: place.treatment,
      input: place.input,
      ...(place.light && { light: place.light }),
    },
    features: networkFeatures({
      session: own(new Session(device, graph)),
      head: recognised.head,
      treatment,
      input,
    }),
    vocabulary,
    sequence: TOWN_SEQUENCE,
    leastSequence: TOWN_LEAST_SEQUENCE,
    matching: TOWN_MATCHING,
    decision: {
      ...TOWN_DECISION,
      ...(place.minSimilarity !== undefined && { minSimilarity: place.minSimilarity }),
    },
  };
}
