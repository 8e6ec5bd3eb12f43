import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { readArguments } from "../../src/cli/arguments.ts";
import { UsageError } from "../../src/cli/failure.ts";
import { profileCommand } from "../../src/cli/profile_command.ts";
import { processorMs, readTune, sessionTuning } from "../../src/cli/tuning.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node, onnxModel, tensorInfo } from "../support/onnx_builder.ts";
import { inFolder } from "../video/media.ts";
import { inProcess, type Outcome } from "./command.ts";

/** A 1x1 convolution of a size that no table has. */
const NETWORK = onnxModel({
  inputs: [tensorInfo("x", "f32", [1, 5, 7, 3])],
  outputs: [tensorInfo("y", "f32")],
  nodes: [node("Conv", ["x", "w"], ["y"], {}, { name: "only" })],
  initializers: { w: hostTensor("f32", [9, 5, 1, 1], new Float32Array(45).fill(1)) },
});

function read(...args: string[]): string | undefined {
  return readTune(readArguments(args, { flags: [], values: ["tune"] }));
}

Deno.test("--tune is off, fast, full, or left to the session", () => {
  assertEquals([read(), read("--tune", "fast"), read("--tune", "full"), read("--tune", "off")], [
    undefined,
    "fast",
    "full",
    "off",
  ]);
  assertThrows(
    () => read("--tune", "best"),
    UsageError,
    '--tune is "best"; it must be one of off, fast, full',
  );
});

Deno.test("measurements lie in the cache folder, and nowhere where there is none", () => {
  const said: string[] = [];
  const none = sessionTuning("fast", (message) => void said.push(message), () => undefined);
  assertEquals([none.tune, none.tuning?.store], ["fast", undefined]);
  assertEquals("tune" in sessionTuning(undefined, () => {}), false);
  const some = sessionTuning(
    "off",
    () => {},
    (name) => name === "XDG_CACHE_HOME" ? "/nowhere" : undefined,
  );
  assert(some.tuning?.store);
  none.tuning!.onLayer!(0, 12, "conv");
  none.tuning!.onLayer!(1, 12, "conv");
  assertEquals(said, ["timing kernels of 12 layers, conv first"]);
});

Deno.test("processor time goes on while this process works, and does not go back", () => {
  const start = processorMs();
  const until = performance.now() + 30;
  while (performance.now() < until);
  assert(processorMs() > start);
});

/** Runs `framewise profile` on the network with a cache folder of its own. */
async function profile(folder: string, ...options: string[]): Promise<Outcome> {
  const before = Deno.env.get("XDG_CACHE_HOME");
  Deno.env.set("XDG_CACHE_HOME", `${folder}/cache`);
  try {
    const args = [`${folder}/net.onnx`, "--no-peak", "--seconds", "0.1", "--method", "repeated", ...options];
    return await inProcess(() => profileCommand(args));
  } finally {
    if (before === undefined) Deno.env.delete("XDG_CACHE_HOME");
    else Deno.env.set("XDG_CACHE_HOME", before);
  }
}

Deno.test("framewise profile --tune times kernels and keeps the choice; --why tells where each comes from", async () => {
  await inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/net.onnx`, NETWORK);
    const plain = await profile(folder, "--why", "--quiet");
    assertEquals([plain.code, plain.err], [0, ""]);
    const listed = /1x1 5>9 at 7x3: #\d+\n {6}(.+)$/m.exec(plain.out)?.[1];
    assertMatch(listed ?? plain.out, /^stationary Q1; not timed: (implicit_gemm P\d Q\d(, |$))+$/);

    const tuned = await profile(folder, "--why", "--tune", "fast", "--tune-seconds", "60");
    assertEquals(tuned.code, 0, tuned.err);
    assertMatch(tuned.err, /timing kernels of 1 layers, conv 1x1\/1x1 5>9 at 1x7x3 first/);
    assertMatch(tuned.err, /timed 1 of 1 layers in [\d.]+ s; [01] got another kernel/);
    assertMatch(tuned.out, /conv\/(stationary|implicit_gemm): by what was timed just now:/);
    const line = /1x1 5>9 at 7x3: #\d+\n {6}(.+)$/m.exec(tuned.out)?.[1] ?? "";
    const one = "(stationary Q1|implicit_gemm P\\d Q\\d) [\\d.]+";
    assertMatch(line, new RegExp(`^${one} ms; ${one}, ${one}; `));

    const kept = await profile(folder, "--why", "--tune", "fast");
    assert(!/timing kernels/.test(kept.err), kept.err);
    assertMatch(kept.out, /conv\/(stationary|implicit_gemm): by what was timed before \(cache file\):/);
    assertStringIncludes(kept.out, line.split(" ms")[0]!.split(" ").slice(0, -1).join(" "));

    const [{ name }] = await Array.fromAsync(Deno.readDir(`${folder}/cache/framewise/tuning`)) as [
      Deno.DirEntry,
    ];
    const path = `${folder}/cache/framewise/tuning/${name}`;
    await Deno.writeTextFile(path, (await Deno.readTextFile(path)).slice(0, 80));
    const torn = await profile(folder, "--json");
    assertEquals(torn.code, 0);
    const told = torn.err.split("\n").filter((text) => text.includes("Tuning:"));
    assertEquals(told, [
      `framewise profile: Tuning: what is kept as "${name}" is ignored: it is no JSON, perhaps torn`,
    ]);
    const { dispatches } = JSON.parse(torn.out) as {
      dispatches: { choice?: { origin: string; candidates: string[] } }[];
    };
    const choices = dispatches.flatMap(({ choice }) => choice ?? []);
    assertEquals(choices.map(({ origin, candidates }) => [origin, candidates.length > 2]), [[
      "estimate",
      true,
    ]]);
  });
});

Deno.test("framewise profile refuses a budget that is none", async () => {
  const { code, err } = await inProcess(() => profileCommand(["x.onnx", "--tune-seconds", "0"]));
  assertEquals(code, 2);
  assertStringIncludes(err, '--tune-seconds is "0"');
});
