/**
 * What the command line knows of a detection network: from the catalogue where its bytes are known, else from its
 * outputs and what the user says.
 *
 * @module
 */
import { type Head, HEAD_FAMILIES, HeadError, type HeadFamily, recogniseHead } from "../detect/heads/mod.ts";
import type { Graph } from "../graph/graph.ts";
import { loadGraph } from "../graph/load.ts";
import { planGraph } from "../graph/session.ts";
import { FIT_MODES, type FitMode, type Size } from "../vision/fit.ts";
import { fullTreatment, type InputTreatment } from "../vision/treatment.ts";
import { type CatalogueEntry, CatalogueError, readLabels } from "./catalogue.ts";
import { UsageError } from "./failure.ts";
import { openModel } from "./model_store.ts";

/** What the user says of a network that the catalogue does not know. */
export interface ModelHints {
  family?: string | undefined;
  input?: string | undefined;
  labels?: string | undefined;
}

/** A detection network that is ready for a session. */
export interface DetectionModel {
  /** Where its file is. */
  path: string;
  graph: Graph;
  head: Head;
  treatment: InputTreatment;
  input: Size;
  labels: readonly string[];
}

/** How networks of each family are usually fed. */
const USUAL_TREATMENT: Readonly<Record<HeadFamily, InputTreatment>> = {
  yolox: { fit: "letterbox-top-left", fill: 114, channels: "bgr" },
  fastestdet: { fit: "stretch", channels: "bgr", std: 255 },
  ultraface: { fit: "stretch", channels: "rgb", mean: 127, std: 128 },
  yunet: { fit: "letterbox-top-left", channels: "bgr" },
  ssd: { fit: "stretch", channels: "rgb", mean: 127.5, std: 127.5 },
};

/**
 * Opens a network by path or name and finds out how to use it.
 *
 * @throws {CatalogueError}, {OnnxError}, {GraphError}, {HeadError}, {UsageError} saying what is missing and which option
 * tells it.
 */
export async function openDetectionModel(nameOrPath: string, hints: ModelHints): Promise<DetectionModel> {
  const { path, bytes, entry } = await openModel(nameOrPath);
  const graph = await loadGraph(bytes, { place: path, movable: true });
  const told = hints.input === undefined ? undefined : parseInputOption(hints.input);
  const known = entry?.head !== "none" ? entry : undefined;
  if (entry?.head === "none" && hints.family === undefined) {
    throw new CatalogueError(
      `"${entry.name}" is no detector: ${entry.title}; choose one that "framewise models" lists as such`,
    );
  }
  const family = readFamily(hints.family) ?? (known?.head as HeadFamily | undefined);
  const input = inputSize(graph, told?.size, known);
  const plan = planGraph(graph, inputShape(graph, input));
  const shapes = Object.fromEntries(plan.outputs.map(({ name, type }) => [name, type.shape]));
  const recognised = recogniseHead(shapes, input, family ? { family } : {});
  if (!recognised.head) {
    const advice = hints.family === undefined
      ? "if it is a detector, tell its head by --family and its input by --input"
      : "leave --family out, or tell the input by --input";
    throw new HeadError(`Cannot detect with "${path}": ${recognised.reason}; ${advice}`);
  }
  const { head } = recognised;
  const treatment = { ...known?.input ?? USUAL_TREATMENT[head.family], ...told?.treatment };
  return { path, graph, head, treatment, input, labels: await labelsOf(hints.labels, known, head) };
}

/** The shapes that a plan is made for: one image of the size given. */
export function inputShape(graph: Graph, size: Size): Record<string, number[]> {
  const [first, ...rest] = graph.inputs;
  if (!first || rest.length > 0 || first.dims.length !== 4) {
    const found = graph.inputs.map(({ name, dims }) => `${name} [${dims.join(", ")}]`).join(", ");
    throw new UsageError(
      `a detector takes one image of [1, channels, height, width]; this network takes ${found}`,
    );
  }
  const channels = typeof first.dims[1] === "number" ? first.dims[1] : 3;
  return { [first.name]: [1, channels, size.height, size.width] };
}

