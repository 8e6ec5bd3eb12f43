/**
 * Where model files are looked for and kept: in Framewise itself, in the folders that FRAMEWISE_MODELS names, then in the cache
 * folder.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import {
  EMBEDDED_NETWORKS,
  embeddedAddress,
  type EmbeddedName,
  embeddedNetwork,
  type EmbeddedNetworkName,
} from "../embedded/mod.ts";
import {
  type CatalogueEntry,
  CatalogueError,
  findByName,
  identify,
  nearestName,
  sha256Of,
} from "./catalogue.ts";

/** Reads an environment variable. */
export type Env = (name: string) => string | undefined;

const processEnv: Env = (name) => Deno.env.get(name) || undefined;

/**
 * The folder for what can be made or fetched again: `$XDG_CACHE_HOME/framewise`, or what the platform has for it
 * (`~/.cache`, `~/Library/Caches`, `%LOCALAPPDATA%`).
 *
 * @throws {CatalogueError} when the environment tells of no such place.
 */
export function cacheFolder(env: Env = processEnv, os: string = Deno.build.os): string {
  const home = env("HOME") ?? env("USERPROFILE");
  const xdg = env("XDG_CACHE_HOME");
  if (xdg !== undefined) return `${xdg}/framewise`;
  if (os === "windows") {
    const local = env("LOCALAPPDATA") ?? (home === undefined ? undefined : `${home}\\AppData\\Local`);
    if (local !== undefined) return `${local}\\framewise\\cache`;
  } else if (home !== undefined) {
    return os === "darwin" ? `${home}/Library/Caches/framewise` : `${home}/.cache/framewise`;
  }
  throw new CatalogueError("no place for the cache is known: set HOME or XDG_CACHE_HOME");
}

/** The folder that `models get` fills. */
export function downloadFolder(env: Env = processEnv, os: string = Deno.build.os): string {
  return `${cacheFolder(env, os)}/models`;
}

/** The folders in which model files are looked for, in order. */
export function modelFolders(env: Env = processEnv, os: string = Deno.build.os): string[] {
  const named = (env("FRAMEWISE_MODELS") ?? "").split(os === "windows" ? ";" : ":");
  return [...named.filter((folder) => folder !== ""), downloadFolder(env, os)];
}

/** The path of a file that comes with Framewise; its address, if Framewise was not loaded from files. */
export function embeddedPath(name: EmbeddedName): string {
  const address = embeddedAddress(name);
  return address.protocol === "file:" ? fileURLToPath(address) : address.href;
}

/** The name of a network that comes with Framewise, if this is one. */
function embeddedName({ name, embedded }: CatalogueEntry): EmbeddedNetworkName | undefined {
  return embedded ? EMBEDDED_NETWORKS.find((known) => known === name) : undefined;
}

/**
 * The path of a network's file in the first of the folders that has it in the right size; of one that comes with Framewise,
 * the path or the address there.
 */
export async function locate(
  entry: CatalogueEntry,
  folders: readonly string[] = modelFolders(),
): Promise<string | undefined> {
  const own = embeddedName(entry);
  if (own) return embeddedPath(own);
  for (const folder of folders) {
    const path = `${folder}/${entry.file}`;
    const info = await statIfThere(path);
    if (info?.isFile && info.size === entry.bytes) return path;
  }
  return undefined;
}

/** A model file that was read. */
export interface OpenedModel {
  readonly path: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What the catalogue knows about these very bytes, if it knows them. */
  readonly entry?: CatalogueEntry;
}

/**
 * Reads the model that the user named: a path, or the name of a network in the catalogue. A file goes before a
 * name, and is known by its bytes, whatever it is called.
 *
 * @throws {CatalogueError} when there is neither, when the named network was not fetched yet, or when its file
 * has other bytes than the catalogue says.
 * @throws {EmbeddedNetworkError} when a network that comes with Framewise cannot be read.
 */
export async function openModel(
  nameOrPath: string,
  folders: readonly string[] = modelFolders(),
): Promise<OpenedModel> {
  const info = await statIfThere(nameOrPath);
  if (info?.isFile) {
    const bytes = await Deno.readFile(nameOrPath);
    const entry = await identify(bytes);
    return { path: nameOrPath, bytes, ...(entry === undefined ? {} : { entry }) };
  }
  if (info?.isDirectory) throw new CatalogueError(`"${nameOrPath}" is a folder, not a model file`);
  const entry = findByName(nameOrPath);
  if (entry === undefined) {
    const near = nearestName(nameOrPath);
    throw new CatalogueError(
      `there is no model file "${nameOrPath}", and no network of that name in the catalogue` +
        (near === undefined ? "; see: framewise models" : `; did you mean "${near}"?`),
    );
  }
  const own = embeddedName(entry);
  if (own) return { path: embeddedPath(own), bytes: (await embeddedNetwork(own)).bytes, entry };
  const path = await locate(entry, folders);
  if (path === undefined) {
    throw new CatalogueError(
      `the network "${entry.name}" (${entry.file}) is not on this machine; ${howToGet(entry)}. ` +
        `Looked in: ${folders.join(", ")}`,
    );
  }
  const bytes = await Deno.readFile(path);
  const sha256 = await sha256Of(bytes);
  if (sha256 !== entry.sha256) {
    throw new CatalogueError(
      `${path} is not "${entry.name}": its sha256 is ${sha256}, expected ${entry.sha256}; remove it, then ` +
        howToGet(entry),
    );
  }
  return { path, bytes, entry };
}

/** What to do to have the file of a network. */
export function howToGet(entry: CatalogueEntry): string {
  if (entry.urls.length > 0) return `run: framewise models get ${entry.name}`;
  return `it cannot be downloaded (${entry.note}): make it from ${entry.source} and put ${entry.file} ` +
    `(sha256 ${entry.sha256}) into a folder that FRAMEWISE_MODELS names`;
}

async function statIfThere(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    // A part of the path may be a file, or a folder that may not be entered: nothing to be found there either.
    const { NotFound, NotADirectory, PermissionDenied } = Deno.errors;
    if ([NotFound, NotADirectory, PermissionDenied].some((kind) => error instanceof kind)) return undefined;
    throw error;
  }
}
