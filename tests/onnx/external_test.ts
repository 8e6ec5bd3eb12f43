import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { importGraph } from "../../src/graph/import.ts";
import { OnnxError } from "../../src/onnx/error.ts";
import { type ExternalLoader, externalLocations, loadExternalData } from "../../src/onnx/external.ts";
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

/** A loader of files held here, which notes what it is asked for. */
function loader(
  files: Record<string, Uint8Array>,
): { load: ExternalLoader; asked: [string, number, number][] } {
  const asked: [string, number, number][] = [];
  const load: ExternalLoader = (location, offset, length) => {
    asked.push([location, offset, length]);
    if (!files[location]) throw new Error("no such file");
    return files[location].subarray(offset, offset + length);
  };
  return { load, asked };
}

Deno.test("loadExternalData() fills tensors from their places in other files, each place read once", async () => {
  const model = withExternal({
    a: { dtype: "f32", shape: [2], location: "net.bin", offset: 8, length: 8 },
    b: { dtype: "f32", shape: [3, 2], location: "net.bin" },
    c: { dtype: "u8", shape: [3], location: "sub/other.bin", offset: 1 },
    d: { dtype: "f32", shape: [0, 2], location: "net.bin", offset: 24 },
  });
  assertEquals(externalLocations(model), ["net.bin", "sub/other.bin"]);
  assertThrows(() => importGraph(model), OnnxError, 'lies in another file, "net.bin", which was not loaded');
  const { load, asked } = loader({ "net.bin": WEIGHTS, "sub/other.bin": new Uint8Array([9, 8, 7, 6]) });
  await loadExternalData(model, load);
  assertEquals(asked, [["net.bin", 0, 24], ["sub/other.bin", 0, 4]]);
  assertEquals([...importGraph(model).constants], [
    ["a", hostTensor("f32", [2], [3, 4])],
    ["b", hostTensor("f32", [3, 2], [1, 2, 3, 4, 5, 6])],
    ["c", hostTensor("u8", [3], [8, 7, 6])],
    ["d", hostTensor("f32", [0, 2], [])],
  ]);
});

Deno.test("loadExternalData() copies nothing that is aligned in its file", async () => {
  const model = withExternal({
    a: { dtype: "f32", shape: [2], location: "net.bin", offset: 200_004 },
    b: { dtype: "i64", shape: [2], location: "net.bin", offset: 200_072 },
    c: { dtype: "f32", shape: [1], location: "net.bin", offset: 200_013 },
  });
  const { load, asked } = loader({ "net.bin": new Uint8Array(300_000) });
  const given: Uint8Array[] = [];
  await loadExternalData(model, async (...part) => {
    given.push((await load(...part)).slice());
    return given.at(-1)!;
  });
  assertEquals(asked, [["net.bin", 200_000, 88]]);
  const [a, b, c] = [...importGraph(model).constants.values()];
  assertEquals(a!.data.buffer === given[0]!.buffer, true);
  assertEquals(b!.data.buffer === given[0]!.buffer, true);
  assertEquals(c!.data.buffer === given[0]!.buffer, false);
});

Deno.test("loadExternalData() leaves out of large files what no tensor needs, and reads them in parts", async () => {
  const large = 200 << 20;
  const model = withExternal({
    a: { dtype: "u8", shape: [large], location: "net.bin", offset: 0 },
    b: { dtype: "u8", shape: [large], location: "net.bin", offset: large },
    c: { dtype: "u8", shape: [4], location: "net.bin", offset: 4 * large + 5 },
  });
  const asked: [number, number][] = [];
  await loadExternalData(model, (_, offset, length) => {
    asked.push([offset, length]);
    return new Uint8Array(length);
  });
  assertEquals(asked, [[0, large], [large, large], [4 * large, 9]]);
});

Deno.test("loadExternalData() lists every tensor that it could not fill", async () => {
  const model = withExternal({
    a: { dtype: "f32", shape: [2], location: "short.bin", offset: 20, length: 8 },
    b: { dtype: "f32", shape: [3], location: "short.bin", offset: 0, length: 8 },
    c: { dtype: "f32", shape: [2], location: "missing.bin" },
    d: { dtype: "f32", shape: [2], location: "short.bin", offset: 1 << 20 },
  });
  const error = await assertRejects(
    () => loadExternalData(model, loader({ "short.bin": WEIGHTS }).load),
    OnnxError,
  );
  assertEquals(error.problems.length, 4);
  assertStringIncludes(error.message, 'weights are in "missing.bin", which cannot be read (no such file)');
  assertStringIncludes(error.message, "its elements should end at byte 28, but the file has 24");
  assertStringIncludes(error.message, "shape [3] of f32 takes 12 bytes, but the file has 8");
  assertStringIncludes(error.message, "should end at byte 1048584, but the file has not even 1048577");
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
