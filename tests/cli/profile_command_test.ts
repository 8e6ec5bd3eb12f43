import { assert, assertAlmostEquals, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { main } from "../../src/cli/main.ts";
import { profileCommand } from "../../src/cli/profile_command.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node, onnxModel, tensorInfo } from "../support/onnx_builder.ts";
import { inFolder } from "../video/media.ts";
import { inProcess, isOneMessage, type Outcome } from "./command.ts";

/** A 3x3 convolution of stride 2 and a 1x1 one, on an image of any size. */
const TWO_CONVOLUTIONS = onnxModel({
  inputs: [tensorInfo("x", "f32", [1, 3, "height", "width"])],
  outputs: [tensorInfo("y", "f32")],
  nodes: [
    node("Conv", ["x", "w"], ["a"], { strides: [2, 2], pads: [1, 1, 1, 1], kernel_shape: [3, 3] }),
    node("Relu", ["a"], ["b"]),
    node("Conv", ["b", "v"], ["y"], { kernel_shape: [1, 1] }),
  ],
  initializers: {
    w: hostTensor("f32", [8, 3, 3, 3], new Float32Array(216).fill(1)),
    v: hostTensor("f32", [4, 8, 1, 1], new Float32Array(32).fill(1)),
  },
});

/** Runs the command on the network in a folder, and reads the trace if one was asked for. */
async function profile(...options: string[]): Promise<Outcome & { trace?: string }> {
  let outcome: (Outcome & { trace?: string }) | undefined;
  await inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/net.onnx`, TWO_CONVOLUTIONS);
    const args = options.map((option) => option.replace("FOLDER", folder));
    outcome = await inProcess(() => profileCommand([`${folder}/net.onnx`, ...args]));
    if (options.includes("--trace") && outcome.code === 0) {
      outcome.trace = await Deno.readTextFile(`${folder}/trace.json`);
    }
  });
  return outcome!;
}

/** What the JSON has that the test looks at. */
interface Told {
  adapter: string;
  inputs: Record<string, number[]>;
  peaks: { flops: number };
  method: string;
  sumMs: number;
  planMs: number;
  multiplyAdds: number;
  dispatches: {
    index: number;
    kernel: string;
    shape: string;
    operators: string[];
    ms: number;
    leastMs: number;
    share: number;
    multiplyAdds: number;
    bytes: number;
    gflops: number;
    gbytes: number;
    ofPeak: number;
  }[];
  kernels: { kernel: string; dispatches: number; ms: number }[];
  slow: unknown[];
}

Deno.test("framewise profile --json tells each dispatch with rates that follow from its time", async () => {
  const { code, out, err, trace } = await profile(
    "--input",
    "64x48",
    "--json",
    "--seconds",
    "0.2",
    "--trace",
    "FOLDER/trace.json",
  );
  assertEquals(code, 0, err);
  const told: Told = JSON.parse(out);
  assertEquals(told.inputs, { x: [1, 3, 48, 64] });
  const convolutions = told.dispatches.filter(({ multiplyAdds }) => multiplyAdds > 0);
  assertEquals(convolutions.map(({ shape, operators, multiplyAdds }) => [shape, operators, multiplyAdds]), [
    ["3x3/2 3>8 at 24x32", ["Conv", "Relu"], 24 * 32 * 8 * 27],
    ["1x1 8>4 at 24x32", ["Conv"], 24 * 32 * 4 * 8],
  ]);
  assertEquals(told.multiplyAdds, 24 * 32 * (8 * 27 + 4 * 8));
  for (const { ms, leastMs, multiplyAdds, bytes, gflops, gbytes, share, ofPeak } of told.dispatches) {
    assertAlmostEquals(gflops, 2 * multiplyAdds / leastMs / 1e6, 1e-9 * gflops + 1e-12);
    assertAlmostEquals(gbytes, bytes / leastMs / 1e6, 1e-9 * gbytes);
    assertAlmostEquals(share, ms / told.sumMs, 1e-9);
    assert(ofPeak >= gflops * 1e9 / told.peaks.flops * 0.999);
  }
  assertEquals(
    told.kernels.reduce((sum, { dispatches }) => sum + dispatches, 0),
    told.dispatches.length,
  );
  const events: { ph: string; dur?: number; tid: number }[] = JSON.parse(trace!).traceEvents;
  const lasting = events.filter(({ ph, tid }) => ph === "X" && tid <= 2);
  assertAlmostEquals(lasting.reduce((sum, { dur }) => sum + dur!, 0) / 1000, told.sumMs, 1e-3);
  assertMatch(err, /^framewise profile: measuring the adapter's peak\n[^]*the trace is in /);
});

Deno.test("framewise profile is an aligned table, totals by kernel, and the sum beside the whole run", async () => {
  const { code, out, err } = await profile(
    ..."--shape x=1x3x32x32 --no-peak --quiet --why --method repeated --seconds 0.2".split(" "),
  );
  assertEquals([code, err], [0, ""]);
  const [head, table, kernels, totals] = out.split("\n\n");
  assertMatch(head!, /^network: .*net\.onnx, x \[1, 3, 32, 32\], f32\nadapter: .+\ntimed by repeating each/);
  const rows = table!.split("\n");
  assertMatch(
    rows[0]!,
    /^ *# +ms +least +(copies +)?share +GFLOP\/s +GB\/s +kernel +shape +operators +node$/,
  );
  const column = rows[0]!.indexOf("kernel");
  for (const row of rows.slice(1)) assertMatch(row.slice(column - 2), /^ {2}\w+\/\w+ /, row);
  assertStringIncludes(table!, "3x3/2 3>8 at 16x16");
  assertMatch(kernels!, /^ *ms +least +share +dispatches +GFLOP\/s +GB\/s +kernel\n/);
  assertMatch(
    totals!,
    /^sum of \d+ dispatches: .* ms.*\none run as recorded: .* to the sum of the least .*\none run of many/,
  );
  assertStringIncludes(out, "\n\nwhy these kernels:\n  conv/");
});

Deno.test("framewise profile says in one message what is wrong", async () => {
  const cases: [string[], number, string][] = [
    [["--input", "64"], 2, '--input is "64"; write width and height as 640x480'],
    [["--input", "0x5"], 2, '--input is "0x5"'],
    [["--input", "64x64", "--shape", "x=1x3x8x8"], 2, "give one of them"],
    [["--method", "guess"], 2, '--method is "guess"; it must be one of timestamps, repeated, processor'],
    [["--seconds", "0"], 2, '--seconds is "0"'],
    [["--wibble"], 2, "there is no option --wibble"],
    [["--shape", "x=1x4x8x8", "--no-peak"], 1, "x"],
    [["--no-peak"], 1, "x"],
    [["--shape", "x=1x3x8x8", "--no-peak", "--seconds", "0.1", "--trace", "FOLDER/none/t.json"], 1, "none"],
  ];
  for (const [options, code, message] of cases) {
    const outcome = await profile(...options, "--quiet");
    assertEquals([outcome.code, outcome.out], [code, ""], options.join(" "));
    assertStringIncludes(outcome.err, message);
    assert(isOneMessage(outcome.err, "framewise profile"), outcome.err);
  }
});

Deno.test("framewise profile is a command with help, and takes one network", async () => {
  const help = await inProcess(() => main(["profile", "--help"]));
  assertEquals([help.code, help.err], [0, ""]);
  assertMatch(help.out, /^Usage:\n {2}framewise profile FILE/);
  for (const args of [["profile"], ["profile", "a", "b"]]) {
    const { code, out, err } = await inProcess(() => main(args));
    assertEquals([code, out], [2, ""]);
    assertStringIncludes(err, "profile takes one file or name");
  }
});
