import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import type { Recorded } from "../../bench/batched.ts";
import type { Peaks } from "../../src/gpu/mod.ts";
import { compareRuns, describeComparison } from "../../tools/bench_results/compare.ts";
import { BenchError, parseDenoBench, parseRecord } from "../../tools/bench_results/deno_json.ts";
import {
  BEGIN,
  benchmarksSection,
  END,
  SHOWN_OPERATORS,
  withBenchmarks,
} from "../../tools/bench_results/page.ts";
import {
  benchResults,
  bestPeak,
  FORMAT,
  mediansOf,
  parseResults,
  type Results,
  type ShownPeak,
  slugOf,
  withHistory,
} from "../../tools/bench_results/results.ts";
import { keptResults, main } from "../../tools/bench_results.ts";

/** Deno's output, with some of what it holds beside what is read. */
function denoOutput(benches: readonly { name: string; group?: string | null; result?: unknown }[]): string {
  const one = ({ name, group = "network", result }: (typeof benches)[number]): unknown => ({
    origin: "file:///bench/a_bench.ts",
    group,
    name,
    baseline: false,
    results: [result ?? { ok: { n: 3, min: 3e8, max: 5e8, avg: 4e8, p75: 4.5e8, p99: 5e8 } }],
  });
  return JSON.stringify(
    { version: 1, runtime: "Deno/2.9.6", cpu: "a CPU", benches: benches.map(one) },
    null,
    2,
  );
}

function recorded(name: string, part: Partial<Recorded> = {}): Recorded {
  return {
    group: "network",
    name,
    batch: 100,
    ms: [9, 5, 3, 4],
    multiplyAdds: 1e9,
    bytes: 4e6,
    kernels: ["a/b"],
    ...part,
  };
}

const PEAK: ShownPeak = { gflops: 1000, copyGBs: 10, storageGBs: 8, launchMs: 0.002, waitMs: 11 };

function results(part: Partial<Results> = {}): Results {
  return {
    format: FORMAT,
    date: "2026-11-21T10:00Z",
    adapter: "llvmpipe (LLVM 15.0.6, 256 bits)",
    driver: ["Mesa 22.3.6"],
    processor: "a CPU",
    threads: 2,
    system: "linux x86_64",
    deno: "2.9.6",
    engine: "0.1.0, kernels 778a6293",
    commit: "abcdef1",
    loadBefore: 0.1,
    loadAfter: 2,
    seconds: 200,
    busy: false,
    peak: PEAK,
    benches: benchResults(
      [{ name: "net, 224", group: "network", n: 3, min: 3e8, p75: 4.5e8 }],
      new Map([["net, 224", recorded("net, 224")]]),
      PEAK,
    ),
    leftOut: [],
    history: [],
    ...part,
  };
}

Deno.test("the output of deno bench is read behind what the benches print", () => {
  const expected = [{ name: "a", group: "network", n: 3, min: 3e8, p75: 4.5e8 }];
  const output = denoOutput([{ name: "a" }]);
  for (const before of ["", "a line\n", '{"json": 1}\n{\n', "left out: x\nlast\n"]) {
    assertEquals(parseDenoBench(before + output), expected, `behind ${JSON.stringify(before)}`);
  }
  assertEquals(parseDenoBench(denoOutput([{ name: "a", group: null }]))[0]!.group, "");
});

Deno.test("benches that fail, share a name or tell nothing are refused with what went wrong", () => {
  const failed = denoOutput([{ name: "a" }, {
    name: "b",
    result: { failed: { name: "Error", message: "no room" } },
  }]);
  assertThrows(() => parseDenoBench(failed), BenchError, "1 of 2 benches failed: b (no room)");
  assertThrows(
    () => parseDenoBench(denoOutput([{ name: "a" }, { name: "a" }])),
    BenchError,
    "share a name: a",
  );
  assertThrows(() => parseDenoBench("error: no such file\n"), BenchError, "no such file");
  assertThrows(() => parseDenoBench('{\n  "version": 2,\n  "benches": []\n}\n'), BenchError, "version 2");
});

