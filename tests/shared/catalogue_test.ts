import { assertEquals, assertExists } from "@std/assert";
import { CATALOGUE, identify } from "../../src/cli/catalogue.ts";
import { locate, openModel } from "../../src/cli/model_store.ts";
import { modelsCommand } from "../../src/cli/models_command.ts";
import { testWithShared } from "../support/shared.ts";

testWithShared("the catalogue knows every shared network by its bytes", "models", async (folder) => {
  const files = [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".onnx"));
  for (const { name } of files) {
    const entry = await identify(await Deno.readFile(`${folder}/${name}`));
    assertExists(entry, `${name} is not in the catalogue`);
    assertEquals(entry.file, name);
  }
  assertEquals(files.length, CATALOGUE.filter(({ embedded }) => !embedded).length);
});

testWithShared(
  "openModel() finds a network by name, and knows a file under any name",
  "models",
  async (folder) => {
    for (const entry of CATALOGUE) {
      const byName = await openModel(entry.name, [folder]);
      assertEquals(byName.entry, entry);
      assertEquals(byName.path, await locate(entry, [folder]));
    }
    const entry = CATALOGUE.find(({ name }) => name === "yunet")!;
    const copy = await Deno.makeTempFile({ suffix: ".bin" });
    try {
      await Deno.copyFile(`${folder}/${entry.file}`, copy);
      assertEquals((await openModel(copy, [])).entry, entry);
    } finally {
      await Deno.remove(copy);
    }
  },
);

testWithShared("models get does not fetch what a folder has already", "models", async (folder) => {
  const lines: string[] = [];
  const code = await modelsCommand(["get", "fastestdet"], {
    folders: [folder],
    print: (line) => lines.push(line),
    fetch: () => Promise.reject(new Error("nothing should be fetched")),
  });
  assertEquals(code, 0);
  assertEquals(lines, [`${folder}/fastestdet-352.onnx (there already, sha256 right)`]);
});
