/**
 * Tensors whose elements lie in files beside the model.
 *
 * @module
 */

import { OnnxError } from "./error.ts";
import type { ExternalData, OnnxModel, OnnxTensor } from "./model.ts";
import { fromBytes, tensorBytes } from "./tensor.ts";

/**
 * Gives a part of a file named in a model, relative to the model's folder: `length` bytes from `offset` on, or fewer
 * where the file ends before.
 */
export type ExternalLoader = (
  location: string,
  offset: number,
  length: number,
) => Promise<Uint8Array> | Uint8Array;

/** Parts begin at multiples of this, so that what is aligned in the file is aligned in memory. */
const ALIGNMENT = 64;
/** Tensors with no more than this between them are read together. */
const GAP_BYTES = 64 << 10;
/** What is read together takes no more than this, unless one tensor does. */
const PART_BYTES = 256 << 20;

/** The names of the files that the model needs besides its own, each once. */
export function externalLocations(model: OnnxModel): string[] {
  const locations = externalTensors(model).map((tensor) => tensor.external!.location);
  return [...new Set(locations)];
}

/**
 * Loads the elements that lie in other files into the model. Files are read in parts, only where a tensor lies, each
 * place once, so they may be larger than one buffer can be. Tensors are views of what the loader gives where their
 * alignment allows. Names that lead out of the model's folder (absolute, or with "..") are refused: a model must not
 * choose what is read elsewhere.
 *
 * @throws {OnnxError} listing all tensors whose elements could not be had.
 */
export async function loadExternalData(model: OnnxModel, load: ExternalLoader): Promise<void> {
  const problems: string[] = [];
  for (
    const [location, tensors] of Map.groupBy(externalTensors(model), ({ external }) => external!.location)
  ) {
    if (!staysInside(location)) {
      problems.push(
        `weights are in "${location}", outside the model's folder; put them beside it and export again`,
      );
      continue;
    }
    try {
      for (const part of partsOf(location, tensors, problems)) {
        const bytes = part.end - part.start;
        fill(part, bytes > 0 ? await load(location, part.start, bytes) : new Uint8Array(), problems);
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      problems.push(`weights are in "${location}", which cannot be read (${why}); put it beside the model`);
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

/** A tensor and the bytes that it takes in its file. */
interface Placed {
  readonly tensor: OnnxTensor;
  readonly external: ExternalData;
  readonly end: number;
}

/** A part of a file, and the tensors in it. */
interface Part {
  readonly start: number;
  end: number;
  readonly placed: Placed[];
}

/** Few parts that hold all tensors of a file; those that cannot be there are noted among the problems. */
function partsOf(location: string, tensors: readonly OnnxTensor[], problems: string[]): Part[] {
  const placed: Placed[] = [];
  for (const tensor of tensors) {
    const { dataType, shape, offset, length } = tensor.external!;
    try {
      const bytes = tensorBytes(dataType, shape, length);
      placed.push({ tensor, external: tensor.external!, end: offset + bytes });
    } catch (error) {
      problems.push(problemOf(location, tensor, error));
    }
  }
  placed.sort((a, b) => a.external.offset - b.external.offset);
  const parts: Part[] = [];
  for (const one of placed) {
    const last = parts.at(-1);
    const joined = Math.max(last?.end ?? 0, one.end);
    if (last && one.external.offset <= last.end + GAP_BYTES && joined - last.start <= PART_BYTES) {
      last.end = joined;
      last.placed.push(one);
    } else {
      const start = Math.floor(one.external.offset / ALIGNMENT) * ALIGNMENT;
      parts.push({ start, end: one.end, placed: [one] });
    }
  }
  return parts;
}

function fill({ start, placed }: Part, bytes: Uint8Array, problems: string[]): void {
  for (const { tensor, external, end } of placed) {
    const { location, dataType, shape, offset } = external;
    try {
      if (end > start + bytes.length) {
        const has = bytes.length > 0 ? `has ${start + bytes.length}` : `has not even ${start + 1}`;
        throw new RangeError(`its elements should end at byte ${end}, but the file ${has}`);
      }
      tensor.data = fromBytes(dataType, shape, bytes.subarray(offset - start, end - start));
      delete tensor.external;
    } catch (error) {
      problems.push(problemOf(location, tensor, error));
    }
  }
}

function problemOf(location: string, tensor: OnnxTensor, error: unknown): string {
  if (!(error instanceof RangeError)) throw error;
  return `initializer "${tensor.name}" in "${location}": ${error.message}; export or download both files again`;
}

function staysInside(location: string): boolean {
  const parts = location.split(/[/\\]/);
  return parts[0] !== "" && !parts.includes("..") && !/^[A-Za-z][A-Za-z0-9+.-]*:/.test(location);
}
