/**
 * The house rules of the source tree: floors, no circles, and what runs outside Deno.
 */
import { assert, assertEquals } from "@std/assert";

/** From low to high; a file imports only from its own floor or a lower one. Folders in one entry share a floor. */
const FLOORS: readonly (readonly string[])[] = [
  ["gpu"],
  ["tensor"],
  ["onnx"],
  ["ops"],
  ["graph"],
  ["vision"],
  ["matrix"],
  ["embedded"],
  ["detect", "place"],
  ["frame"],
  ["video", "world"],
  ["cli"],
  ["demo"],
];

/** What files reachable from mod.ts may import from packages. Both run in browsers. */
const PORTABLE_PACKAGES = ["@bufbuild/protobuf", "wgsl_reflect"];

/** What files import text and data from, beside src. */
const DATA = ["shaders/", "models/", "deno.json"];

const ROOT = new URL("../", import.meta.url);

interface Import {
  readonly specifier: string;
  /** Nothing of it is left when the program runs. */
  readonly typeOnly: boolean;
}

/** TypeScript without its comments; strings stay. */
function withoutComments(text: string): string {
  const token = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(token, (found) => /^\/[/*]/.test(found) ? " " : found);
}

/** TypeScript without comments and strings; what stands in `${}` goes too. */
function codeOnly(text: string): string {
  return withoutComments(text).replace(/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g, '""');
}

function importsOf(text: string): Import[] {
  const code = withoutComments(text);
  const imports: Import[] = [];
  for (const match of code.matchAll(/^\s*(?:import|export)\b([^;"'`=()]*?)\bfrom\s*["']([^"']+)["']/gm)) {
    const [clause, specifier] = [match[1]!.trim(), match[2]!];
    const names = /^\{([\s\S]*)\}$/.exec(clause)?.[1]?.split(",").map((name) => name.trim()).filter(Boolean);
    const typeOnly = /^type\b/.test(clause) || (names?.every((name) => name.startsWith("type ")) ?? false);
    imports.push({ specifier, typeOnly });
  }
  for (const match of code.matchAll(/^\s*import\s*["']([^"']+)["']/gm)) {
    imports.push({ specifier: match[1]!, typeOnly: false });
  }
  for (const match of code.matchAll(/\bimport\(\s*["']([^"']+)["']|\bnew URL\(\s*["'](\.[^"']+\.ts)["']/g)) {
    imports.push({ specifier: match[1] ?? match[2]!, typeOnly: false });
  }
  return imports;
}

/** A local import's path below the root, such as `src/gpu/mod.ts`; undefined for packages. */
function resolved(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return new URL(specifier, new URL(from, ROOT)).pathname.slice(ROOT.pathname.length);
}

async function filesUnder(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(new URL(`${folder}/`, ROOT))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) files.push(...await filesUnder(path));
    else if (path.endsWith(".ts")) files.push(path);
  }
  return files.sort();
}

/** Every source file, its text and imports. */
const sources = new Map<string, { text: string; imports: Import[] }>();
for (const path of ["mod.ts", ...await filesUnder("src")]) {
  const text = await Deno.readTextFile(new URL(path, ROOT));
  sources.set(path, { text, imports: importsOf(text) });
}

function floorOf(path: string): number {
  const folder = /^src\/([^/]+)\//.exec(path)?.[1];
  return FLOORS.findIndex((floor) => folder !== undefined && floor.includes(folder));
}

Deno.test("importsOf() sees every form of import, and none in comments and strings", () => {
  const text = `
import { a, type B } from "./a.ts";
import type { C } from "./c.ts";
import {
  type D,
  type E,
} from "./d.ts";
import * as f from './f.ts';
import "./g.ts";
import wgsl from "./h.wgsl" with { type: "text" };
export * from "./i.ts";
export type { J } from "./j.ts";
const k = await import("./k.ts");
const worker = new Worker(new URL("./l.ts", import.meta.url), { type: "module" });
// import "./no1.ts";
/**
 * import { x } from "./no2.ts";
 */
export function m(from: string): string { return from; }
export const n = "not from './no3.ts'";
`;
  assertEquals(importsOf(text).map(({ specifier, typeOnly }) => `${specifier}${typeOnly ? " type" : ""}`), [
    "./a.ts",
    "./c.ts type",
    "./d.ts type",
    "./f.ts",
    "./h.wgsl",
    "./i.ts",
    "./j.ts type",
    "./g.ts",
    "./k.ts",
    "./l.ts",
  ]);
  assertEquals(codeOnly('a("Deno.exit"); // Deno.exit\nDeno.exit();').includes('a("")'), true);
});

Deno.test("every source file lies on a known floor, and imports what exists", () => {
  const problems: string[] = [];
  for (const [path, { imports }] of sources) {
    if (path !== "mod.ts" && floorOf(path) < 0) problems.push(`${path}: its folder is on no floor`);
    for (const { specifier } of imports) {
      const target = resolved(path, specifier);
      if (target === undefined || DATA.some((data) => target.startsWith(data))) continue;
      if (!sources.has(target)) problems.push(`${path} imports ${target}, which is no source file`);
    }
  }
  assertEquals(problems, []);
});

Deno.test("a file imports only from its own floor or a lower one", () => {
  const problems: string[] = [];
  for (const [path, { imports }] of sources) {
    if (path === "mod.ts") continue;
    for (const { specifier } of imports) {
      const target = resolved(path, specifier);
      if (target === "mod.ts") problems.push(`${path} imports the public surface`);
      else if (target !== undefined && floorOf(target) > floorOf(path)) {
        problems.push(`${path} imports ${target}`);
      }
    }
  }
  assertEquals(problems, []);
});

Deno.test("no file imports itself by way of others", () => {
  const state = new Map<string, "open" | "done">();
  const trail: string[] = [];
  const circles: string[] = [];
  const visit = (path: string): void => {
    if (state.get(path) === "open") circles.push([...trail.slice(trail.indexOf(path)), path].join(" > "));
    if (state.has(path)) return;
    state.set(path, "open");
    trail.push(path);
    for (const { specifier, typeOnly } of sources.get(path)!.imports) {
      const target = resolved(path, specifier);
      // A class and what it is made of may name each other's types: nothing of that is left when the program runs.
      if (!typeOnly && target !== undefined && sources.has(target)) visit(target);
    }
    trail.pop();
    state.set(path, "done");
  };
  for (const path of sources.keys()) visit(path);
  assertEquals(circles, []);
});

Deno.test("what mod.ts reaches runs outside Deno: no Deno namespace, no node: or @std module, few packages", () => {
  const reached = new Set<string>();
  const visit = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    for (const { specifier } of sources.get(path)!.imports) {
      const target = resolved(path, specifier);
      if (target !== undefined && sources.has(target)) visit(target);
    }
  };
  visit("mod.ts");
  assert(reached.size > 20, `mod.ts reaches ${reached.size} files`);
  const problems: string[] = [];
  for (const path of reached) {
    const { text, imports } = sources.get(path)!;
    for (const { specifier } of imports) {
      const known = specifier.startsWith(".") ||
        PORTABLE_PACKAGES.some((name) => specifier === name || specifier.startsWith(`${name}/`));
      if (!known) problems.push(`${path} imports ${specifier}`);
    }
    // A runtime that is looked for on globalThis may be absent; a bare name may not.
    if (/(?<![.\w$])Deno\s*[.[]/.test(codeOnly(text))) problems.push(`${path} uses Deno`);
    if (/(?<![.\w$])(process|Buffer|require)\s*[.(]/.test(codeOnly(text))) problems.push(`${path} uses Node`);
  }
  assertEquals(problems, []);
});
