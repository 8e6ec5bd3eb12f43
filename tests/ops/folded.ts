/**
 * Cases of an operator whose inputs are all constants, and which is folded therefore.
 *
 * @module
 */
import type { HostTensor } from "../../src/tensor/host_tensor.ts";
import { type AttributeSpec, node } from "../support/onnx_builder.ts";
import type { Case } from "./harness.ts";

/**
 * An operator of constants. Its result is joined with `rest`, which is computed, along the first axis: so it must have one.
 */
export function foldedCase(
  op: string,
  constants: readonly (HostTensor | undefined)[],
  rest: HostTensor,
  attributes: Readonly<Record<string, AttributeSpec>> = {},
  opset = 18,
): Case {
  const names = constants.map((constant, i) => constant ? `c${i}` : "");
  const initializers = Object.fromEntries(
    constants.flatMap((constant, i) => constant ? [[`c${i}`, constant]] : []),
  );
  const shapes = constants.map((constant) => constant ? `${constant.dtype}[${constant.shape}]` : "-");
  return {
    name: `${op} folded (${shapes.join(", ")}) ${JSON.stringify(attributes)}`,
    opset,
    nodes: [
      node(op, names, ["f"], attributes, { name: op }),
      node("Concat", ["f", "rest"], ["y"], { axis: 0 }, { name: "concat" }),
    ],
    inputs: { rest },
    initializers,
    outputs: ["y"],
    relative: 0,
  };
}

/** The same case with everything constant: its outputs are folded on the host. */
export function constantly(one: Case): Case {
  return {
    ...one,
    name: `${one.name}, folded`,
    inputs: {},
    initializers: { ...one.initializers, ...one.inputs },
  };
}
