/** What an error says of a node. */
export interface NamedNode {
  /** The operator, such as "Conv". */
  readonly op: string;
  /** The node's name. */
  readonly name: string;
}

/** Thrown when a network cannot be used as it is. */
export class GraphError extends Error {
  /**
   * An error about a network.
   *
   * @param message What is wrong, with the numbers; what to do.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "GraphError";
  }
}

/** How messages call a node, such as `Conv (node "conv1")`. */
export function describeNode(node: NamedNode): string {
  return `${node.op} (node "${node.name}")`;
}

/**
 * An error about one node.
 *
 * @param what What is wrong, with the numbers.
 * @param advice What to do about it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * const error = nodeError({ op: "Conv", name: "conv1" }, "group is 0", "export the model again");
 * assertEquals(error.message, 'Conv (node "conv1"): group is 0; export the model again');
 * ```
 */
export function nodeError(node: NamedNode, what: string, advice: string, options?: ErrorOptions): GraphError {
  return new GraphError(`${describeNode(node)}: ${what}; ${advice}`, options);
}

/** Thrown where an operator needs a value when it is planned, and the value is computed while the network runs. */
export class UnknownValueError extends GraphError {
  /** The value's name in the graph. */
  readonly value: string;

  /** An error about the input `input` of `node`, which is the value `value`. */
  constructor(node: NamedNode, input: string, value: string) {
    super(
      `${describeNode(node)}: input "${input}" ("${value}") is computed while the network runs; ` +
        `make it a constant or a small input of its own when exporting the model`,
    );
    this.value = value;
  }
}
