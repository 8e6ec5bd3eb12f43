import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { loadGraph } from "../../src/graph/load.ts";
import { OnnxError } from "../../src/onnx/error.ts";
import { addressOf, besideModel, readFile } from "../../src/onnx/source.ts";
import { bytesOf, hostTensor } from "../../src/tensor/host_tensor.ts";
import { type ExternalSpec, node, onnxModel, tensorInfo } from "../support/onnx_builder.ts";
import { inFolder } from "../video/media.ts";

function withWeights(w: ExternalSpec): Uint8Array<ArrayBuffer> {
  return onnxModel({
    inputs: [tensorInfo("x", "f32", [2])],
    outputs: ["y"],
    nodes: [node("Add", ["x", "w"], ["y"])],
    external: { w },
  });
}

/** Serves files on a port of its own while `test` runs. */
async function serving(
  files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>,
  ranges: boolean,
  test: (address: string, asked: string[]) => Promise<void>,
): Promise<void> {
  const asked: string[] = [];
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const name = decodeURIComponent(new URL(request.url).pathname.slice(1));
    const range = request.headers.get("range");
    asked.push(range === null ? name : `${name} ${range}`);
    const file = files[name];
    if (file === undefined) return new Response("no such file", { status: 404, statusText: "Not Found" });
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
    if (!ranges || from === undefined) return new Response(file);
    if (Number(from) >= file.length) {
      return new Response(null, { status: 416, headers: { "content-range": `bytes */${file.length}` } });
    }
    const end = Math.min(Number(to) + 1, file.length);
    return new Response(file.slice(Number(from), end), {
      status: 206,
      headers: { "content-range": `bytes ${from}-${end - 1}/${file.length}` },
    });
  });
  await test(`http://127.0.0.1:${server.addr.port}`, asked);
}

Deno.test("a tensor is read from beyond 2 GB of a file without the rest", async () => {
  await inFolder(async (folder) => {
    const offset = 3 * 2 ** 30 + 20;
    await Deno.writeFile(
      `${folder}/net.onnx`,
      withWeights({ dtype: "f32", shape: [2], location: "net.bin", offset, length: 8 }),
    );
    // The file takes no space before its last bytes: it is never written there.
    using file = await Deno.open(`${folder}/net.bin`, { create: true, write: true });
    await file.seek(offset, Deno.SeekMode.Start);
    await file.write(bytesOf(hostTensor("f32", [2], [1.5, -2])));
    const before = Deno.memoryUsage().external;
    const graph = await loadGraph(`${folder}/net.onnx`);
    assertEquals(graph.constants.get("w"), hostTensor("f32", [2], [1.5, -2]));
    assertEquals(Deno.memoryUsage().external - before < 1 << 20, true);
    await file.truncate(2 ** 31);
    const error = await assertRejects(() => loadGraph(`${folder}/net.onnx`), OnnxError);
    assertStringIncludes(error.message, `"net.bin": its elements should end at byte ${offset + 8}`);
  });
});

Deno.test("local files of any name are read, whole and in part", async () => {
  await inFolder(async (folder) => {
    const odd = `${folder}/50% #1?`;
    await Deno.mkdir(odd);
    await Deno.writeFile(`${odd}/a b%20#.bin`, Uint8Array.from({ length: 100 }, (_, i) => i));
    assertEquals((await readFile(`${odd}/a b%20#.bin`)).length, 100);
    const load = besideModel(`${odd}/net.onnx`);
    assertEquals([...await load("a b%20#.bin", 64, 3)], [64, 65, 66]);
    assertEquals([...await load("a b%20#.bin", 98, 10)], [98, 99]);
    assertEquals([...await load("a b%20#.bin", 200, 10)], []);
    await assertRejects(() => Promise.resolve(load("absent.bin", 0, 4)), Deno.errors.NotFound);
    const error = await assertRejects(() => readFile(`${odd}/absent.onnx`), OnnxError);
    assertStringIncludes(error.message, `Cannot read ${odd}/absent.onnx: No such file`);
    await assertRejects(() => readFile(folder), OnnxError, `Cannot read ${folder}`);
  });
});

Deno.test("addressOf() keeps addresses, and takes paths from the working directory", () => {
  assertEquals(addressOf("https://host/a%20b.onnx?x=1").href, "https://host/a%20b.onnx?x=1");
  assertEquals(addressOf(new URL("file:///a")).href, "file:///a");
  assertEquals(addressOf("/tmp/a?b.onnx").href, "file:///tmp/a%3Fb.onnx");
  assertEquals(addressOf("net.onnx").href.endsWith("/net.onnx"), true);
});

for (const ranges of [true, false]) {
  const kind = ranges ? "serves parts" : "sends whole files only";
  Deno.test(`weights beside a model on the web are loaded where the server ${kind}`, async () => {
    const offset = 70_000;
    const file = new Uint8Array(200_000);
    file.set(bytesOf(hostTensor("f32", [2], [3, 4])), offset);
    const files = {
      "m/net.onnx": withWeights({ dtype: "f32", shape: [2], location: "sub/w 1.bin", offset }),
      "m/beyond.onnx": withWeights({ dtype: "f32", shape: [2], location: "sub/w 1.bin", offset: 1 << 20 }),
      "m/absent.onnx": withWeights({ dtype: "f32", shape: [2], location: "v.bin" }),
      "m/sub/w 1.bin": file,
    };
    await serving(files, ranges, async (address, asked) => {
      const graph = await loadGraph(`${address}/m/net.onnx`);
      assertEquals(graph.constants.get("w"), hostTensor("f32", [2], [3, 4]));
      assertEquals(asked, ["m/net.onnx", "m/sub/w 1.bin bytes=69952-70007"]);
      const load = besideModel(`${address}/m/net.onnx`);
      asked.length = 0;
      assertEquals([...await load("sub/w 1.bin", offset + 6, 2)], [128, 64]);
      assertEquals((await load("sub/w 1.bin", 0, 5)).length, 5);
      assertEquals(asked.length, ranges ? 2 : 1);
      await assertRejects(
        () => loadGraph(`${address}/m/beyond.onnx`),
        OnnxError,
        "should end at byte 1048584, but the file has not even 1048577",
      );
      await assertRejects(
        () => loadGraph(`${address}/m/absent.onnx`),
        OnnxError,
        'weights are in "v.bin", which cannot be read (404 Not Found)',
      );
      await assertRejects(() => readFile(`${address}/none.onnx`), OnnxError, "404 Not Found");
    });
  });
}
