/**
 * Reads ONNX files: protobuf messages as https://github.com/onnx/onnx/blob/main/onnx/onnx.proto declares them, the
 * fields that a vision network can need. The numbers in the `case` labels are the fields' numbers there.
 *
 * @module
 */

import { dataTypeName, dtypeOf } from "./data_type.ts";
import { OnnxError } from "./error.ts";
import type {
  AttributeValue,
  OnnxAttribute,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  OnnxValueInfo,
} from "./model.ts";
import { recognise } from "./recognise.ts";
import { readEntry, readTensor } from "./tensor.ts";
import { Message } from "./wire.ts";

/** How to read a model. */
export interface ParseOptions {
  /** The file's name, for messages. */
  name?: string;
  /** The bytes may be changed: weights that are not aligned are moved within them, not copied. Default false. */
  movable?: boolean;
}

/**
 * Reads an ONNX file. Weights are views of the bytes where their alignment allows (everywhere, if the bytes are
 * `movable`), so the bytes must not be changed afterwards. Elements in other files are left as references: see `loadExternalData`.
 *
 * @throws {OnnxError} if this is no ONNX model (saying what it is instead, if that can be told), it is incomplete or
 * damaged, or it uses functions of its own or sparse tensors, which are not supported.
 *
 * @example
 * ```ts ignore
 * const model = parseModel(await Deno.readFile("yolox-nano-416.onnx"), { name: "yolox-nano-416.onnx" });
 * console.log(model.graph.nodes.length);
 * ```
 */
export function parseModel(file: Uint8Array | ArrayBuffer, options: ParseOptions = {}): OnnxModel {
  const bytes = file instanceof Uint8Array ? file : new Uint8Array(file);
  const what = options.name === undefined
    ? "Cannot read the ONNX model"
    : `Cannot read the ONNX model "${options.name}"`;
  if (bytes.length === 0) {
    throw new OnnxError(what, { problems: ["the file is empty (0 bytes); download it again"] });
  }
  try {
    return readModel(Message.root(bytes, options.movable));
  } catch (error) {
    if (!(error instanceof OnnxError)) throw error;
    const verdict = recognise(bytes);
    const problems = verdict === undefined ? error.problems : [`this is no ONNX model: ${verdict}`];
    throw new OnnxError(what, { problems, cause: error.cause ?? error });
  }
}

function readModel(message: Message): OnnxModel {
  const model: Omit<OnnxModel, "graph"> = {
    irVersion: 0,
    opsets: new Map(),
    producerName: "",
    producerVersion: "",
    domain: "",
    modelVersion: 0n,
    docString: "",
    metadata: new Map(),
  };
  const { problems } = message.findings;
  let graph: OnnxGraph | undefined;
  let functions = 0;
  for (let field = message.next(); field !== 0; field = message.next()) {
    switch (field) {
      case 1:
        model.irVersion = message.int("ir_version");
        break;
      case 2:
        model.producerName = message.string("producer_name");
        break;
      case 3:
        model.producerVersion = message.string("producer_version");
        break;
      case 4:
        model.domain = message.string("domain");
        break;
      case 5:
        model.modelVersion = message.bigint("model_version");
        break;
      case 6:
        model.docString = message.string("doc_string");
        break;
      case 7:
        if (graph !== undefined) throw message.error("the file holds two graphs");
        graph = readGraph(message.message("graph"));
        break;
      case 8: {
        const [domain, version] = readOpset(message.message("opset_import", model.opsets.size));
        model.opsets.set(domain, version);
        break;
      }
      case 14: {
        const [key, value] = readEntry(message.message("metadata_props", model.metadata.size));
        model.metadata.set(key, value);
        break;
      }
      case 25:
        functions++;
        message.skip();
        break;
      default:
        message.skip();
    }
  }
  if (graph === undefined) throw message.error("there is no graph in it");
  if (model.irVersion <= 0) throw message.error("it states no ir_version");
  if (model.opsets.size === 0) {
    if (model.irVersion >= 3) throw message.error("it states no opset_import");
    model.opsets.set("", 1);
  }
  if (functions > 0) {
    problems.push(
      `the model defines ${functions} function${functions === 1 ? "" : "s"} of its own, which is not ` +
        "supported; export it with its functions inlined (onnx.inliner.inline_local_functions does it)",
    );
  }
  if (problems.length > 0) throw new OnnxError("Cannot read the ONNX model", { problems });
  return { ...model, graph };
}

