import type { Attribute } from "./attribute.ts";

/** One operator of the network. */
export interface Node {
  /** Unique within the graph. */
  name: string;
  /** The operator, as ONNX names it, such as "Conv". */
  op: string;
  /** The operator's domain; "" is ONNX's own. */
  domain: string;
  /** Names of the values that it reads; "" for an optional input that is left out. */
  inputs: string[];
  /** Names of the values that it makes; "" for an optional output that is left out. */
  outputs: string[];
  /** Its attributes; read them through `attr`. */
  attributes: Map<string, Attribute>;
}
