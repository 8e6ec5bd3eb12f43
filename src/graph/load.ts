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

/**
 * Reads a network without a device: to look at it, or to plan it.
 *
 * @param place where a network that is given as bytes lies: its weights may be in files beside it.
 * @throws {OnnxError}
 */
export async function loadGraph(source: ModelSource, place?: string | URL): Promise<Graph> {
  const from = source instanceof Uint8Array ? place : source;
  const bytes = source instanceof Uint8Array ? source : await readFile(source);
  const model = parseModel(bytes, from === undefined ? {} : { name: String(from) });
  if (from !== undefined) await loadExternalData(model, besideModel(from));
  else if (externalLocations(model).length > 0) {
    throw new OnnxError(
      "Cannot load the ONNX model: its weights are in other files; load it by path or address, so that they can be found",
    );
  }
  return importGraph(model);
}
