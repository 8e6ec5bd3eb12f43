/**
 * The catalogue of known networks: what they are, where they come from, what they take and give. The data is in
 * models/catalogue.json. A few of them come with Framewise; the files of the others are made elsewhere.
 *
 * @module
 */
import data from "../../models/catalogue.json" with { type: "json" };
import coco80 from "../../models/labels/coco80.txt" with { type: "text" };
import face from "../../models/labels/face.txt" with { type: "text" };
import town from "../../models/labels/town.txt" with { type: "text" };
import voc20 from "../../models/labels/voc20.txt" with { type: "text" };
import type { LightNumbers } from "../place/embedding/light_numbers.ts";
import type { Size } from "../vision/fit.ts";
import { fullTreatment, type InputTreatment } from "../vision/treatment.ts";

/** What a network is for. */
export type ModelTask = "detection" | "faces" | "descriptor" | "features";

/** The family of a detection head, by the layout of its outputs. */
export type HeadFamily = "yolox" | "fastestdet" | "ultraface" | "yunet" | "ssd" | "none";

/** What a network's input wants. */
export interface ModelInput extends Size, InputTreatment {
  /** The input may have any size that is a multiple of this; width and height are what is taken by default. */
  readonly multipleOf?: number;
}

/** A known network. */
export interface CatalogueEntry {
  /** The name by which the command line knows it. */
  readonly name: string;
  /** The name of its file. */
  readonly file: string;
  readonly title: string;
  readonly task: ModelTask;
  /** SPDX. */
  readonly licence: string;
  /** The page of the project that made it, or the folder of this one. */
  readonly source: string;
  /** Where these very bytes can be had, tried in order; none if nobody serves them. */
  readonly urls: readonly string[];
  /** Why there is no address, or what else to know. */
  readonly note?: string;
  /** Its file is part of Framewise. */
  readonly embedded?: boolean;
  /** Of the file, in lower-case hex. */
  readonly sha256: string;
  readonly bytes: number;
  readonly input: ModelInput;
  readonly head: HeadFamily;
  /** Of several outputs, the one that is the descriptor. */
  readonly output?: string;
  /** Of a descriptor: the inner product from which two pictures are taken for one place, where it is known. */
  readonly similarity?: number;
  /** Of a descriptor: what its last numbers tell of the light, if they do. */
  readonly light?: LightNumbers;
  /** A list of {@linkcode readLabels}, or null for a network without classes. */
  readonly labels: string | null;
}

/** The catalogue, or a request to it, is wrong; the message says what and where. */
export class CatalogueError extends Error {
  override readonly name = "CatalogueError";
}

const TASKS: readonly ModelTask[] = ["detection", "faces", "descriptor", "features"];
const HEADS: readonly HeadFamily[] = ["yolox", "fastestdet", "ultraface", "yunet", "ssd", "none"];
const LABELS: Readonly<Record<string, string>> = { coco80, voc20, face, town };

/**
 * Checks the data of a catalogue.
 *
 * @throws {CatalogueError} naming the entry, the field and the value that is wrong.
 */
export function parseCatalogue(data: unknown): CatalogueEntry[] {
  const list = new Fields(data, "the catalogue").get("models");
  if (!Array.isArray(list)) throw new CatalogueError(`the catalogue: "models" must be a list`);
  const entries = list.map((item, i) => parseEntry(item, i));
  for (const key of ["name", "file", "sha256"] as const) {
    const seen = new Set<string>();
    for (const entry of entries) {
      if (seen.has(entry[key])) {
        throw new CatalogueError(`the catalogue: ${key} "${entry[key]}" stands twice`);
      }
      seen.add(entry[key]);
    }
  }
  return entries;
}

