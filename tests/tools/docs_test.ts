import { assertEquals } from "@std/assert";
import { filterOf, unrunnableExamples } from "../../tools/docs.ts";

Deno.test("unrunnableExamples() finds the fences that say no-eval, in comments and in Markdown", () => {
  const fence = "```";
  const text = [
    "/**",
    ` * ${fence}ts no-eval`,
    ` * ${fence}`,
    ` * ${fence}ts`,
    `${fence}ts no-eval`,
    `// no-eval`,
  ]
    .join("\n");
  assertEquals(unrunnableExamples(text), [2, 5]);
});

Deno.test("filterOf() leaves out those places and no others", () => {
  const filter = new RegExp(filterOf(new Map([["src/a.ts", [2, 30]], ["README.md", [7]]])).slice(1, -1));
  const names: [string, boolean][] = [
    ["file:///x/src/a.ts#2-6.ts", false],
    ["file:///x/src/a.ts#30-31.ts", false],
    ["file:///x/src/a.ts#3-6.ts", true],
    ["file:///x/src/a.ts#20-36.ts", true],
    ["file:///x/src/axts#2-6.ts", true],
    ["file:///x/README.md#7-9.ts", false],
    ["file:///x/README.md#17-19.ts", true],
  ];
  for (const [name, isRun] of names) assertEquals(filter.test(name), isRun, name);
});

Deno.test("filterOf() without such places runs everything", () => {
  assertEquals(filterOf(new Map()), "/^/");
});
