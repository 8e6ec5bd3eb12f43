import { assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { NodeContext } from "../../src/ops/operator.ts";
import { findOperator } from "../../src/ops/registry.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { Random } from "../support/random.ts";
import { type Case, opCase, OpTester } from "./harness.ts";
import { checkEqual, constant, randomBytes, scalar, scales } from "./quantize_support.ts";

const TYPES = [["u8", "u8"], ["u8", "i8"], ["i8", "i8"]] as const;

/** Operands of MatMul: odd extents, batches, broadcast batches. */
const SHAPES = [
  [[3, 4], [4, 5]],
  [[17, 33], [33, 8]],
  [[2, 3, 7], [7, 4]],
  [[2, 3, 7], [2, 7, 5]],
  [[3, 7], [2, 7, 5]],
  [[1, 40], [40, 10]],
  [[2, 1, 3, 4], [5, 4, 6]],
] as const;

/** A zero point within a type's range; weights of signed types are symmetric. */
const ZERO = { u8: 121, i8: 0 };

/** Signed second operands are of 7 bits: see quantize_conv_test.ts. */
function second(random: Random, dtype: "u8" | "i8", shape: readonly number[]): HostTensor {
  return randomBytes(random, dtype, shape, dtype === "i8" ? 7 : 8);
}

function products(random: Random): Case[] {
  return TYPES.flatMap(([aType, bType]) =>
    SHAPES.flatMap(([aShape, bShape]) =>
      [true, false].flatMap((known) => {
        const made = second(random, bType, bShape);
        const b = known ? constant(made) : made;
        const columns = bShape.at(-1)!;
        const scaled = (bScale: HostTensor, bZero: HostTensor) => [
          randomBytes(random, aType, aShape),
          constant(scalar("f32", 0.03)),
          constant(scalar(aType, aType === "u8" ? 117 : 4)),
          b,
          constant(bScale),
          constant(bZero),
          constant(scalar("f32", 0.1)),
          constant(scalar(aType, 7)),
        ];
        const zero = ZERO[bType];
        const byColumn = scaled(
          scales(random, 0.02, columns),
          hostTensor(bType, [columns], new Array(columns).fill(zero)),
        );
        return [
          opCase("MatMulInteger", [
            randomBytes(random, aType, aShape),
            b,
            scalar(aType, aType === "u8" ? 133 : -4),
            constant(scalar(bType, zero)),
          ]),
          opCase("MatMulInteger", [randomBytes(random, aType, aShape), b]),
          opCase("QLinearMatMul", scaled(scalar("f32", 0.02), scalar(bType, zero))),
          // ONNX Runtime refuses a scale a column for a batch of matrices.
          ...(bShape.length === 2 ? [opCase("QLinearMatMul", byColumn)] : []),
        ];
      })
    )
  );
}

Deno.test("QLinearMatMul and MatMulInteger equal ONNX Runtime, by packed dot products and without", async () => {
  using tester = await OpTester.create();
  for (const [i, target] of [{ dot4: true }, { dot4: false }, { plain: true }].entries()) {
    await checkEqual(tester, products(new Random(1 + i)), { ...tester.device.target, ...target });
  }
});

Deno.test("MatMulInteger takes vectors", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  const vector = second(random, "u8", [5]);
  await checkEqual(tester, [
    opCase("MatMulInteger", [randomBytes(random, "u8", [5]), constant(second(random, "u8", [5, 3]))]),
    opCase("MatMulInteger", [randomBytes(random, "u8", [4, 5]), constant(vector)]),
    opCase("MatMulInteger", [randomBytes(random, "u8", [4, 5]), vector]),
    opCase("MatMulInteger", [randomBytes(random, "u8", [5]), vector]),
  ]);
});

function gemms(random: Random): Case[] {
  const made: Case[] = [];
  for (const [aType, bType] of TYPES) {
    for (const [rows, depth, columns] of [[3, 4, 5], [17, 33, 8], [1, 40, 10]] as const) {
      for (const [transA, transB] of [[0, 0], [1, 0], [0, 1], [1, 1]] as const) {
        const bias = hostTensor(
          "i32",
          [columns],
          Array.from({ length: columns }, () => random.int(-999, 999)),
        );
        for (const c of [undefined, constant(bias)]) {
          made.push(opCase(
            "QGemm",
            [
              randomBytes(random, aType, transA ? [depth, rows] : [rows, depth]),
              constant(scalar("f32", 0.03)),
              constant(scalar(aType, aType === "u8" ? 117 : 4)),
              constant(second(random, bType, transB ? [columns, depth] : [depth, columns])),
              constant(scalar("f32", 0.02)),
              constant(scalar(bType, ZERO[bType])),
              c,
              constant(scalar("f32", 0.1)),
              constant(scalar(aType, 7)),
            ],
            { transA, transB, alpha: 0.5 },
            { domain: "com.microsoft" },
          ));
        }
      }
    }
  }
  return made;
}

Deno.test("QGemm equals ONNX Runtime, transposed or not, with and without C", async () => {
  using tester = await OpTester.create();
  await checkEqual(tester, gemms(new Random(5)));
});

Deno.test("constant operands are multiplied on the host with the same result", async () => {
  using tester = await OpTester.create();
  const random = new Random(6);
  for (const one of [...products(random), ...gemms(random)].filter((_, i) => i % 5 === 0)) {
    const expected = (): Record<string, HostTensor> => {
      const spec = one.nodes[0]!;
      const values = new Map(Object.entries({ ...one.inputs, ...one.initializers }));
      const attributes = new Map(
        Object.entries(spec.attributes).map(([name, value]) =>
          [name, {
            type: name === "alpha" ? "float" as const : "int" as const,
            value: Number(value),
          }] as const
        ),
      );
      const node = { ...spec, inputs: [...spec.inputs], outputs: [...spec.outputs], attributes };
      const context = new NodeContext(node, one.opset, values, values);
      return { y0: findOperator(node)!.evaluate!(context, node.inputs.map((name) => values.get(name)))[0]! };
    };
    await checkEqual(tester, [{ ...one, expected }]);
  }
});

Deno.test("operands that do not multiply are refused with their shapes", async () => {
  using tester = await OpTester.create();
  const random = new Random(7);
  const [a, b] = [randomBytes(random, "u8", [2, 3]), randomBytes(random, "u8", [4, 5])];
  await assertRejects(() => tester.runCase(opCase("MatMulInteger", [a, b])), GraphError, "[2, 3] and [4, 5]");
  const fitting = randomBytes(random, "u8", [3, 5]);
  const zeros = randomBytes(random, "u8", [4]);
  await assertRejects(
    () => tester.runCase(opCase("MatMulInteger", [a, fitting, zeros])),
    GraphError,
    "4 zero points for 2 rows",
  );
});