Deno.test("deno bench --json of this Deno is as it is read", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const text = `console.log("before");
Deno.bench({ name: "sum", group: "g", n: 3, warmup: 1, fn(b) {
  b.start(); let s = 0; for (let i = 0; i < 1e6; i++) s += i; b.end();
  if (s < 0) throw new Error();
} });`;
    await Deno.writeTextFile(`${folder}/a_bench.ts`, text);
    const args = ["bench", "--no-config", "--no-lock", "--json", "a_bench.ts"];
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: folder }).output();
    const [bench, ...more] = parseDenoBench(new TextDecoder().decode(stdout));
    assertEquals([bench?.name, bench?.group, more], ["sum", "g", []], new TextDecoder().decode(stderr));
    assert(bench!.n >= 3 && bench!.min > 0 && bench!.p75 >= bench!.min, JSON.stringify(bench));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the benches' own lines are read, with what they left out", () => {
  const text = `${JSON.stringify(recorded("a"))}\n{"leftOut":"XFeat, 640"}\n`;
  const { recorded: lines, leftOut } = parseRecord(text);
  assertEquals([lines.get("a"), leftOut], [recorded("a"), ["XFeat, 640"]]);
  assertThrows(() => parseRecord('{"name":'), BenchError, '{"name":');
});

Deno.test("figures are of one inference, and rates are held against the peak", () => {
  const timed = [
    { name: "a", group: "network", n: 3, min: 3e8, p75: 4.5e8 },
    { name: "b", group: "moving", n: 4, min: 2e8, p75: 4e8 },
  ];
  const lines = new Map([
    ["a", recorded("a")],
    ["b", recorded("b", { multiplyAdds: 0 })],
  ]);
  const [a, b] = benchResults(timed, lines, PEAK);
  assertEquals(a, {
    group: "network",
    name: "a",
    medianMs: 4, // of 5, 3 and 4: the warm-up's 9 is none of Deno's three
    leastMs: 3, // 0.3 s of 100 inferences
    p75Ms: 4.5,
    batches: 3,
    batch: 100,
    multiplyAdds: 1e9,
    gflops: 500, // 2 * 10^9 in 4 ms
    shareOfPeak: 0.5,
    kernels: ["a/b"],
  });
  assertEquals([b!.medianMs, b!.gflops, b!.gbs, b!.shareOfCopy], [4.5, undefined, 0.8889, 0.08889]);
  assertThrows(() => benchResults(timed, new Map(), PEAK), BenchError, "the bench recorded 0");
});

Deno.test("the peak is the better of each of all probes", () => {
  const probe = (flops: number, launchMs: number): Peaks => ({
    flops,
    copyBytes: flops / 10,
    storageBytes: flops / 20,
    launchMs,
    passMs: 1,
    waitMs: 2 * launchMs,
  });
  assertEquals(bestPeak([probe(6e10, 0.004), probe(7.00049e10, 0.005)]), {
    gflops: 70,
    copyGBs: 7,
    storageGBs: 3.5,
    launchMs: 0.004,
    waitMs: 0.008,
  });
});

Deno.test("a file is named for its adapter, not for the version of the adapter's compiler", () => {
  assertEquals(slugOf("llvmpipe (LLVM 15.0.6, 256 bits)"), "llvmpipe-256-bits");
  assertEquals(slugOf("llvmpipe (LLVM 19.1.1, 256 bits)"), slugOf("llvmpipe (LLVM 15.0.6, 256 bits)"));
  assertEquals(slugOf("NVIDIA GeForce RTX 4090"), "nvidia-geforce-rtx-4090");
  assertEquals(slugOf("AMD Radeon (RADV NAVI31, Mesa 24.2.1-2)"), "amd-radeon-radv-navi31");
  assertEquals([slugOf("../../x"), slugOf("()"), slugOf("a".repeat(80)).length], ["x", "adapter", 60]);
});

Deno.test("a run is held beside the one before, bench by bench and by the median of all", () => {
  const comparison = compareRuns({ a: 2, b: 10, c: 1, gone: 5 }, { a: 1, b: 11, c: 1, added: 7 });
  assertEquals(comparison.ratios.map(({ name, ratio }) => [name, ratio]), [["a", 0.5], ["b", 1.1], ["c", 1]]);
  assertEquals([comparison.medianRatio, comparison.gone, comparison.added], [1, ["gone"], ["added"]]);
  const busy = results({ busy: true, peak: { ...PEAK, gflops: 500 }, adapter: "another", commit: "1234567" });
  const text = describeComparison(comparison, results(), busy);
  assertMatch(text, /^a +2 +1 +0\.50$/m);
  for (
    const part of [
      "old: 2026-11-21T10:00Z, abcdef1",
      "new: 2026-11-21T10:00Z, 1234567",
      "The median of 3 ratios is 1.000",
      "New: added.",
      "Not measured now: gone.",
      "0.50 times the old one",
      'The adapter was "llvmpipe (LLVM 15.0.6, 256 bits)", and is "another".',
      "Other programs ran beside the new run.",
    ]
  ) assertStringIncludes(text, part);
  const same = describeComparison(compareRuns({ a: 2 }, { b: 2 }), results(), results());
  assertStringIncludes(same, "no bench in common");
  assert(!same.includes("times the old one") && !same.includes("Other programs"), same);
});

