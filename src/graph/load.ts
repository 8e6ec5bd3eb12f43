/**
 * Reads a network from a path, an address, or bytes.
 *
 * @module
 */
import { OnnxError } from "../onnx/error.ts";
import { externalLocations, loadExternalData } from "../onnx/external.ts";
import { parseModel } from "../onnx/parse.ts";
import type { Graph } from "./graph.ts";
import { importGraph } from "./import.ts";

/** Where a network comes from: a path, an address, or the file's bytes. */
export type ModelSource = string | URL | Uint8Array<ArrayBuffer>;

/** Reads a network without a device: to look at it, or to plan it. @throws {OnnxError} */
export async function loadGraph(source: ModelSource): Promise<Graph> {
  if (source instanceof Uint8Array) {
    const model = parseModel(source);
    if (externalLocations(model).length > 0) {
      throw new OnnxError(
        "Cannot load the ONNX model: its weights are in other files; load it by path or address, so that they can be found",
      );
    }
    return importGraph(model);
  }
  const model = parseModel(await readBytes(source), { name: String(source) });
  await loadExternalData(model, (location) => readBytes(new URL(location, addressOf(source))));
  return importGraph(model);
}

async function readBytes(source: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  const address = addressOf(source);
  let reason: string;
  try {
    const response = await fetch(address);
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
    reason = `${response.status} ${response.statusText}`;
  } catch (error) {
    reason = error instanceof Error ? error.message : String(error);
  }
  throw new OnnxError(`Cannot read ${source}: ${reason}; check the path and the permission to read it`);
}

/** A path becomes a file address, relative to the working directory where the runtime has one. */
function addressOf(source: string | URL): URL {
  if (source instanceof URL) return source;
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(source)) return new URL(source);
  const runtime = globalThis as { Deno?: { cwd(): string } };
  const base = runtime.Deno ? `file://${runtime.Deno.cwd()}/` : globalThis.location?.href;
  return new URL(source.replaceAll("%", "%25").replaceAll("#", "%23").replaceAll("?", "%3F"), base);
}
