import { assertEquals, assertRejects } from "@std/assert";
import { GraphError } from "../../src/ops/error.ts";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { node } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";
import { checkCounted } from "./counted.ts";
import { type Case, f32, i64, opCase, OpTester, randn } from "./harness.ts";

/** Boxes all over a square of 10, as corners in any order or as centres and sizes. */
function boxes(random: Random, batches: number, count: number, centers: boolean): HostTensor {
  const elements = Array.from({ length: batches * count }, () => {
    const [a, b] = [random.uniforms(2, 0, 10), random.uniforms(2, 0.5, 4)];
    if (centers) return [...a, ...b];
    const corners = [a[0]!, a[1]!, a[0]! + b[0]!, a[1]! + b[1]!];
    return random.next() < 0.3 ? [corners[2]!, corners[1]!, corners[0]!, corners[3]!] : corners;
  }).flat();
  return hostTensor("f32", [batches, count, 4], elements);
}

function scores(random: Random, batches: number, classes: number, count: number): HostTensor {
  return hostTensor("f32", [batches, classes, count], random.uniforms(batches * classes * count, 0, 1));
}

Deno.test("NonMaxSuppression chooses as ONNX Runtime does, for every class of every batch", async () => {
  using tester = await OpTester.create();
  const random = new Random(1);
  const cases: Case[] = [];
  for (const [batches, classes, count] of [[1, 1, 6], [1, 3, 40], [2, 2, 300], [1, 1, 700]] as const) {
    for (const center_point_box of [0, 1]) {
      for (
        const [most, iou, score] of [[3, 0.5, 0.4], [1000, 0.3, 0.7], [20, 0, 0.99999], [20, 1, 0]] as const
      ) {
        cases.push(
          opCase(
            "NonMaxSuppression",
            [
              boxes(random, batches, count, center_point_box === 1),
              scores(random, batches, classes, count),
              i64(most),
              f32(iou),
              f32(score),
            ],
            { center_point_box },
            { opset: 11 },
          ),
        );
      }
    }
  }
  const few = (...more: Parameters<typeof opCase>[1]) =>
    opCase("NonMaxSuppression", [boxes(random, 1, 9, false), scores(random, 1, 2, 9), ...more], {}, {
      opset: 10,
    });
  cases.push(few(i64(4)), few(i64(4), f32(0.6)), few(i64(4), undefined, f32(0.6)));
  await checkCounted(tester, cases);
});

Deno.test("of equal scores the first box is chosen, and boxes of no area overlap nothing", async () => {
  using tester = await OpTester.create();
  const same = hostTensor("f32", [1, 4, 4], [0, 0, 2, 2, 0, 0, 2, 2, 5, 5, 5, 9, 5, 5, 5, 9]);
  await checkCounted(tester, [
    opCase(
      "NonMaxSuppression",
      [same, hostTensor("f32", [1, 1, 4], [0.5, 0.5, 0.5, 0.5]), i64(9), f32(0.5)],
      {},
      { opset: 11 },
    ),
  ]);
});

Deno.test("more rounds than one dispatch may do go on in the next", async () => {
  using tester = await OpTester.create();
  const random = new Random(2);
  // No box overlaps another: as many rounds as boxes.
  const count = 3200;
  const apart = Array.from({ length: count }, (_, i) => [i * 3, 0, i * 3 + 2, 1]).flat();
  const one = opCase(
    "NonMaxSuppression",
    [
      hostTensor("f32", [1, count, 4], apart),
      scores(random, 1, 1, count),
      i64(count),
      f32(0.5),
      f32(0.02),
    ],
    {},
    { opset: 11 },
  );
  await checkCounted(tester, [one]);
  const { plan } = await tester.runCase(one);
  assertEquals(plan.steps.filter((step) => step.kernel.name === "select/suppress").length, 2);
});

Deno.test("no boxes are chosen where none are asked for", async () => {
  using tester = await OpTester.create();
  const random = new Random(3);
  const one = opCase("NonMaxSuppression", [boxes(random, 1, 5, false), scores(random, 1, 1, 5)], {}, {
    opset: 11,
  });
  const { outputs } = await tester.runCase(one);
  assertEquals(outputs.y0!.shape, [0, 3]);
});

Deno.test("chosen boxes are gathered, and constants are suppressed on the host", async () => {
  using tester = await OpTester.create();
  const random = new Random(4);
  const [b, s] = [boxes(random, 1, 50, false), scores(random, 1, 3, 50)];
  const limits = { most: i64(10).constant, iou: f32(0.4).constant, score: f32(0.5).constant };
  const nms = (from: string) =>
    node("NonMaxSuppression", [from, "s", "most", "iou", "score"], ["n"], {}, { name: "nms" });
  const initializers = { ...limits, two: hostTensor("i64", [], [2]) };
  const rest = [
    node("Gather", ["n", "two"], ["i"], { axis: 1 }, { name: "column" }),
    node("Gather", ["d", "i"], ["y"], { axis: 1 }, { name: "boxes" }),
  ];
  await checkCounted(tester, [
    {
      name: "gathered",
      opset: 11,
      nodes: [nms("b"), ...rest],
      inputs: { b, s, d: b },
      initializers,
      outputs: ["n", "y"],
    },
    {
      name: "folded",
      opset: 11,
      nodes: [nms("b"), ...rest],
      inputs: { d: b },
      initializers: { ...initializers, b, s },
      outputs: ["y"],
    },
  ]);
});

Deno.test("boxes and scores that do not fit are refused", async () => {
  using tester = await OpTester.create();
  const random = new Random(5);
  const refused = (b: HostTensor, s: HostTensor, iou: number, words: string) =>
    assertRejects(
      () => tester.runCase(opCase("NonMaxSuppression", [b, s, i64(3), f32(iou)], {}, { opset: 11 })),
      GraphError,
      words,
    );
  await refused(
    randn(random, [1, 5, 4]),
    randn(random, [1, 2, 6]),
    0.5,
    "boxes of [1, 5, 4] and scores of [1, 2, 6]",
  );
  await refused(randn(random, [1, 5, 4]), randn(random, [1, 2, 5]), 1.5, "its iou_threshold is 1.5");
});
