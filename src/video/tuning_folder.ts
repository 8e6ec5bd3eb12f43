import type { TuningStore } from "../graph/mod.ts";

/**
 * A folder on disk for what tuning measured, a file an adapter; it is made when something is written. A file is written
 * under a name of its own and then takes its place, so that whoever reads finds the old one or the new one, whole; of two
 * processes that write at once the later one's stays.
 *
 * @example
 * ```ts ignore
 * const session = await Session.load(device, "network.onnx", {
 *   tune: "full",
 *   tuning: { store: tuningFolder("/var/cache/framewise") },
 * });
 * ```
 */
export function tuningFolder(path: string): TuningStore {
  const folder = path.replace(/(?<=.)\/+$/, "");
  return {
    async read(name) {
      try {
        return await Deno.readTextFile(`${folder}/${name}`);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return undefined;
        throw error;
      }
    },
    async write(name, text) {
      await Deno.mkdir(folder, { recursive: true });
      const temporary = `${folder}/${name}.${crypto.randomUUID()}.part`;
      try {
        await Deno.writeTextFile(temporary, text, { createNew: true });
        await Deno.rename(temporary, `${folder}/${name}`);
      } catch (error) {
        await Deno.remove(temporary).catch(() => {});
        throw error;
      }
    },
  };
}
