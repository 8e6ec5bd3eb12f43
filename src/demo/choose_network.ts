/** Which network the demo runs: a trained one if it can be had quickly, else the one that ships. */
import { type CatalogueEntry, CatalogueError, readLabels, requireEntry } from "../cli/catalogue.ts";
import { download } from "../cli/download.ts";
import { downloadFolder, locate, modelFolders, openModel } from "../cli/model_store.ts";
import type { Size } from "../vision/fit.ts";
import type { InputTreatment } from "../vision/treatment.ts";

/** A network with YOLOX's output, ready to be loaded. */
export interface DemoNetwork {
  readonly name: string;
  /** In one line, why this one. */
  readonly reason: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly input: Size;
  readonly treatment: InputTreatment;
  /** Names of its classes, in its order. */
  readonly labels: readonly string[];
}

/** Where to look and how long to wait; by default the machine's own folders, and seconds. */
export interface ChooseOptions {
  /** Takes this one and no other. */
  readonly only?: "yolox-nano" | "signals";
  /** Folders with model files. */
  readonly folders?: readonly string[];
  /** Where a downloaded file is kept. */
  readonly downloadFolder?: string;
  /** Gives up on an address that sends nothing for so long; 4,000 unless told. */
  readonly stallMs?: number;
  /** Gives up on the download after so long; 20,000 unless told. */
  readonly downloadMs?: number;
  readonly fetch?: typeof fetch;
}

const TRAINED = "yolox-nano";
const SHIPPED = new URL("../../models/signals/", import.meta.url);

/**
 * Takes YOLOX-Nano where it is found, or downloads it, if that takes no longer than seconds; else takes the signals
 * network, which is part of Framewise. A download is kept for the next time.
 *
 * @throws {CatalogueError} if only YOLOX-Nano is wanted and cannot be had
 */
export async function chooseNetwork(options: ChooseOptions = {}): Promise<DemoNetwork> {
  if (options.only === "signals") return await shippedNetwork("as asked");
  try {
    return await trainedNetwork(options);
  } catch (error) {
    if (options.only !== undefined || !(error instanceof CatalogueError)) throw error;
    const why = error.message.replace(/\s*\n\s*/g, " ");
    return await shippedNetwork(`it ships with Framewise; ${TRAINED} cannot be had here: ${why}`);
  }
}

async function trainedNetwork(options: ChooseOptions): Promise<DemoNetwork> {
  const entry = requireEntry(TRAINED);
  const folder = options.downloadFolder ?? downloadFolder();
  const folders = [...(options.folders ?? modelFolders()), folder];
  const found = await locate(entry, folders) !== undefined;
  if (!found) await fetchTo(folder, entry, options);
  const { bytes, path } = await openModel(TRAINED, folders);
  const { width, height, ...treatment } = entry.input;
  return {
    name: TRAINED,
    reason: found ? `found: ${path}` : `downloaded and kept: ${path}`,
    bytes,
    input: { width, height },
    treatment,
    labels: await readLabels(entry.labels ?? ""),
  };
}

async function fetchTo(folder: string, entry: CatalogueEntry, options: ChooseOptions): Promise<void> {
  try {
    await Deno.mkdir(folder, { recursive: true });
  } catch (error) {
    throw new CatalogueError(`cannot make the folder ${folder}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const seconds = (options.downloadMs ?? 20_000) / 1000;
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new Error(`not done after ${seconds} s`)), seconds * 1000);
  const get = options.fetch ?? fetch;
  try {
    await download(entry, `${folder}/${entry.file}`, {
      stallMs: options.stallMs ?? 4_000,
      fetch: (input, init) => {
        const signals = [limit.signal, ...(init?.signal ? [init.signal] : [])];
        return get(input, { ...init, signal: AbortSignal.any(signals) });
      },
    });
  } finally {
    clearTimeout(timer);
  }
}

async function shippedNetwork(reason: string): Promise<DemoNetwork> {
  const labels = await Deno.readTextFile(new URL("labels.txt", SHIPPED));
  return {
    name: "signals",
    reason,
    bytes: await Deno.readFile(new URL("signals.onnx", SHIPPED)),
    input: { width: 416, height: 416 },
    treatment: { fit: "letterbox-top-left", fill: 114, channels: "bgr" },
    labels: labels.trim().split("\n"),
  };
}
