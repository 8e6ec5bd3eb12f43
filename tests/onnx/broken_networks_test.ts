/** Networks that cannot be used, each broken in a way of its own: what is wrong, where, and what to do. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { main } from "../../src/cli/main.ts";
import { loadGraph } from "../../src/graph/load.ts";
import { planGraph } from "../../src/graph/session.ts";
import { OnnxError } from "../../src/onnx/error.ts";
import { GraphError } from "../../src/ops/error.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { inProcess, isOneMessage } from "../cli/command.ts";
import { type ModelSpec, node, onnxModel, tensorInfo } from "../support/onnx_builder.ts";
import { inFolder } from "../video/media.ts";

const WEIGHTS = hostTensor("f32", [4, 3, 3, 3], new Float32Array(108));

/** A convolution of a small image. */
const WHOLE: ModelSpec = {
  inputs: [tensorInfo("x", "f32", [1, 3, 8, 8])],
  outputs: ["y"],
  nodes: [node("Conv", ["x", "w"], ["y"], {}, { name: "conv1" })],
  initializers: { w: WEIGHTS },
};

/** What is changed of it, and what the error must tell. */
const BROKEN: Readonly<Record<string, { change: Partial<ModelSpec>; tells: readonly string[] }>> = {
  "a cycle": {
    change: {
      nodes: [
        node("Add", ["x", "b"], ["a"], {}, { name: "add1" }),
        node("Relu", ["a"], ["b"], {}, { name: "relu1" }),
        node("Relu", ["b"], ["y"]),
      ],
    },
    tells: ["a cycle of 2 nodes", 'Relu (node "relu1") -> Add (node "add1")', "export the model again"],
  },
  "a missing input": {
    change: { nodes: [node("Conv", ["x", "v"], ["y"], {}, { name: "conv1" })] },
    tells: ['Conv (node "conv1"): input 1, "v", is not made by any node', "export the model again"],
  },
  "an input left out": {
    change: { nodes: [node("Conv", ["x"], ["y"], {}, { name: "conv1" })] },
    tells: ['Conv (node "conv1"): input 1 is missing', "export the model again"],
  },
  "a wrong rank": {
    change: { initializers: { w: hostTensor("f32", [4, 27], WEIGHTS.data) } },
    tells: ['Conv (node "conv1")', "4 dimensions", "weights 2", "export the model again"],
  },
  "an unknown operator": {
    change: { nodes: [node("Konv", ["x", "w"], ["y"], {}, { name: "conv1" })] },
    tells: ["Konv (operator set 13): no such operator", 'first "conv1"', "replace these operators"],
  },
  "an operator of an unknown domain": {
    change: { nodes: [node("Conv", ["x", "w"], ["y"], {}, { name: "conv1", domain: "com.acme" })] },
    tells: ['operators of "com.acme" without importing it', "export the model again"],
  },
  "an attribute of a bad type": {
    change: { nodes: [node("Conv", ["x", "w"], ["y"], { strides: "two" }, { name: "conv1" })] },
    tells: ['Conv (node "conv1"): attribute "strides" is of type string, but ints is needed', "export"],
  },
  "a truncated initializer": {
    change: { initializers: { w: { ...WEIGHTS, shape: [4, 3, 3, 4] } } },
    tells: [
      'initializer "w": shape [4, 3, 3, 4] of f32 takes 576 bytes, but the file has 432',
      "download it",
    ],
  },
  "a huge dimension of an input": {
    change: { inputs: [tensorInfo("x", "f32", [1, 3, 2 ** 30, 2 ** 30])] },
    tells: ['Conv (node "conv1")', '"x" [1, 3, 1073741824, 1073741824]', "check the shapes"],
  },
  "a huge dimension of a weight": {
    change: { initializers: { w: { ...WEIGHTS, shape: [2 ** 40, 2 ** 40] } } },
    tells: ['initializer "w"', "[1099511627776, 1099511627776]", "more than 2^53", "download it again"],
  },
  "a huge dimension that is computed": {
    change: {
      nodes: [
        node("ConstantOfShape", ["s"], ["c"], {}, { name: "fill1" }),
        node("Add", ["x", "c"], ["y"]),
      ],
      initializers: { s: hostTensor("i64", [2], [2 ** 24, 2 ** 24]) },
    },
    tells: ['ConstantOfShape (node "fill1")', '"c" [16777216, 16777216]', "check the shapes"],
  },
  "a name clash": {
    change: { nodes: [...WHOLE.nodes, node("Relu", ["x"], ["y"], {}, { name: "relu1" })] },
    tells: ['value "y" is made twice, by Conv (node "conv1") and by Relu (node "relu1")', "export"],
  },
  "an operator set that is too new": {
    change: { opset: 99 },
    tells: [
      "Conv (operator set 99): operator sets 1 to 28 are supported",
      'first "conv1"',
      "export it for another",
    ],
  },
  "an operator set that is too old": {
    change: { opset: 1, nodes: [node("Resize", ["x", "w"], ["y"], {}, { name: "up1" })] },
    tells: ["Resize (operator set 1): operator sets 10 to", 'first "up1"', "export it for another"],
  },
  "64-bit floats": {
    change: { nodes: [node("Cast", ["x"], ["y"], { to: 11 }, { name: "cast1" })], initializers: {} },
    tells: [
      "1 value is of a type that the GPU cannot hold",
      '"y" (f64), made by Cast (node "cast1")',
      "export it",
    ],
  },
  "external data that is absent": {
    change: {
      initializers: {},
      external: { w: { dtype: "f32", shape: [4, 3, 3, 3], location: "w.bin" } },
    },
    tells: ['weights are in "w.bin", which cannot be read (No such file', "put it beside the model"],
  },
};

for (const [what, { change, tells }] of Object.entries(BROKEN)) {
  Deno.test(`a network with ${what} is one clear error, without a GPU and from the command line`, async () => {
    await inFolder(async (folder) => {
      const path = `${folder}/net.onnx`;
      await Deno.writeFile(path, onnxModel({ ...WHOLE, ...change }));
      const error = await assertRejects(async () => planGraph(await loadGraph(path)));
      assert(error instanceof OnnxError || error instanceof GraphError, `${error}`);
      for (const part of tells) assertStringIncludes(error.message, part);
      await Deno.writeFile(`${folder}/image.ppm`, new TextEncoder().encode("P6 1 1 255 abc"));
      for (const command of [["info", path], ["detect", `${folder}/image.ppm`, "--model", path]]) {
        const { code, out, err } = await inProcess(() => main(command));
        assertEquals(code, 1, `${command[0]}: ${out}${err}`);
        // What is unsupported is a part of what `info` has to tell.
        if (err !== "") assert(isOneMessage(err, `framewise ${command[0]}`), err);
        assertEquals(/\n\s*at |\[object|NaN/.test(out + err), false, out + err);
        assertStringIncludes(out + err, command[0] === "info" && err === "" ? "operator set" : tells[0]!);
      }
    });
  });
}

Deno.test("the network that these are made of is whole", async () => {
  assertEquals(planGraph(await loadGraph(onnxModel(WHOLE))).outputs.map(({ type }) => type.shape), [[
    1,
    4,
    6,
    6,
  ]]);
});
