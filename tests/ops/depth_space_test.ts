import { assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { node } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";
import { type Case, opCase, OpTester, randn } from "./harness.ts";
import { randint } from "./integers.ts";

Deno.test("DepthToSpace and SpaceToDepth move blocks, in both modes", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  for (const blocksize of [1, 2, 3]) {
    const blocks = blocksize * blocksize;
    for (const channels of [1, 2, 3, 4, 5]) {
      for (const mode of ["DCR", "CRD"]) {
        cases.push(
          opCase("DepthToSpace", [randn(random, [2, channels * blocks, 3, 4])], { blocksize, mode }, {
            relative: 0,
          }),
        );
      }
      const x = randn(random, [2, channels, 3 * blocksize, 2 * blocksize]);
      cases.push(opCase("SpaceToDepth", [x], { blocksize }, { relative: 0 }));
    }
  }
  cases.push(
    opCase("DepthToSpace", [randn(random, [1, 8, 1, 1])], { blocksize: 2 }, { opset: 10 }),
    opCase("DepthToSpace", [randint(random, "u8", [1, 8, 3, 2], 0, 200)], { blocksize: 2 }),
  );
  await tester.check(cases);
});

Deno.test("what was moved is read rightly by kernels of images, and written into a concatenation", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  const chain = (op: string, channels: number, size: number, out: number): Case => ({
    name: `${op} of ${channels} channels between convolutions`,
    opset: 13,
    nodes: [
      node("Conv", ["x", "w"], ["c"], {}, { name: "conv" }),
      node(op, ["c"], ["d"], { blocksize: 2 }, { name: op }),
      node("Sigmoid", ["d"], ["s"], {}, { name: "sigmoid" }),
      node("Concat", ["s", "d"], ["j"], { axis: 1 }, { name: "concat" }),
      node("Conv", ["j", "v"], ["y"], {}, { name: "conv2" }),
    ],
    inputs: { x: randn(random, [1, 3, size, size]) },
    initializers: { w: randn(random, [channels, 3, 1, 1]), v: randn(random, [2, out * 2, 1, 1]) },
    outputs: ["y"],
    relative: 1e-4,
  });
  await tester.check([
    chain("DepthToSpace", 4, 3, 1),
    chain("DepthToSpace", 12, 3, 3),
    chain("DepthToSpace", 16, 3, 4),
    chain("SpaceToDepth", 1, 4, 4),
    chain("SpaceToDepth", 3, 4, 12),
  ]);
});

Deno.test("constants are moved on the host", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  await tester.check(
    [
      ["DepthToSpace", [1, 8, 2, 3], [1, 2, 4, 6]] as const,
      ["SpaceToDepth", [1, 2, 4, 6], [1, 8, 2, 3]] as const,
    ].map(
      ([op, from, to]): Case => ({
        name: `${op} folded`,
        opset: 13,
        nodes: [
          node(op, ["c"], ["f"], { blocksize: 2 }, { name: op }),
          node("Add", ["f", "x"], ["y"], {}, { name: "add" }),
        ],
        inputs: { x: randn(random, to) },
        initializers: { c: randn(random, from) },
        outputs: ["y"],
      }),
    ),
  );
});

Deno.test("blocks that do not divide are refused", async () => {
  using tester = await OpTester.create();
  const refused = (op: string, shape: number[], words: string) =>
    assertRejects(
      () => tester.runCase(opCase(op, [randn(new Random(1), shape)], { blocksize: 2 })),
      GraphError,
      words,
    );
  await refused("DepthToSpace", [1, 6, 2, 2], "blocks of 2 do not divide the channels of [1, 6, 2, 2]");
  await refused("SpaceToDepth", [1, 6, 3, 2], "blocks of 2 do not divide the pixels of [1, 6, 3, 2]");
});
