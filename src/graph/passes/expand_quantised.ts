import { attr, type Attribute } from "../../ops/attribute.ts";
import type { Node } from "../../ops/node.ts";
import { NodeContext } from "../../ops/operator.ts";
import { concatParts } from "../../ops/quantized_expanded.ts";
import { tableOf } from "../../ops/quantized_scheme.ts";
import { type HostTensor, hostTensor } from "../../tensor/host_tensor.ts";
import type { SpecialisedGraph } from "../specialise.ts";

/** What stands for operators that are computed with floats, and which of their attributes it takes. */
const WITH_FLOATS: ReadonlyMap<string, readonly [op: string, attributes: readonly string[]]> = new Map([
  [
    "QLinearAveragePool",
    ["AveragePool", ["auto_pad", "ceil_mode", "count_include_pad", "kernel_shape", "pads", "strides"]],
  ],
  ["QLinearSoftmax", ["Softmax", ["axis"]]],
]);

/**
 * Makes of a QLinearConcat a Concat of bytes, whose parts are written where they belong, and in front of each part whose
 * scale or zero point is another one a table of its bytes; of a QLinearAveragePool or QLinearSoftmax one of floats, with
 * DequantizeLinear and QuantizeLinear around it.
 */
export function expandQuantised({ graph, types }: SpecialisedGraph): void {
  for (const node of [...graph.nodes]) {
    if (node.domain !== "com.microsoft") continue;
    if (node.op === "QLinearConcat") expandConcat(node);
    else if (WITH_FLOATS.has(node.op)) expandWithFloats(node);
  }

  function expandConcat(node: Node): void {
    const context = new NodeContext(node, graph.opset(node), types, graph.constants);
    const tables: Node[] = [];
    const inputs = concatParts(context).map(({ index, from, to }) => {
      const x = node.inputs[index]!;
      if (from.dtype === to.dtype && from.scale === to.scale && from.zero === to.zero) return x;
      const values = tableOf(from, to, (value) => value);
      const table = constant(`${node.name} table`, hostTensor(to.dtype, [values.length], Array.from(values)));
      const y = graph.freshName(`${node.name} part ${index}`);
      types.set(y, { dtype: to.dtype, shape: context.shape(index) });
      tables.push(made("QuantisedTable", y, [x, table], [y]));
      return y;
    });
    const axis = { type: "int", value: attr.int(node, "axis") } as const;
    graph.replaceNode(
      node,
      ...tables,
      made("Concat", node.name, inputs, node.outputs, new Map([["axis", axis]])),
    );
  }

  function expandWithFloats(node: Node): void {
    const [op, names] = WITH_FLOATS.get(node.op)!;
    const [x, xScale, xZero = "", yScale, yZero = ""] = node.inputs as [
      string,
      string,
      string,
      string,
      string,
    ];
    const attributes = new Map([...node.attributes].filter(([name]) => names.includes(name)));
    if (op === "Softmax") {
      const rank = types.get(x)!.shape.length;
      const axis = attr.int(node, "axis", -1);
      attributes.set("axis", { type: "int", value: axis < 0 ? axis + rank : axis });
    }
    const [floats, result] = [graph.freshName(`${node.name} floats`), graph.freshName(`${node.name} result`)];
    types.set(floats, { dtype: "f32", shape: types.get(x)!.shape });
    types.set(result, { dtype: "f32", shape: types.get(node.outputs[0]!)!.shape });
    graph.replaceNode(
      node,
      made("DequantizeLinear", floats, [x, xScale, xZero], [floats]),
      made(op, node.name, [floats], [result], attributes),
      made("QuantizeLinear", result, [result, yScale, yZero], node.outputs),
    );
  }

  function made(
    op: string,
    name: string,
    inputs: string[],
    outputs: string[],
    attributes: Map<string, Attribute> = new Map(),
  ): Node {
    return { name, op, domain: "", inputs, outputs: [...outputs], attributes };
  }

  function constant(base: string, tensor: HostTensor): string {
    const name = graph.addConstant(base, tensor);
    types.set(name, tensor);
    return name;
  }
}
