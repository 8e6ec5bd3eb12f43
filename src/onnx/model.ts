/**
 * What an ONNX file says, as plain objects: ONNX's messages with the fields that a vision network can need.
 * The specification is https://github.com/onnx/onnx/blob/main/docs/IR.md.
 *
 * @module
 */

import type { DType } from "../tensor/dtype.ts";
import type { HostTensor } from "../tensor/host_tensor.ts";

/** An ONNX file's contents. */
export interface OnnxModel {
  /** The version of the format, 3 or more in any file of the last years. */
  irVersion: number;
  /** The operator sets that the graph draws on, by domain; ONNX's own domain is "". */
  opsets: Map<string, number>;
  /** The tool that wrote the file; may be empty. */
  producerName: string;
  /** The version of that tool; may be empty. */
  producerVersion: string;
  /** The model's own domain; may be empty. */
  domain: string;
  /** The model's own version. */
  modelVersion: bigint;
  /** Free text. */
  docString: string;
  /** Key and value pairs that exporters attach, such as class names. */
  metadata: Map<string, string>;
  /** The network. */
  graph: OnnxGraph;
}

/** A network, or the body of a control-flow operator. */
export interface OnnxGraph {
  /** The graph's name; may be empty. */
  name: string;
  /** The operators, in the file's order. */
  nodes: OnnxNode[];
  /** Constant tensors: weights, shapes, scales. */
  initializers: OnnxTensor[];
  /** Inputs. Before IR version 4 every initializer is listed here too. */
  inputs: OnnxValueInfo[];
  /** Outputs. */
  outputs: OnnxValueInfo[];
  /** What the exporter knew about the values in between. */
  valueInfo: OnnxValueInfo[];
}

/** One operator of a graph. */
export interface OnnxNode {
  /** The node's name; may be empty. */
  name: string;
  /** The operator, such as "Conv". */
  opType: string;
  /** The operator's domain; ONNX's own is "". */
  domain: string;
  /** Names of the values that it reads; "" for an optional input left out. */
  inputs: string[];
  /** Names of the values that it makes; "" for an optional output left out. */
  outputs: string[];
  /** Its attributes, in the file's order. */
  attributes: OnnxAttribute[];
}

/** The value of an attribute. Integers are numbers: beyond 2^53 they are rounded. */
export type AttributeValue =
  | { readonly type: "float"; readonly value: number }
  | { readonly type: "int"; readonly value: number }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "tensor"; readonly value: OnnxTensor }
  | { readonly type: "graph"; readonly value: OnnxGraph }
  | { readonly type: "floats"; readonly value: readonly number[] }
  | { readonly type: "ints"; readonly value: readonly number[] }
  | { readonly type: "strings"; readonly value: readonly string[] }
  | { readonly type: "tensors"; readonly value: readonly OnnxTensor[] }
  | { readonly type: "graphs"; readonly value: readonly OnnxGraph[] }
  | { readonly type: "unsupported"; readonly value: string };

/** An attribute of a node. */
export type OnnxAttribute = AttributeValue & { readonly name: string };

/** A constant tensor of the file. */
export interface OnnxTensor {
  /** The value's name; empty for a tensor in an attribute. */
  name: string;
  /** The tensor; undefined while its elements lie in another file (see `external`), or if it is unsupported. */
  data?: HostTensor;
  /** Where the elements lie, if not in this file. */
  external?: ExternalData;
  /** Why the tensor cannot be used, if it cannot: elements of a type unknown here, text, segments. */
  unsupported?: string;
}

/** A reference to elements that lie in another file. */
export interface ExternalData {
  /** The file, relative to the model's folder. */
  readonly location: string;
  /** Where the elements begin, in bytes. */
  readonly offset: number;
  /** How many bytes they take; undefined means to the end of the file. */
  readonly length?: number;
  /** The elements' type, as ONNX numbers it. */
  readonly dataType: number;
  /** The tensor's shape. */
  readonly shape: readonly number[];
}

/** What the file says about a value. */
export interface OnnxValueInfo {
  /** The value's name. */
  name: string;
  /** The elements' type; undefined if the file does not say, or it is none that is known here. */
  dtype?: DType;
  /** Extents, or names of extents that are free; undefined if the file does not say. */
  dims?: (number | string)[];
  /** How to call the type in a message, if it is not a tensor of a known element type. */
  unsupported?: string;
}
