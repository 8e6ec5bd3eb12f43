import { MapError, type MapFolder } from "../place/mod.ts";
import { openFile } from "./random_access_file.ts";

const LOCK = "lock";

/**
 * A folder on disk for a map; it is made when something is written. Its lock is the operating system's own on the file
 * `lock`, which a process loses when it ends in whatever way, so that none is ever left behind; the number of the process that
 * has it stands in the file.
 */
export function mapFolder(path: string | URL): MapFolder {
  const base = typeof path === "string" ? path.replace(/(?<=.)\/+$/, "") : path.href.replace(/\/+$/, "");
  const folder = typeof path === "string" ? base : new URL(base);
  const at = (name: string): string | URL =>
    typeof path === "string" ? `${base}/${name}` : new URL(`${base}/${name}`);
  return {
    label: base,
    open: async (name, options = {}) => {
      if (!options.readOnly) await Deno.mkdir(folder, { recursive: true });
      return await openFile(at(name), options);
    },
    size: (name) => orNothing(async () => (await Deno.stat(at(name))).size),
    read: (name) => orNothing(() => Deno.readFile(at(name))),
    replace: async (name, bytes) => {
      await Deno.mkdir(folder, { recursive: true });
      const temporary = at(`${name}.new`);
      {
        using file = await Deno.open(temporary, { write: true, create: true, truncate: true });
        for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
        await file.sync();
      }
      await Deno.rename(temporary, at(name));
      await syncFolder(folder);
    },
    remove: async (name) => await orNothing(() => Deno.remove(at(name))),
    lock: async () => {
      await Deno.mkdir(folder, { recursive: true });
      const file = await Deno.open(at(LOCK), { read: true, write: true, create: true });
      let locked = false;
      try {
        locked = await file.tryLock(true);
        if (!locked) {
          // Windows lets nobody read a locked file.
          const owner = (await Deno.readTextFile(at(LOCK)).catch(() => "")).trim();
          throw new MapError(
            `Cannot write to the map in ${base}: ${
              owner || "another process"
            } is writing to it; wait for its end, ` +
              `open the map read-only, or use another folder`,
          );
        }
        await file.truncate(0);
        await file.write(new TextEncoder().encode(`process ${Deno.pid}\n`));
      } finally {
        if (!locked) file.close();
      }
      return { [Symbol.dispose]: () => file.close() };
    },
  };
}

/** What there is; `undefined` if there is no such file. */
async function orNothing<T>(get: () => Promise<T>): Promise<T | undefined> {
  try {
    return await get();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Makes names in a folder survive a crash of the machine; Windows keeps them by itself, and opens no folders. */
async function syncFolder(path: string | URL): Promise<void> {
  if (Deno.build.os === "windows") return;
  using file = await Deno.open(path);
  await file.sync();
}
