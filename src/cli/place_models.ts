/**
 * What the command line knows of the networks that recognise places: from the catalogue where their bytes are known, else
 * from their outputs and what the user says.
 *
 * @module
 */
import type { Device } from "../gpu/mod.ts";
import type { Graph } from "../graph/graph.ts";
import type { TuneMode } from "../graph/mod.ts";
import { loadGraph } from "../graph/load.ts";
import { planGraph, Session } from "../graph/session.ts";
import type { EmbeddingOptions } from "../place/embedding/embedding_stage.ts";
import type { Pooling } from "../place/embedding/pooling.ts";
import { Whitening } from "../place/embedding/whitening.ts";
import { recogniseKeyPoints } from "../place/features/heads/mod.ts";
import { type FeatureSource, networkFeatures, orbFeatures } from "../place/feature_source.ts";
import { fingerprint } from "../place/map/map_networks.ts";
import type { Size } from "../vision/fit.ts";
import type { InputTreatment } from "../vision/treatment.ts";
import { CatalogueError, type ModelTask } from "./catalogue.ts";
import { parseInputOption } from "./detection_model.ts";
import { UsageError } from "./failure.ts";
import { type OpenedModel, openModel } from "./model_store.ts";
import { readProblem } from "./read_problem.ts";
import { sessionTuning } from "./tuning.ts";

/** What the user says of the network for global descriptors. */
export interface EmbeddingHints {
  readonly input?: string | undefined;
  readonly output?: string | undefined;
  readonly pooling?: Pooling | undefined;
  readonly whitening?: string | undefined;
  readonly f16?: boolean;
  readonly tune?: TuneMode | undefined;
  /** Takes what the session says. */
  readonly warn?: (message: string) => void;
}

/** What the user says of what finds local features. */
export interface FeatureHints {
  readonly input?: string | undefined;
  /** Most features of a frame. */
  readonly most?: number | undefined;
  readonly f16?: boolean;
  readonly tune?: TuneMode | undefined;
  /** Takes what the session says. */
  readonly warn?: (message: string) => void;
}

/** What was opened. */
export interface OpenedPart<Part> {
  readonly part: Part;
  /** In a few words. */
  readonly described: string;
  /** What messages and maps call it. */
  readonly name: string;
  /** Of its file, and of what is done beside. */
  readonly fingerprint: string;
  /** Of its input, where that is fixed. */
  readonly input?: Size;
  /** Of descriptors: the inner product from which two pictures are taken for one place, where the catalogue knows it. */
  readonly similarity?: number;
}

/** What networks that are trained on ImageNet mostly take. */
const USUAL_TREATMENT: InputTreatment = {
  fit: "stretch",
  channels: "rgb",
  mean: [123.675, 116.28, 103.53],
  std: [58.395, 57.12, 57.375],
};
/** What networks for local features mostly take: 0 to 1. */
const FEATURE_TREATMENT: InputTreatment = { fit: "stretch", channels: "rgb", std: 255 };

/** The networks of the catalogue that are for something else, and what for. */
const OTHER_TASKS: Readonly<Record<ModelTask, string>> = {
  detection: "detects objects; it goes with framewise detect",
  faces: "detects faces; it goes with framewise detect",
  descriptor: "describes whole images; give it as --embed",
  features: "finds local features; give it as --features",
};

/**
 * Opens the network for global descriptors; the stack ends its session.
 *
 * @throws {CatalogueError}, {OnnxError}, {GraphError}, {UsageError} saying what is missing and which option tells it.
 */
export async function openEmbedding(
  device: Device,
  nameOrPath: string,
  hints: EmbeddingHints,
  stack: AsyncDisposableStack,
): Promise<OpenedPart<EmbeddingOptions>> {
  const model = await openModel(nameOrPath);
  refuseOther(model, "descriptor");
  const graph = await loadGraph(model.bytes.slice(), { place: model.path, movable: true });
  const { input, treatment, channels } = inputOf(graph, model, hints.input, "--input", USUAL_TREATMENT);
  const whitening = hints.whitening === undefined ? undefined : await readWhitening(hints.whitening);
  const session = stack.use(sessionOf(device, graph, hints));
  await session.tune({ [graph.inputs[0]!.name]: [1, channels, input.height, input.width] });
  const output = hints.output ?? model.entry?.output;
  const embed: EmbeddingOptions = {
    session,
    treatment,
    input,
    ...(output !== undefined && { output }),
    ...(hints.pooling !== undefined && { pooling: hints.pooling }),
    ...(whitening && { whitening: whitening.whitening }),
    ...(model.entry?.light && !whitening && { light: model.entry.light }),
  };
  const settings = JSON.stringify([treatment, output, hints.pooling]);
  return {
    part: embed,
    described: `${model.path}, input ${input.width}x${input.height}`,
    name: nameOf(model),
    fingerprint: await fingerprint(
      model.bytes,
      new TextEncoder().encode(settings),
      ...(whitening ? [whitening.bytes] : []),
    ),
    input,
    ...(model.entry?.similarity !== undefined && !whitening && { similarity: model.entry.similarity }),
  };
}