function parseEntry(item: unknown, index: number): CatalogueEntry {
  const name = new Fields(item, `entry ${index}`).text("name", /^[a-z0-9][a-z0-9.-]*$/);
  const fields = new Fields(item, `entry "${name}"`);
  const labels = fields.get("labels");
  const entry: CatalogueEntry = {
    name,
    file: fields.text("file", /^[^/\\]+\.onnx$/),
    title: fields.text("title"),
    task: fields.oneOf("task", TASKS),
    licence: fields.text("licence", /^[A-Za-z0-9.+-]+$/),
    source: fields.text("source", /^(https:\/\/|models\/)/),
    urls: fields.texts("urls", /^https:\/\//),
    ...(fields.has("note") ? { note: fields.text("note") } : {}),
    ...(fields.has("embedded") ? { embedded: fields.truth("embedded") } : {}),
    sha256: fields.text("sha256", /^[0-9a-f]{64}$/),
    bytes: fields.number("bytes", 1),
    input: parseInput(fields.get("input"), `entry "${name}", input`),
    head: fields.oneOf("head", HEADS),
    ...(fields.has("output") ? { output: fields.text("output") } : {}),
    ...(fields.has("similarity") ? { similarity: fields.number("similarity", -1, 1) } : {}),
    ...(fields.has("light") ? { light: parseLight(fields.get("light"), `entry "${name}", light`) } : {}),
    labels: labels === null ? null : fields.text("labels"),
  };
  if (entry.urls.length === 0 && entry.note === undefined && !entry.embedded) {
    throw new CatalogueError(`entry "${name}": without an address in "urls" it needs a "note" that says why`);
  }
  if (entry.head !== "none" && entry.labels === null) {
    throw new CatalogueError(`entry "${name}": a network with the head "${entry.head}" needs "labels"`);
  }
  return entry;
}

function parseInput(item: unknown, where: string): ModelInput {
  const fields = new Fields(item, where);
  const width = fields.number("width", 1), height = fields.number("height", 1);
  const multipleOf = fields.has("multipleOf") ? fields.number("multipleOf", 1) : 1;
  if (width % multipleOf !== 0 || height % multipleOf !== 0) {
    throw new CatalogueError(`${where}: ${width}x${height} is not a multiple of ${multipleOf}`);
  }
  const size = multipleOf === 1 ? { width, height } : { width, height, multipleOf };
  try {
    return { ...size, ...fullTreatment(item, where) };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new CatalogueError(error.message, { cause: error });
  }
}

function parseLight(item: unknown, where: string): LightNumbers {
  const fields = new Fields(item, where);
  return {
    numbers: fields.number("numbers", 1),
    distance: fields.number("distance", 0),
    allowance: fields.number("allowance", 0, 1),
  };
}

/** Reads the fields of one object of unknown shape. */
class Fields {
  readonly #object: Record<string, unknown>;
  readonly #where: string;

  constructor(value: unknown, where: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new CatalogueError(`${where} must be an object`);
    }
    this.#object = value as Record<string, unknown>;
    this.#where = where;
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#object, key);
  }

  get(key: string): unknown {
    if (!this.has(key)) throw new CatalogueError(`${this.#where}: "${key}" is missing`);
    return this.#object[key];
  }

  #wrong(key: string, wanted: string): never {
    const got = JSON.stringify(this.#object[key]);
    throw new CatalogueError(`${this.#where}: "${key}" is ${got}, it must be ${wanted}`);
  }

  text(key: string, pattern = /./): string {
    const value = this.get(key);
    if (typeof value === "string" && pattern.test(value)) return value;
    return this.#wrong(key, `a string that matches ${pattern}`);
  }

  texts(key: string, pattern: RegExp): string[] {
    const value = this.get(key);
    const isText = (item: unknown): item is string => typeof item === "string" && pattern.test(item);
    if (Array.isArray(value) && value.every(isText)) return value;
    return this.#wrong(key, `a list of strings that match ${pattern}`);
  }

  truth(key: string): boolean {
    const value = this.get(key);
    return typeof value === "boolean" ? value : this.#wrong(key, "true or false");
  }

  number(key: string, min = -Infinity, max = Infinity): number {
    const value = this.get(key);
    if (typeof value === "number" && value >= min && value <= max) return value;
    return this.#wrong(key, `a number from ${min} to ${max}`);
  }

  oneOf<T extends string>(key: string, values: readonly T[]): T {
    const value = this.get(key);
    return values.find((known) => known === value) ?? this.#wrong(key, `one of ${values.join(", ")}`);
  }
}

/** Every known network, in the order of models/catalogue.json. */
export const CATALOGUE: readonly CatalogueEntry[] = parseCatalogue(data);

/** The entry of that name, if there is one. */
export function findByName(name: string): CatalogueEntry | undefined {
  return CATALOGUE.find((entry) => entry.name === name);
}

/** The entry whose file has that sha256 (lower-case hex), if there is one. */
export function findBySha256(sha256: string): CatalogueEntry | undefined {
  return CATALOGUE.find((entry) => entry.sha256 === sha256);
}

/** The entry whose file has these very bytes, if there is one. */
export async function identify(bytes: Uint8Array<ArrayBuffer>): Promise<CatalogueEntry | undefined> {
  if (!CATALOGUE.some((entry) => entry.bytes === bytes.length)) return undefined;
  return findBySha256(await sha256Of(bytes));
}

/** The sha256 of bytes, in lower-case hex. */
export async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/**
 * The entry of that name.
 *
 * @throws {CatalogueError} with the nearest name, and all names, when there is none.
 */
export function requireEntry(name: string): CatalogueEntry {
  const entry = findByName(name);
  if (entry !== undefined) return entry;
  const near = nearestName(name);
  const known = CATALOGUE.map((entry) => entry.name).join(", ");
  const suggestion = near === undefined ? "" : ` Did you mean "${near}"?`;
  throw new CatalogueError(
    `there is no network "${name}" in the catalogue.${suggestion} Known are: ${known}`,
  );
}

/** The known name that begins so, or else the one that takes the fewest changed letters, if those are few. */
export function nearestName(name: string): string | undefined {
  const wanted = name.toLowerCase();
  const begun = CATALOGUE.find((entry) => wanted.length >= 3 && entry.name.startsWith(wanted));
  if (begun !== undefined) return begun.name;
  const [best] = CATALOGUE
    .map((entry) => ({ name: entry.name, distance: editDistance(wanted, entry.name) }))
    .sort((a, b) => a.distance - b.distance);
  return best !== undefined && best.distance <= Math.max(2, Math.ceil(wanted.length / 3))
    ? best.name
    : undefined;
}

/** Levenshtein's distance: how many letters must be put in, taken out or changed. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + (a[i] === b[j] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}

/**
 * Class labels, by class id: one of the lists that Framewise brings (`coco80`, `voc20`, `face`, `town`), or a text file
 * with a label a line.
 *
 * @throws {CatalogueError} when there is neither such a list nor such a file, or the file has no label in it.
 */
export async function readLabels(listOrPath: string): Promise<string[]> {
  const text = Object.hasOwn(LABELS, listOrPath) ? LABELS[listOrPath]! : await readLabelFile(listOrPath);
  const labels = text.split(/\r?\n/).map((line) => line.trim());
  while (labels.at(-1) === "") labels.pop();
  if (labels.length === 0) throw new CatalogueError(`the label file "${listOrPath}" has no label in it`);
  return labels;
}

async function readLabelFile(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.IsADirectory)) throw error;
    const lists = Object.keys(LABELS).join(", ");
    throw new CatalogueError(
      `cannot read the labels "${path}": there is no such file, and no such list (${lists})`,
      { cause: error },
    );
  }
}
