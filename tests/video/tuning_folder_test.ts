import { assert, assertEquals, assertRejects } from "@std/assert";
import { tuningFolder } from "../../src/video/mod.ts";
import { inFolder } from "./media.ts";

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
}

Deno.test("a tuning folder keeps texts by name, and is made when the first is written", async () => {
  await inFolder(async (folder) => {
    const store = tuningFolder(`${folder}/a/b/`);
    assertEquals(await store.read("one.json"), undefined);
    await store.write("one.json", "1");
    await store.write("two.json", "2");
    await store.write("one.json", "3");
    assertEquals([await store.read("one.json"), await store.read("two.json")], ["3", "2"]);
    assertEquals(await namesIn(`${folder}/a/b`), ["one.json", "two.json"]);
  });
});

Deno.test("what cannot be written to a tuning folder leaves nothing, and what was there as it was", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "a file");
    await assertRejects(() => tuningFolder(`${folder}/file`).write("one.json", "1"));
    await Deno.mkdir(`${folder}/one.json`);
    await assertRejects(() => tuningFolder(folder).write("one.json", "1"));
    assertEquals(await namesIn(folder), ["file", "one.json"]);
  });
});

Deno.test("two processes that write one file at once leave it whole, as does whoever reads meanwhile find it", async () => {
  await inFolder(async (folder) => {
    const module = new URL("../../src/video/tuning_folder.ts", import.meta.url).href;
    const texts = ["a", "b"].map((letter) => letter.repeat(200_000));
    const script = `import { tuningFolder } from ${JSON.stringify(module)};
      const [folder, letter] = Deno.args;
      for (let i = 0; i < 100; i++) await tuningFolder(folder).write("one.json", letter.repeat(200_000));`;
    await Deno.writeTextFile(`${folder}/write.ts`, script);
    const children = ["a", "b"].map((letter) =>
      new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", "--no-lock", `${folder}/write.ts`, `${folder}/tuning`, letter],
        stderr: "piped",
      }).spawn()
    );
    let ended = false;
    const outputs = Promise.all(children.map((child) => child.output())).finally(() => ended = true);
    const store = tuningFolder(`${folder}/tuning`);
    const seen = new Set<string | undefined>();
    while (!ended) {
      seen.add(await store.read("one.json"));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    for (const { code, stderr } of await outputs) assertEquals(code, 0, new TextDecoder().decode(stderr));
    seen.add(await store.read("one.json"));
    for (const text of seen) {
      assert(text === undefined || texts.includes(text), `torn: ${text?.length} characters`);
    }
    assertEquals(await namesIn(`${folder}/tuning`), ["one.json"]);
  });
});
