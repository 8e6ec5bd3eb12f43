import { assertEquals } from "@std/assert";
import { type Case, OpTester, randn } from "../ops/harness.ts";
import { node } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";

/** A dense block: each layer reads all earlier ones, each time listed anew. */
function denseBlock(layers: number, channels: number, random: Random): Case {
  const nodes = [];
  const initializers: Case["initializers"] = {};
  const parts = ["p0"];
  nodes.push(node("MaxPool", ["x"], ["p0"], { kernel_shape: [2, 2], strides: [2, 2] }, { name: "pool" }));
  for (let i = 1; i <= layers; i++) {
    const joined = i === 1 ? "p0" : `c${i}`;
    if (i > 1) nodes.push(node("Concat", [...parts], [joined], { axis: 1 }, { name: joined }));
    const inputs = 8 + (i - 1) * channels;
    Object.assign(initializers, { [`w${i}`]: randn(random, [channels, inputs, 1, 1], 0.3) });
    nodes.push(node("Relu", [joined], [`r${i}`], {}, { name: `relu${i}` }));
    nodes.push(node("Conv", [`r${i}`, `w${i}`], [`p${i}`], {}, { name: `conv${i}` }));
    parts.push(`p${i}`);
  }
  nodes.push(node("Concat", parts, ["y"], { axis: -3 }, { name: "y" }));
  return {
    name: `dense block of ${layers} layers of ${channels} channels`,
    nodes,
    inputs: { x: randn(random, [1, 8, 6, 10]) },
    initializers,
    outputs: ["y"],
    opset: 13,
  };
}

Deno.test("a dense block copies none of its parts, and gives what ONNX Runtime gives", async () => {
  const random = new Random(3);
  using tester = await OpTester.create();
  const kernels = async (one: Case): Promise<string[]> =>
    (await tester.runCase(one)).plan.steps.map(({ kernel }) => kernel.name);
  const five = denseBlock(5, 4, random);
  await tester.check([five, denseBlock(4, 3, random)]);
  // The pool, a Relu and a convolution for each layer, and the output in ONNX's order.
  const names = await kernels(five);
  assertEquals(names.filter((name) => name.startsWith("copy/")).length, 1, names.join(", "));
  assertEquals(names.length, 1 + 2 * 5 + 1, names.join(", "));
});

Deno.test("what is joined along another axis, or in another order, stays as it is", async () => {
  const random = new Random(4);
  using tester = await OpTester.create();
  const x = () => randn(random, [1, 4, 4, 4]);
  const cat = (inputs: string[], output: string, axis: number) =>
    node("Concat", inputs, [output], { axis }, { name: output });
  const one = (nodes: Case["nodes"], outputs: string[]): Case => ({
    name: outputs.join(" "),
    nodes,
    inputs: { a: x(), b: x(), c: x() },
    initializers: {},
    outputs,
    opset: 13,
  });
  await tester.check([
    one([cat(["a", "b"], "ab", 1), cat(["a", "b", "c"], "abc", 2)], ["ab", "abc"]),
    one([cat(["a", "b"], "ab", 1), cat(["b", "a", "c"], "bac", 1)], ["ab", "bac"]),
    one([cat(["a", "b"], "ab", 1), cat(["a", "b", "a", "b"], "abab", 1)], ["ab", "abab"]),
  ]);
});
