import { attr, type Attribute } from "../../ops/attribute.ts";
import type { Node } from "../../ops/node.ts";
import { NodeContext } from "../../ops/operator.ts";
import { concatParts } from "../../ops/quantized_expanded.ts";
import { tableOf } from "../../ops/quantized_scheme.ts";
import { elementCount, type HostTensor, hostTensor } from "../../tensor/host_tensor.ts";
import type { SpecialisedGraph } from "../specialise.ts";

/**
 * Makes of a QLinearConcat a Concat of bytes, whose parts are written where they belong, and in front of each part whose
 * scale or zero point is another one a table of its bytes; of a QLinearSoftmax a Softmax of floats, with DequantizeLinear
 * and QuantizeLinear around it.
 */
export function expandQuantised({ graph, types }: SpecialisedGraph): void {
  for (const node of [...graph.nodes]) {
    if (node.domain !== "com.microsoft") continue;
    if (node.op === "QLinearConcat") expandConcat(node);
    else if (node.op === "QLinearSoftmax") expandSoftmax(node);
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

  function expandSoftmax(node: Node): void {
    const [x, xScale, xZero = "", yScale, yZero = ""] = node.inputs as [
      string,
      string,
      string,
      string,
      string,
    ];
    const { shape } = types.get(x)!;
    const rank = shape.length;
    const given = attr.int(node, "axis", -1);
    const axis = given < 0 ? given + rank : given;
    // Before operator set 13 all dimensions from the axis on were one. As rows, both are the same.
    const whole = attr.int(node, "opset", 13) < 13;
    const others = shape.map((_, at) => at).filter((at) => at !== axis);
    const perm = whole ? shape.map((_, at) => at) : [...others, axis];
    const turned = perm.map((at) => shape[at]!);
    const length = elementCount(whole ? shape.slice(axis) : [shape[axis]!]);
    const rows = [elementCount(shape) / Math.max(length, 1), length];
    const steps: Node[] = [];
    const step = (
      op: string,
      inputs: string[],
      extents: readonly number[],
      attributes?: Map<string, Attribute>,
    ) => {
      const value = graph.freshName(`${node.name} ${steps.length}`);
      types.set(value, { dtype: "f32", shape: extents });
      steps.push(made(op, value, inputs, [value], attributes));
      return value;
    };
    const order = (values: readonly number[]) =>
      new Map<string, Attribute>([["perm", { type: "ints", value: [...values] }]]);
    const extents = (values: readonly number[]) =>
      constant(`${node.name} extents`, hostTensor("i64", [values.length], values));
    let value = step("DequantizeLinear", [x, xScale, xZero], shape);
    value = step("Transpose", [value], turned, order(perm));
    value = step("Reshape", [value, extents(rows)], rows);
    value = step("Softmax", [value], rows, new Map([["axis", { type: "int", value: 1 }]]));
    value = step("Reshape", [value, extents(turned)], turned);
    value = step("Transpose", [value], shape, order(perm.map((_, at) => perm.indexOf(at))));
    graph.replaceNode(
      node,
      ...steps,
      made("QuantizeLinear", node.name, [value, yScale, yZero], node.outputs),
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
