import type { Node } from "../../ops/node.ts";
import { hostTensor, toNumbers } from "../../tensor/host_tensor.ts";
import type { SpecialisedGraph } from "../specialise.ts";
import { holdsFloats } from "./types.ts";

/**
 * Moves factors from the operands of a matrix product behind it, where they are fused: `(q * s) (k * s)^T` of an attention
 * becomes `(q k^T) * s^2`. Factors are constants of one element; transpositions between them and the product stay.
 */
export function hoistScales({ graph, types }: SpecialisedGraph): void {
  const producers = graph.producers();
  const consumers = graph.consumers();
  for (const product of [...graph.nodes]) {
    const result = product.outputs[0]!;
    const type = types.get(result);
    if (product.op !== "MatMul" || product.domain !== "" || !type || !holdsFloats(type)) continue;
    const factor = takeFactor(product, 0) * takeFactor(product, 1);
    if (factor === 1) continue;
    const constant = hostTensor("f32", [], [factor]);
    const name = graph.addConstant(`${product.name} factor`, constant);
    types.set(name, constant);
    const bare = graph.freshName(`${product.name} bare`);
    types.set(bare, type);
    product.outputs = [bare];
    const scaled: Node = {
      name: `${product.name} scaled`,
      op: "Mul",
      domain: "",
      inputs: [bare, name],
      outputs: [result],
      attributes: new Map(),
    };
    graph.replaceNode(product, product, scaled);
    producers.set(bare, product);
    producers.set(result, scaled);
  }
  graph.removeDeadNodes();

  /** Takes the factors out of what leads to an input, and gives their product. */
  function takeFactor(reader: Node, index: number): number {
    const value = reader.inputs[index]!;
    const maker = producers.get(value);
    if (!maker || maker.domain !== "" || consumers.get(value)?.length !== 1 || graph.isOutput(value)) {
      return 1;
    }
    // A product of a value with itself reads it twice.
    if (reader.inputs.filter((name) => name === value).length !== 1) return 1;
    if (maker.op === "Transpose") return takeFactor(maker, 0);
    const found = factorOf(maker);
    if (!found) return 1;
    reader.inputs[index] = found.rest;
    consumers.set(found.rest, [
      ...(consumers.get(found.rest) ?? []).filter((node) => node !== maker),
      reader,
    ]);
    return found.factor * takeFactor(reader, index);
  }

  function factorOf(node: Node): { rest: string; factor: number } | undefined {
    if (node.op !== "Mul" && node.op !== "Div") return undefined;
    for (const [i, name] of node.inputs.entries()) {
      const constant = graph.constants.get(name);
      const rest = node.inputs[1 - i]!;
      if (constant?.data.length !== 1 || graph.constants.has(rest) || (node.op === "Div" && i === 0)) {
        continue;
      }
      // A constant of more dimensions would give the result more, too.
      if (constant.shape.length > types.get(rest)!.shape.length) continue;
      const number = toNumbers(constant)[0]!;
      const factor = node.op === "Mul" ? number : 1 / number;
      if (Number.isFinite(factor) && factor !== 0) return { rest, factor };
    }
    return undefined;
  }
}
