import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UsageError } from "../../src/cli/failure.ts";
import { LOOPS_USAGE, type LoopsOptions, readLoopsOptions } from "../../src/cli/loops_options.ts";
import { TOWN_LEAST_SEQUENCE, TOWN_SEQUENCE } from "../../src/place/town_places.ts";

const read = (...args: string[]): LoopsOptions => readLoopsOptions(args)!;

Deno.test("readLoopsOptions() fills in what is not told", () => {
  const options = read("a.mp4", "--embed", "net.onnx");
  assertEquals(options.source, "a.mp4");
  assertEquals([options.gap, options.top, options.slots], [15, 10, 4]);
  assertEquals([options.limit, options.strict, options.quiet, options.f16], [Infinity, false, false, false]);
  const told = Object.entries(options).filter(([, value]) => value !== undefined).map(([name]) => name);
  const flags = ["byDefault", "f16", "quiet", "relocalise", "strict"];
  const others = ["decide", "embed", "gap", "limit", "raw", "slots", "source", "top"];
  assertEquals(told.toSorted(), [...flags, ...others].toSorted());
  assertEquals(options.decide, {});
  assertEquals(options.byDefault, false);
});

Deno.test("readLoopsOptions() takes what comes with Framewise where nothing is named, and only what is named else", () => {
  const parts = (...args: string[]): unknown[] => {
    const { byDefault, embed, features, vocabulary } = read("a.mp4", ...args);
    return [byDefault, embed, features, vocabulary];
  };
  const town = [true, "town-place", "town-features", "town-words"];
  assertEquals(parts(), town);
  assertEquals(parts("--method", "global", "--min-inliers", "30", "--index", "f16", "--map", "m"), town);
  assertEquals(parts("--embed", "net"), [false, "net", undefined, undefined]);
  assertEquals(parts("--embed", "town-place"), [false, "town-place", undefined, undefined]);
  assertEquals(parts("--features", "orb", "--vocabulary", "v"), [false, undefined, "orb", "v"]);
});

Deno.test("readLoopsOptions() takes every option", () => {
  const options = read(
    ...["-", "--size", "640x480", "--format", "i420", "--rate", "30", "--embed", "a", "--features", "orb"],
    ...["--vocabulary", "v.fwv", "--method", "both", "--gap", "30", "--json", "-", "--video", "b.mp4"],
    ...[
      "--report",
      "c.html",
      "--truth",
      "t.json",
      "--top",
      "5",
      "--sequence",
      "7",
      "--least-sequence",
      "3",
      "--min-similarity",
      "-0.5",
      "--min-inliers",
      "12",
    ],
    ...["--intrinsics", "500,501,320,240.5", "--max-features", "700", "--index", "int8", "--capacity", "99"],
    ...["--slots", "2", "--f16", "--limit", "10", "--strict", "--quiet", "--input", "64x64", "--output", "o"],
    ...["--map", "m", "--remember", "500", "--decide", "bowRatio=0.2,consistency=none,excludeCovisible=true"],
    ...["--features-input", "320x240", "--pooling", "gem=2.5", "--whitening", "w.bin"],
  );
  assertEquals(options.raw, { size: { width: 640, height: 480 }, format: "i420", frameRate: 30 });
  assertEquals([options.method, options.gap, options.top, options.index], ["both", 30, 5, "int8"]);
  assertEquals([options.sequence, options.leastSequence], [7, 3]);
  const told = (...args: string[]) => [read("a", ...args).sequence, read("a", ...args).leastSequence];
  assertEquals(told(), [TOWN_SEQUENCE, TOWN_LEAST_SEQUENCE]);
  assertEquals(told("--sequence", "2"), [2, 2]);
  assertEquals(told("--embed", "n"), [undefined, undefined]);
  assertEquals([options.minSimilarity, options.minInliers, options.mostFeatures], [-0.5, 12, 700]);
  assertEquals(options.intrinsics, { fx: 500, fy: 501, cx: 320, cy: 240.5 });
  assertEquals([options.pooling, options.whitening, options.output], [{ gem: 2.5 }, "w.bin", "o"]);
  assertEquals(options.decide, { bowRatio: 0.2, consistency: "none", excludeCovisible: true });
  assertEquals([options.map, options.remember, options.relocalise], ["m", 500, false]);
  assertEquals(read("a", "--embed", "n", "--map", "m", "--relocalise").relocalise, true);
  assertEquals([options.capacity, options.slots, options.limit], [99, 2, 10]);
  assertEquals([options.f16, options.strict, options.quiet], [true, true, true]);
  assertEquals(read("a", "--embed", "n", "--pooling", "gem").pooling, { gem: 3 });
  assertEquals(read("a", "--embed", "n", "--pooling", "max").pooling, "max");
});

