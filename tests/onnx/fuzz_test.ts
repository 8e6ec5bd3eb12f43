import { assert } from "@std/assert";
import { importGraph } from "../../src/graph/import.ts";
import { OnnxError } from "../../src/onnx/error.ts";
import { parseModel } from "../../src/onnx/parse.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node, onnxModel, tensorInfo } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";

/** A model with something of everything in it, except what may stand at the very end of a file. */
function model(encoding: "raw" | "typed", external = false): Uint8Array<ArrayBuffer> {
  const random = new Random(11);
  return onnxModel({
    inputs: [tensorInfo("x", "f32", ["n", 3, 16, 16])],
    outputs: [tensorInfo("y", "f32", ["n", 8, 8, 8]), "z"],
    valueInfo: [tensorInfo("t", "f32", ["n", 8, 8, 8])],
    nodes: [
      node("Conv", ["x", "w", "b"], ["t"], { strides: [2, 2], pads: [1, 1, 1, 1] }, { name: "conv" }),
      node("Constant", [], ["c"], { value: hostTensor("i64", [2], [1, -1]) }),
      node("Reshape", ["t", "c"], ["z"], { allowzero: 0 }),
      node("If", ["flag"], ["u"], {
        then_branch: { graph: { nodes: [node("Relu", ["t"], ["r"])], outputs: ["r"] } },
      }),
      node("LeakyRelu", ["t"], ["y"], { alpha: 0.1, mode: "some text", list: ["a", "b"], axes: [1, 2] }),
    ],
    initializers: {
      w: hostTensor("f32", [8, 3, 3, 3], random.normals(216)),
      b: hostTensor("f16", [8], random.normals(8)),
      i: hostTensor("i32", [4], [1, 2, 3, 4]),
      l: hostTensor("i64", [2], [5, -6]),
      flag: hostTensor("bool", [], [1]),
    },
    external: external
      ? { e: { dtype: "f32", shape: [2, 2], location: "weights.bin", offset: 0, length: 16 } }
      : {},
    encoding,
  });
}

/** Reads bytes as a model and imports it: a graph or an OnnxError, and nothing else. */
function attempt(bytes: Uint8Array, context: string): "graph" | "error" {
  try {
    importGraph(parseModel(bytes));
    return "graph";
  } catch (error) {
    assert(error instanceof OnnxError, `${context}: ${(error as Error).stack}`);
    assert(error.message.length > 20 && !error.message.includes("undefined"), `${context}: ${error.message}`);
    return "error";
  }
}

for (const encoding of ["raw", "typed"] as const) {
  Deno.test(`every truncation of a model is an OnnxError (${encoding})`, () => {
    const bytes = model(encoding);
    assert(attempt(bytes, "the whole model") === "graph");
    for (let length = 0; length < bytes.length; length++) {
      const outcome = attempt(bytes.subarray(0, length), `first ${length} of ${bytes.length} bytes`);
      assert(outcome === "error", `the first ${length} of ${bytes.length} bytes were taken for a model`);
    }
  });

  Deno.test(`random damage gives a model or an OnnxError (${encoding})`, () => {
    const bytes = model(encoding, true);
    const outcomes = { graph: 0, error: 0 };
    for (let seed = 0; seed < 3000; seed++) {
      const random = new Random(seed);
      const damaged = bytes.slice();
      const flips = random.pick([1, 1, 1, 2, 4, 16]);
      for (let i = 0; i < flips; i++) damaged[random.int(0, bytes.length - 1)] = random.int(0, 255);
      outcomes[attempt(damaged, `${encoding}, seed ${seed}, ${flips} bytes`)]++;
    }
    // The model refers to a file that is not loaded: whatever is left of it that parses is refused for that.
    assert(outcomes.error > 2500, JSON.stringify(outcomes));
  });
}

Deno.test("random damage to a whole model leaves some models whole", () => {
  const bytes = onnxModel({
    inputs: [tensorInfo("x", "f32", [4])],
    outputs: ["y"],
    nodes: [node("Add", ["x", "w"], ["y"], {}, { name: "add" })],
    initializers: { w: hostTensor("f32", [4], [1, 2, 3, 4]) },
  });
  const outcomes = { graph: 0, error: 0 };
  for (let seed = 0; seed < 2000; seed++) {
    const random = new Random(seed);
    const damaged = bytes.slice();
    damaged[random.int(0, bytes.length - 1)]! ^= 1 << random.int(0, 7);
    outcomes[attempt(damaged, `seed ${seed}`)]++;
  }
  assert(outcomes.graph > 100 && outcomes.error > 100, JSON.stringify(outcomes));
});

Deno.test("random bytes are an OnnxError", () => {
  for (let seed = 0; seed < 1000; seed++) {
    const random = new Random(seed);
    const length = random.int(1, 2000);
    assert(attempt(random.bytes(length), `${length} bytes, seed ${seed}`) === "error");
  }
});
