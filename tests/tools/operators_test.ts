import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { allOperators, MADE_BY_PASSES } from "../../src/ops/registry.ts";
import { ANY_TYPE, FLOATS } from "../../src/ops/types.ts";
import { importsOfOperatorFile, OPERATORS_PAGE, operatorsPage, typesText } from "../../tools/operators.ts";

Deno.test("docs/operators.md is current", async () => {
  const page = await operatorsPage();
  assertEquals(await Deno.readTextFile(OPERATORS_PAGE) === page, true, "run deno task operators");
});

Deno.test("the page of operators has a row for each operator of the registry, with files that exist", async () => {
  const page = await operatorsPage();
  const rows = page.split("\n").filter((line) => line.startsWith("| ["));
  const told = allOperators().filter(({ op }) => !MADE_BY_PASSES.has(op));
  assertEquals(rows.length, told.length);
  for (const { op } of told) assertStringIncludes(page, `| [${op}](../src/ops/`);
  const known = new Set(allOperators().map(({ op }) => op));
  assertEquals([...MADE_BY_PASSES].filter((op) => !known.has(op)), []);
  for (const [, path] of page.matchAll(/\]\(\.\.\/([^)]+)\)/g)) {
    assertEquals((await Deno.stat(new URL(`../../${path}`, import.meta.url))).isFile, true, path);
  }
  for (const [, kernel] of page.matchAll(/`(\w+\/\w+)`/g)) {
    const file = new URL(`../../shaders/${kernel}.wgsl`, import.meta.url);
    assertEquals((await Deno.stat(file)).isFile, true, kernel);
  }
  const gridSample = rows.find((row) => row.startsWith("| [GridSample]"))!;
  assertMatch(gridSample, /\| 16 to \d+ \| floats \| `sample\/grid` `sample\/grid_3d` \| \[grid_sample\]/);
});

Deno.test("types are told by the names of their sets", () => {
  assertEquals(typesText(ANY_TYPE), "any");
  assertEquals(typesText(FLOATS), "floats");
  assertEquals(typesText(["i32", ...FLOATS]), "floats, i32");
  assertEquals(typesText(["bool"]), "bool");
});

Deno.test("imports of kernels and of more than types are seen", () => {
  const text = [
    'import A from "../../shaders/x/a.wgsl" with { type: "text" };',
    'import type { T } from "./types_only.ts";',
    "import {",
    "  one,",
    '} from "./helper.ts";',
    'import { type B, two } from "./other.ts";',
    'import { three } from "../tensor/view.ts";',
  ].join("\n");
  assertEquals(importsOfOperatorFile(text), { kernels: ["x/a"], files: ["helper.ts", "other.ts"] });
});
