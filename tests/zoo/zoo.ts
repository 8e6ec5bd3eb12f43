/**
 * Real architectures as PyTorch exports them, made by export.py: each is run on a device and in ONNX Runtime.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Device } from "../../src/gpu/mod.ts";
import { Session } from "../../src/graph/session.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { assertClose } from "../support/compare.ts";
import { OrtSession } from "../support/ort.ts";

/** A network of the folder, as export.py lists it in zoo.json. */
export interface ZooEntry {
  readonly name: string;
  readonly file: string;
  /** "classic" is torch.onnx's exporter by tracing, "dynamo" the one by torch.export. */
  readonly exporter: string;
  readonly opset: number;
  readonly nodes: number;
  /** The input that it was traced with. */
  readonly shape: readonly number[];
  /** The file of a picture to put in: floats, of the kind that batch normalisations were set for. */
  readonly input: string;
  readonly torch: string;
}

/** What came of a network. */
export interface ZooResult {
  readonly entry: ZooEntry;
  readonly dispatches: number;
  /** The largest difference from ONNX Runtime's outputs, as a part of the largest magnitude of each. */
  readonly error: number;
}

/** What a network's outputs may be off by, as a part of the largest magnitude. */
export const TOLERANCE = 1e-4;

/** The folder of networks: `FRAMEWISE_ZOO`, else models beside this file. */
export const ZOO_FOLDER: string = Deno.env.get("FRAMEWISE_ZOO") ??
  fileURLToPath(new URL("models", import.meta.url));

/** How to make the folder. */
export const HOW_TO_MAKE =
  "make it with: python -m venv /tmp/zoo && /tmp/zoo/bin/pip install -r tests/zoo/requirements.txt && " +
  "/tmp/zoo/bin/python tests/zoo/export.py";

/** The networks of a folder, or `undefined` if there is none. */
export function zooEntries(folder: string = ZOO_FOLDER): ZooEntry[] | undefined {
  const index = `${folder}/zoo.json`;
  if (!existsSync(index)) return undefined;
  const entries = JSON.parse(Deno.readTextFileSync(index)) as ZooEntry[];
  return entries.toSorted((a, b) => a.file < b.file ? -1 : 1);
}

/**
 * Runs a network on a device and in ONNX Runtime.
 *
 * @throws {AssertionError} if an output is off by more than {@linkcode TOLERANCE}, or any whole number differs.
 */
export async function checkEntry(
  device: Device,
  entry: ZooEntry,
  folder: string = ZOO_FOLDER,
): Promise<ZooResult> {
  // By path: the newer exporter puts weights into a file beside the network.
  const path = `${folder}/${entry.file}`;
  using session = await Session.load(device, path);
  const [input] = session.inputs;
  if (session.inputs.length !== 1 || !input) {
    throw new Error(`${entry.file} takes ${session.inputs.length} inputs, and not one`);
  }
  const picture = new Float32Array((await Deno.readFile(`${folder}/${entry.input}`)).buffer);
  const feeds = { [input.name]: hostTensor("f32", entry.shape, picture) };
  const outputs = await session.run(feeds);
  const dispatches = session.plan({ [input.name]: entry.shape }).steps.length;
  await using reference = await OrtSession.create(path);
  const expected = await reference.run(feeds);
  let error = 0;
  for (const [name, value] of Object.entries(expected)) {
    const actual = outputs[name];
    if (!actual) throw new Error(`${entry.file} gives no "${name}"`);
    const relative = value.dtype === "f32" ? TOLERANCE : 0;
    const off = assertClose(actual, value, { relative, context: `${entry.file}, output ${name}` });
    error = Math.max(error, off);
  }
  return { entry, dispatches, error };
}
