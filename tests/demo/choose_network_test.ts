import { assertEquals, assertLess, assertRejects, assertStringIncludes } from "@std/assert";
import { CatalogueError } from "../../src/cli/catalogue.ts";
import { chooseNetwork } from "../../src/demo/choose_network.ts";

/** A folder of its own for a test, removed at the end. */
class TemporaryFolder implements AsyncDisposable {
  readonly path = Deno.makeTempDirSync({ prefix: "framewise-demo-" });

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Never answers, until it is told to give up. */
const silent: typeof fetch = (_input, init) =>
  new Promise((_, reject) => {
    const { signal } = init ?? {};
    signal?.addEventListener("abort", () => reject(signal.reason));
  });

/** Sends a byte now and then, for ever. */
const trickling: typeof fetch = (_input, init) => {
  let timer: ReturnType<typeof setInterval>;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      timer = setInterval(() => controller.enqueue(new Uint8Array(1)), 5);
      init?.signal?.addEventListener("abort", () => {
        clearInterval(timer);
        controller.error(init.signal?.reason);
      });
    },
    cancel: () => clearInterval(timer),
  });
  return Promise.resolve(new Response(body));
};

Deno.test("chooseNetwork() takes the network that ships where no other can be had, and says why", async () => {
  await using folder = new TemporaryFolder();
  const offline: typeof fetch = () => Promise.reject(new TypeError("no route to host"));
  const network = await chooseNetwork({ folders: [], downloadFolder: folder.path, fetch: offline });
  assertEquals(network.name, "signals");
  assertStringIncludes(network.reason, "it ships with Framewise; yolox-nano cannot be had here");
  assertStringIncludes(network.reason, "no route to host");
  assertEquals(network.reason.includes("\n"), false);
  assertEquals(network.labels.length, 7);
  assertEquals([...Deno.readDirSync(folder.path)], [], "nothing is left behind");
});

Deno.test("chooseNetwork() does not wait for a server that says nothing, or says it slowly", async () => {
  await using folder = new TemporaryFolder();
  const options = { folders: [], downloadFolder: folder.path };
  // The limit that is not meant is far longer than the test may take, however busy the machine is.
  const cases = [
    { fetch: silent, stallMs: 60, downloadMs: 60_000, why: "nothing came for 0.06 s" },
    { fetch: trickling, stallMs: 60_000, downloadMs: 200, why: "not done after 0.2 s" },
  ];
  for (const { why, ...limits } of cases) {
    const started = performance.now();
    const network = await chooseNetwork({ ...options, ...limits });
    assertEquals(network.name, "signals");
    assertStringIncludes(network.reason, why);
    assertLess(performance.now() - started, 30_000, why);
  }
});

Deno.test("chooseNetwork() asks no server for the network that ships, if that is what is wanted", async () => {
  const forbidden: typeof fetch = () => {
    throw new Error("a server was asked");
  };
  const network = await chooseNetwork({ only: "signals", folders: [], fetch: forbidden });
  assertEquals([network.name, network.reason], ["signals", "as asked"]);
});

Deno.test("chooseNetwork() fails where only the trained network is wanted and cannot be had", async () => {
  await using folder = new TemporaryFolder();
  const offline: typeof fetch = () => Promise.reject(new TypeError("no route to host"));
  await assertRejects(
    () => chooseNetwork({ only: "yolox-nano", folders: [], downloadFolder: folder.path, fetch: offline }),
    CatalogueError,
    "no route to host",
  );
});

Deno.test("chooseNetwork() passes over a file of the right size with other bytes", async () => {
  await using folder = new TemporaryFolder();
  await Deno.writeFile(`${folder.path}/yolox-nano-416.onnx`, new Uint8Array(3659407));
  const network = await chooseNetwork({ folders: [folder.path], downloadFolder: folder.path, fetch: silent });
  assertEquals(network.name, "signals");
  assertStringIncludes(network.reason, "sha256");
});
