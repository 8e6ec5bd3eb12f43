import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { GpuError, preprocess } from "../../src/gpu/mod.ts";

/** Without the empty lines and the indentation that do not matter. */
function lines(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
}

Deno.test("preprocess() leaves text without directives as it is", () => {
  const source = "// a comment\nfn main() {\n  let i = 0u; //# not at the start\n}\n";
  assertEquals(preprocess(source, "k"), source);
});

Deno.test("preprocess() keeps the default lines of a block that is not injected", () => {
  assertEquals(preprocess("a\n//#inject epilogue\nb\n//#end\nc", "k"), "a\nb\nc");
});

Deno.test("preprocess() replaces every block of the injected name, and no other", () => {
  const source = "//#inject a\n1\n//#end\n//#inject b\n2\n//#end\n//#inject a\n3\n//#end";
  assertEquals(preprocess(source, "k", { inject: { a: "x\ny" } }), "x\ny\n2\nx\ny");
  assertEquals(preprocess(source, "k", { inject: { a: "" } }), "\n2\n");
});

Deno.test("preprocess() does not read directives in injected text", () => {
  const source = "//#inject a\n//#end";
  assertEquals(preprocess(source, "k", { inject: { a: "//#end" } }), "//#end");
});

Deno.test("preprocess() unrolls a loop: a trip that declares something is a block of its own", () => {
  const unrolled = (body: string): string[] =>
    lines(preprocess(`//#unroll k 2\nfor (var k = 0u; k < 2u; k++) {\n${body}\n}\n//#end`, "k"));
  assertEquals(unrolled("  a[k] = b[k + kk];"), ["a[0u] = b[0u + kk];", "a[1u] = b[1u + kk];"]);
  assertEquals(unrolled("let c = k;\nf(c);"), [
    "{",
    "let c = 0u;",
    "f(c);",
    "}",
    "{",
    "let c = 1u;",
    "f(c);",
    "}",
  ]);
  // What an inner block declares, that ends with it; nor does a comment declare anything.
  assertEquals(unrolled("if (k > 0u) {\nlet c = k;\nif (x) { var d = c; }\n}"), [
    ...["if (0u > 0u) {", "let c = 0u;", "if (x) { var d = c; }", "}"],
    ...["if (1u > 0u) {", "let c = 1u;", "if (x) { var d = c; }", "}"],
  ]);
  assertEquals(unrolled("f(k); // let it be").length, 2);
});

Deno.test("preprocess() takes an unroll count by name, and zero trips", () => {
  const source = "//#unroll k TAPS\n// before\nfor (var k = 0u; k < TAPS; k++) {\nf(k);\n}\n//#end\nafter";
  const unrolled = (TAPS: number): string[] => lines(preprocess(source, "k", { constants: { TAPS } }));
  assertEquals(unrolled(2), ["// before", "f(0u);", "f(1u);", "after"]);
  assertEquals(unrolled(0), ["// before", "after"]);
});

Deno.test("preprocess() nests unrolled loops, in each other and around injected text", () => {
  const source = [
    "//#unroll i 2",
    "for (var i = 0u; i < 2u; i++) {",
    "  //#unroll j 2",
    "  for (var j = 0u; j < 2u; j++) {",
    "    //#inject body",
    "    none;",
    "    //#end",
    "  }",
    "  //#end",
    "}",
    "//#end",
  ].join("\n");
  const body = lines(preprocess(source, "k", { inject: { body: "f(i, j);" } })).filter((line) =>
    line.startsWith("f")
  );
  assertEquals(body, ["f(0u, 0u);", "f(0u, 1u);", "f(1u, 0u);", "f(1u, 1u);"]);
});

Deno.test("preprocess() leaves inner loops with their own break alone", () => {
  const source = "//#unroll i 2\nfor (var i = 0u; i < 2u; i++) {\nfor (;;) {\nbreak;\n}\n}\n//#end";
  assertEquals(lines(preprocess(source, "k")).filter((line) => line === "break;").length, 2);
});

Deno.test("preprocess() reads files with Windows line ends", () => {
  const source = "//#unroll k 1\r\nfor (var k = 0u; k < 1u; k++) {\r\nf(k);\r\n}\r\n//#end\r\n";
  assertEquals(lines(preprocess(source, "k")), ["f(0u);"]);
});

