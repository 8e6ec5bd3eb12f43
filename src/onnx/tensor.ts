/**
 * Reads TensorProto: the constant tensors of a file.
 *
 * @module
 */

import { bytesPerElement, type NumericDType, typedArray } from "../tensor/dtype.ts";
import { elementCount, type Elements, type HostTensor, hostTensor } from "../tensor/host_tensor.ts";
import { BFLOAT16, dataTypeName, dtypeOf } from "./data_type.ts";
import { OnnxError } from "./error.ts";
import type { ExternalData, OnnxTensor } from "./model.ts";
import { Message } from "./wire.ts";

/**
 * Reads a file that holds one tensor, as ONNX keeps the inputs and outputs of its conformance cases.
 *
 * @throws {OnnxError} if it is damaged, or a tensor that cannot be held here.
 */
export function parseTensor(file: Uint8Array): HostTensor {
  const message = Message.root(file);
  const { data, unsupported } = readTensor(message);
  const problems = [...message.findings.problems];
  if (unsupported !== undefined) problems.push(`it ${unsupported}`);
  else if (data === undefined && problems.length === 0) problems.push("its elements lie in another file");
  if (data === undefined || problems.length > 0) throw new OnnxError("Cannot read the tensor", { problems });
  return data;
}

const LARGEST_ELEMENT_BYTES = 8;

/** The fields of a TensorProto that hold its elements, each empty unless the file uses it. */
interface Fields {
  dims: bigint[];
  dataType: number;
  raw?: Uint8Array;
  floats: number[];
  doubles: number[];
  int32s: number[];
  int64s: bigint[];
  uint64s: bigint[];
  strings: number;
  segmented: boolean;
  externalEntries: Map<string, string>;
  isExternal: boolean;
}

/**
 * Reads a TensorProto. Elements that do not fit the shape are noted among the findings; a tensor that is valid but
 * cannot be held here says so in `unsupported`.
 */
export function readTensor(message: Message): OnnxTensor {
  const fields: Fields = {
    dims: [],
    dataType: 0,
    floats: [],
    doubles: [],
    int32s: [],
    int64s: [],
    uint64s: [],
    strings: 0,
    segmented: false,
    externalEntries: new Map(),
    isExternal: false,
  };
  const tensor: OnnxTensor = { name: "" };
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 8) tensor.name = message.string("name");
    else readField(message, field, fields);
  }
  if (fields.raw !== undefined) fields.raw = message.aligned(fields.raw, LARGEST_ELEMENT_BYTES);
  const what = tensor.name === "" ? message.path : `initializer "${tensor.name}"`;
  try {
    complete(tensor, fields);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    message.findings.problems.push(
      `${what}: ${error.message}; the file is damaged, export or download it again`,
    );
  }
  return tensor;
}

function readField(message: Message, field: number, fields: Fields): void {
  switch (field) {
    case 1:
      return message.int64s("dims", fields.dims);
    case 2:
      fields.dataType = message.int("data_type");
      return;
    case 3:
      fields.segmented = true;
      return message.skip();
    case 4:
      return message.floats("float_data", fields.floats);
    case 5:
      return message.int32s("int32_data", fields.int32s);
    case 6:
      fields.strings++;
      return message.skip();
    case 7:
      return message.int64s("int64_data", fields.int64s);
    case 9:
      fields.raw = message.bytes("raw_data");
      return;
    case 10:
      return message.doubles("double_data", fields.doubles);
    case 11:
      return message.uint64s("uint64_data", fields.uint64s);
    case 13: {
      const [key, value] = readEntry(message.message("external_data"));
      fields.externalEntries.set(key, value);
      return;
    }
    case 14:
      fields.isExternal = message.int("data_location") === 1;
      return;
    default:
      return message.skip();
  }
}

/** Reads a StringStringEntryProto. */
export function readEntry(message: Message): [key: string, value: string] {
  let key = "";
  let value = "";
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 1) key = message.string("key");
    else if (field === 2) value = message.string("value");
    else message.skip();
  }
  return [key, value];
}

