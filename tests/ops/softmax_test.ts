import { Random } from "../support/random.ts";
import { type Case, opCase, OpTester, randn } from "./harness.ts";

Deno.test("Softmax and LogSoftmax act along any axis, and flatten before operator set 13", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  for (const op of ["Softmax", "LogSoftmax"]) {
    for (const opset of [11, 13]) {
      for (const shape of [[3, 5], [2, 5, 6, 7], [1, 8, 4, 4], [2, 3, 9], [1, 3, 1, 1]]) {
        for (let axis = -shape.length; axis < shape.length; axis++) {
          cases.push(opCase(op, [randn(random, shape, 3)], { axis }, { opset }));
        }
        cases.push(opCase(op, [randn(random, shape)], {}, { opset }));
      }
    }
  }
  await tester.check(cases);
});

Deno.test("Softmax takes rows of one element, of 100,000 and of very large numbers", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  await tester.check([
    opCase("Softmax", [randn(random, [7, 1])], { axis: 1 }),
    opCase("Softmax", [randn(random, [2, 600])], { axis: 1 }),
    opCase("Softmax", [randn(random, [1, 100_003])], { axis: 1 }, { relative: 1e-4 }),
    opCase("LogSoftmax", [randn(random, [2, 100_003])], { axis: 1 }),
    opCase("Softmax", [randn(random, [5000, 33])], { axis: 1 }),
    opCase("Softmax", [randn(random, [4, 9], 1e4)], { axis: 1 }),
    opCase("LogSoftmax", [randn(random, [4, 9], 1e4)], { axis: 1 }),
  ]);
});
