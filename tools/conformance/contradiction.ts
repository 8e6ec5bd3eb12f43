/**
 * Cases that contradict themselves. Three of the release of operator set 11 expect what an attribute gives that their
 * models do not state; later releases state it.
 *
 * @module
 */
import type { OnnxModel } from "../../src/onnx/model.ts";
import { bytesOf, type HostTensor } from "../../src/tensor/host_tensor.ts";
import { runOrt } from "../../tests/support/ort.ts";
import { type Case, type CaseModel, type DataSet, readCaseModel, readDataSets } from "./cases.ts";
import { difference } from "./difference.ts";

/**
 * Why a case's expected outputs are not those of its model, though `actual` departs from them; undefined unless all of
 * this holds: a case of the same name in another set has the same data, its model states attributes that this one
 * lacks, and ONNX Runtime makes of this model what the engine does.
 */
export async function contradiction(
  one: Case,
  { bytes, model }: CaseModel,
  data: DataSet,
  actual: Readonly<Record<string, HostTensor>>,
): Promise<string | undefined> {
  for (const namesake of one.namesakes) {
    const other = (await readCaseModel(namesake)).model;
    const lacks = attributesLacking(model, other);
    if (lacks.length === 0) continue;
    for await (const otherData of readDataSets(namesake, other)) {
      if (!sameData(data, otherData) || !await ortAgrees(bytes, data, actual)) continue;
      return `the case contradicts its model, which lacks ${
        lacks.join(", ")
      }: ${namesake.name} states it for the ` +
        "same data; ONNX Runtime gives what is given here";
    }
  }
  return undefined;
}

/** The attributes that the only node of the other model has, and the only node of this one has not. */
function attributesLacking(model: OnnxModel, other: OnnxModel): string[] {
  const [node, ...rest] = model.graph.nodes;
  const [otherNode, ...otherRest] = other.graph.nodes;
  if (!node || !otherNode || rest.length + otherRest.length > 0 || node.opType !== otherNode.opType) {
    return [];
  }
  return otherNode.attributes
    .filter(({ name }) => !node.attributes.some((attribute) => attribute.name === name))
    .map(({ name, value }) => `${name} = ${JSON.stringify(value)}`);
}

/** Inputs without elements stand for such as are left out. */
function sameData(a: DataSet, b: DataSet): boolean {
  const elements = (tensors: Readonly<Record<string, HostTensor>>): string[] =>
    Object.values(tensors)
      .filter(({ data }) => data.length > 0)
      .map((tensor) => `${tensor.dtype} [${tensor.shape}] ${bytesOf(tensor).toHex()}`);
  return String(elements(a.inputs)) === String(elements(b.inputs)) &&
    String(elements(a.outputs)) === String(elements(b.outputs));
}

async function ortAgrees(
  bytes: Uint8Array,
  { inputs }: DataSet,
  actual: Readonly<Record<string, HostTensor>>,
): Promise<boolean> {
  let reference: Record<string, HostTensor>;
  try {
    reference = await runOrt(bytes, inputs);
  } catch {
    // A model that it cannot run tells nothing, and the case stays failed.
    return false;
  }
  return Object.entries(reference).every(([name, tensor]) => difference(actual[name], tensor) === undefined);
}
