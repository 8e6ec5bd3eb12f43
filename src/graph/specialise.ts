/**
 * Fixes a network to concrete input shapes: every value gets its type, and whatever does not depend on an input is
 * computed here, shape arithmetic included.
 *
 * @module
 */
import { NodeContext, type TensorType } from "../ops/operator.ts";
import { findOperator } from "../ops/registry.ts";
import type { HostTensor } from "../tensor/host_tensor.ts";
import { GraphError } from "../ops/error.ts";
import { Graph } from "./graph.ts";

/** A network whose values all have known types. */
export interface SpecialisedGraph {
  graph: Graph;
  /** Type and shape of every value, constants included. */
  types: Map<string, TensorType>;
}

/** Input shapes by name; inputs whose shape is fixed in the file may be left out. */
export type InputShapes = Readonly<Record<string, readonly number[]>>;

/** A copy of `graph` with shapes known, constants folded and dead nodes removed. @throws {GraphError} */
export function specialise(source: Graph, shapes: InputShapes): SpecialisedGraph {
  const graph = new Graph(source.name, source.opsets);
  graph.outputs = source.outputs;
  const types = new Map<string, TensorType>();
  for (const [name, constant] of source.constants) {
    graph.constants.set(name, constant);
    types.set(name, constant);
  }
  const named = new Map<string, number>();
  graph.inputs = source.inputs.map((input) => {
    const shape = shapes[input.name] ?? fixedShape(input.name, input.dims);
    checkShape(input.name, input.dims, shape, named);
    types.set(input.name, { dtype: input.dtype, shape });
    return { ...input, dims: [...shape] };
  });
  const unknown = Object.keys(shapes).filter((name) => !source.inputs.some((input) => input.name === name));
  if (unknown.length > 0) {
    throw new GraphError(
      `Cannot prepare: the network has no input "${unknown.join('", "')}"; its inputs are ` +
        source.inputs.map((input) => `"${input.name}" [${input.dims.join(", ")}]`).join(", "),
    );
  }
  for (const node of source.nodes) {
    const context = new NodeContext(node, graph.opset(node), types, graph.constants);
    const operator = findOperator(node);
    if (!operator) {
      throw new GraphError(`${node.op} (node "${node.name}"): no such operator; see docs/operators.md`);
    }
    const outputs = operator.infer(context);
    node.outputs.forEach((name, i) => {
      if (name !== "" && outputs[i]) types.set(name, outputs[i]);
    });
    const folded = fold(operator, context, graph.constants);
    if (folded) {
      node.outputs.forEach((name, i) => {
        if (name === "") return;
        graph.constants.set(name, folded[i]!);
        types.set(name, folded[i]!);
      });
    } else {
      // Passes change nodes; the source is planned again for other shapes.
      const { inputs, outputs, attributes } = node;
      graph.nodes.push({
        ...node,
        inputs: [...inputs],
        outputs: [...outputs],
        attributes: new Map(attributes),
      });
    }
  }
  graph.removeDeadNodes();
  return { graph, types };
}

function fold(
  operator: NonNullable<ReturnType<typeof findOperator>>,
  context: NodeContext,
  constants: ReadonlyMap<string, HostTensor>,
): HostTensor[] | undefined {
  if (!operator.evaluate) return undefined;
  const inputs = context.node.inputs.map((name) => name === "" ? undefined : constants.get(name));
  const known = inputs.every((input, i) => input !== undefined || context.node.inputs[i] === "");
  return known || operator.dependsOnTypesOnly ? operator.evaluate(context, inputs) : undefined;
}

function fixedShape(name: string, dims: readonly (number | string)[]): number[] {
  const free = dims.filter((dim) => typeof dim === "string");
  if (free.length > 0) {
    throw new GraphError(
      `Cannot prepare: input "${name}" has free dimensions [${dims.join(", ")}]; ` +
        `give its shape, as in prepare({ "${name}": [${
          dims.map((dim) => typeof dim === "string" ? 1 : dim)
        }] })`,
    );
  }
  return dims as number[];
}

function checkShape(
  name: string,
  dims: readonly (number | string)[],
  shape: readonly number[],
  named: Map<string, number>,
): void {
  const fits = dims.length === shape.length && dims.every((dim, axis) => {
    const extent = shape[axis]!;
    if (!Number.isInteger(extent) || extent < 0) return false;
    if (typeof dim === "number") return dim === extent;
    // Unnamed free dimensions are independent of one another; a named one has one value everywhere.
    if (dim === "" || dim === "?") return true;
    const known = named.get(dim);
    named.set(dim, known ?? extent);
    return known === undefined || known === extent;
  });
  if (!fits) {
    throw new GraphError(
      `Cannot prepare: input "${name}" takes [${dims.join(", ")}], but [${shape.join(", ")}] was given; ` +
        `free dimensions are those with a name`,
    );
  }
}
