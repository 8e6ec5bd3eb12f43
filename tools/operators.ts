/**
 * Writes `docs/operators.md`, the table of all operators, from the registry: `deno run -A tools/operators.ts`. With
 * `--check` it only tells whether the file is current; the exit code is 1 if it is not.
 *
 * @module
 */
import { NEWEST_OPSET } from "../src/graph/unsupported.ts";
import type { Operator } from "../src/ops/operator.ts";
import { allOperators, MADE_BY_PASSES } from "../src/ops/registry.ts";
import { ANY_TYPE, BYTES, FLOATS, NUMBERS } from "../src/ops/types.ts";
import type { DType } from "../src/tensor/dtype.ts";

/** Where the table is. */
export const OPERATORS_PAGE: URL = new URL("../docs/operators.md", import.meta.url);

const OPERATORS_FOLDER = new URL("../src/ops/", import.meta.url);
const TESTS_FOLDER = new URL("../tests/ops/", import.meta.url);

/** Names of a folder's files that end so, in order. */
function namesIn(folder: URL, ending: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).filter((name) => name.endsWith(ending))
    .sort();
}

function isOperator(value: unknown): value is Operator {
  return typeof value === "object" && value !== null && "op" in value && "infer" in value;
}

/** The file of `src/ops` that exports each operator of the registry. */
async function homes(): Promise<Map<Operator, string>> {
  const found = new Map<Operator, string>();
  for (const name of namesIn(OPERATORS_FOLDER, ".ts")) {
    if (name === "registry.ts") continue;
    const module = await import(new URL(name, OPERATORS_FOLDER).href) as Record<string, unknown>;
    for (const value of Object.values(module).flat()) if (isOperator(value)) found.set(value, name);
  }
  return found;
}

/** What a file imports: kernels, and other files of `src/ops` of which it takes more than types. */
export function importsOfOperatorFile(text: string): { kernels: string[]; files: string[] } {
  const of = (pattern: RegExp): string[] => Array.from(text.matchAll(pattern), ([, name]) => name!);
  return {
    kernels: of(/^import \w+ from "\.\.\/\.\.\/shaders\/([\w/]+)\.wgsl"/gm),
    files: of(/^import (?!type\b)[^;]*? from "\.\/(\w+\.ts)";/gm),
  };
}

/**
 * The kernels of a file and of the helpers that it shares with other families. Other families' own files are left out, and
 * the copy that any operator may need before it, unless the file asks for it itself.
 */
function kernelsOf(file: string, families: ReadonlySet<string>): string[] {
  const seen = new Set<string>([file]);
  const kernels = new Set<string>();
  for (const name of seen) {
    const found = importsOfOperatorFile(Deno.readTextFileSync(new URL(name, OPERATORS_FOLDER)));
    for (const kernel of found.kernels) kernels.add(kernel);
    for (const next of found.files) {
      if (!families.has(next) && (next !== "copy.ts" || name === file)) seen.add(next);
    }
  }
  return [...kernels].sort();
}

/** The tests that name an operator: its family's if one of them does, else all; the one of the registry has every operator. */
function testsOf(op: string, file: string, tests: ReadonlyMap<string, string>): string[] {
  const naming = [...tests].filter(([, text]) => text.includes(`"${op}"`)).map(([name]) => name);
  const own = naming.filter((name) => name.startsWith(file.replace(".ts", "")));
  const found = own.length > 0 ? own : naming;
  return found.length > 0 ? found : ["registry_test.ts"];
}

/** Sets of types that have a name in the page's head. */
const NAMED_TYPES: readonly (readonly [name: string, types: readonly DType[]])[] = [
  ["any", ANY_TYPE],
  ["numbers", NUMBERS],
  ["floats", FLOATS],
  ["bytes", BYTES],
];

/** Types in a few words: named sets first, then single types. */
export function typesText(types: readonly DType[]): string {
  const left = new Set(types);
  const words: string[] = [];
  for (const [name, set] of NAMED_TYPES) {
    if (!set.every((type) => left.has(type))) continue;
    words.push(name);
    for (const type of set) left.delete(type);
  }
  return [...words, ...left].join(", ");
}

function opsetsText({ domain, opsets: [first, last] }: Operator): string {
  const newest = (domain ?? "") === "" ? Math.min(last, NEWEST_OPSET) : last;
  return newest === 99 ? `from ${first}` : `${first} to ${newest}`;
}

/** The page. */
export async function operatorsPage(): Promise<string> {
  const found = await homes();
  const families = new Set(found.values());
  const tests = new Map(
    namesIn(TESTS_FOLDER, "_test.ts").map((
      name,
    ) => [name, Deno.readTextFileSync(new URL(name, TESTS_FOLDER))]),
  );
  const row = (operator: Operator): string => {
    const file = found.get(operator);
    if (file === undefined) {
      throw new Error(`${operator.op} is in the registry, but no file of src/ops exports it`);
    }
    const kernels = operator.lower ? kernelsOf(file, families) : [];
    return `| ${
      [
        `[${operator.op}](../src/ops/${file})`,
        opsetsText(operator),
        typesText(operator.types ?? FLOATS),
        kernels.map((name) => `\`${name}\``).join(" ") || "none",
        testsOf(operator.op, file, tests).map((name) =>
          `[${name.replace("_test.ts", "")}](../tests/ops/${name})`
        )
          .join(" "),
      ].join(" | ")
    } |`;
  };
  const operators = allOperators()
    .filter(({ op }) => !MADE_BY_PASSES.has(op))
    .sort((a, b) => a.op < b.op ? -1 : a.op > b.op ? 1 : 0);
  const sections = [...Map.groupBy(operators, ({ domain }) => domain ?? "")]
    .sort(([a], [b]) => a < b ? -1 : 1)
    .map(([domain, own]) => [
      `## ${domain === "" ? "ONNX" : `\`${domain}\``} (${own.length})`,
      "",
      "| operator | operator sets | first input | kernels of its family | tests |",
      "| --- | --- | --- | --- | --- |",
      ...own.map(row),
      "",
    ]);
  return [
    "<!-- deno-fmt-ignore-file -->",
    "",
    "# Operators",
    "",
    "Made from the registry by `deno task operators`; a test fails where it is not current.",
    "",
    "An operator links to the file that holds its rules. *First input* is what that may be of while the network runs: " +
    `floats (${FLOATS.join(", ")}), bytes (${
      BYTES.join(", ")
    }), numbers (floats, bytes, i16, u16, i32, i64), any (numbers, ` +
    "bool). Each element is a 32-bit word on the GPU, where 64-bit integers are kept within 32 bits. What does not depend " +
    "on an input is computed on the host in every type when a network is prepared; operators of kernels *none* only move " +
    "names, are always computed there, or are taken apart into others. Kernels are those of the family; besides, " +
    "any operator may copy (`copy/strided`) what lies otherwise than it needs.",
    "",
    ...sections.flat(),
  ].join("\n");
}

/** The command; returns its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const page = await operatorsPage();
  if (!args.includes("--check")) {
    await Deno.writeTextFile(OPERATORS_PAGE, page);
    return 0;
  }
  if (await Deno.readTextFile(OPERATORS_PAGE).catch(() => "") === page) return 0;
  console.error("docs/operators.md is not current: run deno task operators");
  return 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
