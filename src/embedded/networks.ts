/**
 * The networks that come with Framewise, and the vocabulary: small ones, trained on the town that Framewise draws. They are
 * files of the package, read when they are asked for.
 *
 * @module
 */
import catalogue from "../../models/catalogue.json" with { type: "json" };
import town from "../../models/labels/town.txt" with { type: "text" };
import { readFile } from "../onnx/source.ts";
import type { Size } from "../vision/fit.ts";
import { fullTreatment, type InputTreatment } from "../vision/treatment.ts";

/**
 * The name of a network that comes with Framewise: `town-detector` finds five classes of objects, `town-place` describes
 * whole pictures, `town-features` finds local features.
 */
export type EmbeddedNetworkName = "town-detector" | "town-place" | "town-features";

/** What comes with Framewise, by name: three networks and a vocabulary of the local features. */
export type EmbeddedName = EmbeddedNetworkName | "town-words";

/** Where each file lies. The addresses are written out so that bundlers see them. */
const ADDRESSES: Readonly<Record<EmbeddedName, URL>> = {
  "town-detector": new URL("../../models/town/town-detector.onnx", import.meta.url),
  "town-place": new URL("../../models/town/town-place.onnx", import.meta.url),
  "town-features": new URL("../../models/town/town-features.onnx", import.meta.url),
  "town-words": new URL("../../models/town/town-words.fwv", import.meta.url),
};

/** The networks that come with Framewise. */
export const EMBEDDED_NETWORKS: readonly EmbeddedNetworkName[] = [
  "town-detector",
  "town-place",
  "town-features",
];

/** A network that comes with Framewise, with what is needed to use it. */
export interface EmbeddedNetwork {
  /** Its name, on the command line too. */
  readonly name: EmbeddedNetworkName;
  /** The ONNX file, for `Session.load`; nobody else has these bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The size of its input. */
  readonly input: Size;
  /** What its input wants. */
  readonly treatment: InputTreatment;
  /** Names of its classes, by class id; none where it finds no objects. */
  readonly labels: readonly string[];
  /**
   * Of a network that describes pictures: the inner product from which two pictures are taken for one place, chosen on
   * pictures that it was not trained on. models/town/town-place.md tells how.
   */
  readonly minSimilarity?: number;
  /** Of such a network, too: what the last numbers of a descriptor tell of the light, as a recogniser of places takes it. */
  readonly light?: { readonly numbers: number; readonly distance: number; readonly allowance: number };
}

/** What comes with Framewise cannot be read; the message says where it lies and why. */
export class EmbeddedNetworkError extends Error {
  override readonly name = "EmbeddedNetworkError";
}

/** Where a file of the package lies: a `file:` address of a checkout, or the address that the package was loaded from. */
export function embeddedAddress(name: EmbeddedName): URL {
  return ADDRESSES[name];
}

/**
 * Reads a network that comes with Framewise. It was trained on drawn scenes alone: it shows that everything works, and is of
 * little use on other pictures.
 *
 * @throws {EmbeddedNetworkError} if its file cannot be read: the permission to is missing, or the network is down.
 *
 * @example
 * ```ts
 * import { embeddedNetwork } from "@framewise/framewise";
 *
 * const { labels, input } = await embeddedNetwork("town-detector");
 * console.assert(labels.includes("car") && input.width === 320);
 * ```
 */
export async function embeddedNetwork(name: EmbeddedNetworkName): Promise<EmbeddedNetwork> {
  const bytes = await read(name);
  const entry = catalogue.models.find((model) => model.name === name)!;
  const { width, height } = entry.input;
  const { similarity: minSimilarity, light } = entry as Pick<EmbeddedNetwork, "light"> & {
    similarity?: number;
  };
  return {
    name,
    bytes,
    input: { width, height },
    treatment: fullTreatment(entry.input, `input of ${name}`),
    labels: entry.labels === null ? [] : town.trim().split(/\r?\n/),
    ...(minSimilarity !== undefined && { minSimilarity }),
    ...(light && { light }),
  };
}

/**
 * Reads the vocabulary that comes with Framewise, which belongs to the features of `town-features`; `readVocabulary` makes one
 * of the bytes.
 *
 * @throws {EmbeddedNetworkError} as {@linkcode embeddedNetwork} does.
 */
export async function embeddedVocabulary(): Promise<Uint8Array<ArrayBuffer>> {
  return await read("town-words");
}

async function read(name: EmbeddedName): Promise<Uint8Array<ArrayBuffer>> {
  const address = ADDRESSES[name];
  try {
    return await readFile(address);
  } catch (error) {
    const { reason, permission } = explain(error);
    const local = address.protocol === "file:";
    const advice = local ? "install Framewise anew" : "check the connection";
    const allow = local ? "--allow-read" : `--allow-net=${address.host}`;
    throw new EmbeddedNetworkError(
      `Cannot read ${name}, which comes with Framewise, from ${address.href}: ${reason}; ${
        permission ? `give Deno ${allow}` : advice
      }, or use a network of your own`,
      { cause: error },
    );
  }
}

/** What is at the bottom of an error, and whether it is a permission that is missing. */
function explain(error: unknown): { reason: string; permission: boolean } {
  let last = error;
  while (last instanceof Error && last.cause instanceof Error) last = last.cause;
  if (!(last instanceof Error)) return { reason: String(last), permission: false };
  const permission = last.name === "NotCapable";
  return { reason: permission ? "the permission is missing" : last.message, permission };
}
