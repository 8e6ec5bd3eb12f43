/**
 * Examples in the documentation that are type-checked but not run: their code fence says ` ```ts no-eval `.
 * (`deno test --doc` knows `ignore` only, which does not check them either.)
 *
 * @module
 */

/** The lines, from 1, on which an example begins that is not to be run. */
export function unrunnableExamples(text: string): number[] {
  return text.split("\n").flatMap((line, i) => /^\s*\*?\s*```\w+\s.*\bno-eval\b/.test(line) ? [i + 1] : []);
}

/**
 * A `--filter` for `deno test --doc` that leaves out what is not to be run in these files. The tests are named
 * after the place of the example: `file:///src/gpu/device.ts#12-20.ts`.
 */
export function filterOf(files: ReadonlyMap<string, readonly number[]>): string {
  const escape = (path: string): string => path.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  const places = [...files].flatMap(([path, lines]) => lines.map((line) => `${escape(path)}#${line}-`));
  return places.length === 0 ? "/^/" : `/^(?!.*(?:${places.join("|")}))/`;
}

/** The `--filter` for the TypeScript and Markdown files at and below these paths. */
export async function runnableOnly(paths: readonly string[]): Promise<string> {
  const files = new Map<string, number[]>();
  for (const path of paths) {
    for await (const file of filesUnder(path)) {
      if (!/\.(ts|md)$/.test(file)) continue;
      const lines = unrunnableExamples(await Deno.readTextFile(file));
      if (lines.length > 0) files.set(file, lines);
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
