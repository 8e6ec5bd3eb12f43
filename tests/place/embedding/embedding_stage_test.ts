import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { Device } from "../../../src/gpu/mod.ts";
import { Session } from "../../../src/graph/mod.ts";
import { EmbeddingNetwork, type EmbeddingOptions } from "../../../src/place/embedding/embedding_stage.ts";
import { Whitening } from "../../../src/place/mod.ts";
import { hostTensor } from "../../../src/tensor/host_tensor.ts";
import { Random } from "../../support/random.ts";
import { EMBEDDING_DIMENSIONS, EMBEDDING_INPUT, tinyEmbedding } from "../../support/tiny_embedding.ts";

const TREATMENT = { fit: "stretch", channels: "rgb", mean: 127.5, std: 127.5 } as const;

function randomPicture(seed: number) {
  const side = EMBEDDING_INPUT;
  const random = new Random(seed);
  const data = new Uint8Array(side * side * 3).map(() => random.int(0, 255));
  return { width: side, height: side, format: "rgb24" as const, data };
}

/** The network's input for a picture of its own size. */
function planes(data: Uint8Array): Float32Array<ArrayBuffer> {
  const pixels = data.length / 3;
  return Float32Array.from(
    { length: data.length },
    (_, i) => (data[(i % pixels) * 3 + Math.floor(i / pixels)]! - 127.5) / 127.5,
  );
}

function unit(values: Iterable<number>): number[] {
  const list = [...values];
  const length = Math.hypot(...list);
  return list.map((value) => value / length);
}

async function descriptorOf(
  device: Device,
  options: EmbeddingOptions,
  picture: ReturnType<typeof randomPicture>,
): Promise<Float32Array> {
  using stream = device.stream();
  using network = new EmbeddingNetwork(device, options);
  using _ = stream.mark();
  using stage = await network.stage((bytes, label) => stream.allocate(bytes, label), {}, "test");
  stage.write(picture);
  stream.run(stage.dispatches);
  stream.submit();
  const { buffer, offset, bytes } = stage.descriptor;
  assertEquals(bytes, network.dimensions * 4);
  return new Float32Array(await device.read({ buffer, offset, bytes, label: "descriptor" }));
}

function assertNear(actual: Float32Array, expected: readonly number[], what: string): void {
  assertEquals(actual.length, expected.length, what);
  for (const [i, value] of expected.entries()) {
    assertAlmostEquals(actual[i]!, value, 2e-5, `${what}, element ${i}`);
  }
}

Deno.test("an embedding is the network's output, pooled where it is a map, whitened, of unit length", async () => {
  using device = await Device.request({ pool: false });
  using session = await Session.load(device, tinyEmbedding(["map", "tokens", "embedding"]));
  const picture = randomPicture(1);
  const side = EMBEDDING_INPUT;
  const input = { image: hostTensor("f32", [1, 3, side, side], planes(picture.data)) };
  const outputs = await session.run(input);
  const map = [...outputs.map!.data as Float32Array];
  const ofChannel = (c: number): number[] => map.slice(c * 16, (c + 1) * 16);
  const channels = Array.from({ length: EMBEDDING_DIMENSIONS }, (_, c) => ofChannel(c));
  const gem = channels.map((values) =>
    (values.reduce((sum, v) => sum + Math.max(v, 1e-6) ** 3, 0) / 16) ** (1 / 3)
  );
  const flat = unit(outputs.embedding!.data as Float32Array);
  const base = { session, treatment: TREATMENT };
  assertNear(await descriptorOf(device, { ...base, output: "embedding" }, picture), flat, "embedding");
  assertNear(await descriptorOf(device, { ...base, output: "map" }, picture), unit(gem), "map, gem");
  assertNear(
    await descriptorOf(device, { ...base, output: "map", pooling: "max" }, picture),
    unit(channels.map((values) => Math.max(...values))),
    "map, max",
  );
  for (const output of ["map", "tokens"]) {
    assertNear(
      await descriptorOf(device, { ...base, output, pooling: "average" }, picture),
      flat,
      `${output}, average`,
    );
  }
  const random = new Random(7);
  const whitening = Whitening.train(random.normals(200 * EMBEDDING_DIMENSIONS), EMBEDDING_DIMENSIONS, {
    components: 9,
  });
  for (const [output, pooling] of [["embedding", undefined], ["map", "average"]] as const) {
    const expected = whitening.apply(Float32Array.from(flat));
    const options = { ...base, output, whitening, ...(pooling && { pooling }) };
    assertNear(await descriptorOf(device, options, picture), [...expected], `whitened ${output}`);
  }
});

Deno.test("an embedding says which outputs, sizes and whitenings do not fit", async () => {
  using device = await Device.request({ pool: false });
  using session = await Session.load(device, tinyEmbedding(["map", "embedding"]));
  const base = { session, treatment: TREATMENT };
  const refused = (options: EmbeddingOptions, message: string): void => {
    assertThrows(() => new EmbeddingNetwork(device, options), RangeError, message);
  };
  refused(
    base,
    'which of the network\'s outputs is the descriptor: "map" [1, 32, 4, 4], "embedding" [1, 32]',
  );
  refused({ ...base, output: "other" }, 'Cannot find the output "other"');
  refused({ ...base, output: "embedding", pooling: "max" }, "a descriptor already");
  const random = new Random(8);
  const whitening = Whitening.train(random.normals(60), 6);
  refused(
    { ...base, output: "embedding", whitening },
    "descriptors of 32 elements: the whitening was trained for 6",
  );
  const light = { numbers: 2, distance: 0.05, allowance: 0.3 };
  const told = { ...base, output: "embedding", light };
  const own = Whitening.train(random.normals(40 * EMBEDDING_DIMENSIONS), EMBEDDING_DIMENSIONS);
  refused({ ...told, whitening: own }, "leave the whitening or `light` out");
  refused({ ...told, light: { ...light, numbers: 32 } }, "32 numbers of a descriptor that has 32");
  refused({ ...told, light: { ...light, numbers: 1.5 } }, "`numbers` is 1.5");
  refused({ ...told, light: { ...light, distance: 0 } }, "`distance` is 0");
  refused({ ...told, light: { ...light, allowance: -1 } }, "`allowance` is -1");
});
