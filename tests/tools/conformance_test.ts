import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type HostTensor, hostTensor } from "../../src/tensor/host_tensor.ts";
import { difference } from "../../tools/conformance/difference.ts";
import { main } from "../../tools/conformance.ts";
import { type ModelSpec, node, onnxModel, tensorInfo, tensorProto } from "../support/onnx_builder.ts";
import { inFolder } from "../video/media.ts";

const X = hostTensor("f32", [3], [-1, 0, 2]);

function model(op: string, more: Partial<ModelSpec> = {}): Uint8Array<ArrayBuffer> {
  return onnxModel({
    inputs: [tensorInfo("x", "f32", [3])],
    outputs: [tensorInfo("y", "f32", [3])],
    nodes: [node(op, ["x"], ["y"])],
    ...more,
  });
}

/** A choice between two constants. */
const CONTROL_FLOW = model("If", {
  inputs: [tensorInfo("x", "bool", [])],
  nodes: [node("If", ["x"], ["y"], {
    then_branch: { graph: { nodes: [node("Constant", [], ["a"], { value: X })], outputs: ["a"] } },
    else_branch: { graph: { nodes: [node("Constant", [], ["b"], { value: X })], outputs: ["b"] } },
  })],
});

async function writeCase(
  folder: string,
  bytes: Uint8Array,
  input: HostTensor,
  expected: HostTensor,
): Promise<void> {
  await Deno.mkdir(`${folder}/test_data_set_0`, { recursive: true });
  await Deno.writeFile(`${folder}/model.onnx`, bytes);
  await Deno.writeFile(`${folder}/test_data_set_0/input_0.pb`, tensorProto("x", input));
  await Deno.writeFile(`${folder}/test_data_set_0/output_0.pb`, tensorProto("y", expected));
}

async function run(...args: string[]): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = [];
  const code = await main(args, (line) => lines.push(line));
  return { code, lines };
}

Deno.test("conformance counts what passed, failed and was skipped, and names the last two with why", async () => {
  await inFolder(async (folder) => {
    const relu = hostTensor("f32", [3], [0, 0, 2]);
    await writeCase(`${folder}/new/test_relu`, model("Relu"), X, relu);
    await writeCase(`${folder}/new/test_relu_wrong`, model("Relu"), X, hostTensor("f32", [3], [0, 1, 2]));
    await writeCase(`${folder}/new/test_unknown`, model("Relux"), X, relu);
    await writeCase(`${folder}/old/test_if`, CONTROL_FLOW, hostTensor("bool", [], [1]), X);
    const { code, lines } = await run(folder);
    assertEquals(code, 1);
    assertEquals(lines.length, 4);
    assertEquals(
      lines[0],
      'failed new/test_relu_wrong: output "y" 1 of 3 values differ, most the one at [1]: 0 instead of 1',
    );
    assertMatch(lines[1]!, /^failed new\/test_unknown: GraphError: .*Relux/);
    assertEquals(lines[2], "skipped old/test_if: control flow (If)");
    assertEquals(lines[3], "1 passed, 2 failed, 1 skipped");
  });
});

Deno.test("conformance runs the cases and sets that are asked for, and exits with 0 if none of them fails", async () => {
  await inFolder(async (folder) => {
    await writeCase(`${folder}/new/test_relu`, model("Relu"), X, hostTensor("f32", [3], [0, 0, 2]));
    await writeCase(`${folder}/new/test_wrong`, model("Relu"), X, X);
    await writeCase(`${folder}/old/test_relu`, model("Relu"), X, X);
    const { code, lines } = await run(folder, "--set", "new", "--only", "test_rel", "--verbose");
    assertEquals(code, 0);
    assertEquals(lines.length, 2);
    assertMatch(lines[0]!, /^passed new\/test_relu \(\d+ ms\)$/);
    assertEquals(lines[1], "1 passed, 0 failed, 0 skipped");
    // A set's own folder will do.
    assertEquals(await run(`${folder}/old`), {
      code: 1,
      lines: [
        'failed test_relu: output "y" 1 of 3 values differ, most the one at [0]: 0 instead of -1',
        "0 passed, 1 failed, 0 skipped",
      ],
    });
    assertEquals(await run(folder, "--only", "test_sigmoid"), { code: 1, lines: [] });
    assertEquals(await run(`${folder}/absent`), { code: 1, lines: [] });
    assertEquals(await run(folder, "--set", "new", "--olny", "test_relu"), { code: 2, lines: [] });
  });
});