function readOpset(message: Message): [domain: string, version: number] {
  let domain = "";
  let version = 0;
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 1) domain = message.string("domain");
    else if (field === 2) version = message.int("version");
    else message.skip();
  }
  return [plainDomain(domain), version];
}

function readGraph(message: Message): OnnxGraph {
  const graph: OnnxGraph = {
    name: "",
    nodes: [],
    initializers: [],
    inputs: [],
    outputs: [],
    valueInfo: [],
  };
  let sparse = 0;
  for (let field = message.next(); field !== 0; field = message.next()) {
    switch (field) {
      case 1:
        graph.nodes.push(readNode(message.message("node", graph.nodes.length)));
        break;
      case 2:
        graph.name = message.string("name");
        break;
      case 5:
        graph.initializers.push(readTensor(message.message("initializer", graph.initializers.length)));
        break;
      case 11:
        graph.inputs.push(readValueInfo(message.message("input", graph.inputs.length)));
        break;
      case 12:
        graph.outputs.push(readValueInfo(message.message("output", graph.outputs.length)));
        break;
      case 13:
        graph.valueInfo.push(readValueInfo(message.message("value_info", graph.valueInfo.length)));
        break;
      case 15:
        sparse++;
        message.skip();
        break;
      default:
        message.skip();
    }
  }
  if (sparse > 0) {
    message.findings.problems.push(
      `${message.path} has ${sparse} sparse initializer${sparse === 1 ? "" : "s"}, which is not supported; ` +
        "export the model with dense weights",
    );
  }
  return graph;
}

function readNode(message: Message): OnnxNode {
  const node: OnnxNode = { name: "", opType: "", domain: "", inputs: [], outputs: [], attributes: [] };
  for (let field = message.next(); field !== 0; field = message.next()) {
    switch (field) {
      case 1:
        node.inputs.push(message.string("input"));
        break;
      case 2:
        node.outputs.push(message.string("output"));
        break;
      case 3:
        node.name = message.string("name");
        break;
      case 4:
        node.opType = message.string("op_type");
        break;
      case 5:
        node.attributes.push(readAttribute(message.message("attribute", node.attributes.length)));
        break;
      case 7:
        node.domain = plainDomain(message.string("domain"));
        break;
      default:
        message.skip();
    }
  }
  return node;
}

/** The value fields of an AttributeProto. */
interface AttributeFields {
  f: number;
  i: bigint;
  s: string;
  t: OnnxTensor | undefined;
  g: OnnxGraph | undefined;
  floats: number[];
  ints: bigint[];
  strings: string[];
  tensors: OnnxTensor[];
  graphs: OnnxGraph[];
}

/** The type of an attribute that does not state it, by the field that it fills; files before IR version 2. */
const TYPE_OF_FIELD: ReadonlyMap<number, number> = new Map([
  [2, 1],
  [3, 2],
  [4, 3],
  [5, 4],
  [6, 5],
  [7, 6],
  [8, 7],
  [9, 8],
  [10, 9],
  [11, 10],
]);

function readAttribute(message: Message): OnnxAttribute {
  const fields: AttributeFields = {
    f: 0,
    i: 0n,
    s: "",
    t: undefined,
    g: undefined,
    floats: [],
    ints: [],
    strings: [],
    tensors: [],
    graphs: [],
  };
  let name = "";
  let reference = "";
  let stated = 0;
  let filled = 0;
  for (let field = message.next(); field !== 0; field = message.next()) {
    filled = TYPE_OF_FIELD.get(field) ?? filled;
    if (field === 1) name = message.string("name");
    else if (field === 20) stated = message.int("type");
    else if (field === 21) reference = message.string("ref_attr_name");
    else readAttributeField(message, field, fields);
  }
  const value: AttributeValue = reference === ""
    ? attributeValue(message, stated === 0 ? filled : stated, fields)
    : { type: "unsupported", value: `a reference to a function's attribute "${reference}"` };
  return { name, ...value };
}

