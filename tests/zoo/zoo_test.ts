import { assertEquals, assertThrows } from "@std/assert";
import { Device } from "../../src/gpu/mod.ts";
import { withTable, zooTable } from "./main.ts";
import { checkEntry, HOW_TO_MAKE, ZOO_FOLDER, zooEntries, type ZooEntry } from "./zoo.ts";

const entries = zooEntries();

if (!entries) {
  console.log(`left out: the networks that export.py makes are not in ${ZOO_FOLDER}; ${HOW_TO_MAKE}`);
  Deno.test({
    name: "exported networks give what ONNX Runtime gives (left out: there are none)",
    ignore: true,
    fn() {},
  });
}

for (const entry of entries ?? []) {
  Deno.test(`${entry.file} gives what ONNX Runtime gives`, async () => {
    using device = await Device.request({ pool: { stackBytes: 64 << 20, stackCount: 1 } });
    await checkEntry(device, entry);
  });
}

const ENTRY: ZooEntry = {
  name: "small",
  file: "small-classic-13.onnx",
  exporter: "classic",
  opset: 13,
  nodes: 7,
  shape: [1, 3, 8, 8],
  input: "small.f32",
  torch: "2.8.0",
};

Deno.test("the zoo's table has a row for each network, and says which fail", () => {
  const table = zooTable([{ entry: ENTRY, dispatches: 5, error: 1.25e-6 }, {
    entry: ENTRY,
    message: "too large",
  }]);
  assertEquals(table.split("\n").slice(2), [
    "| small | classic | 13 | 1x3x8x8 | 7 | 5 | 1.3e-6 |",
    "| small | classic | 13 | 1x3x8x8 | 7 |  | fails |",
  ]);
});

Deno.test("the zoo's table replaces the one between the marks of a page", () => {
  const page = "# Zoo\n\n<!-- zoo table -->\nold\n<!-- end of zoo table -->\n\nend\n";
  const expected = "# Zoo\n\n<!-- zoo table -->\n\nnew\n\n<!-- end of zoo table -->\n\nend\n";
  assertEquals(withTable(page, "new"), expected);
  assertThrows(() => withTable("# Zoo\n", "new"), Error, "has no");
});

Deno.test("a folder without networks is told from an empty one", async () => {
  const folder = await Deno.makeTempDir();
  assertEquals(zooEntries(folder), undefined);
  await Deno.writeTextFile(`${folder}/zoo.json`, "[]");
  assertEquals(zooEntries(folder), []);
  await Deno.remove(folder, { recursive: true });
});
