import { rowBytesOf } from "../index/packing.ts";
import { MapError } from "./errors.ts";
import type { MapFrame } from "./map_frame.ts";
import type { MapNetworks } from "./map_networks.ts";

/** Refuses a frame that has not what the frames of a map have. @throws {MapError} */
export function checkFrame(networks: MapNetworks, id: number, frame: MapFrame): void {
  const fault = descriptorFault(networks, frame) ?? featuresFault(networks, frame) ??
    bagFault(networks, frame) ?? resultFault(id, frame);
  if (fault) throw new MapError(`Cannot add frame ${id} to the map: ${fault}`);
}

function descriptorFault({ embedding }: MapNetworks, { descriptor }: MapFrame): string | undefined {
  if (!embedding || !descriptor) return presence("a global descriptor", !!embedding, !!descriptor);
  const { dimensions, type } = embedding;
  if (descriptor instanceof Float32Array) {
    return descriptor.length === dimensions
      ? undefined
      : `its descriptor has ${descriptor.length} elements, and the map's have ${dimensions}`;
  }
  const bytes = rowBytesOf(dimensions, type), { count, scales } = descriptor;
  return count === 1 && descriptor.bytes.length === bytes &&
      scales?.length === (type === "i8" ? 1 : undefined)
    ? undefined
    : `its packed descriptor is of ${count} rows and ${descriptor.bytes.length} bytes, and the map's are one of ${bytes}, ${type}`;
}

function featuresFault({ features: wanted }: MapNetworks, { features }: MapFrame): string | undefined {
  if (!wanted || !features) return presence("local features", !!wanted, !!features);
  const kind = features.descriptors instanceof Int8Array ? "float" : "binary";
  const { points, descriptors, size } = features;
  return kind === wanted.kind && size === wanted.size && descriptors.length * 2 === points.length * size
    ? undefined
    : `its features are ${kind}, ${
      points.length / 2
    } points and ${descriptors.length} bytes of descriptors of ${size}, ` +
      `and the map's are ${wanted.kind}, of ${wanted.size} bytes each`;
}

function bagFault({ vocabulary }: MapNetworks, { bag }: MapFrame): string | undefined {
  return presence("a bag of words", !!vocabulary, !!bag);
}

function resultFault(id: number, { result, covisibility }: MapFrame): string | undefined {
  if (result && result.id !== id) return `its result is that of frame ${result.id}`;
  const other = covisibility?.ids.find((other) => other >= id);
  if (other !== undefined) return `it sees the same as frame ${other}, which is none before it`;
  if (result?.match !== undefined && !(result.match >= 0 && result.match < id)) {
    return `it matches frame ${result.match}, which is none before it`;
  }
  return undefined;
}

function presence(what: string, wanted: boolean, given: boolean): string | undefined {
  if (wanted === given) return undefined;
  return given
    ? `it has ${what}, and the map's frames have none`
    : `it has not ${what}, and the map's frames have`;
}
