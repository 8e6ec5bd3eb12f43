/**
 * Reads files by path or address, whole or in part. It needs `fetch` alone; under Deno local files are read straight
 * into memory of their size, and parts of them without what lies before.
 *
 * @module
 */
import { OnnxError } from "./error.ts";
import type { ExternalLoader } from "./external.ts";

/** A local file as Deno opens it. */
interface LocalFile extends Disposable {
  stat(): Promise<{ size: number; isFile: boolean }>;
  seek(offset: number, whence: 0): Promise<number>;
  read(into: Uint8Array): Promise<number | null>;
}

/** The part of Deno that is used where it is there. */
interface Runtime {
  Deno?: { cwd(): string; open(path: URL): Promise<LocalFile> };
}

/** A path becomes a file address, relative to the working directory where the runtime has one. */
export function addressOf(source: string | URL): URL {
  if (source instanceof URL) return source;
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(source)) return new URL(source);
  const runtime = globalThis as Runtime;
  const base = runtime.Deno ? `file://${escaped(runtime.Deno.cwd())}/` : globalThis.location?.href;
  return new URL(escaped(source), base);
}

/** A path whose characters all mean themselves in an address. */
function escaped(path: string): string {
  return path.replaceAll("%", "%25").replaceAll("#", "%23").replaceAll("?", "%3F");
}

/** Reads a whole file. @throws {OnnxError} */
export async function readFile(source: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const address = addressOf(source);
    return await readLocal(address, 0, Infinity) ??
      new Uint8Array(await (await request(address)).arrayBuffer());
  } catch (error) {
    throw new OnnxError(
      `Cannot read ${source}: ${reasonOf(error)}; check the path and the permission to read it`,
      { cause: error },
    );
  }
}

/**
 * Reads parts of the files beside a model. A web server is asked for the parts alone; one that sends whole files all
 * the same is asked once for each.
 */
export function besideModel(source: string | URL): ExternalLoader {
  const whole = new Map<string, Uint8Array>();
  return async (location, offset, length) => {
    const address = new URL(escaped(location), addressOf(source));
    const local = await readLocal(address, offset, length);
    if (local !== undefined) return local;
    const known = whole.get(location);
    if (known !== undefined) return known.subarray(offset, offset + length);
    const response = await request(address, `bytes=${offset}-${offset + length - 1}`);
    if (response.status === 416) return new Uint8Array();
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (response.status === 206) {
      const sent = response.headers.get("content-range") ?? "";
      if (!sent.startsWith(`bytes ${offset}-`)) {
        throw new Error(`the server sent "${sent}", not bytes from ${offset}`);
      }
      return bytes;
    }
    whole.set(location, bytes);
    return bytes.subarray(offset, offset + length);
  };
}

/** Undefined where the runtime has no files, or this is none: a web address, a pipe. */
async function readLocal(
  address: URL,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const runtime = globalThis as Runtime;
  if (runtime.Deno === undefined || address.protocol !== "file:") return undefined;
  using file = await runtime.Deno.open(address);
  const { size, isFile } = await file.stat();
  if (!isFile) return undefined;
  const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
  if (offset > 0) await file.seek(offset, 0);
  for (let at = 0; at < bytes.length;) {
    const read = await file.read(bytes.subarray(at));
    if (read === null) return bytes.slice(0, at);
    at += read;
  }
  return bytes;
}

async function request(address: URL, range?: string): Promise<Response> {
  const response = await fetch(address, range === undefined ? {} : { headers: { range } });
  if (response.ok || response.status === 416) return response;
  await response.body?.cancel();
  throw new Error(`${response.status} ${response.statusText}`);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
