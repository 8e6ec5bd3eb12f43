/**
 * Appends rows to an index file until it is killed, and tells how many are in it: for index_file_test.ts.
 *
 * @module
 */
import { IndexFile } from "../../../src/place/index/index_file.ts";
import { packRows } from "../../../src/place/index/packing.ts";
import { openFile } from "../../../src/video/random_access_file.ts";

if (import.meta.main) {
  using file = await openFile(Deno.args[0]!);
  const open = await IndexFile.open(file, { dimensions: 300, type: "f16", metric: "l2" });
  while (open.rows < 1e6) {
    const row = Float32Array.from({ length: 300 }, (_, i) => (open.rows * 7 + i) % 512);
    await open.append(packRows(row, 300, "f16"));
    Deno.stdout.writeSync(new Uint8Array(new Uint32Array([open.rows]).buffer));
  }
}
