import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { main } from "../../src/cli/mod.ts";
import { reportFailure, UsageError } from "../../src/cli/failure.ts";
import { inProcess, isOneMessage } from "./command.ts";

Deno.test("framewise --version prints the version and nothing else", async () => {
  for (const option of ["--version", "-V"]) {
    assertEquals(await inProcess(() => main([option])), { code: 0, out: config.version, err: "" });
  }
});

Deno.test("framewise --help names every command; without a command it goes to stderr", async () => {
  for (const option of ["--help", "-h", "help"]) {
    const { code, out, err } = await inProcess(() => main([option]));
    assertEquals([code, err], [0, ""]);
    for (
      const command of [
        "detect",
        "eval loops",
        "info",
        "loops",
        "models",
        "models get",
        "profile",
        "vocabulary train",
        "vocabulary convert",
      ]
    ) {
      assertStringIncludes(out, `framewise ${command}`);
    }
  }
  const { code, out, err } = await inProcess(() => main([]));
  assertEquals([code, out], [2, ""]);
  assertMatch(err, /^framewise .*\n\nUsage:/);
});

Deno.test("every command has help", async () => {
  for (const command of ["detect", "eval", "info", "loops", "models", "profile", "vocabulary"]) {
    const { code, out, err } = await inProcess(() => main([command, "--help"]));
    assertEquals([code, err], [0, ""], command);
    assertMatch(out, new RegExp(`^Usage:\n  framewise ${command}`));
  }
});

Deno.test("wrong usage is one message, where to read more, and exit code 2", async () => {
  const cases: [string[], string][] = [
    [
      ["frob"],
      `there is no command "frob"; the commands are detect, eval, info, loops, models, profile, vocabulary`,
    ],
    [["--frob"], `there is no option "--frob"`],
    [["constructor"], `there is no command "constructor"`],
    [["detect"], "SOURCE is missing"],
    [["detect", "a.mp4", "--wibble"], "there is no option --wibble"],
    [["detect", "a.mp4", "--model", "m", "--conf", "2"], `--conf is "2"`],
    [["detect", "a.mp4", "--model", "m", "--conf", "-1"], `--conf is "-1"`],
    [["detect", "-", "--model", "m"], "need --size"],
    [["eval"], "say what"],
    [["eval", "boxes", "a.jsonl"], "there is no eval boxes"],
    [["eval", "loops"], "takes one file of results"],
    [["eval", "loops", "a.jsonl"], "--truth is missing"],
    [["eval", "loops", "a.jsonl", "--truth", "b", "--by", "luck"], `--by is "luck"`],
    [["eval", "loops", "a.jsonl", "--truth", "b", "--gap", "0"], `--gap is "0"`],
    [["info"], "info takes one file or name"],
    [["info", "a", "b"], "info takes one file or name"],
    [["info", "--wibble"], "there is no option --wibble"],
    [["profile"], "profile takes one file or name"],
    [["profile", "a", "--input", "b"], `--input is "b"`],
    [["vocabulary"], "say what to do"],
    [["vocabulary", "frob"], "there is no vocabulary frob"],
    [["vocabulary", "info"], "takes one file"],
    [["vocabulary", "info", "a.fwv", "--kind", "x"], `--kind is "x"`],
    [["vocabulary", "convert", "a.fwv"], "takes two files"],
    [["vocabulary", "convert", "a.fwv", "b.doc"], `"b.doc" ends in no known form`],
    [["vocabulary", "convert", "a.fwv", "b.txt", "--dbow2"], "--dbow2 goes with .yml"],
    [["vocabulary", "train", "a.jpg"], "--features is missing"],
    [["vocabulary", "train", "a.jpg", "--features", "orb"], "--out is missing"],
    [["vocabulary", "train", "--features", "orb", "--out", "a.fwv"], "SOURCE is missing"],
    [["vocabulary", "train", "-", "--features", "orb", "--out", "a.fwv"], "reads no raw frames"],
    [["vocabulary", "train", "a.jpg", "--features", "orb", "--out", "a.doc"], "ends in no known form"],
    [["vocabulary", "train", "a", "--features", "orb", "--out", "a.fwv", "--k", "1"], `--k is "1"`],
    [
      ["vocabulary", "train", "a", "--features", "orb", "--out", "a.fwv", "--scoring", "x"],
      `--scoring is "x"`,
    ],
    [["loops"], "SOURCE is missing"],
    [["loops", "a.mp4", "--vocabulary", "v.fwv"], "--vocabulary needs --features"],
    [["models", "frob"], `unknown "frob"`],
    [["models", "get"], "get takes one name"],
  ];
  for (const [args, message] of cases) {
    const { code, out, err } = await inProcess(() => main(args));
    assertEquals([code, out], [2, ""], args.join(" "));
    assertStringIncludes(err, message);
    assertMatch(err, /\nsee: framewise (\w+ )?--help$/);
    assertEquals(err.split("\n").length, 2, err);
  }
});

Deno.test("reportFailure() tells what failed first, and only its message", () => {
  const told: string[] = [];
  const report = (error: unknown, usage?: string): number =>
    reportFailure("framewise x", error, usage, (line) => told.push(line));
  const first = new Error("the disk is full"), second = new Error("cannot close");
  assertEquals(report(new SuppressedError(second, new SuppressedError(second, first))), 1);
  assertEquals(report("a string"), 1);
  assertEquals(report(new TypeError()), 1);
  assertEquals(report(new UsageError("--x is unknown"), "see: y"), 2);
  assertEquals(told, [
    "framewise x: the disk is full",
    "framewise x: a string",
    "framewise x: TypeError",
    "framewise x: --x is unknown",
    "see: y",
  ]);
  assert(told.slice(0, 4).every((line) => isOneMessage(line, "framewise x")));
});
