/**
 * From what an ONNX file says to the network that the passes work on.
 *
 * @module
 */

import { OnnxError } from "../onnx/error.ts";
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor, OnnxValueInfo } from "../onnx/model.ts";
import { type HostTensor, hostTensor } from "../tensor/host_tensor.ts";
import type { Attribute } from "../ops/attribute.ts";
import { describeNode, GraphError } from "../ops/error.ts";
import type { Node } from "../ops/node.ts";
import { Graph, type OutputInfo, type ValueInfo } from "./graph.ts";

/**
 * Makes a network of an ONNX model: initializers and Constant nodes become constants, what the caller must give
 * becomes the inputs, and the nodes are put in a valid order. An initializer that is listed among the inputs too is
 * a constant: its default is not for the caller to replace. Tensors are shared with the model, not copied.
 *
 * @throws {OnnxError} listing everything at once that makes the model unusable: values that are not defined, or
 * defined twice, cycles, tensors and types that are not supported, elements in other files that were not loaded.
 */
export function importGraph(model: OnnxModel): Graph {
  const importer = new Importer(model);
  const graph = importer.run();
  const { problems } = importer;
  if (problems.length > 0) throw new OnnxError("Cannot use the ONNX model", { problems });
  return graph;
}

class Importer {
  readonly problems: string[] = [];
  readonly #model: OnnxModel;
  readonly #graph: Graph;
  /** What made each value, for messages. */
  readonly #makers = new Map<string, string>();

  constructor(model: OnnxModel) {
    this.#model = model;
    this.#graph = new Graph(model.graph.name, model.opsets);
  }

  run(): Graph {
    const { graph } = this.#model;
    for (const tensor of graph.initializers) this.#addInitializer(tensor);
    for (const input of graph.inputs) this.#addInput(input);
    const names = new Map<string, number>();
    for (const [index, node] of graph.nodes.entries()) this.#addNode(node, index, names);
    for (const output of graph.outputs) this.#addOutput(output);
    if (graph.outputs.length === 0) this.problems.push("the graph has no outputs; export the model again");
    this.#checkReads();
    this.#checkDomains();
    this.#sort();
    return this.#graph;
  }

