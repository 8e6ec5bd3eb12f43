/** What links/ and the packages that it stands for have in common; it holds with `"links"` removed too. */
import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertGreater,
  assertInstanceOf,
  AssertionError,
  assertIsError,
  assertNotEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
  unreachable,
} from "@std/assert";
import { parseArgs } from "@std/cli/parse-args";

Deno.test("assertEquals() takes what is equal in depth", () => {
  const cyclic = (): unknown => {
    const list: unknown[] = [1];
    list.push(list);
    return list;
  };
  const pairs: [unknown, unknown][] = [
    [NaN, NaN],
    [0, -0],
    [{ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }],
    [{ a: 1, b: 2 }, { b: 2, a: 1 }],
    [Object.create(null), {}],
    [new Float32Array([1, NaN]), new Float32Array([1, NaN])],
    [new Uint8Array([1]).buffer, new Uint8Array([1]).buffer],
    [new Map([["a", [1]]]), new Map([["a", [1]]])],
    [new Map([[[1], 1], [[2], 2]]), new Map([[[2], 2], [[1], 1]])],
    [new Set([[1], [2]]), new Set([[2], [1]])],
    [new Date(5), new Date(5)],
    [/a/g, /a/g],
    [new URL("https://example.com/"), new URL("https://example.com")],
    [cyclic(), cyclic()],
  ];
  for (const [a, b] of pairs) {
    assertEquals(a, b);
    assertThrows(() => assertNotEquals(a, b), AssertionError);
  }
});

Deno.test("assertEquals() refuses what differs", () => {
  const pairs: [unknown, unknown][] = [
    [1, "1"],
    [null, undefined],
    [{ a: undefined }, {}],
    [[1, 2], [1, 2, 3]],
    [[0, 0], new Float32Array(2)],
    [new Float32Array(2), new Float64Array(2)],
    [new Map([["a", 1]]), new Map([["a", 2]])],
    [new Map([["a", 1]]), new Map([["b", 1]])],
    [new Set([1]), new Set([2])],
    [new Date(5), new Date(6)],
    [/a/g, /a/],
    [new (class A {})(), new (class B {})()],
    [() => 1, () => 1],
  ];
  for (const [a, b] of pairs) {
    assertNotEquals(a, b);
    assertThrows(() => assertEquals(a, b, "told"), AssertionError, "told");
  }
});

Deno.test("assertAlmostEquals() allows the tolerance, by default 1e-7 of the expected value", () => {
  assertAlmostEquals(1e6 + 0.05, 1e6);
  assertThrows(() => assertAlmostEquals(1 + 1e-6, 1), AssertionError);
  assertAlmostEquals(1.2, 1, 0.21);
  assertThrows(() => assertAlmostEquals(1.2, 1, 0.19), AssertionError);
  assertThrows(() => assertAlmostEquals(NaN, 1), AssertionError);
  assertAlmostEquals(Infinity, Infinity);
});

Deno.test("assertThrows() and assertRejects() give back the error of the class and message asked for", async () => {
  const thrown = new TypeError("no such thing");
  const throws = (): never => {
    throw thrown;
  };
  assertStrictEquals(assertThrows(throws), thrown);
  assertStrictEquals(assertThrows(throws, TypeError, "such"), thrown);
  assertThrows(() => assertThrows(throws, RangeError), AssertionError);
  assertThrows(() => assertThrows(throws, TypeError, "other"), AssertionError);
  assertThrows(() => assertThrows(() => {}), AssertionError);

  const rejects = (): Promise<never> => Promise.reject(thrown);
  assertStrictEquals(await assertRejects(rejects, TypeError, "such"), thrown);
  await assertRejects(() => assertRejects(rejects, RangeError), AssertionError);
  await assertRejects(() => assertRejects(() => Promise.resolve(1)), AssertionError);
  await assertRejects(() => assertRejects(throws as () => Promise<never>), AssertionError);
});

