/**
 * Which examples in the documentation are run. Those whose code fence says ` ```ts no-eval ` are type-checked only:
 * they need a file or a network. (`deno test --doc` knows `ignore` alone, which does not check them either.)
 *
 * @module
 */

/** The lines, from 1, on which an example begins that is to be run. */
export function runnableExamples(text: string): number[] {
  const fence = /^\s*(?:\*\s)?\s*```(?:ts|tsx|js|jsx|mts|mjs)\b(.*)$/;
  return text.split("\n").flatMap((line, i) => {
    const words = line.match(fence)?.[1]?.split(/[\s,]+/);
    return words === undefined || words.includes("no-eval") || words.includes("ignore") ? [] : [i + 1];
  });
}

/**
 * A `--filter` for `deno test --doc` that runs just these examples. The tests are named after the places of the
 * examples: `file:///src/gpu/device.ts#12-20.ts`. (It has no look-ahead, so it must name what is run.)
 */
export function filterOf(files: ReadonlyMap<string, readonly number[]>): string {
  const escape = (path: string): string => path.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  const places = [...files]
    .filter(([, lines]) => lines.length > 0)
    .map(([path, lines]) => `${escape(path)}#(?:${lines.join("|")})-`);
  return places.length === 0 ? "no example is to be run" : `/(?:${places.join("|")})/`;
}

/** The `--filter` for the TypeScript and Markdown files at and below these paths. */
export async function runnableOnly(paths: readonly string[]): Promise<string> {
  const files = new Map<string, number[]>();
  for (const path of paths) {
    for await (const file of filesUnder(path)) {
      if (/\.(ts|md)$/.test(file)) files.set(file, runnableExamples(await Deno.readTextFile(file)));
    }
  }
  return filterOf(files);
}

async function* filesUnder(path: string): AsyncGenerator<string> {
  if ((await Deno.stat(path)).isFile) {
    yield path;
    return;
  }
  for await (const item of Deno.readDir(path)) yield* filesUnder(`${path}/${item.name}`);
}
