/**
 * An ONNX network rebuilt for TensorFlow.js: shapes fixed, what does not depend on the input computed beforehand, batch
 * norms folded into the convolutions before them, activations into the fused convolutions and products, weights uploaded
 * once, images with channels last throughout, and every tensor freed after its last use.
 *
 * @module
 */
import type { Graph } from "../../../src/graph/graph.ts";
import { foldBatchNorm } from "../../../src/graph/passes/fold_batch_norm.ts";
import { removeIdentities } from "../../../src/graph/passes/remove_identities.ts";
import { type InputShapes, specialise } from "../../../src/graph/specialise.ts";
import type { Node } from "../../../src/ops/node.ts";
import { NodeContext, type TensorType } from "../../../src/ops/operator.ts";
import { toFloat32 } from "../../../src/tensor/host_tensor.ts";
import type { Tensor, TensorFlow } from "./api.ts";
import { arranged, plain, reshaped, shapeOf, type Value } from "./arrangement.ts";
import { type Activation, activationOf, OPERATORS, TAKES_ACTIVATION } from "./operators.ts";

/** What an operator is rebuilt with. */
export class NodeBuilder extends NodeContext {
  readonly tf: TensorFlow;
  /** What is applied to the result, where the operator takes it. */
  readonly activation: Activation | undefined;
  readonly #network: RebuiltNetwork;

  /** One node of a network. */
  constructor(network: RebuiltNetwork, node: Node, activation: Activation | undefined) {
    super(node, network.graph.opset(node), network.types, network.graph.constants);
    this.tf = network.tf;
    this.#network = network;
    this.activation = activation;
  }

  /** An input while the network runs: constants as they are in the file. */
  value(index: number): Value {
    const name = this.node.inputs[index]!;
    const shape = this.shape(index);
    return this.#network.values.get(name) ??
      { tensor: this.uploaded(index, shape, plain(shape.length)), order: plain(shape.length) };
  }

  /** An input in an order of axes. */
  arranged(index: number, order: readonly number[]): Tensor {
    return arranged(this.tf, this.value(index), order);
  }

  /** An input stretched to a rank as broadcasting does it, in an order of axes; constants are arranged once. */
  broadcast(index: number, order: readonly number[]): Tensor {
    const shape = this.shape(index);
    const stretched = [...new Array(order.length - shape.length).fill(1), ...shape];
    if (this.constant(index)) return this.uploaded(index, stretched, order);
    const value = this.value(index);
    return arranged(
      this.tf,
      stretched.length === shape.length ? value : reshaped(this.tf, value, stretched),
      order,
    );
  }

  /** A constant input, uploaded at its first use. */
  uploaded(index: number, shape: readonly number[], order: readonly number[]): Tensor {
    const constant = this.constant(index)!;
    return this.kept(`${this.node.inputs[index]} [${shape}] ${order}`, () => {
      const tensor = this.tf.tensor(toFloat32(constant), shape, "float32");
      return arranged(this.tf, { tensor, order: plain(shape.length) }, order);
    });
  }

  /** A tensor that is made once and stays. */
  kept(key: string, make: () => Tensor): Tensor {
    const known = this.#network.constants.get(key);
    if (known) return known;
    const made = this.tf.keep(make());
    this.#network.constants.set(key, made);
    return made;
  }
}

/** A network in TensorFlow.js. */
export class RebuiltNetwork {
  readonly tf: TensorFlow;
  readonly graph: Graph;
  readonly types: ReadonlyMap<string, TensorType>;
  /** What is alive while the network runs. */
  readonly values = new Map<string, Value>();
  /** Weights on the device. */
  readonly constants = new Map<string, Tensor>();
  readonly #steps: readonly { builder: NodeBuilder; outputs: readonly string[]; dead: readonly string[] }[];

  /** @throws {Error} naming all operators that are not rebuilt. */
  constructor(tf: TensorFlow, source: Graph, shapes: InputShapes = {}) {
    this.tf = tf;
    const specialised = specialise(source, shapes);
    removeIdentities(specialised);
    foldBatchNorm(specialised);
    this.graph = specialised.graph;
    this.types = specialised.types;
    const missing = new Set(this.graph.nodes.map(({ op }) => op).filter((op) => !OPERATORS[op]));
    if (missing.size > 0) throw new Error(`not rebuilt for TensorFlow.js: ${[...missing].join(", ")}`);
    this.#steps = this.#plan();
  }

  /** Gives the outputs, each in the order that it came out in. The caller disposes of them. */
  run(inputs: Readonly<Record<string, Value>>): Record<string, Value> {
    const { tf, values } = this;
    for (const [name, { tensor, order }] of Object.entries(inputs)) {
      values.set(name, { tensor: tensor.clone(), order });
    }
    for (const { builder, outputs, dead } of this.#steps) {
      const made = tf.tidy(() => OPERATORS[builder.node.op]!(builder));
      outputs.forEach((name, i) => {
        const value = made[i]!;
        const expected = this.types.get(name)!.shape;
        if (shapeOf(value).join() !== expected.join()) {
          throw new Error(
            `${builder.node.op} "${builder.node.name}" gave [${shapeOf(value)}], where [${expected}] was due`,
          );
        }
        values.set(name, value);
      });
      for (const name of dead) {
        values.get(name)!.tensor.dispose();
        values.delete(name);
      }
    }
    const results = Object.fromEntries(this.graph.outputs.map(({ name }) => {
      const value = values.get(name);
      if (!value) throw new Error(`the output "${name}" does not depend on the input`);
      return [name, { tensor: value.tensor.clone(), order: value.order }];
    }));
    for (const { tensor } of values.values()) tensor.dispose();
    values.clear();
    return results;
  }

  #plan(): { builder: NodeBuilder; outputs: string[]; dead: string[] }[] {
    const { graph } = this;
    const consumers = graph.consumers();
    const fused = new Set<Node>();
    const steps = graph.nodes.flatMap((node) => {
      if (fused.has(node)) return [];
      const readers = consumers.get(node.outputs[0]!) ?? [];
      const next = readers.length === 1 && !graph.isOutput(node.outputs[0]!) ? readers[0] : undefined;
      const activation = TAKES_ACTIVATION.has(node.op) && next
        ? activationOf(new NodeContext(next, graph.opset(next), this.types, graph.constants))
        : undefined;
      if (activation) fused.add(next!);
      return [{
        builder: new NodeBuilder(this, node, activation),
        outputs: (activation ? next! : node).outputs.filter((name) => name !== ""),
        dead: [] as string[],
      }];
    });
    const last = new Map<string, string[]>();
    for (const { builder, outputs, dead } of steps) {
      for (const name of [...builder.node.inputs, ...outputs]) {
        if (name !== "" && !graph.constants.has(name) && !graph.isOutput(name)) last.set(name, dead);
      }
    }
    for (const [name, dead] of last) dead.push(name);
    return steps;
  }
}
