import { assertEquals, assertThrows } from "@std/assert";
import { readArguments } from "../../src/cli/arguments.ts";
import { UsageError } from "../../src/cli/failure.ts";

const OPTIONS = { flags: ["strict", "quiet"], values: ["json", "conf", "slots"] };

Deno.test("readArguments() tells positional arguments, flags and values apart", () => {
  const given = readArguments(["a.mp4", "--strict", "--json=out.jsonl", "--conf", "0.5", "b"], OPTIONS);
  assertEquals(given.positional, ["a.mp4", "b"]);
  assertEquals([given.flag("strict"), given.flag("quiet"), given.flag("help")], [true, false, false]);
  assertEquals(given.value("json"), "out.jsonl");
  assertEquals(given.value("slots"), undefined);
  assertEquals(given.number("conf", 0.25, { min: 0, max: 1 }), 0.5);
  assertEquals(given.number("slots", 4, { min: 1, max: 64, whole: true }), 4);
  assertEquals(readArguments(["-h"], OPTIONS).flag("help"), true);
});

Deno.test("readArguments() takes a lone dash as a value after an option, else as an argument", () => {
  const given = readArguments(["-", "--json", "-", "--quiet"], OPTIONS);
  assertEquals(given.positional, ["-"]);
  assertEquals(given.value("json"), "-");
  assertEquals(readArguments(["--strict", "-"], OPTIONS).positional, ["-"]);
});

Deno.test("readArguments() keeps numbers in names as they are", () => {
  assertEquals(readArguments(["007.png", "1e3"], OPTIONS).positional, ["007.png", "1e3"]);
});

Deno.test("readArguments() refuses unknown options and options without their value", () => {
  const cases: [string[], string][] = [
    [["--wibble"], "there is no option --wibble"],
    [["-x"], "there is no option -x"],
    [["--json"], "--json needs a value"],
    [["--json="], "--json needs a value"],
    [["--conf", "--strict"], "--conf needs a value"],
  ];
  for (const [args, message] of cases) {
    assertThrows(() => readArguments(args, OPTIONS), UsageError, message);
  }
});

Deno.test("Arguments.number() refuses what is no number within its bounds, saying both", () => {
  const cases: [string, { min: number; max: number; whole?: boolean }, string][] = [
    ["abc", { min: 0, max: 1 }, `--conf is "abc"; it must be a number from 0 to 1`],
    [" ", { min: 0, max: 1 }, `--conf is " "`],
    ["NaN", { min: 0, max: 1 }, `--conf is "NaN"`],
    ["1.01", { min: 0, max: 1 }, `--conf is "1.01"`],
    ["2.5", { min: 1, max: 64, whole: true }, "it must be a whole number from 1 to 64"],
    ["0", { min: 1, max: Infinity, whole: true }, "it must be a whole number, 1 or more"],
    ["Infinity", { min: 1, max: Infinity, whole: true }, "it must be a whole number, 1 or more"],
  ];
  for (const [text, bounds, message] of cases) {
    const given = readArguments([`--conf=${text}`], OPTIONS);
    assertThrows(() => given.number("conf", 0, bounds), UsageError, message);
  }
});
