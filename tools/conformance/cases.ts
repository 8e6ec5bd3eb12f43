/**
 * Conformance cases as ONNX ships them: a folder each, with `model.onnx` and sets of inputs and expected outputs.
 *
 * @module
 */
import type { OnnxModel, OnnxValueInfo } from "../../src/onnx/model.ts";
import { parseModel } from "../../src/onnx/parse.ts";
import { parseTensor } from "../../src/onnx/tensor.ts";
import type { HostTensor } from "../../src/tensor/host_tensor.ts";

/** A case that was found; nothing of it is read yet. */
export interface Case {
  /** The set and the case, such as "latest/test_abs". */
  readonly name: string;
  /** Its folder. */
  readonly path: string;
  /** The cases of the same name in the other sets. */
  readonly namesakes: readonly Pick<Case, "name" | "path">[];
}

/** Inputs, and the outputs that they must give; both in the model's order. */
export interface DataSet {
  readonly inputs: Record<string, HostTensor>;
  readonly outputs: Record<string, HostTensor>;
}

/** A case's model. */
export interface CaseModel {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly model: OnnxModel;
}

/** Which cases are wanted. */
export interface Selection {
  /** Beginnings of cases' names, such as "test_gather"; all cases unless told. */
  readonly only?: readonly string[];
  /** Names of sets, such as "opset11"; all sets unless told. */
  readonly sets?: readonly string[];
}

/**
 * The cases in a folder, in order: in each subfolder that holds `test_*` folders (a set), or in the folder itself.
 *
 * @throws {Error} if the folder cannot be read or holds no case that is wanted.
 */
export async function findCases(folder: string, { only = [], sets = [] }: Selection = {}): Promise<Case[]> {
  const all = await everyCase(folder);
  const wanted = all.filter(({ set, base }) =>
    (sets.length === 0 || sets.includes(set)) &&
    (only.length === 0 || only.some((start) => base.startsWith(start)))
  );
  if (wanted.length === 0) {
    const which = [
      ...only.map((start) => `beginning with "${start}"`),
      ...sets.map((set) => `in the set "${set}"`),
    ];
    throw new Error(
      `Cannot find cases in ${folder}: it has ${all.length} folders test_*${
        which.length > 0 ? `, none ${which.join(" or ")}` : ""
      }; give the folder that holds the sets`,
    );
  }
  const byBase = Map.groupBy(all, ({ base }) => base);
  return wanted.map(({ name, path, base }) => {
    const namesakes = byBase.get(base)!.filter((other) => other.path !== path);
    return { name, path, namesakes: namesakes.map(({ name, path }) => ({ name, path })) };
  });
}

interface Found {
  readonly name: string;
  readonly path: string;
  /** The set's name; empty for cases in the folder itself. */
  readonly set: string;
  /** The case's name within its set. */
  readonly base: string;
}

async function everyCase(folder: string): Promise<Found[]> {
  const isCase = (name: string): boolean => name.startsWith("test_");
  const names = await foldersIn(folder);
  const found: Found[] = names.filter(isCase).map((base) => {
    return { name: base, path: `${folder}/${base}`, set: "", base };
  });
  for (const set of names.filter((name) => !isCase(name))) {
    for (const base of (await foldersIn(`${folder}/${set}`)).filter(isCase)) {
      found.push({ name: `${set}/${base}`, path: `${folder}/${set}/${base}`, set, base });
    }
  }
  return found;
}

/** Reads a case's model. @throws {OnnxError} */
export async function readCaseModel({ path, name }: Pick<Case, "name" | "path">): Promise<CaseModel> {
  const bytes = await Deno.readFile(`${path}/model.onnx`);
  return { bytes, model: parseModel(bytes, { name }) };
}

/** Reads a case's data, a set at a time. @throws {OnnxError} */
export async function* readDataSets(
  { path, name }: Pick<Case, "name" | "path">,
  { graph }: OnnxModel,
): AsyncGenerator<DataSet> {
  const constants = new Set(graph.initializers.map((tensor) => tensor.name));
  const inputs = graph.inputs.filter((input) => !constants.has(input.name));
  const sets = (await foldersIn(path)).filter((folder) => folder.startsWith("test_data_set_"));
  if (sets.length === 0) throw new Error(`Cannot run ${name}: it has no folder test_data_set_0`);
  for (const set of sets) {
    const folder = `${path}/${set}`;
    yield {
      inputs: await readTensors(folder, "input", inputs),
      outputs: await readTensors(folder, "output", graph.outputs),
    };
  }
}

async function readTensors(
  folder: string,
  kind: "input" | "output",
  values: readonly OnnxValueInfo[],
): Promise<Record<string, HostTensor>> {
  const tensors: Record<string, HostTensor> = {};
  for (const [i, { name }] of values.entries()) {
    tensors[name] = parseTensor(await Deno.readFile(`${folder}/${kind}_${i}.pb`));
  }
  return tensors;
}

async function foldersIn(path: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(path)) if (isDirectory) names.push(name);
  return names.sort();
}
