import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { importGraph } from "../../src/graph/import.ts";
import { OnnxError } from "../../src/onnx/error.ts";
import { externalLocations, loadExternalData } from "../../src/onnx/external.ts";
import type { OnnxModel } from "../../src/onnx/model.ts";
import { parseModel } from "../../src/onnx/parse.ts";
import { bytesOf, hostTensor } from "../../src/tensor/host_tensor.ts";
import { type ExternalSpec, node, onnxModel, tensorInfo } from "../support/onnx_builder.ts";

const WEIGHTS = bytesOf(hostTensor("f32", [6], [1, 2, 3, 4, 5, 6]));

function withExternal(external: Record<string, ExternalSpec>): OnnxModel {
  return parseModel(onnxModel({
    inputs: [tensorInfo("x", "f32", [2])],
    outputs: ["y"],
    nodes: [node("Add", ["x", "a"], ["y"])],
    external,
  }));
}

Deno.test("loadExternalData() fills tensors from their places in other files, each file loaded once", async () => {
  const model = withExternal({
    a: { dtype: "f32", shape: [2], location: "net.bin", offset: 8, length: 8 },
    b: { dtype: "f32", shape: [3, 2], location: "net.bin" },
    c: { dtype: "u8", shape: [3], location: "sub/other.bin", offset: 1 },
  });
  assertEquals(externalLocations(model), ["net.bin", "sub/other.bin"]);
  assertThrows(() => importGraph(model), OnnxError, 'lies in another file, "net.bin", which was not loaded');
  const asked: string[] = [];
  await loadExternalData(model, (location) => {
    asked.push(location);
    return location === "net.bin" ? WEIGHTS : new Uint8Array([9, 8, 7, 6]);
  });
  assertEquals(asked, ["net.bin", "sub/other.bin"]);
  assertEquals([...importGraph(model).constants], [
    ["a", hostTensor("f32", [2], [3, 4])],
    ["b", hostTensor("f32", [3, 2], [1, 2, 3, 4, 5, 6])],
    ["c", hostTensor("u8", [3], [8, 7, 6])],
  ]);
});

Deno.test("loadExternalData() lists every tensor that it could not fill", async () => {
  const model = withExternal({
    a: { dtype: "f32", shape: [2], location: "short.bin", offset: 20, length: 8 },
    b: { dtype: "f32", shape: [3], location: "short.bin", offset: 0, length: 8 },
    c: { dtype: "f32", shape: [2], location: "missing.bin" },
  });
  const load = (location: string): Uint8Array => {
    if (location === "missing.bin") throw new Error("no such file");
    return WEIGHTS;
  };
  const error = await assertRejects(() => loadExternalData(model, load), OnnxError);
  assertEquals(error.problems.length, 3);
  assertStringIncludes(error.message, 'weights are in "missing.bin", which cannot be read (no such file)');
  assertStringIncludes(error.message, "its elements should end at byte 28, but the file has 24");
  assertStringIncludes(error.message, "shape [3] of f32 takes 12 bytes, but the file has 8");
});

for (
  const location of ["../secret.bin", "/etc/passwd", "a/../../b", "C:\\w.bin", "https://host/w.bin", "\\w"]
) {
  Deno.test(`loadExternalData() does not follow "${location}" out of the model's folder`, async () => {
    const model = withExternal({ a: { dtype: "f32", shape: [2], location } });
    let asked = 0;
    const load = (): Uint8Array => {
      asked++;
      return WEIGHTS;
    };
    await assertRejects(() => loadExternalData(model, load), OnnxError, "outside the model's folder");
    assertEquals(asked, 0);
  });
}
