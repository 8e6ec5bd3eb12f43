import { parseArgs } from "@std/cli/parse-args";
import { EmbeddedNetworkError } from "../embedded/mod.ts";
import { writeProblem } from "../video/output.ts";
import { CATALOGUE, type CatalogueEntry, CatalogueError, requireEntry, sha256Of } from "./catalogue.ts";
import { download } from "./download.ts";
import { downloadFolder, locate, modelFolders, openModel } from "./model_store.ts";
import { formatTable } from "./table.ts";

/** The text of `framewise models --help`. */
export const MODELS_USAGE = `Usage:
  framewise models                          list the known networks and where they are; town-... come with Framewise
  framewise models get NAME [--output FILE] download one and check it
                                            (looked for in the folders that FRAMEWISE_MODELS names, then
                                            in the cache folder)`;

/** What the command works with; the process's own by default. */
export interface ModelsOptions {
  readonly print?: (line: string) => void;
  readonly printError?: (line: string) => void;
  readonly folders?: readonly string[];
  /** Where `get` puts files without `--output`. */
  readonly downloadFolder?: string;
  readonly fetch?: typeof fetch;
}

/** Runs `framewise models ARGS`; returns the exit code: 0, 1 for a failure, 2 for wrong usage. */
export async function modelsCommand(args: readonly string[], options: ModelsOptions = {}): Promise<number> {
  const print = options.print ?? ((line) => console.log(line));
  const printError = options.printError ?? ((line) => console.error(line));
  const unknown: string[] = [];
  const parsed = parseArgs([...args], {
    boolean: ["help"],
    string: ["output", "_"],
    alias: { help: "h", output: "o" },
    unknown: (arg, key) => {
      if (key !== undefined) unknown.push(arg);
      return key === undefined;
    },
  });
  const misuse = (what: string): number => {
    printError(`framewise models: ${what}\nsee: framewise models --help`);
    return 2;
  };
  if (parsed.help) {
    print(MODELS_USAGE);
    return 0;
  }
  if (unknown.length > 0) return misuse(`unknown option ${unknown.join(", ")}`);
  if (parsed.output === "") return misuse("--output needs a file name");

  const [action, name, ...rest] = parsed._.map(String);
  try {
    if (action === undefined && parsed.output === undefined) return await list(print, options);
    if (action !== "get") {
      return misuse(action === undefined ? "--output goes with get" : `unknown "${action}"`);
    }
    if (name === undefined || rest.length > 0) return misuse("get takes one name");
    return await get(requireEntry(name), parsed.output, print, printError, options);
  } catch (error) {
    if (!(error instanceof CatalogueError || error instanceof EmbeddedNetworkError)) throw error;
    printError(`framewise models: ${error.message}`);
    return 1;
  }
}

async function list(print: (line: string) => void, options: ModelsOptions): Promise<number> {
  const folders = options.folders ?? modelFolders();
  const rows = [["name", "task", "size", "licence", "where"]];
  for (const entry of CATALOGUE) {
    const missing = entry.urls.length > 0 ? "not here (models get)" : "not here (no address)";
    rows.push([
      entry.name,
      entry.task,
      megabytes(entry.bytes),
      entry.licence,
      entry.embedded ? "comes with Framewise" : await locate(entry, folders) ?? missing,
    ]);
  }
  for (const line of formatTable(rows).split("\n")) print(line);
  return 0;
}

async function get(
  entry: CatalogueEntry,
  output: string | undefined,
  print: (line: string) => void,
  printError: (line: string) => void,
  options: ModelsOptions,
): Promise<number> {
  if (entry.embedded) return await getEmbedded(entry, output, print);
  const present = output ?? await locate(entry, options.folders ?? modelFolders());
  if (present !== undefined && await isThere(present, entry)) {
    print(`${present} (there already, sha256 right)`);
    return 0;
  }
  const folder = options.downloadFolder ?? downloadFolder();
  const path = output ?? `${folder}/${entry.file}`;
  if (entry.urls.length > 0) {
    printError(
      `Downloading ${entry.name} (${megabytes(entry.bytes)}, ${entry.licence}) from ${entry.source}`,
    );
    if (output === undefined) await Deno.mkdir(folder, { recursive: true });
  }
  await download(entry, path, options.fetch === undefined ? {} : { fetch: options.fetch });
  print(`${path} (${entry.bytes} bytes, sha256 right)`);
  return 0;
}

/** There is nothing to download; a copy is written if that is asked for. */
async function getEmbedded(
  entry: CatalogueEntry,
  output: string | undefined,
  print: (line: string) => void,
): Promise<number> {
  const { path, bytes } = await openModel(entry.name, []);
  if (output === undefined) {
    print(`${path} (comes with Framewise, nothing to download)`);
    return 0;
  }
  try {
    await Deno.writeFile(output, bytes);
  } catch (error) {
    throw new CatalogueError(`cannot write ${output}: ${writeProblem(error)}`, { cause: error });
  }
  print(`${output} (${bytes.length} bytes, a copy of what comes with Framewise)`);
  return 0;
}

async function isThere(path: string, entry: CatalogueEntry): Promise<boolean> {
  try {
    const { size } = await Deno.stat(path);
    return size === entry.bytes && await sha256Of(await Deno.readFile(path)) === entry.sha256;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