  #addInitializer(tensor: OnnxTensor): void {
    const what = `initializer "${tensor.name}"`;
    if (tensor.name === "") {
      this.problems.push("an initializer has no name; export the model again");
    } else if (this.#claim(tensor.name, what)) {
      const value = this.#tensor(tensor, what);
      if (value !== undefined) this.#graph.constants.set(tensor.name, value);
    }
  }

  #addInput(input: OnnxValueInfo): void {
    const { name, dtype, dims } = input;
    if (this.#makers.get(name) === `initializer "${name}"`) return;
    if (name === "") {
      this.problems.push("an input has no name; export the model again");
      return;
    }
    if (!this.#claim(name, `input "${name}"`)) return;
    if (input.unsupported !== undefined) {
      this.problems.push(
        `input "${name}" is ${input.unsupported}, which is not supported; export with tensors`,
      );
    } else if (dtype === undefined || dims === undefined) {
      const missing = dtype === undefined ? "element type" : "shape";
      this.problems.push(`input "${name}" has no ${missing}; export the model with its input shapes`);
    } else {
      this.#graph.inputs.push({ name, dtype, dims: [...dims] } satisfies ValueInfo);
    }
  }

  #addOutput(output: OnnxValueInfo): void {
    const { name, dtype, dims } = output;
    if (!this.#makers.has(name)) {
      this.problems.push(`output "${name}" is not made by any node; export the model again`);
    } else if (this.#graph.isOutput(name)) {
      this.problems.push(`output "${name}" is listed twice; export the model again`);
    } else {
      const info: OutputInfo = { name };
      if (dtype !== undefined) info.dtype = dtype;
      if (dims !== undefined) info.dims = [...dims];
      this.#graph.outputs.push(info);
    }
  }

  #addNode(source: OnnxNode, index: number, names: Map<string, number>): void {
    const op = source.opType;
    const node: Node = {
      name: uniqueName(source.name === "" ? `${op}_${index}` : source.name, names),
      op,
      domain: source.domain,
      inputs: [...source.inputs],
      outputs: [...source.outputs],
      attributes: new Map(),
    };
    const where = describeNode(node);
    if (op === "") {
      this.problems.push(`node "${node.name}" names no operator; export the model again`);
      return;
    }
    for (const output of node.outputs) if (output !== "") this.#claim(output, where);
    for (const attribute of source.attributes) {
      if (node.attributes.has(attribute.name)) {
        this.problems.push(`${where}: attribute "${attribute.name}" is given twice; export the model again`);
        continue;
      }
      const value = this.#attribute(attribute, where);
      if (value !== undefined) node.attributes.set(attribute.name, value);
    }
    if (op === "Constant" && node.domain === "") this.#addConstant(node, source);
    else this.#graph.nodes.push(node);
  }

  #addConstant(node: Node, source: OnnxNode): void {
    const where = describeNode(node);
    const name = node.outputs[0] ?? "";
    if (node.outputs.length !== 1 || name === "") {
      this.problems.push(`${where}: has ${node.outputs.length} outputs, not one; export the model again`);
      return;
    }
    if (source.attributes.some((attribute) => attribute.type === "unsupported")) return;
    const value = constantOf(node.attributes);
    if (value !== undefined) this.#graph.constants.set(name, value);
    else if (source.attributes.length === node.attributes.size) {
      const given = [...node.attributes.keys()].map((key) => `"${key}"`).join(", ") || "none";
      this.problems.push(
        `${where}: needs one numeric value (value, value_float, value_floats, value_int or value_ints), ` +
          `but its attributes are ${given}; export the model again`,
      );
    }
  }

  #attribute(attribute: OnnxAttribute, where: string): Attribute | undefined {
    const what = `${where}: attribute "${attribute.name}"`;
    switch (attribute.type) {
      case "unsupported":
        this.problems.push(`${what} is ${attribute.value}, which is not supported; export without it`);
        return undefined;
      case "tensor": {
        const value = this.#tensor(attribute.value, what);
        return value && { type: "tensor", value };
      }
      case "tensors": {
        const values = attribute.value.map((tensor) => this.#tensor(tensor, what));
        const value = values.filter((tensor) => tensor !== undefined);
        return value.length === values.length ? { type: "tensors", value } : undefined;
      }
      default: {
        const { name: _, ...value } = attribute;
        return value;
      }
    }
  }

  #tensor(tensor: OnnxTensor, what: string): HostTensor | undefined {
    if (tensor.data !== undefined) return tensor.data;
    if (tensor.unsupported !== undefined) this.problems.push(`${what} ${tensor.unsupported}`);
    else {
      const location = tensor.external?.location ?? "";
      this.problems.push(
        `${what} lies in another file, "${location}", which was not loaded; call loadExternalData() first`,
      );
    }
    return undefined;
  }

  /** Notes who makes a value; false, with a problem noted, if somebody else does already. */
  #claim(name: string, maker: string): boolean {
    const other = this.#makers.get(name);
    if (other !== undefined) {
      this.problems.push(
        `value "${name}" is made twice, by ${other} and by ${maker}; export the model again`,
      );
      return false;
    }
    this.#makers.set(name, maker);
    return true;
  }

  #checkReads(): void {
    for (const node of this.#graph.nodes) {
      for (const [index, input] of node.inputs.entries()) {
        if (input === "" || this.#makers.has(input)) continue;
        this.problems.push(
          `${
            describeNode(node)
          }: input ${index}, "${input}", is not made by any node, input or initializer; ` +
            `export the model again`,
        );
      }
    }
  }

  #checkDomains(): void {
    const missing = new Set(this.#graph.nodes.map((node) => node.domain));
    for (const domain of this.#graph.opsets.keys()) missing.delete(domain);
    for (const domain of missing) {
      const name = domain === "" ? "ai.onnx" : domain;
      this.problems.push(
        `the model uses operators of "${name}" without importing it; export the model again`,
      );
    }
  }

  #sort(): void {
    try {
      this.#graph.sort();
    } catch (error) {
      if (!(error instanceof GraphError)) throw error;
      this.problems.push(error.message);
    }
  }
}

function constantOf(attributes: ReadonlyMap<string, Attribute>): HostTensor | undefined {
  const [entry, ...more] = attributes;
  if (entry === undefined || more.length > 0) return undefined;
  const [name, attribute] = entry;
  switch (`${name}:${attribute.type}`) {
    case "value:tensor":
      return attribute.value as HostTensor;
    case "value_float:float":
      return hostTensor("f32", [], [attribute.value as number]);
    case "value_int:int":
      return hostTensor("i64", [], [attribute.value as number]);
    case "value_floats:floats": {
      const values = attribute.value as readonly number[];
      return hostTensor("f32", [values.length], values);
    }
    case "value_ints:ints": {
      const values = attribute.value as readonly number[];
      return hostTensor("i64", [values.length], values);
    }
    default:
      return undefined;
  }
}

/** `wanted`, or with the next free number after it. */
function uniqueName(wanted: string, used: Map<string, number>): string {
  let name = wanted;
  for (let i = used.get(wanted) ?? 0; used.has(name); i++) {
    name = `${wanted}_${i + 1}`;
    used.set(wanted, i + 1);
  }
  used.set(name, 0);
  return name;
}
