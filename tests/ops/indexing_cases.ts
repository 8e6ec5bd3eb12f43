/**
 * One small case of every operator of indexing, selection and data movement.
 *
 * @module
 */
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node } from "../support/onnx_builder.ts";
import type { Random } from "../support/random.ts";
import { f32, i64, opCase, type OpCaseOptions, type Operand, randn } from "./harness.ts";
import { integers, randint } from "./integers.ts";
import type { OperatorCase } from "./operator_cases.ts";

/** The cases. */
export function indexingCases(random: Random): OperatorCase[] {
  const cases: OperatorCase[] = [];
  const x = (...shape: number[]) => randn(random, shape);
  const add = (
    op: string,
    operands: Operand[],
    attributes: Parameters<typeof opCase>[2] = {},
    options: OpCaseOptions = {},
  ): void =>
    void cases.push({ op, one: opCase(op, operands, attributes, options), image: op.includes("Depth") });

  add("GatherElements", [x(4, 3), randint(random, "i64", [2, 3], -4, 4)]);
  add("GatherND", [x(4, 3), randint(random, "i64", [5, 1], -4, 4)]);
  add("Scatter", [x(4, 3), randint(random, "i64", [2, 3], 0, 4), x(2, 3)], {}, { opset: 10 });
  add("ScatterElements", [x(4, 3), randint(random, "i64", [2, 3], -4, 4), x(2, 3)]);
  add("ScatterND", [x(4, 3), randint(random, "i64", [5, 1], -4, 4), x(5, 3)]);
  add("ArgMax", [x(4, 3)], { axis: 1 });
  add("ArgMin", [x(4, 3)], { axis: 1 });
  add("TopK", [x(4, 9), i64(3)], {}, { outputs: 2 });
  add("OneHot", [randint(random, "i64", [5], -3, 3), i64(3), f32(0, 1)]);
  add("Trilu", [x(4, 3)], {}, { opset: 14 });
  add("CumSum", [x(4, 3), i64(1)]);
  add("Tile", [x(4, 3), i64(2, 3)]);
  add("DepthToSpace", [x(1, 12, 2, 2)], { blocksize: 2 });
  add("SpaceToDepth", [x(1, 3, 4, 2)], { blocksize: 2 });
  add("CenterCropPad", [x(4, 3), i64(2, 5)], {}, { opset: 18 });
  add("Compress", [x(4, 3), { constant: hostTensor("bool", [4], [0, 1, 1, 0]) }], { axis: 0 });
  add("ReverseSequence", [x(4, 3), integers(2, 4, 1)]);
  // As many as there is room for: what a test sees that does not trim.
  add("NonZero", [hostTensor("f32", [2, 3], random.uniforms(6, 1, 2))]);
  const box = hostTensor("f32", [1, 2, 4], [0, 0, 1, 1, 0, 0, 2, 2]);
  add("NonMaxSuppression", [box, hostTensor("f32", [1, 1, 2], [0.4, 0.6]), i64(1), f32(0.5)]);
  cases.push({
    op: "EyeLike",
    image: false,
    one: {
      name: "EyeLike, folded",
      opset: 13,
      nodes: [
        node("EyeLike", ["x"], ["e"], { k: 1 }, { name: "eye" }),
        node("Add", ["x", "e"], ["y"], {}, { name: "add" }),
      ],
      inputs: { x: x(4, 3) },
      initializers: {},
      outputs: ["y"],
    },
  });
  return cases;
}