Deno.test("readLoopsOptions() says what is wrong with the usage", () => {
  const net = ["a.mp4", "--embed", "net"];
  const cases: [string[], string][] = [
    [[], "SOURCE is missing"],
    [["a", "b", "--embed", "n"], "one SOURCE at a time"],
    [["a.mp4", "--features", "orb"], "nothing to find candidates with"],
    [["a.mp4", "--input", "64x64"], "--input goes with --embed"],
    [["a.mp4", "--output", "o"], "--output goes with --embed"],
    [["a.mp4", "--pooling", "max"], "--pooling goes with --embed"],
    [["a.mp4", "--whitening", "w.bin"], "--whitening goes with --embed"],
    [["a.mp4", "--features-input", "64x64"], "--features-input goes with --features"],
    [["a.mp4", "--vocabulary", "v"], "--vocabulary needs --features"],
    [
      ["a.mp4", "--method", "global", "--features", "orb", "--vocabulary", "v"],
      "--method global needs --embed",
    ],
    [[...net, "--method", "bow"], "--method bow needs --features and --vocabulary"],
    [[...net, "--method", "best"], `--method is "best"; there are global, bow, both`],
    [[...net, "--index", "f8"], `--index is "f8"; there are f32, f16, int8`],
    [["-", "--embed", "net"], "need --size"],
    [[...net, "--gap", "0"], `--gap is "0"`],
    [[...net, "--top", "2000"], `--top is "2000"`],
    [[...net, "--sequence", "0"], `--sequence is "0"`],
    [["a", "--features", "orb", "--vocabulary", "v", "--sequence", "3"], "--sequence goes with --embed"],
    [[...net, "--least-sequence", "2"], "--least-sequence 2 is more than the 1 of --sequence"],
    [["a", "--least-sequence", "31"], "--least-sequence 31 is more than the 30 of --sequence"],
    [
      ["a", "--features", "orb", "--vocabulary", "v", "--least-sequence", "1"],
      "--least-sequence goes with --embed",
    ],
    [[...net, "--min-similarity", "2"], `--min-similarity is "2"`],
    [[...net, "--truth", "t.json"], "--truth goes with --report"],
    [[...net, "--relocalise"], "--relocalise goes with --map"],
    [[...net, "--remember", "100"], "--remember goes with --map"],
    [[...net, "--map", "m", "--relocalise", "--remember", "100"], "--relocalise adds none"],
    [["a", "--features", "orb", "--vocabulary", "v", "--index", "f16"], "--index goes with --embed"],
    [[...net, "--min-inliers", "5"], "--min-inliers goes with --features"],
    [[...net, "--max-features", "5"], "--max-features goes with --features"],
    [[...net, "--intrinsics", "1,1,1,1"], "--intrinsics goes with --features"],
    [["a", "--features", "orb", "--vocabulary", "v", "--input", "9x9"], "--input goes with --embed"],
    [[...net, "--features", "orb", "--intrinsics", "500,500,320"], `--intrinsics is "500,500,320"`],
    [[...net, "--features", "orb", "--intrinsics", "0,500,320,240"], `--intrinsics is "0,500,320,240"`],
    [[...net, "--pooling", "gem=-1"], `--pooling is "gem=-1"`],
    [[...net, "--decide", "luck=1"], `--decide: "luck=1" is no NAME=VALUE; the names are `],
    [[...net, "--decide", "gap=3"], `--decide: "gap=3" is no NAME=VALUE`],
    [[...net, "--decide", "support=few"], `support is "few"; it must be a number`],
    [[...net, "--json", "x", "--report", "x"], `two outputs are both "x"`],
    [[...net, "--wibble"], "there is no option --wibble"],
  ];
  for (const [args, message] of cases) assertThrows(() => read(...args), UsageError, message);
});

Deno.test("readLoopsOptions() gives nothing when help is asked for; the help names every option", () => {
  assertEquals(readLoopsOptions(["--help"]), undefined);
  const error = assertThrows(() => read("a", "--embed", "n", "--wibble"), UsageError);
  assertStringIncludes(error.message, "--wibble");
  const options = read("a", "--embed", "n");
  const names: Record<string, string> = {
    byDefault: "embed",
    mostFeatures: "max-features",
    raw: "size",
    source: "SOURCE",
  };
  for (const key of Object.keys(options)) {
    const name = names[key] ?? key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    assertStringIncludes(LOOPS_USAGE, name === "SOURCE" ? name : `--${name}`);
  }
});
