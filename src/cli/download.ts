import { createHash } from "node:crypto";
import { type CatalogueEntry, CatalogueError } from "./catalogue.ts";
import { howToGet } from "./model_store.ts";

/** How {@linkcode download} goes about it. */
export interface DownloadOptions {
  /** Called as bytes come in. */
  readonly onProgress?: (bytes: number) => void;
  /** Gives up on an address that sent nothing for so long. Default: 30,000. */
  readonly stallMs?: number;
  /** In place of the global `fetch`. */
  readonly fetch?: typeof fetch;
}

/**
 * Fetches the file of a network. It is written under a temporary name beside `path`, and takes its place, at
 * once, when its size and sha256 are those of the catalogue; otherwise nothing is left behind.
 *
 * @throws {CatalogueError} with what each address said.
 */
export async function download(
  entry: CatalogueEntry,
  path: string,
  options: DownloadOptions = {},
): Promise<void> {
  if (entry.urls.length === 0) throw new CatalogueError(`"${entry.name}": ${howToGet(entry)}`);
  const temporary = `${path}.${crypto.randomUUID()}.part`;
  const failures: string[] = [];
  try {
    for (const url of entry.urls) {
      using file = await openForWriting(temporary);
      const failure = await receive(url, entry, file, options);
      if (failure === null) break;
      failures.push(`${url}: ${failure}`);
    }
    if (failures.length === entry.urls.length) {
      throw new CatalogueError(`cannot download "${entry.name}":\n  ${failures.join("\n  ")}`);
    }
    await Deno.rename(temporary, path);
  } finally {
    await removeIfThere(temporary);
  }
}

async function openForWriting(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, { write: true, create: true, truncate: true });
  } catch (error) {
    throw new CatalogueError(`cannot write ${path}: ${explain(error)}`, { cause: error });
  }
}

/** Writes what an address gives to a file, and checks it; returns null, or what went wrong. */
async function receive(
  url: string,
  entry: CatalogueEntry,
  file: Deno.FsFile,
  options: DownloadOptions,
): Promise<string | null> {
  const stallMs = options.stallMs ?? 30_000;
  const abort = new AbortController();
  const giveUp = (): void => abort.abort(new Error(`nothing came for ${stallMs / 1000} s`));
  let timer = setTimeout(giveUp, stallMs);
  try {
    const response = await (options.fetch ?? fetch)(url, { signal: abort.signal });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      return `the server answered ${response.status} ${response.statusText}`.trim();
    }
    const hash = createHash("sha256");
    let bytes = 0;
    for await (const chunk of response.body) {
      clearTimeout(timer);
      timer = setTimeout(giveUp, stallMs);
      bytes += chunk.length;
      if (bytes > entry.bytes) return `it is longer than the ${entry.bytes} bytes expected; nothing was kept`;
      hash.update(chunk);
      for (let at = 0; at < chunk.length;) at += await file.write(chunk.subarray(at));
      options.onProgress?.(bytes);
    }
    if (bytes < entry.bytes) return `it ended after ${bytes} of ${entry.bytes} bytes; nothing was kept`;
    const sha256 = hash.digest("hex");
    return sha256 === entry.sha256
      ? null
      : `the sha256 of what came is ${sha256}, expected ${entry.sha256}; nothing was kept`;
  } catch (error) {
    return explain(error);
  } finally {
    clearTimeout(timer);
  }
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof Deno.errors.NotCapable) {
    const [, kind, what] = error.message.match(/Requires (\w+) access to "([^"]*)"/) ?? [];
    if (kind !== undefined) return `no permission; run with --allow-${kind}=${what?.replace(/:\d+$/, "")}`;
  }
  // fetch() says "fetch failed" and keeps the reason in the cause, after the address that was said already.
  if (!(error.cause instanceof Error)) return error.message;
  return error.cause.message.replace(/^.*error sending request for url \([^)]*\): /s, "");
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable)) throw error;
  }
}
