/**
 * Tensors whose elements lie in files beside the model.
 *
 * @module
 */

import { OnnxError } from "./error.ts";
import type { ExternalData, OnnxModel, OnnxTensor } from "./model.ts";
import { fromBytes } from "./tensor.ts";

/** Gives the contents of a file named in a model, relative to the model's folder. */
export type ExternalLoader = (location: string) => Promise<Uint8Array> | Uint8Array;

/** The names of the files that the model needs besides its own, each once. */
export function externalLocations(model: OnnxModel): string[] {
  const locations = externalTensors(model).map((tensor) => tensor.external!.location);
  return [...new Set(locations)];
}

/**
 * Loads the elements that lie in other files into the model. Each file is asked for once. Names that lead out of the
 * model's folder (absolute, or with "..") are refused: a model must not choose what is read elsewhere.
 *
 * @throws {OnnxError} listing all tensors whose elements could not be had.
 */
export async function loadExternalData(model: OnnxModel, load: ExternalLoader): Promise<void> {
  const problems: string[] = [];
  const files = new Map<string, Uint8Array>();
  for (const location of externalLocations(model)) {
    if (!staysInside(location)) {
      problems.push(
        `weights are in "${location}", outside the model's folder; put them beside it and export again`,
      );
      continue;
    }
    try {
      files.set(location, await load(location));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      problems.push(`weights are in "${location}", which cannot be read (${why}); put it beside the model`);
    }
  }
  for (const tensor of externalTensors(model)) {
    const file = files.get(tensor.external!.location);
    if (file === undefined) continue;
    try {
      tensor.data = cut(tensor.external!, file);
      delete tensor.external;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const { location } = tensor.external!;
      problems.push(
        `initializer "${tensor.name}" in "${location}": ${error.message}; export or download both files again`,
      );
    }
  }
  if (problems.length > 0) throw new OnnxError("Cannot load the ONNX model's weights", { problems });
}

function externalTensors(model: OnnxModel): OnnxTensor[] {
  const tensors = [...model.graph.initializers];
  for (const node of model.graph.nodes) {
    for (const attribute of node.attributes) {
      if (attribute.type === "tensor") tensors.push(attribute.value);
      else if (attribute.type === "tensors") tensors.push(...attribute.value);
    }
  }
  return tensors.filter((tensor) => tensor.external !== undefined);
}

function cut(
  { dataType, shape, offset, length }: ExternalData,
  file: Uint8Array,
): ReturnType<typeof fromBytes> {
  const end = length === undefined ? file.length : offset + length;
  if (offset > file.length || end > file.length) {
    throw new RangeError(`its elements should end at byte ${end}, but the file has ${file.length}`);
  }
  return fromBytes(dataType, shape, file.subarray(offset, end));
}

function staysInside(location: string): boolean {
  const parts = location.split(/[/\\]/);
  return parts[0] !== "" && !parts.includes("..") && !/^[A-Za-z][A-Za-z0-9+.-]*:/.test(location);
}
