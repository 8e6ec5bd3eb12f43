import { attr } from "../../ops/attribute.ts";
import type { Node } from "../../ops/node.ts";
import { NodeContext } from "../../ops/operator.ts";
import { BINARY, UNARY } from "../../ops/pointwise_functions.ts";
import { quantise, type Scheme, valueOf } from "../../ops/quantized_scheme.ts";
import { findOperator } from "../../ops/registry.ts";
import { type HostTensor, hostTensor, toNumbers } from "../../tensor/host_tensor.ts";
import type { QuantisedFuser, Source } from "./fuse_quantised.ts";

/** Operators whose results are elements of their first input. */
const MOVES: ReadonlySet<string> = new Set([
  "DepthToSpace",
  "Expand",
  "Flatten",
  "Gather",
  "Identity",
  "MaxPool",
  "Reshape",
  "Slice",
  "SpaceToDepth",
  "Squeeze",
  "Tile",
  "Transpose",
  "Unsqueeze",
]);

/**
 * Takes what stands between a DequantizeLinear and `quantize` to the bytes, if it is but nodes that move values and
 * functions of single values: the former work on bytes as they do on floats (maxima too: quantising keeps the order), and
 * the latter, with the change of scale, are one table. Tells whether it did.
 */
export function moveThrough(fuser: QuantisedFuser, quantize: Node, to: Scheme): boolean {
  const chain: Node[] = [];
  let value = quantize.inputs[0]!;
  let source = fuser.plainSource(value);
  while (!source) {
    const node = fuser.maker(value);
    if (!node || !(isMove(node) || isFunction(fuser, node))) return false;
    chain.unshift(node);
    value = node.inputs[running(fuser, node)]!;
    source = fuser.plainSource(value);
  }
  const first = chain.findIndex((node) => !isMove(node));
  const last = chain.findLastIndex((node) => !isMove(node));
  const functions = first < 0 ? [] : chain.slice(first, last + 1);
  // A maximum between two functions is one of neither's bytes.
  if (functions.some(isMove)) return false;
  const before = first < 0 ? chain : chain.slice(0, first);
  const after = first < 0 ? [] : chain.slice(last + 1);
  const same = source.scheme.dtype === to.dtype && source.scheme.scale === to.scale &&
    source.scheme.zero === to.zero;
  const table = same && functions.length === 0 ? undefined : composed(fuser, source, functions, to);
  return rebuild(fuser, quantize, source, to, before, table, after);
}

/** Puts the nodes of a chain in the place of `quantize`, on bytes. */
function rebuild(
  fuser: QuantisedFuser,
  quantize: Node,
  source: Source,
  to: Scheme,
  before: readonly Node[],
  table: readonly number[] | undefined,
  after: readonly Node[],
): boolean {
  const { graph, types } = fuser;
  const made: Node[] = [];
  let current = source.name;
  const move = (node: Node, dtype: Scheme["dtype"]): void => {
    const output = fuser.value(`${node.outputs[0]} in bytes`, {
      dtype,
      shape: types.get(node.outputs[0]!)!.shape,
    });
    made.push({
      ...node,
      inputs: [current, ...node.inputs.slice(1)],
      outputs: [output],
      attributes: new Map(node.attributes),
    });
    current = output;
  };
  for (const node of before) move(node, source.scheme.dtype);
  if (table) {
    const output = fuser.value(`${quantize.outputs[0]} looked up`, {
      dtype: to.dtype,
      shape: types.get(current)!.shape,
    });
    made.push(fuser.tableNode({ ...source, name: current }, to, table, output));
    current = output;
  }
  for (const node of after) move(node, to.dtype);
  const final = made.at(-1);
  if (!final) {
    // The caller's name for an output stays with what makes it.
    if (graph.isOutput(quantize.outputs[0]!)) return false;
    graph.replaceUses(quantize.outputs[0]!, source.name);
    graph.removeNode(quantize);
    return true;
  }
  final.outputs = [...quantize.outputs];
  fuser.place(quantize, made);
  return true;
}

function isMove(node: Node): boolean {
  if (node.domain !== "" || node.outputs.length !== 1) return false;
  if (node.op === "Resize") {
    return attr.string(node, "mode", "nearest") === "nearest" &&
      attr.string(node, "coordinate_transformation_mode", "half_pixel") !== "tf_crop_and_resize";
  }
  return MOVES.has(node.op);
}

/** Whether each element of the result is a function of one element of one input, and of constants. */
function isFunction(fuser: QuantisedFuser, node: Node): boolean {
  if (node.domain !== "" || node.outputs.length !== 1 || !findOperator(node)?.evaluate) return false;
  const { dtype } = fuser.types.get(node.outputs[0]!)!;
  if (dtype !== "f32") return false;
  const constants = node.inputs.map((name) => fuser.graph.constants.get(name));
  if (node.op in UNARY) {
    return node.inputs.slice(1).every((name, i) => name === "" || constants[i + 1] !== undefined);
  }
  const rank = (name: string): number => fuser.types.get(name)!.shape.length;
  return node.op in BINARY && node.inputs.length === 2 &&
    constants.filter((one) => one !== undefined).length === 1 &&
    constants.some((one, i) => one?.data.length === 1 && one.shape.length <= rank(node.inputs[1 - i]!));
}

/** The input that is not constant. */
function running(fuser: QuantisedFuser, node: Node): number {
  return isMove(node) ? 0 : Math.max(0, node.inputs.findIndex((name) => !fuser.graph.constants.has(name)));
}

/** What every byte of a source becomes by way of some functions. */
function composed(
  fuser: QuantisedFuser,
  { scheme }: Source,
  functions: readonly Node[],
  to: Scheme,
): number[] {
  const bytes = Array.from({ length: scheme.high - scheme.low + 1 }, (_, i) => scheme.low + i);
  let tensor: HostTensor = hostTensor("f32", [bytes.length], bytes.map((byte) => valueOf(scheme, byte)));
  for (const node of functions) {
    const values = new Map<string, HostTensor>();
    for (const name of node.inputs) {
      const constant = fuser.graph.constants.get(name);
      if (constant) values.set(name, constant.data.length === 1 ? { ...constant, shape: [] } : constant);
    }
    values.set(node.inputs[running(fuser, node)]!, tensor);
    const context = new NodeContext(node, fuser.graph.opset(node), values, values);
    [tensor] = findOperator(node)!.evaluate!(context, node.inputs.map((name) => values.get(name))) as [
      HostTensor,
    ];
  }
  return toNumbers(tensor).map((value) => quantise(value, to));
}
