/**
 * Writes ONNX models for tests: an operator's test is one expression.
 *
 * @module
 */

import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { dataTypeOf } from "../../src/onnx/data_type.ts";
import type { DType } from "../../src/tensor/dtype.ts";
import { bytesOf, type HostTensor } from "../../src/tensor/host_tensor.ts";

/** A declared input or output. Without `dims` the file does not say the shape. */
export interface TensorInfo {
  name: string;
  dtype: DType;
  /** Extents, names of free extents, or undefined for an extent of which nothing is said. */
  dims?: readonly (number | string | undefined)[];
}

/** The body of a control-flow operator. */
export interface SubgraphSpec {
  name?: string;
  nodes: readonly NodeSpec[];
  inputs?: readonly TensorInfo[];
  outputs: readonly (TensorInfo | string)[];
  initializers?: Readonly<Record<string, HostTensor>>;
}

/** An attribute whose ONNX type is told, where the JavaScript value leaves it open. */
export type TypedAttribute =
  | { readonly float: number }
  | { readonly int: number | bigint }
  | { readonly floats: readonly number[] }
  | { readonly ints: readonly (number | bigint)[] }
  | { readonly tensors: readonly HostTensor[] }
  | { readonly graph: SubgraphSpec }
  /** The fields of an AttributeProto after its name, as they stand in the file. */
  | { readonly raw: Uint8Array };

/**
 * The value of an attribute. Whole numbers become ints, and other numbers floats, except that attributes that ONNX
 * declares as floats (see `FLOAT_ATTRIBUTES`) are always floats; `{ float: 1 }` and the like say it outright.
 */
export type AttributeSpec =
  | number
  | bigint
  | boolean
  | string
  | readonly number[]
  | readonly string[]
  | HostTensor
  | TypedAttribute;

/** One node. */
export interface NodeSpec {
  op: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes: Readonly<Record<string, AttributeSpec>>;
  name: string;
  domain: string;
}

/** An initializer whose elements lie in another file. */
export interface ExternalSpec {
  dtype: DType;
  shape: readonly number[];
  location: string;
  offset?: number;
  length?: number;
}

/** A whole model. */
export interface ModelSpec extends SubgraphSpec {
  /** The version of ONNX's own operator set; 13 unless told. */
  opset?: number;
  /** Other operator sets, by domain. */
  opsets?: Readonly<Record<string, number>>;
  /** 8 unless told. */
  irVersion?: number;
  producerName?: string;
  producerVersion?: string;
  metadata?: Readonly<Record<string, string>>;
  valueInfo?: readonly TensorInfo[];
  external?: Readonly<Record<string, ExternalSpec>>;
  /** How initializers are written: as raw bytes (the default) or in the typed fields. */
  encoding?: "raw" | "typed";
  /** Bytes put at the end of the GraphProto or the ModelProto, for what this builder does not write. */
  extra?: { graph?: Uint8Array; model?: Uint8Array };
}

/** Names of attributes that ONNX declares as floats, so that `{ alpha: 1 }` is one. */
export const FLOAT_ATTRIBUTES: ReadonlySet<string> = new Set([
  "alpha",
  "beta",
  "bias",
  "cubic_coeff_a",
  "epsilon",
  "extrapolation_value",
  "gamma",
  "lambd",
  "max",
  "min",
  "momentum",
  "ratio",
  "scale",
  "scales",
  "spatial_scale",
  "value",
  "value_float",
  "value_floats",
]);

/** Declares an input or output. */
export function tensorInfo(
  name: string,
  dtype: DType,
  dims?: readonly (number | string | undefined)[],
): TensorInfo {
  return dims === undefined ? { name, dtype } : { name, dtype, dims };
}

/** A node; `""` among the inputs leaves an optional one out. */
export function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, AttributeSpec>> = {},
  { name = "", domain = "" }: { name?: string; domain?: string } = {},
): NodeSpec {
  return { op, inputs, outputs, attributes, name, domain };
}

/**
 * The bytes of an ONNX model.
 *
 * @example
 * ```ts ignore
 * const bytes = onnxModel({
 *   inputs: [tensorInfo("x", "f32", [1, 3, 5, 5])],
 *   outputs: ["y"],
 *   nodes: [node("Conv", ["x", "w"], ["y"], { strides: [2, 2] })],
 *   initializers: { w: hostTensor("f32", [4, 3, 1, 1], random.normals(12)) },
 * });
 * ```
 */
