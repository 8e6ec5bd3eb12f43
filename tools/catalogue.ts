/**
 * Writes size and sha256 of the networks that come with Framewise into models/catalogue.json, from their files: to be run
 * when one of them was trained anew.
 *
 *     deno run --allow-read --allow-write=models tools/catalogue.ts
 *
 * @module
 */
import { sha256Of } from "../src/cli/catalogue.ts";
import { EMBEDDED_NETWORKS, embeddedAddress } from "../src/embedded/mod.ts";

/** What is read of the catalogue's file; all else stays as it is. */
interface CatalogueFile {
  models: { name: string; sha256: string; bytes: number }[];
}

/** The entries of the catalogue whose size and sha256 are not those of their files, put right. */
export async function rightEntries(catalogue: CatalogueFile): Promise<CatalogueFile["models"]> {
  const changed: CatalogueFile["models"] = [];
  for (const name of EMBEDDED_NETWORKS) {
    const entry = catalogue.models.find((model) => model.name === name);
    if (!entry) throw new Error(`models/catalogue.json has no entry "${name}"; add one`);
    const bytes = await Deno.readFile(embeddedAddress(name));
    const sha256 = await sha256Of(bytes);
    if (entry.sha256 !== sha256 || entry.bytes !== bytes.length) {
      changed.push({ ...entry, sha256, bytes: bytes.length });
    }
  }
  return changed;
}

if (import.meta.main) {
  const path = new URL("../models/catalogue.json", import.meta.url);
  const catalogue: CatalogueFile = JSON.parse(await Deno.readTextFile(path));
  const changed = await rightEntries(catalogue);
  for (const entry of changed) {
    const at = catalogue.models.findIndex(({ name }) => name === entry.name);
    catalogue.models[at] = entry;
    console.log(`${entry.name}: ${entry.bytes} bytes, sha256 ${entry.sha256}`);
  }
  if (changed.length > 0) await Deno.writeTextFile(path, `${JSON.stringify(catalogue, null, 2)}\n`);
  else console.log("models/catalogue.json is right");
}