function complete(tensor: OnnxTensor, fields: Fields): void {
  const shape = fields.dims.map(Number);
  elementCount(shape);
  if (fields.segmented) {
    tensor.unsupported = "is stored in segments, which is not supported; export the model again";
  } else if (fields.dataType !== BFLOAT16 && (dtypeOf(fields.dataType) ?? "string") === "string") {
    tensor.unsupported = `has elements of type ${dataTypeName(fields.dataType)}, which is not supported; ` +
      "export the model in float32, float16 or integers";
  } else if (fields.isExternal) {
    tensor.external = externalData(fields, shape);
  } else {
    tensor.data = fields.raw === undefined ? fromFields(fields, shape) : fromBytes(
      fields.dataType,
      shape,
      fields.raw,
    );
  }
}

function externalData(fields: Fields, shape: readonly number[]): ExternalData {
  const location = fields.externalEntries.get("location") ?? "";
  if (location === "") throw new RangeError("its elements lie in another file, which is not named");
  const count = (key: string): number | undefined => {
    const text = fields.externalEntries.get(key);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (text.trim() === "" || !Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`its external ${key} is "${text}", which is no number of bytes`);
    }
    return value;
  };
  const length = count("length");
  const reference = { location, offset: count("offset") ?? 0, dataType: fields.dataType, shape };
  return length === undefined ? reference : { ...reference, length };
}

/**
 * The bytes that a tensor's elements take in a file, of which `given` is known or not.
 *
 * @throws {RangeError} if they are not what the shape takes.
 */
export function tensorBytes(dataType: number, shape: readonly number[], given?: number): number {
  const name = dataType === BFLOAT16 ? "bf16" : dtypeOf(dataType) as NumericDType;
  const bytes = elementCount(shape) * (name === "bf16" ? 2 : bytesPerElement(name));
  if (given !== undefined && given !== bytes) {
    throw new RangeError(
      `shape [${shape.join(", ")}] of ${name} takes ${bytes} bytes, but the file has ${given}`,
    );
  }
  return bytes;
}

/**
 * A tensor of little-endian elements: a view of the bytes where their alignment allows, else a copy. BFLOAT16 becomes
 * `f32`, which holds it exactly.
 *
 * @throws {RangeError} if the number of bytes is not that of the shape.
 */
export function fromBytes(dataType: number, shape: readonly number[], bytes: Uint8Array): HostTensor {
  const isBfloat = dataType === BFLOAT16;
  const dtype: NumericDType = isBfloat ? "u16" : dtypeOf(dataType) as NumericDType;
  tensorBytes(dataType, shape, bytes.length);
  const count = elementCount(shape);
  const size = bytesPerElement(dtype);
  const aligned = bytes.byteOffset % size === 0 && bytes.buffer instanceof ArrayBuffer;
  const source = aligned ? bytes : new Uint8Array(bytes);
  const data = typedArray(dtype, count, source.buffer as ArrayBuffer, source.byteOffset);
  if (isBfloat) return hostTensor("f32", shape, widened(data as Uint16Array));
  if (dtype === "bool") {
    return hostTensor(
      "bool",
      shape,
      Uint8Array.from(bytes, (byte) => byte === 0 ? 0 : 1),
    );
  }
  return hostTensor(dtype, shape, data as Elements);
}

function fromFields(fields: Fields, shape: readonly number[]): HostTensor {
  const elements = elementsOf(fields);
  const count = elementCount(shape);
  if (elements.length !== count) {
    const type = dataTypeName(fields.dataType);
    throw new RangeError(
      `shape [${shape.join(", ")}] of ${type} has ${count} elements, but the file has ${elements.length}`,
    );
  }
  if (fields.dataType === BFLOAT16) {
    return hostTensor("f32", shape, widened(Uint16Array.from(fields.int32s)));
  }
  const dtype = dtypeOf(fields.dataType) as NumericDType;
  if (dtype === "f16") {
    return hostTensor("f16", shape, new Float16Array(Uint16Array.from(fields.int32s).buffer));
  }
  return hostTensor(dtype, shape, elements);
}

/** The field that ONNX puts elements of this type into. */
function elementsOf(fields: Fields): Elements {
  switch (dtypeOf(fields.dataType)) {
    case "f32":
      return fields.floats;
    case "f64":
      return fields.doubles;
    case "i64":
      return fields.int64s;
    case "u64":
    case "u32":
      return fields.uint64s;
    default:
      return fields.int32s;
  }
}

/** The 32-bit floats whose upper halves these are. */
function widened(bfloats: Uint16Array): Float32Array<ArrayBuffer> {
  return new Float32Array(Uint32Array.from(bfloats, (bits) => bits * 65536).buffer);
}