export function onnxModel(spec: ModelSpec): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Varint).int64(BigInt(spec.irVersion ?? 8));
  text(writer, 2, spec.producerName ?? "framewise-tests");
  text(writer, 3, spec.producerVersion ?? "");
  message(writer, 7, () => {
    writeGraph(writer, spec, spec.encoding ?? "raw");
    for (const info of spec.valueInfo ?? []) message(writer, 13, () => writeValueInfo(writer, info));
    for (const [name, external] of Object.entries(spec.external ?? {})) {
      message(writer, 5, () => writeExternal(writer, name, external));
    }
    if (spec.extra?.graph) writer.raw(spec.extra.graph);
  });
  for (const [domain, version] of Object.entries({ "": spec.opset ?? 13, ...spec.opsets })) {
    message(writer, 8, () => {
      text(writer, 1, domain);
      writer.tag(2, WireType.Varint).int64(BigInt(version));
    });
  }
  for (const [key, value] of Object.entries(spec.metadata ?? {})) {
    message(writer, 14, () => writeEntry(writer, key, value));
  }
  if (spec.extra?.model) writer.raw(spec.extra.model);
  return new Uint8Array(writer.finish());
}

/** The bytes of a TensorProto, as the ONNX project's own test data holds them. */
export function tensorProto(
  name: string,
  tensor: HostTensor,
  encoding: "raw" | "typed" = "raw",
): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  writeTensor(writer, name, tensor, encoding);
  return new Uint8Array(writer.finish());
}

function writeGraph(writer: BinaryWriter, spec: SubgraphSpec, encoding: "raw" | "typed"): void {
  for (const node of spec.nodes) message(writer, 1, () => writeNode(writer, node));
  text(writer, 2, spec.name ?? "test");
  for (const [name, tensor] of Object.entries(spec.initializers ?? {})) {
    message(writer, 5, () => writeTensor(writer, name, tensor, encoding));
  }
  for (const info of spec.inputs ?? []) message(writer, 11, () => writeValueInfo(writer, info));
  for (const info of spec.outputs) {
    message(
      writer,
      12,
      () => typeof info === "string" ? text(writer, 1, info) : writeValueInfo(writer, info),
    );
  }
}

function writeNode(writer: BinaryWriter, node: NodeSpec): void {
  for (const input of node.inputs) writer.tag(1, WireType.LengthDelimited).string(input);
  for (const output of node.outputs) writer.tag(2, WireType.LengthDelimited).string(output);
  text(writer, 3, node.name);
  text(writer, 4, node.op);
  for (const [name, value] of Object.entries(node.attributes)) {
    message(writer, 5, () => {
      text(writer, 1, name);
      writeAttribute(writer, name, value);
    });
  }
  text(writer, 7, node.domain);
}

function writeAttribute(writer: BinaryWriter, name: string, value: AttributeSpec): void {
  if (typeof value === "boolean") return writeInt(writer, value ? 1 : 0);
  if (typeof value === "bigint") return writeInt(writer, value);
  if (typeof value === "number") {
    return isFloatAttribute(name, [value]) ? writeFloat(writer, value) : writeInt(writer, value);
  }
  if (typeof value === "string") {
    writer.tag(4, WireType.LengthDelimited).string(value);
    return type(writer, 3);
  }
  if (isList(value)) return writeList(writer, name, value);
  if ("dtype" in value) {
    message(writer, 5, () => writeTensor(writer, "", value, "raw"));
    return type(writer, 4);
  }
  if ("float" in value) return writeFloat(writer, value.float);
  if ("int" in value) return writeInt(writer, value.int);
  if ("floats" in value) return writeFloats(writer, value.floats);
  if ("ints" in value) return writeInts(writer, value.ints);
  if ("tensors" in value) {
    for (const tensor of value.tensors) message(writer, 10, () => writeTensor(writer, "", tensor, "raw"));
    return type(writer, 9);
  }
  if ("graph" in value) {
    message(writer, 6, () => writeGraph(writer, value.graph, "raw"));
    return type(writer, 5);
  }
  writer.raw(value.raw);
}

function writeList(writer: BinaryWriter, name: string, values: readonly number[] | readonly string[]): void {
  if (values.length > 0 && typeof values[0] === "string") {
    for (const value of values) writer.tag(9, WireType.LengthDelimited).string(String(value));
    return type(writer, 8);
  }
  const numbers = values as readonly number[];
  if (isFloatAttribute(name, numbers)) writeFloats(writer, numbers);
  else writeInts(writer, numbers);
}

