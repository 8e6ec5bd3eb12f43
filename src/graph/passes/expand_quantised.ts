import { attr } from "../../ops/attribute.ts";
import type { Node } from "../../ops/node.ts";
import { NodeContext } from "../../ops/operator.ts";
import { concatParts, tableOf } from "../../ops/quantized_microsoft.ts";
import { type HostTensor, hostTensor } from "../../tensor/host_tensor.ts";
import type { SpecialisedGraph } from "../specialise.ts";

/**
 * Makes of a QLinearConcat a Concat of bytes, whose parts are written where they belong, and in front of each part whose
 * scale or zero point is another one a table of its bytes.
 */
export function expandQuantised({ graph, types }: SpecialisedGraph): void {
  for (const node of [...graph.nodes]) {
    if (node.op !== "QLinearConcat" || node.domain !== "com.microsoft") continue;
    const context = new NodeContext(node, graph.opset(node), types, graph.constants);
    const tables: Node[] = [];
    const inputs = concatParts(context).map(({ index, from, to }) => {
      const x = node.inputs[index]!;
      if (from.dtype === to.dtype && from.scale === to.scale && from.zero === to.zero) return x;
      const values = tableOf(from, to, (value) => value);
      const table = constant(`${node.name} table`, hostTensor(to.dtype, [values.length], Array.from(values)));
      const y = graph.freshName(`${node.name} part ${index}`);
      types.set(y, { dtype: to.dtype, shape: context.shape(index) });
      tables.push({
        name: y,
        op: "QuantisedTable",
        domain: "",
        inputs: [x, table],
        outputs: [y],
        attributes: new Map(),
      });
      return y;
    });
    const axis = { type: "int", value: attr.int(node, "axis") } as const;
    graph.replaceNode(node, ...tables, {
      ...node,
      op: "Concat",
      domain: "",
      inputs,
      attributes: new Map([["axis", axis]]),
    });
  }

  function constant(base: string, tensor: HostTensor): string {
    const name = graph.addConstant(base, tensor);
    types.set(name, tensor);
    return name;
  }
}