/**
 * Opens what finds local features: a network, or `orb`; the stack ends its session.
 *
 * @throws {CatalogueError}, {OnnxError}, {GraphError}, {UsageError} saying what is missing and which option tells it.
 */
export async function openFeatures(
  device: Device,
  nameOrPath: string,
  hints: FeatureHints,
  stack: AsyncDisposableStack,
): Promise<OpenedPart<FeatureSource>> {
  const most = hints.most === undefined ? {} : { maxFeatures: hints.most };
  if (nameOrPath === "orb") {
    const size = hints.input === undefined ? undefined : orbSize(hints.input);
    return {
      part: orbFeatures({ ...most, ...(size && { size }) }),
      described: `ORB${size ? `, in ${size.width}x${size.height}` : ""}`,
      name: "orb",
      fingerprint: await fingerprint(new TextEncoder().encode(`orb ${JSON.stringify(size ?? {})}`)),
    };
  }
  const model = await openModel(nameOrPath);
  refuseOther(model, "features");
  const graph = await loadGraph(model.bytes.slice(), { place: model.path, movable: true });
  const { input, treatment, channels } = inputOf(
    graph,
    model,
    hints.input,
    "--features-input",
    FEATURE_TREATMENT,
  );
  const plan = planGraph(graph, { [graph.inputs[0]!.name]: [1, channels, input.height, input.width] });
  const shapes = Object.fromEntries(plan.outputs.map(({ name, type }) => [name, type.shape]));
  const recognised = recogniseKeyPoints(shapes, input);
  if (!recognised.head) {
    throw new UsageError(`--features: "${nameOrPath}" finds no local features: ${recognised.reason}`);
  }
  const { head } = recognised;
  const session = stack.use(sessionOf(device, graph, hints));
  await session.tune({ [graph.inputs[0]!.name]: [1, channels, input.height, input.width] });
  return {
    part: networkFeatures({ session, head, treatment, input, ...most }),
    described: `${model.path}, ${head.family} head, input ${input.width}x${input.height}`,
    name: nameOf(model),
    fingerprint: await fingerprint(model.bytes, new TextEncoder().encode(JSON.stringify(treatment))),
    input,
  };
}

function sessionOf(device: Device, graph: Graph, hints: EmbeddingHints | FeatureHints): Session {
  const { f16, tune, warn = console.error } = hints;
  return new Session(device, graph, { precision: f16 ? "f16" : "f32", ...sessionTuning(tune, warn) });
}

function orbSize(text: string): Size {
  const parts = /^([1-9]\d*)x([1-9]\d*)$/.exec(text);
  if (!parts) {
    throw new UsageError(
      `--features-input is "${text}"; with orb, write the size it works in, such as 640x480`,
    );
  }
  return { width: Number(parts[1]), height: Number(parts[2]) };
}

function nameOf({ path, entry }: OpenedModel): string {
  return entry?.name ?? path;
}

function refuseOther({ entry }: OpenedModel, task: "descriptor" | "features"): void {
  if (entry && entry.task !== task) {
    throw new CatalogueError(`the network "${entry.name}" ${OTHER_TASKS[entry.task]}`);
  }
}

/** The size and the treatment of a network's input: as told, else as the catalogue has them, else as usual. */
function inputOf(
  graph: Graph,
  { path, entry }: OpenedModel,
  told: string | undefined,
  option: string,
  usual: InputTreatment,
): { input: Size; treatment: InputTreatment; channels: number } {
  const [first, ...rest] = graph.inputs;
  if (!first || rest.length > 0 || first.dims.length !== 4) {
    const found = graph.inputs.map(({ name, dims }) => `${name} [${dims.join(", ")}]`).join(", ");
    throw new UsageError(
      `"${path}" takes ${found || "nothing"}; places are recognised by networks that take one image of ` +
        `[1, channels, height, width]`,
    );
  }
  let hints: ReturnType<typeof parseInputOption> | undefined;
  try {
    hints = told === undefined ? undefined : parseInputOption(told);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(error.message.replaceAll("--input", option), { cause: error });
  }
  const [, depth, height, width] = first.dims;
  const own = typeof height === "number" && typeof width === "number" ? { width, height } : undefined;
  const known = entry && { width: entry.input.width, height: entry.input.height };
  const input = hints?.size ?? own ?? known;
  if (!input) {
    throw new UsageError(
      `the input of "${path}" has free dimensions [${first.dims.join(", ")}]; give its size by ${option} WxH`,
    );
  }
  return {
    input,
    treatment: { ...entry?.input ?? usual, ...hints?.treatment },
    channels: typeof depth === "number" ? depth : 3,
  };
}

async function readWhitening(
  path: string,
): Promise<{ whitening: Whitening; bytes: Uint8Array<ArrayBuffer> }> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    throw new UsageError(`--whitening: cannot read "${path}": ${readProblem(error)}`, { cause: error });
  }
  try {
    return { whitening: Whitening.load(bytes), bytes };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`--whitening: "${path}": ${error.message}`, { cause: error });
  }
}
