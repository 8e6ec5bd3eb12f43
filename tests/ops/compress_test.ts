import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { Random } from "../support/random.ts";
import { foldedCase } from "./folded.ts";
import { type Case, opCase, OpTester, randn } from "./harness.ts";
import { randint } from "./integers.ts";

Deno.test("Compress keeps what its condition names, along an axis or of all elements", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const condition = (...holds: number[]) => hostTensor("bool", [holds.length], holds);
  const cases: Case[] = [
    opCase("Compress", [randn(random, [4, 5, 3]), { constant: condition(0, 1, 1, 0, 1) }], { axis: 1 }),
    opCase("Compress", [randn(random, [4, 5, 3]), { constant: condition(1, 0, 1) }], { axis: -1 }),
    opCase("Compress", [randn(random, [4, 5, 3]), { constant: condition(0, 1) }], { axis: 0 }),
    opCase("Compress", [randn(random, [4, 5]), { constant: condition(0, 1, 0, 0, 1, 1, 0, 0, 0, 1) }]),
    opCase("Compress", [randn(random, [2, 3]), { constant: condition(0, 0) }], { axis: 0 }),
    opCase("Compress", [randint(random, "i64", [2, 6], 0, 99), { constant: condition(0, 1, 1) }], {
      axis: 1,
    }),
    foldedCase(
      "Compress",
      [randint(random, "u8", [2, 6, 2], 0, 99), condition(0, 1, 1)],
      randint(random, "u8", [2, 2, 2], 0, 9),
      {
        axis: 1,
      },
    ),
  ];
  await tester.check(cases);
});
