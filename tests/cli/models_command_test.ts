import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import {
  CATALOGUE,
  type CatalogueEntry,
  CatalogueError,
  findByName,
  sha256Of,
} from "../../src/cli/catalogue.ts";
import { download } from "../../src/cli/download.ts";
import { EMBEDDED_NETWORKS } from "../../src/embedded/mod.ts";
import { cacheFolder, embeddedPath, locate, modelFolders, openModel } from "../../src/cli/model_store.ts";
import { modelsCommand, type ModelsOptions } from "../../src/cli/models_command.ts";

/** A folder of its own for a test, removed at the end. */
class TemporaryFolder implements AsyncDisposable {
  readonly path = Deno.makeTempDirSync({ prefix: "framewise-models-" });

  names(): string[] {
    return [...Deno.readDirSync(this.path)].map((item) => item.name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** A server that answers every path with the handler, on this machine only. */
function serve(handler: (request: Request) => Response): AsyncDisposable & { url: string } {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handler);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const CONTENT = new TextEncoder().encode("not a network, but known bytes");

async function entryAt(...urls: string[]): Promise<CatalogueEntry> {
  const first = CATALOGUE[0]!;
  return { ...first, file: "net.onnx", bytes: CONTENT.length, sha256: await sha256Of(CONTENT), urls };
}

/** Runs the command in the folder; returns its exit code and what it printed. */
async function command(
  args: string[],
  folder: string,
  options: ModelsOptions = {},
): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = [], err: string[] = [];
  const code = await modelsCommand(args, {
    print: (line) => out.push(line),
    printError: (line) => err.push(line),
    folders: [folder],
    downloadFolder: folder,
    ...options,
  });
  return { code, out: out.join("\n"), err: err.join("\n") };
}

Deno.test("download() keeps a file whose size and sha256 are right, under its own name only", async () => {
  await using folder = new TemporaryFolder();
  await using server = serve(() => new Response(CONTENT));
  const seen: number[] = [];
  const path = `${folder.path}/net.onnx`;
  await download(await entryAt(server.url), path, { onProgress: (bytes) => seen.push(bytes) });
  assertEquals(await Deno.readFile(path), CONTENT);
  assertEquals(folder.names(), ["net.onnx"]);
  assertEquals(seen.at(-1), CONTENT.length);
});

Deno.test("download() leaves nothing behind, and the old file as it was, when what came is wrong", async () => {
  const changed = CONTENT.slice();
  changed[3]! ^= 1;
  const cases: [string, () => Response, RegExp][] = [
    [
      "other bytes",
      () => new Response(changed),
      /sha256 of what came is [0-9a-f]{64}, expected [0-9a-f]{64}/,
    ],
    ["too short", () => new Response(CONTENT.slice(4)), /ended after 26 of 30 bytes/],
    ["too long", () => new Response(new Uint8Array(100_000)), /longer than the 30 bytes/],
    ["not found", () => new Response("no", { status: 404 }), /answered 404/],
  ];
  for (const [what, answer, says] of cases) {
    await using folder = new TemporaryFolder();
    await using server = serve(answer);
    const path = `${folder.path}/net.onnx`;
    await Deno.writeTextFile(path, "old");
    const entry = await entryAt(`${server.url}/net.onnx`);
    const error = await assertRejects(() => download(entry, path), CatalogueError);
    assertMatch(error.message, says, what);
    assertStringIncludes(error.message, `${server.url}/net.onnx`, what);
    assertEquals(folder.names(), ["net.onnx"], what);
    assertEquals(await Deno.readTextFile(path), "old", what);
  }
});

Deno.test("download() tries the next address when one fails", async () => {
  await using folder = new TemporaryFolder();
  await using server = serve(({ url }) =>
    url.endsWith("/good") ? new Response(CONTENT) : new Response("moved", { status: 410 })
  );
  const path = `${folder.path}/net.onnx`;
  await download(await entryAt(`${server.url}/bad`, `${server.url}/good`), path);
  assertEquals(await Deno.readFile(path), CONTENT);
});

Deno.test("download() says which address cannot be reached", async () => {
  await using folder = new TemporaryFolder();
  const gone = serve(() => new Response());
  await gone[Symbol.asyncDispose]();
  const entry = await entryAt(gone.url);
  await assertRejects(() => download(entry, `${folder.path}/net.onnx`), CatalogueError, gone.url);
  assertEquals(folder.names(), []);
});

Deno.test("download() gives up on an address that sends nothing more", async () => {
  await using folder = new TemporaryFolder();
  const stuck = new ReadableStream({ start: (controller) => controller.enqueue(CONTENT.slice(0, 3)) });
  const entry = await entryAt("https://example.com/net.onnx");
  const options = {
    stallMs: 20,
    fetch: (_: URL | Request | string, init?: RequestInit) => {
      const body = stuck.pipeThrough(new TransformStream(), init?.signal ? { signal: init.signal } : {});
      return Promise.resolve(new Response(body));
    },
  };
  const path = `${folder.path}/net.onnx`;
  await assertRejects(() => download(entry, path, options), CatalogueError, "nothing came for 0.02 s");
  assertEquals(folder.names(), []);
});

Deno.test("download() names the file that it cannot write", async () => {
  await using folder = new TemporaryFolder();
  const entry = await entryAt("https://example.com/net.onnx");
  const path = `${folder.path}/no/net.onnx`;
  await assertRejects(() => download(entry, path), CatalogueError, `cannot write ${path}`);
});

Deno.test("download() of a network that nobody serves says what to do", async () => {
  const { name } = CATALOGUE.find((entry) => entry.urls.length === 0)!;
  await using folder = new TemporaryFolder();
  const { code, err } = await command(["get", name], folder.path);
  assertEquals(code, 1);
  assertStringIncludes(err, "FRAMEWISE_MODELS");
  assertStringIncludes(err, findByName(name)!.sha256);
});

Deno.test("modelFolders() has the folders of FRAMEWISE_MODELS, then the cache", () => {
  const env = (name: string): string | undefined => ({ FRAMEWISE_MODELS: "/a:/b:", HOME: "/home/me" })[name];
  assertEquals(modelFolders(env, "linux"), ["/a", "/b", "/home/me/.cache/framewise/models"]);
  assertEquals(modelFolders((name) => name === "XDG_CACHE_HOME" ? "/c" : undefined, "linux"), [
    "/c/framewise/models",
  ]);
});

Deno.test("cacheFolder() follows the platform", async () => {
  const env = (name: string): string | undefined => ({ HOME: "/h", LOCALAPPDATA: "C:\\L" })[name];
  assertEquals(cacheFolder(env, "darwin"), "/h/Library/Caches/framewise");
  assertEquals(cacheFolder(env, "windows"), "C:\\L\\framewise\\cache");
  await assertRejects(
    () => Promise.resolve().then(() => cacheFolder(() => undefined, "linux")),
    CatalogueError,
    "HOME",
  );
});

Deno.test("locate() takes the first folder that has the file in the right size", async () => {
  await using empty = new TemporaryFolder();
  await using wrong = new TemporaryFolder();
  await using right = new TemporaryFolder();
  await Deno.writeTextFile(`${wrong.path}/net.onnx`, "cut");
  await Deno.writeFile(`${right.path}/net.onnx`, CONTENT);
  const entry = await entryAt();
  assertEquals(
    await locate(entry, [`${empty.path}/none`, empty.path, wrong.path, right.path]),
    `${right.path}/net.onnx`,
  );
  assertEquals(await locate(entry, [wrong.path]), undefined);
});

Deno.test("openModel() reads a file that the catalogue does not know", async () => {
  await using folder = new TemporaryFolder();
  const path = `${folder.path}/own.onnx`;
  await Deno.writeFile(path, CONTENT);
  assertEquals(await openModel(path, []), { path, bytes: CONTENT });
});

Deno.test("openModel() says what is wrong with a name", async () => {
  await using folder = new TemporaryFolder();
  const entry = CATALOGUE[0]!;
  const wrong = new TemporaryFolder();
  await using _ = wrong;
  await Deno.writeFile(`${wrong.path}/${entry.file}`, new Uint8Array(entry.bytes));
  const cases: [string, string, string][] = [
    ["no.onnx", folder.path, 'there is no model file "no.onnx"'],
    ["yolox-nan", folder.path, 'did you mean "yolox-nano"?'],
    [folder.path, folder.path, "is a folder"],
    [entry.name, folder.path, `framewise models get ${entry.name}`],
    [entry.name, wrong.path, `expected ${entry.sha256}`],
  ];
  for (const [name, folders, says] of cases) {
    await assertRejects(() => openModel(name, [folders]), CatalogueError, says, `for "${name}"`);
  }
});

Deno.test("models lists every network and whether it is here", async () => {
  await using folder = new TemporaryFolder();
  const { code, out } = await command([], folder.path);
  assertEquals(code, 0);
  const lines = out.split("\n");
  assertEquals(lines.length, CATALOGUE.length + 1);
  for (const [i, entry] of CATALOGUE.entries()) {
    const where = entry.embedded ? "comes with Framewise$" : "not here";
    assertMatch(lines[i + 1]!, new RegExp(`^${entry.name} +${entry.task} +[0-9.]+ MB +\\S+ +${where}`));
  }
});

Deno.test("models get of a network that comes with Framewise downloads nothing, and copies it where it is told", async () => {
  await using folder = new TemporaryFolder();
  const fetch = () => Promise.reject(new Error("nothing should be fetched"));
  for (const name of EMBEDDED_NETWORKS) {
    const { path, bytes, entry } = await openModel(name, []);
    assertEquals([entry!.name, entry!.embedded, path], [name, true, embeddedPath(name)]);
    assertEquals(await Deno.readFile(path), bytes);
    const told = await command(["get", name], folder.path, { fetch });
    assertEquals([told.code, told.err], [0, ""]);
    assertEquals(told.out, `${path} (comes with Framewise, nothing to download)`);
    assertEquals(folder.names(), []);
    const copy = `${folder.path}/copy.onnx`;
    assertEquals((await command(["get", name, "--output", copy], folder.path, { fetch })).code, 0);
    assertEquals(await Deno.readFile(copy), bytes);
    // Its bytes are known, wherever they lie.
    assertEquals((await openModel(copy, [])).entry, entry);
    await Deno.remove(copy);
  }
  const nowhere = `${folder.path}/none/copy.onnx`;
  const { code, err } = await command(["get", "town-place", "--output", nowhere], folder.path);
  assertEquals([code, err.includes(`cannot write ${nowhere}: its folder does not exist`)], [1, true], err);
});

Deno.test("models get says what failed and leaves no file", async () => {
  await using folder = new TemporaryFolder();
  const fetch = () => Promise.resolve(new Response("gone", { status: 404 }));
  const { code, err } = await command(["get", "yolox-nano"], folder.path, { fetch });
  assertEquals(code, 1);
  assertStringIncludes(err, "answered 404");
  assertEquals(folder.names(), []);
});

Deno.test("models exits with 2 and shows its usage when it is called wrongly", async () => {
  await using folder = new TemporaryFolder();
  const calls = [["get"], ["get", "a", "b"], ["fetch", "a"], ["--all"], ["--output", "x"], [
    "get",
    "a",
    "--output",
  ]];
  for (const args of calls) {
    const { code, err } = await command(args, folder.path);
    assertEquals(code, 2, args.join(" "));
    assertStringIncludes(err, "see: framewise models --help", args.join(" "));
  }
  assertEquals((await command(["--help"], folder.path)).code, 0);
});

Deno.test("models get of an unknown name suggests the nearest", async () => {
  await using folder = new TemporaryFolder();
  const { code, err } = await command(["get", "ultrafaces"], folder.path);
  assertEquals(code, 1);
  assertStringIncludes(err, 'Did you mean "ultraface"?');
});
