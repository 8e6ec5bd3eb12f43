import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import {
  CATALOGUE,
  CatalogueError,
  findByName,
  findBySha256,
  identify,
  nearestName,
  parseCatalogue,
  readLabels,
  requireEntry,
} from "../../src/cli/catalogue.ts";

/** The data of a right catalogue of one entry, with some fields changed; undefined takes a field out. */
function dataWith(changes: Record<string, unknown>, inputChanges: Record<string, unknown> = {}): unknown {
  const without = (object: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
  const input = {
    width: 64,
    height: 32,
    fit: "stretch",
    channels: "rgb",
    ...inputChanges,
  };
  const entry = {
    name: "net",
    file: "net.onnx",
    title: "A net",
    task: "detection",
    licence: "MIT",
    source: "https://example.com/",
    urls: ["https://example.com/net.onnx"],
    sha256: "0".repeat(64),
    bytes: 10,
    input: without(input),
    head: "yolox",
    labels: "coco80",
    ...changes,
  };
  return { models: [without(entry)] };
}

Deno.test("the catalogue gives every detector as many labels as its list should have", async () => {
  const sizes: Record<string, number> = { coco80: 80, voc20: 20, face: 1, town: 5 };
  for (const [list, size] of Object.entries(sizes)) {
    const labels = await readLabels(list);
    assertEquals(labels.length, size, list);
    assertEquals(new Set(labels).size, size, `${list} names a class twice`);
  }
  for (const entry of CATALOGUE) {
    if (entry.labels !== null) assertEquals(entry.labels in sizes, true, `${entry.name}: ${entry.labels}`);
  }
  assertEquals((await readLabels("coco80"))[2], "car");
});

Deno.test("the catalogue is found by name and by sha256", () => {
  for (const entry of CATALOGUE) {
    assertEquals(findByName(entry.name), entry);
    assertEquals(findBySha256(entry.sha256), entry);
  }
  assertEquals(findByName("nothing"), undefined);
  assertEquals(findBySha256("0".repeat(64)), undefined);
});

Deno.test("identify() knows no file by its size alone", async () => {
  const { bytes } = CATALOGUE[0]!;
  assertEquals(await identify(new Uint8Array(bytes)), undefined);
  assertEquals(await identify(new Uint8Array(0)), undefined);
});

Deno.test("nearestName() finds the name meant", () => {
  const cases: [string, string | undefined][] = [
    ["yolox", "yolox-nano"],
    ["yolox-nanno", "yolox-nano"],
    ["YuNet", "yunet"],
    ["fastdet", "fastestdet"],
    ["mobilenet-v2", "mobilenet-v1"],
    ["resnet50", undefined],
    ["", undefined],
  ];
  for (const [name, nearest] of cases) assertEquals(nearestName(name), nearest, `for "${name}"`);
});

Deno.test("requireEntry() tells of the nearest name and of all", () => {
  const error = assertThrows(() => requireEntry("yunett"), CatalogueError, 'Did you mean "yunet"?');
  for (const { name } of CATALOGUE) assertStringIncludes(error.message, name);
});

Deno.test("parseCatalogue() takes what is right", () => {
  assertEquals(parseCatalogue(dataWith({}))[0]!.name, "net");
  const letterboxed = parseCatalogue(dataWith({}, { fit: "letterbox-top-left", fill: 114, multipleOf: 32 }));
  assertEquals(letterboxed[0]!.input.fill, [114, 114, 114]);
  const light = { numbers: 2, distance: 0.05, allowance: 0.3 };
  const [embedded] = parseCatalogue(dataWith({ urls: [], embedded: true, similarity: 0.6, light }));
  assertEquals([embedded!.embedded, embedded!.similarity, embedded!.light], [true, 0.6, light]);
});

Deno.test("parseCatalogue() names the entry, the field and the value that is wrong", () => {
  const cases: [unknown, string][] = [
    [null, "the catalogue must be an object"],
    [{}, '"models" is missing'],
    [{ models: 1 }, '"models" must be a list'],
    [{ models: [1] }, "entry 0 must be an object"],
    [dataWith({ name: "Net One" }), 'entry 0: "name" is "Net One"'],
    [dataWith({ sha256: "abc" }), 'entry "net": "sha256" is "abc"'],
    [dataWith({ bytes: 0 }), '"bytes" is 0, it must be a number from 1'],
    [dataWith({ bytes: "10" }), '"bytes" is "10"'],
    [dataWith({ task: "poetry" }), "it must be one of detection, faces"],
    [dataWith({ head: undefined }), '"head" is missing'],
    [dataWith({ file: "../net.onnx" }), '"file" is "../net.onnx"'],
    [dataWith({ urls: ["http://example.com/"] }), '"urls" is ["http://example.com/"]'],
    [dataWith({ urls: [] }), 'needs a "note"'],
    [dataWith({ urls: [], embedded: false }), 'needs a "note"'],
    [dataWith({ embedded: "yes" }), '"embedded" is "yes", it must be true or false'],
    [dataWith({ similarity: 2 }), '"similarity" is 2, it must be a number from -1 to 1'],
    [dataWith({ light: { numbers: 2 } }), 'entry "net", light: "distance" is missing'],
    [dataWith({ light: { numbers: 0, distance: 1, allowance: 0 } }), '"numbers" is 0, it must be'],
    [dataWith({ labels: null }), 'needs "labels"'],
    [dataWith({}, { width: undefined }), 'entry "net", input: "width" is missing'],
    [dataWith({}, { mean: [0, 0] }), 'entry "net", input: "mean" is [0,0]'],
    [dataWith({}, { std: 0 }), '"std" is 0'],
    [dataWith({}, { fit: "squeeze" }), '"fit" is "squeeze"'],
    [dataWith({}, { multipleOf: 48 }), "64x32 is not a multiple of 48"],
  ];
  for (const [data, says] of cases) {
    assertThrows(() => parseCatalogue(data), CatalogueError, says, JSON.stringify(data));
  }
});

Deno.test("parseCatalogue() takes no name twice", () => {
  const { models } = dataWith({}) as { models: unknown[] };
  assertThrows(
    () => parseCatalogue({ models: [...models, ...models] }),
    CatalogueError,
    'name "net" stands twice',
  );
});

Deno.test("readLabels() reads a file with a label a line, and keeps the places of empty lines within", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "background\r\n\n traffic light \n\n\n");
    assertEquals(await readLabels(path), ["background", "", "traffic light"]);
    await Deno.writeTextFile(path, "\n");
    await assertRejects(() => readLabels(path), CatalogueError, "has no label in it");
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("readLabels() says which lists there are", async () => {
  await assertRejects(() => readLabels("coco81"), CatalogueError, "coco80, voc20, face, town");
});
