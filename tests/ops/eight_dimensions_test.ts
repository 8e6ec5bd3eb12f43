import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { Random } from "../support/random.ts";
import { checkCounted } from "./counted.ts";
import { type Case, f32, i64, opCase, OpTester, randn } from "./harness.ts";
import { randint } from "./integers.ts";

const SHAPE = [2, 3, 2, 1, 3, 2, 2, 3];

Deno.test("operators of indexing and data movement take eight dimensions", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const x = () => randn(random, SHAPE);
  const perm = [3, 6, 0, 7, 2, 5, 1, 4];
  const cases: Case[] = [];
  for (const axis of [0, 4, 7]) {
    const extent = SHAPE[axis]!;
    const indices = randint(random, "i64", SHAPE.with(axis, 4), -extent, extent);
    cases.push(
      opCase("Gather", [x(), randint(random, "i64", [2], 0, extent)], { axis }),
      opCase("GatherElements", [x(), indices], { axis }),
      opCase("ScatterElements", [x(), indices, randn(random, indices.shape)], { axis }),
      opCase("ScatterElements", [x(), indices, randn(random, indices.shape)], { axis, reduction: "add" }, {
        opset: 16,
      }),
      opCase("ArgMax", [x()], { axis }),
      opCase("TopK", [x(), i64(2)], { axis }, { outputs: 2 }),
      opCase("CumSum", [x(), i64(axis)]),
      opCase("Concat", [x(), x()], { axis }),
      opCase("Split", [x(), i64(1, extent - 1)], { axis }, { outputs: 2 }),
      opCase("Slice", [x(), i64(-1), i64(-100), i64(axis), i64(-1)]),
      opCase("Compress", [x(), { constant: hostTensor("bool", [2], [0, 1]) }], { axis }),
    );
  }
  cases.push(
    opCase("GatherND", [x(), randint(random, "i64", [4, 8], -1, 1)]),
    opCase("GatherND", [x(), randint(random, "i64", [2, 3, 2, 1, 4], 0, 1)], { batch_dims: 2 }),
    opCase("ScatterND", [x(), randint(random, "i64", [4, 8], -1, 1), randn(random, [4])]),
    opCase("OneHot", [randint(random, "i64", SHAPE.slice(1), 0, 3), i64(3), f32(0, 1)], { axis: 3 }),
    opCase("Trilu", [x()], {}, { opset: 14 }),
    opCase("Tile", [x(), i64(2, 2, 1, 3, 2, 1, 2, 2)]),
    opCase("Expand", [x(), i64(1, 1, 1, 4, 1, 1, 1, 1)]),
    opCase("Transpose", [x()], { perm }),
    opCase("Reshape", [x(), i64(3, 2, 2, 3, 2, 3, 2, 1)]),
    opCase("Squeeze", [x(), i64(3)]),
    opCase("Unsqueeze", [randn(random, SHAPE.slice(1)), i64(-3)]),
    opCase("Flatten", [x()], { axis: 5 }),
    opCase("ReverseSequence", [x(), hostTensor("i64", [3], [1, 2, 1])]),
  );
  await tester.check(cases);
  await checkCounted(tester, [opCase("NonZero", [randint(random, "f32", SHAPE, 0, 2)])]);
});