/** The numbers of classes by name; a number is taken too. @throws {UsageError} listing the classes. */
export function classIds(names: string, labels: readonly string[]): number[] {
  return names.split(",").map((text) => {
    const name = text.trim();
    const id = labels.indexOf(name);
    if (id >= 0) return id;
    if (/^\d+$/.test(name) && Number(name) < labels.length) return Number(name);
    throw new UsageError(`--classes: there is no class "${name}"; there are ${labels.join(", ")}`);
  });
}

/**
 * Reads `416x416,letterbox-top-left,bgr,fill=114,scale=1,mean=0,std=1`; means and deviations of three channels are
 * joined by colons (`mean=123.7:116.3:103.5`).
 */
export function parseInputOption(
  text: string,
): { size: Size | undefined; treatment: Partial<InputTreatment> } {
  let size: Size | undefined;
  const treatment: Record<string, unknown> = {};
  for (const part of text.split(",").map((one) => one.trim())) {
    const dims = /^([1-9]\d*)x([1-9]\d*)$/.exec(part);
    const [name, value] = part.split("=") as [string, string | undefined];
    if (dims) {
      size = { width: Number(dims[1]), height: Number(dims[2]) };
    } else if (FIT_MODES.includes(part as FitMode)) {
      treatment.fit = part;
    } else if (part === "rgb" || part === "bgr") {
      treatment.channels = part;
    } else if (value !== undefined && ["fill", "scale", "mean", "std"].includes(name)) {
      const numbers = value.split(":").map((text) => text.trim() === "" ? NaN : Number(text));
      if (!numbers.every(Number.isFinite) || (numbers.length !== 1 && numbers.length !== 3)) {
        throw new UsageError(`--input: "${part}" must be a number, or three joined by colons`);
      }
      treatment[name] = numbers.length === 1 ? numbers[0] : numbers;
    } else {
      throw new UsageError(
        `--input: "${part}" is unknown; give WxH, ${
          FIT_MODES.join(", ")
        }, rgb or bgr, fill=, scale=, mean=, std=`,
      );
    }
  }
  try {
    fullTreatment({ fit: "stretch", channels: "rgb", ...treatment }, "option --input");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(error.message, { cause: error });
  }
  return { size, treatment };
}

function readFamily(text: string | undefined): HeadFamily | undefined {
  if (text === undefined) return undefined;
  return HEAD_FAMILIES.find((family) => family === text) ?? (() => {
    throw new UsageError(`--family is "${text}"; there are ${HEAD_FAMILIES.join(", ")}`);
  })();
}

function inputSize(graph: Graph, told: Size | undefined, known: CatalogueEntry | undefined): Size {
  const dims = graph.inputs[0]?.dims ?? [];
  const [height, width] = [dims[2], dims[3]];
  if (told) return told;
  if (typeof height === "number" && typeof width === "number") return { width, height };
  if (known) return { width: known.input.width, height: known.input.height };
  throw new UsageError(`its input has free dimensions [${dims.join(", ")}]; give its size by --input WxH`);
}

async function labelsOf(
  file: string | undefined,
  known: CatalogueEntry | undefined,
  head: Head,
): Promise<readonly string[]> {
  const classes = "classes" in head ? head.classes : undefined;
  if (file !== undefined) {
    const labels = await readLabels(file);
    if (classes === undefined || labels.length === classes) return labels;
    throw new UsageError(
      `--labels: "${file}" has ${labels.length} labels, the network ${classes} classes; give a label for each`,
    );
  }
  if (known?.labels) return await readLabels(known.labels);
  if (head.family === "ultraface" || head.family === "yunet") return await readLabels("face");
  if (classes === 80) return await readLabels("coco80");
  if (classes === 20) return await readLabels("voc20");
  return Array.from({ length: classes ?? 0 }, (_, i) => `class ${i}`);
}