function readAttributeField(message: Message, field: number, fields: AttributeFields): void {
  switch (field) {
    case 2:
      fields.f = message.float("f");
      return;
    case 3:
      fields.i = message.bigint("i");
      return;
    case 4:
      fields.s = message.string("s");
      return;
    case 5:
      fields.t = readTensor(message.message("t"));
      return;
    case 6:
      fields.g = readGraph(message.message("g"));
      return;
    case 7:
      return message.floats("floats", fields.floats);
    case 8:
      return message.int64s("ints", fields.ints);
    case 9:
      fields.strings.push(message.string("strings"));
      return;
    case 10:
      fields.tensors.push(readTensor(message.message("tensors", fields.tensors.length)));
      return;
    case 11:
      fields.graphs.push(readGraph(message.message("graphs", fields.graphs.length)));
      return;
    default:
      return message.skip();
  }
}

function attributeValue(message: Message, type: number, fields: AttributeFields): AttributeValue {
  switch (type) {
    case 1:
      return { type: "float", value: fields.f };
    case 2:
      return { type: "int", value: Number(fields.i) };
    case 3:
      return { type: "string", value: fields.s };
    case 4:
      if (fields.t === undefined) throw message.error("the attribute should hold a tensor, but holds none");
      return { type: "tensor", value: fields.t };
    case 5:
      if (fields.g === undefined) throw message.error("the attribute should hold a graph, but holds none");
      return { type: "graph", value: fields.g };
    case 6:
      return { type: "floats", value: fields.floats };
    case 7:
      return { type: "ints", value: fields.ints.map(Number) };
    case 8:
      return { type: "strings", value: fields.strings };
    case 9:
      return { type: "tensors", value: fields.tensors };
    case 10:
      return { type: "graphs", value: fields.graphs };
    case 11:
    case 12:
      return { type: "unsupported", value: "a sparse tensor" };
    case 13:
    case 14:
      return { type: "unsupported", value: "a type" };
    default:
      return { type: "unsupported", value: `of attribute type ${type}` };
  }
}

/** What types other than tensors are called, by the field of TypeProto that holds them. */
const OTHER_TYPES: ReadonlyMap<number, string> = new Map([
  [4, "a sequence"],
  [5, "a map"],
  [7, "of an opaque type"],
  [8, "a sparse tensor"],
  [9, "optional"],
]);

function readValueInfo(message: Message): OnnxValueInfo {
  const info: OnnxValueInfo = { name: "" };
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 1) info.name = message.string("name");
    else if (field === 2) readType(message.message("type"), info);
    else message.skip();
  }
  // An extent of which nothing is said is free, like one with a name of its own.
  if (info.dims) info.dims = info.dims.map((dim, i) => dim === "" ? `${info.name}[${i}]` : dim);
  return info;
}

function readType(message: Message, info: OnnxValueInfo): void {
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 1) {
      readTensorType(message.message("tensor_type"), info);
      continue;
    }
    const other = OTHER_TYPES.get(field);
    if (other !== undefined) info.unsupported = other;
    message.skip();
  }
}

function readTensorType(message: Message, info: OnnxValueInfo): void {
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 1) {
      const dataType = message.int("elem_type");
      const dtype = dtypeOf(dataType);
      if (dtype !== undefined) info.dtype = dtype;
      else if (dataType !== 0) info.unsupported = `a tensor of ${dataTypeName(dataType)}`;
    } else if (field === 2) info.dims = readShape(message.message("shape"));
    else message.skip();
  }
}

/** The extents; "" for one of which nothing is said. Negative ones, which some exporters write, say nothing. */
function readShape(message: Message): (number | string)[] {
  const dims: (number | string)[] = [];
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field !== 1) {
      message.skip();
      continue;
    }
    const dim = message.message("dim", dims.length);
    let extent: number | string = "";
    for (let part = dim.next(); part !== 0; part = dim.next()) {
      if (part === 1) extent = dim.int("dim_value");
      else if (part === 2) extent = dim.string("dim_param");
      else dim.skip();
    }
    dims.push(typeof extent === "number" && extent < 0 ? "" : extent);
  }
  return dims;
}

/** ONNX's own domain has two names. */
function plainDomain(domain: string): string {
  return domain === "ai.onnx" ? "" : domain;
}
