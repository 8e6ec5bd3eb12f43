/**
 * Fixes a network to concrete input shapes: every value gets its type, and whatever does not depend on an input is
 * computed here, shape arithmetic included.
 *
 * @module
 */
import { NodeContext, type Operator, type TensorType } from "../ops/operator.ts";
import type { Node } from "../ops/node.ts";
import { findOperator } from "../ops/registry.ts";
import { FLOATS } from "../ops/types.ts";
import { elementCount, type HostTensor } from "../tensor/host_tensor.ts";
import { GraphError, nodeError } from "../ops/error.ts";
import { Graph } from "./graph.ts";

/** A network whose values all have known types. */
export interface SpecialisedGraph {
  graph: Graph;
  /** Type and shape of every value, constants included. */
  types: Map<string, TensorType>;
  /** Constants that a DequantizeLinear gave, by name: operators of bytes take what it was given in their place. */
  dequantised?: ReadonlyMap<string, DequantisedConstant>;
}

/** How a constant was dequantised. */
export interface DequantisedConstant {
  node: Node;
  /** Elements, scale, and zero point if there is one. */
  inputs: readonly (HostTensor | undefined)[];
}

/** Input shapes by name; inputs whose shape is fixed in the file may be left out. */
export type InputShapes = Readonly<Record<string, readonly number[]>>;

/** Values of inputs by name: those that decide a shape or a parameter, and so the plan. */
export type InputValues = Readonly<Record<string, HostTensor>>;

/**
 * A copy of `graph` with shapes known, constants folded and dead nodes removed. Inputs whose value is given become
 * constants.
 *
 * @throws {UnknownValueError} if an operator needs the value of something that is computed while the network runs.
 * @throws {GraphError} if the shapes or values do not fit.
 */
export function specialise(source: Graph, shapes: InputShapes, values: InputValues = {}): SpecialisedGraph {
  const graph = new Graph(source.name, source.opsets);
  graph.outputs = source.outputs;
  const types = new Map<string, TensorType>();
  const dequantised = new Map<string, DequantisedConstant>();
  for (const [name, constant] of source.constants) {
    graph.constants.set(name, constant);
    types.set(name, constant);
  }
  const named = new Map<string, number>();
  graph.inputs = source.inputs.flatMap((input) => {
    const value = values[input.name];
    const shape = value?.shape ?? shapes[input.name] ?? fixedShape(input.name, input.dims);
    checkShape(input.name, input.dims, shape, named);
    types.set(input.name, { dtype: input.dtype, shape });
    if (!value) return [{ ...input, dims: [...shape] }];
    graph.constants.set(input.name, value);
    return [];
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
    const outputs = withinReason(context, () => withCounts(operator, context, operator.infer(context)));
    withinReason(context, () => outputs.forEach(({ shape }) => elementCount(shape)));
    node.outputs.forEach((name, i) => {
      if (name !== "" && outputs[i]) types.set(name, outputs[i]);
    });
    const folded = withinReason(context, () => fold(operator, context, graph.constants));
    if (folded) {
      if (node.op === "DequantizeLinear") {
        const inputs = node.inputs.map((name) => graph.constants.get(name));
        dequantised.set(node.outputs[0]!, { node, inputs });
      }
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
  for (const node of graph.nodes) {
    checkType(findOperator(node)!, new NodeContext(node, graph.opset(node), types, graph.constants));
  }
  return { graph, types, dequantised };
}

/** Refuses what an operator's kernels would take for something else. */
function checkType({ types = FLOATS }: Operator, node: NodeContext): void {
  if (!node.has(0)) return;
  const { dtype } = node.type(0);
  if (!types.includes(dtype)) {
    node.fail(
      `its input is ${dtype} and computed while the network runs, where it takes ${types.join(", ")}`,
      "cast it when exporting the model",
    );
  }
}

/** Shapes and constants too large to be, which JavaScript or the host's tensors refuse, are an error of the node. */
function withinReason<T>(node: NodeContext, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const told = (name: string, type?: TensorType): string[] =>
      name === "" || !type ? [] : [`"${name}" [${type.shape.join(", ")}]`];
    const values = [
      ...node.node.inputs.flatMap((name, i) => told(name, node.has(i) ? node.type(i) : undefined)),
      ...node.node.outputs.flatMap((name, i) => told(name, node.outputType(i))),
    ];
    throw nodeError(
      node.node,
      `${error.message} (${values.join(", ")})`,
      "check the shapes that it is given, and export the model again",
      { cause: error },
    );
  }
}

/** The outputs' types with the counts that come from the inputs'. */
function withCounts(operator: Operator, node: NodeContext, outputs: TensorType[]): TensorType[] {
  const counted = node.node.inputs.find((_, index) =>
    node.has(index) && node.type(index).counts !== undefined
  );
  if (counted === undefined) return outputs;
  if (!operator.counts) {
    node.fail(
      `how many elements of "${counted}" mean something is known only while the network runs`,
      "end the network there, and do the rest with its outputs",
    );
  }
  const counts = operator.counts(node);
  return outputs.map((type, i) => counts[i] ? { ...type, counts: counts[i] } : type);
}

function fold(
  operator: Operator,
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
