/**
 * The attributes of nodes, and how to read them: each getter checks the type, and an attribute that is absent gives
 * the fallback, or an error if there is none.
 *
 * @module
 */

import type { OnnxGraph } from "../onnx/model.ts";
import type { HostTensor } from "../tensor/host_tensor.ts";
import { nodeError } from "./error.ts";
import type { Node } from "./node.ts";

/** The value of an attribute. Integers are numbers: beyond 2^53 they are rounded. */
export type Attribute =
  | { readonly type: "float"; readonly value: number }
  | { readonly type: "int"; readonly value: number }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "tensor"; readonly value: HostTensor }
  | { readonly type: "graph"; readonly value: OnnxGraph }
  | { readonly type: "floats"; readonly value: readonly number[] }
  | { readonly type: "ints"; readonly value: readonly number[] }
  | { readonly type: "strings"; readonly value: readonly string[] }
  | { readonly type: "tensors"; readonly value: readonly HostTensor[] }
  | { readonly type: "graphs"; readonly value: readonly OnnxGraph[] };

/** The value that an attribute of type `T` has. */
export type AttributeValueOf<T extends Attribute["type"]> = Extract<Attribute, { type: T }>["value"];

/** Reads one attribute of a node. */
export interface AttributeGetter<T extends Attribute["type"]> {
  /**
   * The attribute's value, or `fallback` if the node has none of that name.
   *
   * @throws {GraphError} if it has another type, or is absent and there is no fallback.
   */
  (node: Node, name: string, fallback?: AttributeValueOf<T>): AttributeValueOf<T>;
}

/**
 * Getters for the attributes of nodes, one for each type.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import type { Node } from "./node.ts";
 * const node: Node = {
 *   name: "conv1", op: "Conv", domain: "", inputs: ["x", "w"], outputs: ["y"],
 *   attributes: new Map([["strides", { type: "ints", value: [2, 2] }]]),
 * };
 * assertEquals(attr.ints(node, "strides"), [2, 2]);
 * assertEquals(attr.int(node, "group", 1), 1);
 * ```
 */
export const attr: {
  /** Whether the node has the attribute, of whatever type. */
  has(node: Node, name: string): boolean;
  /** Reads an integer. */
  int: AttributeGetter<"int">;
  /** Reads a list of integers. */
  ints: AttributeGetter<"ints">;
  /** Reads a number. */
  float: AttributeGetter<"float">;
  /** Reads a list of numbers. */
  floats: AttributeGetter<"floats">;
  /** Reads a text. */
  string: AttributeGetter<"string">;
  /** Reads a list of texts. */
  strings: AttributeGetter<"strings">;
  /** Reads a tensor. */
  tensor: AttributeGetter<"tensor">;
  /** Reads a list of tensors. */
  tensors: AttributeGetter<"tensors">;
  /** Reads a body of a control-flow operator. */
  graph: AttributeGetter<"graph">;
} = {
  has: (node: Node, name: string): boolean => node.attributes.has(name),
  int: getter("int"),
  ints: getter("ints"),
  float: getter("float"),
  floats: getter("floats"),
  string: getter("string"),
  strings: getter("strings"),
  tensor: getter("tensor"),
  tensors: getter("tensors"),
  graph: getter("graph"),
};

function getter<T extends Attribute["type"]>(type: T): AttributeGetter<T> {
  return (node, name, fallback) => {
    const attribute = node.attributes.get(name);
    if (attribute === undefined) {
      if (fallback !== undefined) return fallback;
      throw nodeError(node, `attribute "${name}" (${type}) is missing`, "export the model again");
    }
    if (attribute.type !== type) {
      const found = `attribute "${name}" is of type ${attribute.type}, but ${type} is needed`;
      throw nodeError(node, found, "export the model again");
    }
    return attribute.value as AttributeValueOf<T>;
  };
}
