import { assertEquals, assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { NodeContext } from "../../src/ops/operator.ts";
import { findOperator } from "../../src/ops/registry.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { runOrt } from "../support/ort.ts";
import { Random } from "../support/random.ts";
import { type Case, caseModel, opCase, OpTester, randn } from "./harness.ts";
import { checkEqual, constant, randomBytes, scalar, scales } from "./quantize_support.ts";

const SHAPES = [[7], [2, 5, 3, 4], [1, 6, 5], [2, 3, 2, 3, 2], [33, 17], [1], []] as const;

Deno.test("QuantizeLinear and DequantizeLinear by one scale: every rank, with and without zero point", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const scale = constant(scalar("f32", 0.037));
  const opset = { opset: 21 };
  await checkEqual(
    tester,
    SHAPES.flatMap((shape) => [
      opCase("QuantizeLinear", [randn(random, shape, 3), scale, constant(scalar("u8", 120))], {}, opset),
      opCase("QuantizeLinear", [randn(random, shape, 3), scale], {}, { opset: 10 }),
      opCase("QuantizeLinear", [randn(random, shape, 3), scalar("f32", 0.037), scalar("i8", -12)], {}, opset),
      opCase(
        "DequantizeLinear",
        [randomBytes(random, "u8", shape), scale, constant(scalar("u8", 120))],
        {},
        opset,
      ),
      opCase("DequantizeLinear", [randomBytes(random, "i8", shape), scale], {}, { opset: 10 }),
    ]),
  );
});

/** Scale shapes, by what distinguishes them. */
function grains(random: Random): Case[] {
  const shape = [3, 5, 4, 6];
  return [0, 1, 2, -1].flatMap((axis) => {
    const extent = shape.at(axis)!;
    const blocks = shape.with(axis < 0 ? axis + 4 : axis, Math.ceil(extent / 2));
    const along = [constant(scales(random, 0.02, extent)), constant(randomBytes(random, "i8", [extent]))];
    const blocked = [scales(random, 0.02, ...blocks), randomBytes(random, "u8", blocks)];
    return [
      opCase("QuantizeLinear", [randn(random, shape, 3), ...along], { axis }, { opset: 13 }),
      opCase("DequantizeLinear", [randomBytes(random, "i8", shape), ...along], { axis }, { opset: 13 }),
      opCase("QuantizeLinear", [randn(random, shape, 3), ...blocked], { axis, block_size: 2 }, { opset: 21 }),
      opCase(
        "DequantizeLinear",
        [randomBytes(random, "u8", shape), ...blocked],
        { axis, block_size: 2 },
        { opset: 21 },
      ),
    ];
  });
}

Deno.test("scales differ along any axis and by blocks, constant and computed", async () => {
  using tester = await OpTester.create();
  await checkEqual(tester, grains(new Random(2)));
});

Deno.test("halves go to the even side, neighbours of halves to the nearer one, and far values to the ends", async () => {
  using tester = await OpTester.create();
  const scale = Math.fround(0.0713);
  const near: number[] = [];
  for (let k = -200; k < 200; k++) {
    const half = new Float32Array([(k + 0.5) * scale]);
    for (const ulps of [-2, -1, 0, 1, 2]) {
      const bits = new Int32Array(half.slice().buffer);
      bits[0]! += ulps;
      near.push(new Float32Array(bits.buffer)[0]!);
    }
  }
  const plain = [0.5, 1.5, 2.5, -0.5, -1.5, 127.5, 1e30, -1e30, 300, 0];
  await checkEqual(tester, [
    opCase(
      "QuantizeLinear",
      [
        hostTensor("f32", [near.length], near),
        constant(scalar("f32", scale)),
        constant(scalar("i8", 3)),
      ],
      {},
      { opset: 21 },
    ),
    opCase(
      "QuantizeLinear",
      [
        hostTensor("f32", [plain.length], plain),
        constant(scalar("f32", 1)),
        constant(scalar("u8", 3)),
      ],
      {},
      { opset: 21 },
    ),
  ]);
});

