/**
 * The embedded networks under evaluation: their files, and what the library does with them by default.
 *
 * @module
 */
import { type CatalogueEntry, readLabels, requireEntry } from "../../src/cli/catalogue.ts";
import type { EmbeddedNetworkName } from "../../src/embedded/mod.ts";
import {
  type LightNumbers,
  type LoopDetectorOptions,
  readVocabulary,
  type Vocabulary,
} from "../../src/place/mod.ts";
import {
  TOWN_DECISION,
  TOWN_LEAST_SEQUENCE,
  TOWN_MATCHING,
  TOWN_SEQUENCE,
} from "../../src/place/town_places.ts";
import type { Size } from "../../src/vision/fit.ts";
import { fullTreatment, type InputTreatment } from "../../src/vision/treatment.ts";
import { KINDS } from "../../src/world/mod.ts";
import type { PartName } from "./figures.ts";

/** Where the networks are that come with Framewise. */
export const TOWN_FOLDER: string = new URL("../../models/town", import.meta.url).pathname;

/** A network's file, and what its input wants. */
export interface NetworkFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly input: Size;
  readonly treatment: InputTreatment;
  /** Of descriptors: what their last numbers tell of the light. */
  readonly light?: LightNumbers;
}

/** What is evaluated; what no part needs is not read. */
export interface EmbeddedNetworks {
  readonly detector?: NetworkFile;
  readonly place?: NetworkFile;
  readonly features?: NetworkFile;
  readonly vocabulary?: Vocabulary;
  /** How the library decides about loops where it uses these networks by default. */
  readonly decision: Pick<LoopDetectorOptions, "minSimilarity" | "agreement">;
  /** Frames over which likeness is the mean, then. */
  readonly sequence: number;
  readonly leastSequence: number;
  /** Which features are compared, then. */
  readonly matching: "nodes" | "all";
  /** Whether they are those that the library uses by default. */
  readonly byDefault: boolean;
}

/** Files that are not there or do not fit; the message says which and what to do. */
export class EvaluationError extends Error {
  override readonly name = "EvaluationError";
}

/**
 * Reads the networks that the parts need, `town-*.onnx` and `town-words.fwv` of a folder. How they are fed and what is
 * decided by them is what the catalogue and the library have, whatever the folder.
 *
 * @throws {EvaluationError} if a file is not there, or the detector's classes are not the world's.
 */
export async function readNetworks(
  parts: readonly PartName[],
  folder: string = TOWN_FOLDER,
): Promise<EmbeddedNetworks> {
  const needed = (...by: PartName[]): boolean => by.some((part) => parts.includes(part));
  const detector = needed("detector") ? await readNetwork(folder, "town-detector") : undefined;
  const place = needed("place", "loops") ? await readNetwork(folder, "town-place") : undefined;
  const features = needed("features", "loops") ? await readNetwork(folder, "town-features") : undefined;
  const vocabulary = needed("loops")
    ? await readVocabulary(await readBytes(`${folder}/town-words.fwv`))
    : undefined;
  if (detector) await refuseOtherClasses(requireEntry("town-detector"));
  const { similarity } = requireEntry("town-place");
  return {
    ...(detector && { detector }),
    ...(place && { place }),
    ...(features && { features }),
    ...(vocabulary && { vocabulary }),
    decision: { ...TOWN_DECISION, ...(similarity !== undefined && { minSimilarity: similarity }) },
    sequence: TOWN_SEQUENCE,
    leastSequence: TOWN_LEAST_SEQUENCE,
    matching: TOWN_MATCHING,
    byDefault: folder === TOWN_FOLDER,
  };
}

async function readNetwork(folder: string, name: EmbeddedNetworkName): Promise<NetworkFile> {
  const { file, input, light } = requireEntry(name);
  const { width, height } = input;
  return {
    bytes: await readBytes(`${folder}/${file}`),
    input: { width, height },
    treatment: fullTreatment(input, `input of ${name}`),
    ...(light && { light }),
  };
}

async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new EvaluationError(
      `Cannot read "${path}": there is no such file; models/train makes it, or give another folder as --models DIR`,
      { cause: error },
    );
  }
}

async function refuseOtherClasses({ labels }: CatalogueEntry): Promise<void> {
  const names = await readLabels(labels!);
  if (names.join() === KINDS.join()) return;
  throw new EvaluationError(
    `Cannot evaluate town-detector: the catalogue's classes are ${names.join(", ")}, and the world's kinds ${
      KINDS.join(", ")
    }`,
  );
}