Deno.test("a file keeps its last runs in short, the newest first, and no more than twelve", () => {
  let file: Results | undefined;
  for (let i = 0; i < 15; i++) file = withHistory(results({ commit: `commit ${i}` }), file);
  assertEquals(file!.commit, "commit 14");
  assertEquals(
    file!.history.map(({ commit }) => commit),
    Array.from({ length: 12 }, (_, i) => `commit ${13 - i}`),
  );
  assertEquals(file!.history[0]!.medianMs, mediansOf(file!.benches));
});

Deno.test("files of other kinds are no results, and a torn one is told", () => {
  assertEquals(parseResults('{"frames": []}', "a.json"), undefined);
  assertEquals(parseResults("null", "a.json"), undefined);
  assertEquals(parseResults(JSON.stringify(results()), "a.json"), results());
  assertThrows(() => parseResults("{", "a.json"), BenchError, "a.json is no JSON");
});

Deno.test("the section tells adapter and machine, all networks, and what was left out or ran beside it", () => {
  const more = results({ busy: true, loadBefore: 3.2, leftOut: ["XFeat, 640"] });
  const [moving] = benchResults(
    [{ name: SHOWN_OPERATORS.at(-1)!, group: "resizing", n: 3, min: 3e8, p75: 4e8 }],
    new Map([[SHOWN_OPERATORS.at(-1)!, recorded("", { multiplyAdds: 0 })]]),
    PEAK,
  );
  const hidden = { ...moving!, name: "an operator that is not shown" };
  more.benches = [moving!, hidden, ...more.benches];
  const text = benchmarksSection([{ path: "bench/results/a.json", results: more }]).replaceAll("\n", " ");
  for (
    const part of [
      "On llvmpipe (LLVM 15.0.6, 256 bits), Mesa 22.3.6; a CPU, 2 threads; Deno 2.9.6; 2026-11-21, commit abcdef1",
      "(`bench/results/a.json`)",
      "1000 GFLOP/s of multiply-adds in registers, 10.0 GB/s of copies, 2 µs a dispatch",
      "**Other programs ran beside it** (load average 3.2 before it)",
      "Left out, as their files were not there: XFeat, 640.",
    ]
  ) assertStringIncludes(text, part);
  assertMatch(
    text,
    /\| net, 224 +\| +4 \| +3 \| +500 \| +50 \| +- \|.*\| Resize.* +4 \| +3 \| +- \| +- \| +1 \|/,
  );
  assert(!text.includes("not shown"), text);
  const page = withBenchmarks(`# A\n\n${BEGIN}\n\nold\n\n${END}\n\nrest\n`, [{
    path: "a",
    results: results(),
  }]);
  assert(page.startsWith(`# A\n\n${BEGIN}\n\nOn llvmpipe`) && page.endsWith(`|\n\n${END}\n\nrest\n`), page);
  assertThrows(() => withBenchmarks("# A\n", []), RangeError, "lacks the lines");
});

Deno.test("the README's benchmarks are those of the files in bench/results", async () => {
  const kept = await keptResults();
  assert(kept.length > 0, "there are no results in bench/results: run deno task bench:results");
  for (const { path, results: { benches, adapter } } of kept) {
    assertEquals(path, `bench/results/${slugOf(adapter)}.json`);
    const names = new Set(benches.map(({ name }) => name));
    assertEquals(
      SHOWN_OPERATORS.filter((name) => !names.has(name)),
      [],
      `${path} lacks operators that are shown`,
    );
  }
  const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  const current = withBenchmarks(readme, kept) === readme;
  assert(current, "run deno task bench:results --readme, which makes the table from the results");
});

Deno.test("unknown options of bench:results are wrong usage", async () => {
  assertEquals(await main(["--fast"]), 2);
  assertEquals(await main(["text"]), 2);
});
