import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import catalogue from "../../models/catalogue.json" with { type: "json" };
import { CATALOGUE, readLabels } from "../../src/cli/catalogue.ts";
import {
  EMBEDDED_NETWORKS,
  embeddedAddress,
  embeddedNetwork,
  embeddedVocabulary,
} from "../../src/embedded/mod.ts";
import { readVocabulary } from "../../src/place/vocabulary/mod.ts";
import { rightEntries } from "../../tools/catalogue.ts";

/** A folder of its own, removed at the end. */
class TemporaryFolder implements AsyncDisposable {
  readonly path = Deno.makeTempDirSync({ prefix: "framewise-embedded-" });

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

Deno.test("the networks that come with Framewise are those that the catalogue says do", () => {
  const embedded = CATALOGUE.filter((entry) => entry.embedded);
  assertEquals(embedded.map(({ name }) => name).toSorted(), EMBEDDED_NETWORKS.toSorted());
  for (const { name, file } of embedded) {
    assertEquals(embeddedAddress(name as typeof EMBEDDED_NETWORKS[number]).pathname.split("/").at(-1), file);
  }
});

Deno.test("the catalogue has size and sha256 of the networks that come with Framewise", async () => {
  const wrong = (await rightEntries(catalogue)).map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 }));
  assertEquals(
    wrong,
    [],
    `a network was trained anew; run: deno run --allow-read --allow-write=models tools/catalogue.ts`,
  );
});

Deno.test("rightEntries() finds an entry that is not as its file is", async () => {
  const models = catalogue.models.map((entry) =>
    entry.name === "town-place" ? { ...entry, sha256: "0".repeat(64) } : entry
  );
  const [found, ...rest] = (await rightEntries({ models })).filter(({ name }) => name === "town-place");
  assertEquals(rest, []);
  assertMatch(found!.sha256, /^(?!0{64})[0-9a-f]{64}$/);
});

Deno.test("embeddedNetwork() gives the bytes and what the catalogue knows, a copy each time", async () => {
  for (const name of EMBEDDED_NETWORKS) {
    const entry = CATALOGUE.find((known) => known.name === name)!;
    const network = await embeddedNetwork(name);
    const { width, height, ...treatment } = entry.input;
    assertEquals({ ...network, bytes: undefined }, {
      name,
      bytes: undefined,
      input: { width, height },
      treatment,
      labels: entry.labels === null ? [] : await readLabels(entry.labels),
      ...(entry.similarity !== undefined && { minSimilarity: entry.similarity }),
      ...(entry.light && { light: entry.light }),
    });
    const first = network.bytes[0]!;
    network.bytes[0] = first ^ 1;
    assertEquals((await embeddedNetwork(name)).bytes[0], first, name);
  }
});

Deno.test("embeddedVocabulary() is a vocabulary of floats", async () => {
  const { form, wordCount } = await readVocabulary(await embeddedVocabulary());
  assertEquals(form.kind, "float");
  assert(wordCount > 100, `${wordCount} words`);
});

Deno.test("what comes with Framewise is small enough to travel with it", async () => {
  const most = { "town-detector": 1e6, "town-place": 1e6, "town-features": 6e5, "town-words": 1.5e6 };
  for (const [name, bytes] of Object.entries(most)) {
    const { size } = await Deno.stat(embeddedAddress(name as keyof typeof most));
    assert(size < bytes, `${name} has ${size} bytes, more than ${bytes}`);
  }
});

/** Reads the detector in a process of its own, with Framewise from `root`; gives what it says. */
async function readFrom(root: string, permissions: readonly string[]): Promise<string> {
  const code = `import { embeddedNetwork } from "${root}src/embedded/mod.ts";
    await embeddedNetwork("town-detector").then(
      ({ bytes }) => console.log(bytes.length),
      (error) => console.log(error.name + ": " + error.message));`;
  await using folder = new TemporaryFolder();
  const main = `${folder.path}/main.ts`;
  await Deno.writeTextFile(main, code);
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-check", "--no-config", "--reload", ...permissions, main],
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  return (text.decode(stdout) || text.decode(stderr)).trim();
}

const ROOT = new URL("../../", import.meta.url);
const DETECTOR_BYTES = String((await Deno.stat(embeddedAddress("town-detector"))).size);

Deno.test("an embedded network is read from files with --allow-read; without it the error says so", async () => {
  assertEquals(await readFrom(ROOT.href, ["--allow-read"]), DETECTOR_BYTES);
  assertEquals(
    await readFrom(ROOT.href, []),
    `EmbeddedNetworkError: Cannot read town-detector, which comes with Framewise, from ${
      embeddedAddress("town-detector").href
    }: the permission is missing; give Deno --allow-read, or use a network of your own`,
  );
});

Deno.test("an embedded network is fetched from the server that Framewise was loaded from, as a registry is one", async () => {
  let gone = false;
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async ({ url }) => {
    const path = new URL(url).pathname.slice(1);
    if (gone && path.endsWith(".onnx")) return new Response("gone", { status: 404 });
    const headers = { "content-type": path.endsWith(".ts") ? "text/typescript" : "text/plain" };
    return new Response(await Deno.readFile(new URL(path, ROOT)), { headers });
  });
  const host = `127.0.0.1:${server.addr.port}`;
  const imports = `--allow-import=${host}`;
  assertEquals(await readFrom(`http://${host}/`, [imports, `--allow-net=${host}`]), DETECTOR_BYTES);
  const refused = await readFrom(`http://${host}/`, [imports]);
  assertStringIncludes(refused, `the permission is missing; give Deno --allow-net=${host}`);
  gone = true;
  const missing = await readFrom(`http://${host}/`, [imports, `--allow-net=${host}`]);
  assertStringIncludes(missing, `from http://${host}/models/town/town-detector.onnx: 404 Not Found`);
});