Deno.test("conformance goes on after a case that cannot be read", async () => {
  await inFolder(async (folder) => {
    await writeCase(`${folder}/test_a`, new TextEncoder().encode("no model"), X, X);
    await writeCase(`${folder}/test_b`, model("Relu"), X, X);
    await Deno.remove(`${folder}/test_b/test_data_set_0/input_0.pb`);
    await writeCase(`${folder}/test_c`, model("Relu"), X, hostTensor("f32", [3], [0, 0, 2]));
    const { code, lines } = await run(folder);
    assertEquals(code, 1);
    assertStringIncludes(lines[0]!, 'failed test_a: OnnxError: Cannot read the ONNX model "test_a"');
    assertStringIncludes(lines[1]!, "failed test_b: NotFound");
    assertEquals(lines[2], "1 passed, 2 failed, 0 skipped");
  });
});

Deno.test("conformance skips a case that expects what an attribute gives that only its namesake states", async () => {
  await inFolder(async (folder) => {
    const leaky = (attributes: Record<string, number>): Uint8Array<ArrayBuffer> =>
      model("LeakyRelu", { nodes: [node("LeakyRelu", ["x"], ["y"], attributes)] });
    const expected = hostTensor("f32", [3], [-0.5, 0, 2]);
    await writeCase(`${folder}/new/test_leaky`, leaky({ alpha: 0.5 }), X, expected);
    await writeCase(`${folder}/old/test_leaky`, leaky({}), X, expected);
    // Other data, and nothing that the older model lacks: these are failures.
    await writeCase(`${folder}/new/test_other`, leaky({ alpha: 0.5 }), X, expected);
    await writeCase(`${folder}/old/test_other`, leaky({}), X, hostTensor("f32", [3], [-0.25, 0, 2]));
    await writeCase(`${folder}/new/test_same`, leaky({ alpha: 0.5 }), X, expected);
    await writeCase(`${folder}/old/test_same`, leaky({ alpha: 0.25 }), X, expected);
    const { code, lines } = await run(folder);
    assertEquals(code, 1);
    assertEquals(
      lines[0],
      "skipped old/test_leaky: the case contradicts its model, which lacks alpha = 0.5: new/test_leaky states it " +
        "for the same data; ONNX Runtime gives what is given here",
    );
    assertMatch(lines[1]!, /^failed old\/test_other: /);
    assertMatch(lines[2]!, /^failed old\/test_same: /);
    assertEquals(lines[3], "3 passed, 2 failed, 1 skipped");
  });
});

Deno.test("difference() allows floats what ONNX's runner does at most, and integers nothing", () => {
  const cases: {
    dtype: "f32" | "f16" | "i32" | "i64" | "u8" | "bool";
    got: number[];
    want: number[];
    ok: boolean;
  }[] = [
    { dtype: "f32", got: [1.00009, NaN, Infinity, 1e-7], want: [1, NaN, Infinity, 0], ok: true },
    { dtype: "f32", got: [1.001], want: [1], ok: false },
    { dtype: "f32", got: [1e-4], want: [0], ok: false },
    { dtype: "f32", got: [NaN], want: [0], ok: false },
    { dtype: "f32", got: [0], want: [NaN], ok: false },
    { dtype: "f32", got: [Infinity], want: [-Infinity], ok: false },
    { dtype: "f32", got: [3e38], want: [Infinity], ok: false },
    { dtype: "f16", got: [1.002], want: [1], ok: true },
    { dtype: "f16", got: [1.02], want: [1], ok: false },
    { dtype: "i32", got: [70000000], want: [70000001], ok: false },
    { dtype: "u8", got: [254], want: [255], ok: false },
    { dtype: "i64", got: [5, -1], want: [5, -1], ok: true },
    { dtype: "bool", got: [1], want: [0], ok: false },
  ];
  for (const { dtype, got, want, ok } of cases) {
    const found = difference(hostTensor(dtype, [got.length], got), hostTensor(dtype, [want.length], want));
    assertEquals(found === undefined, ok, `${dtype} [${got}] against [${want}]: ${found}`);
  }
  const [one, other] = [2n ** 53n + 1n, 2n ** 53n].map((value) => hostTensor("i64", [], [value]));
  assertMatch(difference(one, other!)!, /^1 of 1 values differ, most the one at \[\]/);
});

Deno.test("difference() tells types, shapes and outputs that are not there", () => {
  assertEquals(difference(undefined, X), "is missing");
  assertEquals(difference(hostTensor("i32", [3], [-1, 0, 2]), X), "is i32, not f32");
  assertEquals(difference(hostTensor("f32", [1, 3], [-1, 0, 2]), X), "has shape [1, 3], not [3]");
});