Deno.test("the assertions that narrow types do so, and throw", () => {
  const value: unknown = new RangeError("far");
  assertInstanceOf(value, RangeError);
  assertEquals(value.message, "far");
  assertIsError(value, Error, "far");
  const maybe: string | undefined = ["text"].at(0);
  assertExists(maybe);
  assertEquals(maybe.length, 4);
  assertThrows(() => assertInstanceOf(value, TypeError), AssertionError);
  assertThrows(() => assertExists(null), AssertionError);
  assertThrows(() => assert(0), AssertionError);
  assertThrows(() => fail("on purpose"), AssertionError, "on purpose");
  assertThrows(() => unreachable(), AssertionError);
});

Deno.test("the assertions about parts look at the parts", () => {
  assertArrayIncludes([[1], [2], [3]], [[3], [1]]);
  assertThrows(() => assertArrayIncludes([1], [1, 2]), AssertionError);
  assertObjectMatch({ a: { b: 1, c: 2 }, d: [1, 2] }, { a: { b: 1 } });
  assertThrows(() => assertObjectMatch({ a: { b: 1 } }, { a: { b: 2 } }), AssertionError);
  assertStringIncludes("framewise", "wise");
  assertThrows(() => assertStringIncludes("framewise", "Wise"), AssertionError);
  assertGreater(2, 1);
  assertThrows(() => assertGreater(1, 1), AssertionError);
});

Deno.test("parseArgs() reads values, flags, lists and negations, with their types", () => {
  const line = "clip.mp4 --model m.onnx --conf=0.3 -q --classes car --classes=person --no-bar";
  const args = parseArgs(line.split(" "), {
    string: ["model", "json", "classes"],
    boolean: ["quiet", "bar"],
    collect: ["classes"],
    negatable: ["bar"],
    alias: { quiet: "q" },
    default: { conf: 0.25, bar: true },
  });
  const model: string | undefined = args.model, classes: string[] = args.classes, quiet: boolean = args.quiet;
  assertEquals([model, classes, quiet, args.bar, args.conf, args._], [
    "m.onnx",
    ["car", "person"],
    true,
    false,
    0.3,
    ["clip.mp4"],
  ]);
  assertEquals(args.json, undefined);
});

Deno.test("parseArgs() understands the short forms, numbers, -- and defaults", () => {
  const cases: [string, Parameters<typeof parseArgs>[1], Record<string, unknown>][] = [
    ["-n5 -abc 7", {}, { _: [], n: 5, a: true, b: true, c: 7 }],
    ["-n=5", {}, { _: [], n: 5 }],
    ["--x 0x10 1e3", {}, { _: [1000], x: 16 }],
    ["--x 12 13", { string: ["x", "_"] }, { _: ["13"], x: "12" }],
    ["--json - rest", { string: ["json"] }, { _: ["-", "rest"], json: "" }],
    ["--json=-", { string: ["json"] }, { _: [], json: "-" }],
    ["a -- --b", {}, { _: ["a", "--b"] }],
    ["a -- --b", { "--": true }, { "_": ["a"], "--": ["--b"] }],
    ["get --out x", { stopEarly: true }, { _: ["get", "--out", "x"] }],
    ["--f file", { boolean: ["f"] }, { _: ["file"], f: true }],
    ["--f=false", { boolean: ["f"] }, { _: [], f: false }],
    ["--f file", { boolean: true }, { _: ["file"], f: true }],
    ["", { boolean: ["f"], string: ["s"], collect: ["s"] }, { _: [], f: false, s: [] }],
    ["--a 1 --a 2", {}, { _: [], a: 2 }],
    ["--a.b 1", { default: { "a.c": 2 } }, { _: [], a: { b: 1, c: 2 } }],
  ];
  for (const [line, options, expected] of cases) {
    const args = line.split(" ").filter((arg) => arg !== "");
    assertEquals<unknown>(parseArgs(args, options), expected, `"${line}" with ${JSON.stringify(options)}`);
  }
});

Deno.test("parseArgs() asks about what it does not know", () => {
  const asked: unknown[] = [];
  const args = parseArgs(["--known", "1", "--other", "2", "place"], {
    string: ["known"],
    unknown: (...about) => {
      asked.push(about);
      return false;
    },
  });
  assertEquals<unknown>(args, { _: [], known: "1" });
  assertEquals<unknown>(asked, [["--other", "other", "2"], ["place"]]);
});