Deno.test("preprocess() refuses what it cannot do right, and names the kernel and the line", () => {
  const loop = (head: string, body: string): string => `\n\n//#unroll k 2\n${head}\n${body}\n}\n//#end`;
  const good = "for (var k = 0u; k < 2u; k++) {";
  const cases: [source: string, line: number, problem: string][] = [
    ["a\n//#inject x\nb", 2, "block without //#end"],
    ["//#unroll k 2\n//#inject x\n//#end", 1, "block without //#end"],
    ["a\nb\n//#end", 3, "//#end without a beginning"],
    ["//#inject x\n//#end\n//#end", 3, "//#end without a beginning"],
    ["a\n//#inject\n//#end", 2, "needs a name"],
    ["//#unrol k 2\n//#end", 1, "unknown directive //#unrol"],
    ["//#unroll k\nfor (var k = 0u; k < 2u; k++) {\n}\n//#end", 1, "needs a variable and a count"],
    ["//#unroll k N\nfor (var k = 0u; k < N; k++) {\n}\n//#end", 1, 'give a number or the value of "N"'],
    [loop("for (var j = 0u; j < 2u; j++) {", "f();"), 3, 'no "for (var k = 0u; k < 2; k++) {" loop'],
    [loop("for (var k = 0u; k < 2u; k += 2u) {", "f();"), 3, "no "],
    [loop("for (var k = 0u; k < 3u; k++) {", "f();"), 3, "the loop runs to 3u"],
    [loop(good, "if (x) {\nbreak;\n}"), 3, "break or continue"],
    [loop(good, "if (x) {\ncontinue;\n}"), 3, "break or continue"],
  ];
  for (const [source, line, problem] of cases) {
    const error = assertThrows(() => preprocess(source, "conv/test"), GpuError);
    assertStringIncludes(
      error.message,
      `Cannot preprocess conv/test, line ${line}: `,
      JSON.stringify(source),
    );
    assertStringIncludes(error.message, problem, JSON.stringify(source));
  }
});

Deno.test("preprocess() refuses an injection without a place, and a negative count", () => {
  const error = assertThrows(() => preprocess("a", "conv/test", { inject: { tile: "b" } }), GpuError);
  assertEquals(error.message, 'Cannot preprocess conv/test: it has no block "//#inject tile"');
  const source = "//#unroll k N\nfor (var k = 0u; k < N; k++) {\nf();\n}\n//#end";
  assertThrows(() => preprocess(source, "k", { constants: { N: -1 } }), GpuError, "line 1");
  assertThrows(() => preprocess(source, "k", { constants: { N: 1.5 } }), GpuError, "line 1");
  assert(preprocess(source, "k", { constants: { N: 1 } }).includes("f();"));
});

Deno.test("preprocess() makes numbers of constant indices, and leaves all others", () => {
  const constants = { P: 4, STEP: 2, N: 3 };
  const cases: [index: string, folded: string][] = [
    ["k * P + 1u", "13u"],
    ["(k * STEP + 1u) / STEP * P + k % STEP", "13u"],
    ["2u - k + P - 1u", "2u"],
    ["k", "3u"],
    // A difference below zero is an error that the compiler tells of.
    ["1u - P", "1u - P"],
    ["k + local", "3u + local"],
    ["k / 0u", "3u / 0u"],
    ["k + ", "3u + "],
    ["(k", "(3u"],
    ["-k", "-3u"],
    ["k * UNKNOWN", "3u * UNKNOWN"],
    ["f(k)", "f(3u)"],
  ];
  for (const [index, folded] of cases) {
    const source = `//#unroll k 4\nfor (var k = 0u; k < 4u; k++) {\na[${index}];\n}\n//#end`;
    assertEquals(lines(preprocess(source, "k", { constants }))[3], `a[${folded}];`, index);
  }
  assertEquals(
    preprocess("a[1u + P] + b[c[P]] + array<vec4f, P * P>()", "k", { constants }),
    "a[5u] + b[c[4u]] + array<vec4f, P * P>()",
  );
});

Deno.test("preprocess() repeats nothing where once is enough", () => {
  const source = "//#unroll i N\nfor (var i = 0u; i < N; i++) {\nf(i);\n}\n//#end";
  for (const N of [0, 1, 9]) {
    const text = lines(preprocess(source, "k", { constants: { N }, once: true }));
    assertEquals(text, ["f(0u);"], `${N}`);
  }
});