function writeFloat(writer: BinaryWriter, value: number): void {
  writer.tag(2, WireType.Bit32).float(value);
  type(writer, 1);
}

function writeInt(writer: BinaryWriter, value: number | bigint): void {
  writer.tag(3, WireType.Varint).int64(BigInt(value));
  type(writer, 2);
}

function writeFloats(writer: BinaryWriter, values: readonly number[]): void {
  for (const value of values) writer.tag(7, WireType.Bit32).float(value);
  type(writer, 6);
}

function writeInts(writer: BinaryWriter, values: readonly (number | bigint)[]): void {
  for (const value of values) writer.tag(8, WireType.Varint).int64(BigInt(value));
  type(writer, 7);
}

function writeValueInfo(writer: BinaryWriter, { name, dtype, dims }: TensorInfo): void {
  text(writer, 1, name);
  message(writer, 2, () =>
    message(writer, 1, () => {
      writer.tag(1, WireType.Varint).int32(dataTypeOf(dtype));
      if (dims === undefined) return;
      message(writer, 2, () => {
        for (const dim of dims) {
          message(writer, 1, () => {
            if (typeof dim === "number") writer.tag(1, WireType.Varint).int64(BigInt(dim));
            else if (dim !== undefined) text(writer, 2, dim);
          });
        }
      });
    }));
}

function writeTensor(
  writer: BinaryWriter,
  name: string,
  tensor: HostTensor,
  encoding: "raw" | "typed",
): void {
  writeTensorHead(writer, name, tensor.dtype, tensor.shape);
  if (encoding === "raw") writer.tag(9, WireType.LengthDelimited).bytes(bytesOf(tensor));
  else writeTypedData(writer, tensor);
}

function writeTensorHead(writer: BinaryWriter, name: string, dtype: DType, shape: readonly number[]): void {
  for (const extent of shape) writer.tag(1, WireType.Varint).int64(BigInt(extent));
  writer.tag(2, WireType.Varint).int32(dataTypeOf(dtype));
  text(writer, 8, name);
}

function writeTypedData(writer: BinaryWriter, tensor: HostTensor): void {
  switch (tensor.dtype) {
    case "f32":
      return message(writer, 4, () => tensor.data.forEach((value) => writer.float(value)));
    case "f64":
      return message(writer, 10, () => tensor.data.forEach((value) => writer.double(value)));
    case "i64":
      return message(writer, 7, () => tensor.data.forEach((value) => writer.int64(value)));
    case "u64":
      return message(writer, 11, () => tensor.data.forEach((value) => writer.uint64(value)));
    case "u32":
      return message(writer, 11, () => tensor.data.forEach((value) => writer.uint64(BigInt(value))));
    case "f16": {
      const bits = new Uint16Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.length);
      return message(writer, 5, () => bits.forEach((value) => writer.int32(value)));
    }
    default:
      return message(writer, 5, () => tensor.data.forEach((value) => writer.int32(value)));
  }
}

function writeExternal(writer: BinaryWriter, name: string, external: ExternalSpec): void {
  writeTensorHead(writer, name, external.dtype, external.shape);
  const { location, offset, length } = external;
  for (const [key, value] of Object.entries({ location, offset, length })) {
    if (value !== undefined) message(writer, 13, () => writeEntry(writer, key, String(value)));
  }
  writer.tag(14, WireType.Varint).int32(1);
}

function writeEntry(writer: BinaryWriter, key: string, value: string): void {
  text(writer, 1, key);
  text(writer, 2, value);
}

function message(writer: BinaryWriter, field: number, body: () => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  body();
  writer.join();
}

function text(writer: BinaryWriter, field: number, value: string): void {
  if (value !== "") writer.tag(field, WireType.LengthDelimited).string(value);
}

function type(writer: BinaryWriter, attributeType: number): void {
  writer.tag(20, WireType.Varint).int32(attributeType);
}

function isFloatAttribute(name: string, values: readonly number[]): boolean {
  return FLOAT_ATTRIBUTES.has(name) || values.some((value) => !Number.isInteger(value));
}

function isList(value: AttributeSpec): value is readonly number[] | readonly string[] {
  return Array.isArray(value);
}
