import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { OnnxError } from "../../src/onnx/error.ts";
import { parseModel } from "../../src/onnx/parse.ts";
import { recognise } from "../../src/onnx/recognise.ts";
import { Random } from "../support/random.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** The beginning of a file, and random bytes after it. */
const binary = (...head: number[]): Uint8Array => new Uint8Array([...head, ...new Random(1).bytes(600)]);

const FILES: Record<string, [file: Uint8Array, verdict: string]> = {
  "a JPEG": [binary(0xff, 0xd8, 0xff, 0xe0), "it is a JPEG image; give the path of a .onnx file"],
  "a PNG": [binary(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a), "it is a PNG image"],
  "an MP4": [binary(0, 0, 0, 0x20, ...text("ftypisom")), "it is a video or image in an MP4 container"],
  "a ZIP": [binary(0x50, 0x4b, 3, 4), "PyTorch's .pt files are such"],
  "gzip": [binary(0x1f, 0x8b, 8), "it is compressed by gzip; unpack it first"],
  "a pickle": [binary(0x80, 0x02, 0x8a, 0x0a), "it is a Python pickle"],
  "HDF5": [binary(0x89, 0x48, 0x44, 0x46), "it is an HDF5 file"],
  "TensorFlow Lite": [binary(0x1c, 0, 0, 0, ...text("TFL3")), "it is a TensorFlow Lite model"],
  "ORT's format": [binary(0x30, 0, 0, 0, ...text("ORTM")), "ONNX Runtime's own ORT format"],
  "safetensors": [binary(0x40, 0, 0, 0, 0, 0, 0, 0, ...text('{"w":')), "it is a safetensors file"],
  "zeros": [new Uint8Array(4096), "it is all zeros"],
  "a web page": [text("<!DOCTYPE html>\n<html><body>Not Found</body></html>"), "it is an HTML page"],
  "a bare web page": [text("\n  <html><head></head></html>"), "it is an HTML page"],
  "XML": [text('<?xml version="1.0"?><net/>'), "it is an XML file"],
  "JSON": [text('{"message": "Not Found"}'), "it is a JSON file"],
  "text": [text("Not: a model, grüße\n"), "it is a text file; give the path of a .onnx file"],
  "a Git LFS pointer": [
    text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"),
    "it is a Git LFS pointer, not the file that it points to; run `git lfs pull`",
  ],
};

for (const [what, [file, verdict]] of Object.entries(FILES)) {
  Deno.test(`parseModel() recognises ${what} and says so`, () => {
    assertStringIncludes(recognise(file) ?? "nothing recognised", verdict);
    assertThrows(() => parseModel(file), OnnxError, verdict);
  });
}

Deno.test("recognise() says nothing of bytes that it does not know", () => {
  assertEquals(recognise(new Uint8Array([0x08, 0x07, 0x12, 0xff, 0x00])), undefined);
  assertEquals(recognise(new Random(7).bytes(1000)), undefined);
});
