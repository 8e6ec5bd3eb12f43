/**
 * Reads a network from a path, an address, or bytes.
 *
 * @module
 */
import { OnnxError } from "../onnx/error.ts";
import { externalLocations, loadExternalData } from "../onnx/external.ts";
import { parseModel } from "../onnx/parse.ts";
import { besideModel, readFile } from "../onnx/source.ts";
import type { Graph } from "./graph.ts";
import { importGraph } from "./import.ts";

/** Where a network comes from: a path, an address, or the file's bytes. */
export type ModelSource = string | URL | Uint8Array<ArrayBuffer>;

/** How a network that is given as bytes is read. */
export interface LoadOptions {
  /** Where it lies: its name in messages, and its weights may be in files beside it. */
  place?: string | URL;
  /** The bytes are given away and may be changed, so that no weight needs to be copied. Default false. */
  movable?: boolean;
}

/** Reads a network without a device: to look at it, or to plan it. @throws {OnnxError} */
export async function loadGraph(source: ModelSource, options: LoadOptions = {}): Promise<Graph> {
  const isGiven = source instanceof Uint8Array;
  const place = isGiven ? options.place : source;
  const bytes = isGiven ? source : await readFile(source);
  const model = parseModel(bytes, {
    ...(place !== undefined && { name: String(place) }),
    movable: !isGiven || options.movable === true,
  });
  if (place !== undefined) await loadExternalData(model, besideModel(place));
  else if (externalLocations(model).length > 0) {
    throw new OnnxError(
      "Cannot load the ONNX model: its weights are in other files; load it by path or address, so that they can be found",
    );
  }
  return importGraph(model);
}