Deno.test("16-bit types, 32-bit input, Microsoft's domain, and no elements at all", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  const scale = constant(scalar("f32", 0.037));
  const wide = constant(hostTensor("u16", [], [300]));
  const microsoft = { opset: 21, domain: "com.microsoft" };
  const along = [constant(scales(random, 0.02, 4)), constant(randomBytes(random, "i8", [4]))];
  await checkEqual(tester, [
    opCase("QuantizeLinear", [randn(random, [3, 4], 30), scale, wide], {}, { opset: 21 }),
    opCase("QuantizeLinear", [randn(random, [3, 4], 30), scale], { output_dtype: 5 }, { opset: 21 }),
    opCase("DequantizeLinear", [hostTensor("i16", [3], [-9, 0, 32767]), scale], {}, { opset: 21 }),
    opCase("DequantizeLinear", [hostTensor("i32", [4], [1, -70000, 123456789, 5]), scale], {}, { opset: 13 }),
    opCase("QuantizeLinear", [randn(random, [3, 4]), scale, constant(scalar("u8", 9))], {}, microsoft),
    opCase("DequantizeLinear", [randomBytes(random, "i8", [3, 4]), ...along], { axis: 1 }, microsoft),
    opCase("QuantizeLinear", [randn(random, [0, 4]), scale, constant(scalar("u8", 9))], {}, { opset: 21 }),
  ]);
});

Deno.test("DynamicQuantizeLinear finds the range of small and large tensors, zero always within", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  const inputs = [
    ...SHAPES.map((shape) => randn(random, shape, 3)),
    randn(random, [1, 3, 64, 67], 3),
    randn(random, [1, 70_001]),
    hostTensor("f32", [4], [1, 2, 3, 4]),
    hostTensor("f32", [4], [-1, -2, -3, -4]),
    hostTensor("f32", [4], [0, 0, 0, 0]),
  ];
  await checkEqual(
    tester,
    inputs.map((x) => opCase("DynamicQuantizeLinear", [x], {}, { opset: 13, outputs: 3 })),
  );
});

/** What an operator gives on the host, when all its inputs are constant. */
function onHost(one: Case): HostTensor[] {
  const spec = one.nodes[0]!;
  const node = {
    ...spec,
    inputs: [...spec.inputs],
    outputs: [...spec.outputs],
    attributes: new Map(
      Object.entries(spec.attributes).map((
        [name, value],
      ) => [name, { type: "int" as const, value: Number(value) }]),
    ),
  };
  const values = new Map(Object.entries({ ...one.inputs, ...one.initializers }));
  const operator = findOperator(node)!;
  const context = new NodeContext(node, one.opset, values, values);
  operator.infer(context);
  return operator.evaluate!(context, node.inputs.map((name) => values.get(name)));
}

Deno.test("constants are quantised and dequantised on the host with the same result", async () => {
  const random = new Random(5);
  const cases = [
    ...grains(random),
    opCase("DynamicQuantizeLinear", [randn(random, [5, 3])], {}, { outputs: 3 }),
  ];
  for (const one of cases) {
    const expected = await runOrt(caseModel(one), one.inputs, { graphOptimizationLevel: "disabled" });
    onHost(one).forEach((got, i) =>
      assertEquals([...got.data], [...expected[one.outputs[i]!]!.data], `${one.outputs[i]} of ${one.name}`)
    );
  }
});

Deno.test("scales that do not fit are refused with their shapes", async () => {
  using tester = await OpTester.create();
  const random = new Random(6);
  const x = randn(random, [2, 3]);
  const run = (scale: HostTensor, attributes: Record<string, number>) =>
    tester.runCase(opCase("QuantizeLinear", [x, constant(scale)], attributes, { opset: 21 }));
  await assertRejects(
    () => run(scales(random, 1, 4), { axis: 1 }),
    GraphError,
    "axis 1 of [2, 3] has 3 elements",
  );
  await assertRejects(() => run(scales(random, 1, 3), { axis: 2 }), GraphError, "axis 2");
  await assertRejects(
    () => run(scales(random, 1, 2, 3), { axis: 1, block_size: 2 }),
    GraphError,
    "in blocks of 2 along axis 1",
  );
  await assertRejects(() => run(scalar("f32", 1), { output_dtype: 1 }), GraphError, "quantises to f32");
});
