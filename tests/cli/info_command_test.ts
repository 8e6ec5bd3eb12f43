import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { infoCommand, type ModelInfo } from "../../src/cli/info_command.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node, onnxModel, tensorInfo } from "../support/onnx_builder.ts";
import { tinyDetector } from "../support/tiny_detector.ts";
import { inFolder } from "../video/media.ts";
import { inProcess, isOneMessage, type Outcome } from "./command.ts";

async function info(bytes: Uint8Array, ...options: string[]): Promise<Outcome> {
  let outcome: Outcome | undefined;
  await inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/net.onnx`, bytes);
    outcome = await inProcess(() => infoCommand([`${folder}/net.onnx`, ...options]));
  });
  return outcome!;
}

/** A 3x3 convolution of stride 2 and a depthwise one, on an image of any even size. */
const TWO_CONVOLUTIONS = onnxModel({
  inputs: [tensorInfo("x", "f32", [1, 3, "height", "width"])],
  outputs: [tensorInfo("y", "f32")],
  nodes: [
    node("Conv", ["x", "w", "b"], ["a"], { strides: [2, 2], pads: [1, 1, 1, 1], kernel_shape: [3, 3] }),
    node("Conv", ["a", "v"], ["y"], { pads: [1, 1, 1, 1], kernel_shape: [3, 3], group: 8 }),
  ],
  initializers: {
    w: hostTensor("f32", [8, 3, 3, 3], new Float32Array(216).fill(1)),
    b: hostTensor("f32", [8], new Float32Array(8)),
    v: hostTensor("f32", [8, 1, 3, 3], new Float32Array(72).fill(1)),
  },
});

Deno.test("framewise info counts parameters and multiply-adds as one does by hand", async () => {
  const { code, out } = await info(TWO_CONVOLUTIONS, "--shape", "x=1x3x20x30", "--json");
  assertEquals(code, 0);
  const described: ModelInfo = JSON.parse(out);
  assertEquals(described.parameters, 216 + 8 + 72);
  assertEquals(described.weightBytes, 4 * 296);
  assertEquals(described.operators, { Conv: 2 });
  // 10x15 outputs of 8 channels: 27 products each, then 9.
  assertEquals(described.plan!.multiplyAdds, 150 * 8 * 27 + 150 * 8 * 9);
  assertEquals(described.plan!.inputs, { x: [1, 3, 20, 30] });
  assertEquals(described.unsupported, []);
});

Deno.test("framewise info says how to see the plan where the input is open", async () => {
  const { code, out } = await info(TWO_CONVOLUTIONS);
  assertEquals(code, 0);
  assertMatch(out, /input +x +f32 +\[1, 3, height, width\]/);
  assertStringIncludes(out, "give them by --shape");
});

Deno.test("framewise info is a readable report", async () => {
  const { code, out } = await info(tinyDetector());
  assertEquals(code, 0);
  assertMatch(out, /operator set 13; 26 parameters, 104 B\n/);
  assertMatch(out, /\noutput +output +\[1, 21, 6\]\n/);
  assertMatch(out, /\nAveragePool +3\n/);
  assertMatch(out, /\nplan for images \[1, 3, 32, 32\]: \d+ multiply-adds in \d+ dispatches\n/);
  assertMatch(out, /\nmemory: .* for each frame in flight, largest tensor .*\nunsupported: nothing$/);
});

Deno.test("framewise info lists all that is unsupported, and fails", async () => {
  const bytes = onnxModel({
    inputs: [tensorInfo("x", "f32", [1, 3, 8, 8])],
    outputs: [tensorInfo("y", "f32")],
    nodes: [
      node("Frobnicate", ["x"], ["a"], {}, { name: "one" }),
      node("Quux", ["a"], ["y"], {}, { name: "two" }),
    ],
  });
  const { code, out } = await info(bytes);
  assertEquals(code, 1);
  assertMatch(out, /unsupported:\n +Frobnicate .* 1 node, first "one" +no such.*\n +Quux .* first "two"/);
});

Deno.test("framewise info says in one message what is wrong with a file or a shape", async () => {
  const whole = tinyDetector();
  const cases: [Uint8Array, string[], number, string][] = [
    [whole.subarray(0, 300), [], 1, "the file is damaged, incomplete"],
    [new Uint8Array(0), [], 1, "the file is empty (0 bytes)"],
    [whole, ["--shape", "images"], 2, "write it as INPUT=1x3x480x640"],
    [whole, ["--shape", "images=1x3x9x9"], 1, "takes [1, 3, 32, 32], but [1, 3, 9, 9] was given"],
    [whole, ["--shape", "frob=1x3x32x32"], 1, `the network has no input "frob"`],
  ];
  for (const [bytes, options, expected, message] of cases) {
    const { code, out, err } = await info(bytes, ...options);
    assertEquals([code, out], [expected, ""], message);
    assertStringIncludes(err, message);
    assertEquals(isOneMessage(err, "framewise info"), true, err);
  }
});

Deno.test("framewise info --graph draws the network before and after simplification", async () => {
  await inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/net.onnx`, TWO_CONVOLUTIONS);
    const draw = (...options: string[]): Promise<Outcome> =>
      inProcess(() => infoCommand([`${folder}/net.onnx`, "--graph", `${folder}/new/graph`, ...options]));
    const open = await draw();
    assertEquals(open.code, 0);
    assertStringIncludes(open.out, "graph: 2 nodes, not simplified");
    assertEquals(Array.from(Deno.readDirSync(`${folder}/new/graph`), ({ name }) => name).sort(), [
      "before.dot",
      "before.md",
    ]);
    const { code, out } = await draw("--shape", "x=1x3x20x30");
    assertEquals(code, 0);
    assertStringIncludes(out, "graph: 2 nodes, 2 of them run after simplification; written to");
    const table = await Deno.readTextFile(`${folder}/new/graph/after.md`);
    assertStringIncludes(table, "# net.onnx: after, 2 nodes");
    assertStringIncludes(table, "32,400");
    assertStringIncludes(await Deno.readTextFile(`${folder}/new/graph/after.dot`), "n0 -> n1");
    const asJson = await draw("--shape", "x=1x3x20x30", "--json");
    const described: ModelInfo = JSON.parse(asJson.out);
    assertEquals([described.graph!.nodesBefore, described.graph!.nodesAfter, described.graph!.files.length], [
      2,
      2,
      4,
    ]);
    await Deno.writeTextFile(`${folder}/taken`, "");
    const refused = await inProcess(() => infoCommand([`${folder}/net.onnx`, "--graph", `${folder}/taken`]));
    assertEquals([refused.code, isOneMessage(refused.err, "framewise info")], [1, true]);
  });
});
