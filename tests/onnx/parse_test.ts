import { assert, assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { OnnxError } from "../../src/onnx/error.ts";
import type { OnnxAttribute, OnnxModel } from "../../src/onnx/model.ts";
import { parseModel } from "../../src/onnx/parse.ts";
import { NUMERIC_DTYPES } from "../../src/tensor/dtype.ts";
import { bytesOf, type HostTensor, hostTensor, toNumbers } from "../../src/tensor/host_tensor.ts";
import { type ModelSpec, node, onnxModel, tensorInfo } from "../support/onnx_builder.ts";
import { Random } from "../support/random.ts";
import { testWithShared } from "../support/shared.ts";

/** A model of one Identity, with what the test adds. */
function small(spec: Partial<ModelSpec> = {}): Uint8Array<ArrayBuffer> {
  return onnxModel({
    inputs: [tensorInfo("x", "f32", [1, 3])],
    outputs: [tensorInfo("y", "f32", [1, 3])],
    nodes: [node("Identity", ["x"], ["y"])],
    ...spec,
  });
}

/** The bytes of one length-delimited field. */
function field(number: number, body: (writer: BinaryWriter) => void): Uint8Array {
  const writer = new BinaryWriter().tag(number, WireType.LengthDelimited).fork();
  body(writer);
  return writer.join().finish();
}

function initializer(model: OnnxModel, name: string): HostTensor {
  const found = model.graph.initializers.find((tensor) => tensor.name === name)?.data;
  assert(found !== undefined, `no initializer "${name}"`);
  return found;
}

function attributes(model: OnnxModel): Record<string, OnnxAttribute> {
  return Object.fromEntries(model.graph.nodes[0]!.attributes.map((attribute) => [attribute.name, attribute]));
}

Deno.test("parseModel() reads what a file says of itself", () => {
  const model = parseModel(small({
    irVersion: 9,
    opset: 17,
    opsets: { "com.example": 3 },
    producerName: "exporter",
    producerVersion: "2.1",
    metadata: { names: "cat,dog", author: "Zoë" },
    name: "net",
  }));
  assertEquals(model.irVersion, 9);
  assertEquals([...model.opsets], [["", 17], ["com.example", 3]]);
  assertEquals([model.producerName, model.producerVersion], ["exporter", "2.1"]);
  assertEquals([...model.metadata], [["names", "cat,dog"], ["author", "Zoë"]]);
  assertEquals(model.graph.name, "net");
});

Deno.test("parseModel() reads nodes with their inputs left out, names and domains", () => {
  const model = parseModel(small({
    opsets: { "com.example": 1 },
    nodes: [
      node("Clip", ["x", "", "high"], ["t"], {}, { name: "clip" }),
      node("Identity", ["t"], ["u"], {}, { domain: "ai.onnx" }),
      node("Twist", ["u"], ["y", "z"], {}, { domain: "com.example" }),
    ],
  }));
  assertEquals(
    model.graph.nodes.map(({ name, opType, domain, inputs, outputs }) => ({
      name,
      opType,
      domain,
      inputs,
      outputs,
    })),
    [
      { name: "clip", opType: "Clip", domain: "", inputs: ["x", "", "high"], outputs: ["t"] },
      { name: "", opType: "Identity", domain: "", inputs: ["t"], outputs: ["u"] },
      { name: "", opType: "Twist", domain: "com.example", inputs: ["u"], outputs: ["y", "z"] },
    ],
  );
});

Deno.test("parseModel() reads every kind of attribute", () => {
  const tensor = hostTensor("f32", [2], [1, 2]);
  const body = { nodes: [node("Identity", ["x"], ["inner"])], outputs: ["inner"], name: "body" };
  const found = attributes(parseModel(small({
    nodes: [node("Any", ["x"], ["y"], {
      f: 0.5,
      i: -3,
      huge: 2n ** 63n - 1n,
      s: "SAME_UPPER",
      t: tensor,
      g: { graph: body },
      floats: { floats: [1, 0.25] },
      ints: [1, -2, 3],
      strings: ["a", "bé"],
      tensors: { tensors: [tensor, hostTensor("i64", [], [7])] },
      none: { ints: [] },
    })],
  })));
  assertEquals(found.f, { name: "f", type: "float", value: 0.5 });
  assertEquals(found.i, { name: "i", type: "int", value: -3 });
  assertEquals(found.huge, { name: "huge", type: "int", value: 2 ** 63 });
  assertEquals(found.s, { name: "s", type: "string", value: "SAME_UPPER" });
  assertEquals(found.t, { name: "t", type: "tensor", value: { name: "", data: tensor } });
  assertEquals(found.floats, { name: "floats", type: "floats", value: [1, 0.25] });
  assertEquals(found.ints, { name: "ints", type: "ints", value: [1, -2, 3] });
  assertEquals(found.strings, { name: "strings", type: "strings", value: ["a", "bé"] });
  assertEquals(found.none, { name: "none", type: "ints", value: [] });
  assert(found.tensors?.type === "tensors");
  assertEquals(found.tensors.value.map((tensor) => tensor.data?.dtype), ["f32", "i64"]);
  assert(found.g?.type === "graph");
  assertEquals(found.g.value.nodes[0]?.opType, "Identity");
  assertEquals(found.g.value.outputs[0]?.name, "inner");
});

Deno.test("parseModel() reads packed lists and attributes that do not state their type", () => {
  const raw = (body: (writer: BinaryWriter) => void): { raw: Uint8Array } => {
    const writer = new BinaryWriter();
    body(writer);
    return { raw: writer.finish() };
  };
  const found = attributes(parseModel(small({
    nodes: [node("Any", ["x"], ["y"], {
      ints: raw((w) => w.tag(8, WireType.LengthDelimited).fork().int64(5).int64(-6).join()),
      floats: raw((w) => w.tag(7, WireType.LengthDelimited).fork().float(0.5).float(-2).join()),
      f: raw((w) => w.tag(2, WireType.Bit32).float(3)),
      zero: raw((w) => w.tag(20, WireType.Varint).int32(2)),
    })],
  })));
  assertEquals(found.ints?.value, [5, -6]);
  assertEquals(found.floats?.value, [0.5, -2]);
  assertEquals(found.f, { name: "f", type: "float", value: 3 });
  assertEquals(found.zero, { name: "zero", type: "int", value: 0 });
});

for (const encoding of ["raw", "typed"] as const) {
  Deno.test(`parseModel() reads initializers of every element type from ${encoding} fields`, () => {
    const initializers = Object.fromEntries(NUMERIC_DTYPES.map((dtype) => {
      const values = dtype === "bool" ? [1, 0, 1] : dtype.startsWith("u") ? [0, 7, 200] : [-3, 0, 100];
      return [dtype, hostTensor(dtype, [3, 1], values)];
    }));
    const model = parseModel(small({ initializers, encoding }));
    for (const dtype of NUMERIC_DTYPES) assertEquals(initializer(model, dtype), initializers[dtype], dtype);
  });
}

Deno.test("parseModel() keeps the extremes of 64-bit integers and of half floats", () => {
  for (const encoding of ["raw", "typed"] as const) {
    const i64 = hostTensor("i64", [2], [-(2n ** 63n), 2n ** 63n - 1n]);
    const u64 = hostTensor("u64", [1], [2n ** 64n - 1n]);
    const f16 = hostTensor("f16", [4], [65504, -Infinity, NaN, 2 ** -24]);
    const model = parseModel(small({ initializers: { i64, u64, f16 }, encoding }));
    assertEquals(initializer(model, "i64").data, i64.data);
    assertEquals(initializer(model, "u64").data, u64.data);
    assertEquals(toNumbers(initializer(model, "f16")), [65504, -Infinity, NaN, 2 ** -24]);
  }
});

Deno.test("parseModel() reads bfloat16 as f32, exactly", () => {
  const bits = [0x3f80, 0xc049, 0x7f80];
  const raw = field(5, (w) => {
    w.tag(1, WireType.Varint).int64(3).tag(2, WireType.Varint).int32(16);
    w.tag(8, WireType.LengthDelimited).string("raw");
    w.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(Uint16Array.from(bits).buffer));
  });
  const typed = field(5, (w) => {
    w.tag(1, WireType.Varint).int64(3).tag(2, WireType.Varint).int32(16);
    w.tag(8, WireType.LengthDelimited).string("typed").tag(5, WireType.LengthDelimited).fork();
    for (const value of bits) w.int32(value);
    w.join();
  });
  for (const [name, graph] of Object.entries({ raw, typed })) {
    const tensor = initializer(parseModel(small({ extra: { graph } })), name);
    assertEquals(tensor, hostTensor("f32", [3], [1, -3.140625, Infinity]), name);
  }
});

Deno.test("parseModel() shares the file's memory where the alignment allows, and copies elsewhere", () => {
  const w = hostTensor("f32", [3], [1, 2, 3]);
  const model = small({ initializers: { w } });
  const needle = bytesOf(w);
  let at = 0;
  while (!needle.every((byte, i) => model[at + i] === byte)) at++;
  let shared = 0;
  for (let shift = 0; shift < 4; shift++) {
    const file = new Uint8Array(new ArrayBuffer(model.length + 4), shift, model.length);
    file.set(model);
    const { data } = initializer(parseModel(file), "w");
    assertEquals(data, w.data, `shift ${shift}`);
    assertEquals(data.buffer === file.buffer, (at + shift) % 4 === 0, `shift ${shift}`);
    if (data.buffer === file.buffer) shared++;
  }
  assertEquals(shared, 1);
});

Deno.test("parseModel() copies no weights of a movable file, wherever they lie in it", () => {
  const random = new Random(5);
  const initializers = {
    a: hostTensor("f32", [3], random.normals(3)),
    b: hostTensor("i64", [2], [2 ** 40, -1]),
    c: hostTensor("u8", [5], [1, 2, 3, 4, 5]),
    "a longer name": hostTensor("f16", [5], [1, 2, 3, 4, 5]),
    d: hostTensor("f64", [3], random.normals(3)),
    e: hostTensor("f32", [700], random.normals(700)),
    f: hostTensor("i32", [1], [7]),
  };
  const model = small({ initializers });
  for (let shift = 0; shift < 8; shift++) {
    const file = new Uint8Array(new ArrayBuffer(model.length + 8), shift, model.length);
    file.set(model);
    const read = parseModel(file, { movable: true }).graph.initializers;
    assertEquals(read.map(({ name, data }) => [name, data]), Object.entries(initializers), `shift ${shift}`);
    for (const { name, data } of read) {
      assertEquals(data!.data.buffer === file.buffer, true, `${name}, ${shift}`);
    }
  }
  const file = model.slice();
  parseModel(file);
  assertEquals(file, model);
});

Deno.test("parseModel() reads from an ArrayBuffer and from shared memory", () => {
  const model = small({ initializers: { w: hostTensor("f32", [1], [4]) } });
  assertEquals(initializer(parseModel(model.buffer), "w").data[0], 4);
  const shared = new Uint8Array(new SharedArrayBuffer(model.length));
  shared.set(model);
  const { data } = initializer(parseModel(shared), "w");
  assertEquals(data[0], 4);
  assertInstanceOf(data.buffer, ArrayBuffer);
});

Deno.test("parseModel() reads shapes with named, unnamed, negative and no extents", () => {
  const { inputs, outputs, valueInfo } = parseModel(small({
    inputs: [
      tensorInfo("x", "u8", ["batch", 3, undefined, -1]),
      tensorInfo("scalar", "i64", []),
      tensorInfo("any", "f16"),
    ],
    valueInfo: [tensorInfo("t", "f32", [0, 2])],
    outputs: ["y"],
  })).graph;
  assertEquals(inputs[0], { name: "x", dtype: "u8", dims: ["batch", 3, "x[2]", "x[3]"] });
  assertEquals(inputs[1], { name: "scalar", dtype: "i64", dims: [] });
  assertEquals(inputs[2], { name: "any", dtype: "f16" });
  assertEquals(valueInfo[0], { name: "t", dtype: "f32", dims: [0, 2] });
  assertEquals(outputs[0], { name: "y" });
});

Deno.test("parseModel() keeps references to elements in other files", () => {
  const { graph } = parseModel(small({
    external: { w: { dtype: "f32", shape: [2, 2], location: "weights.bin", offset: 64, length: 16 } },
  }));
  assertEquals(graph.initializers[0], {
    name: "w",
    external: { location: "weights.bin", offset: 64, length: 16, dataType: 1, shape: [2, 2] },
  });
});

Deno.test("parseModel() passes over fields that it does not know", () => {
  const unknown = field(4000, (w) => w.string("something of the future"));
  const model = parseModel(small({ extra: { graph: unknown, model: unknown } }));
  assertEquals(model.graph.nodes.length, 1);
});

interface Refusal {
  what: string;
  file: Uint8Array;
  says: string;
}

const GARBLED_TENSOR = (body: (writer: BinaryWriter) => void): Uint8Array =>
  small({
    extra: {
      graph: field(5, (w) => {
        w.tag(8, WireType.LengthDelimited).string("w");
        body(w);
      }),
    },
  });

const REFUSALS: Refusal[] = [
  { what: "an empty file", file: new Uint8Array(0), says: "the file is empty (0 bytes); download it again" },
  {
    what: "a model without a graph",
    file: new BinaryWriter().tag(1, WireType.Varint).int64(8).finish(),
    says: "there is no graph in it",
  },
  {
    what: "a model without operator sets",
    file: new Uint8Array([0x08, 0x08, ...field(7, () => {})]),
    says: "it states no opset_import",
  },
  { what: "a model without a version", file: field(7, () => {}), says: "it states no ir_version" },
  {
    what: "a model with two graphs",
    file: small({ extra: { model: field(7, () => {}) } }),
    says: "the file holds two graphs",
  },
  {
    what: "a wrong wire type",
    file: small({ extra: { graph: new BinaryWriter().tag(1, WireType.Varint).int32(5).finish() } }),
    says: 'graph: "node" (field 1) has wire type 0, but ONNX gives it 2',
  },
  {
    what: "a wrong wire type deep inside, naming the place",
    file: small({
      extra: {
        graph: field(1, (w) =>
          w.tag(5, WireType.LengthDelimited).fork().tag(3, WireType.Bit32).float(1)
            .join()),
      },
    }),
    says: 'graph.node[1].attribute[0]: "i" (field 3) has wire type 5, but ONNX gives it 0',
  },
  {
    what: "functions",
    file: small({ extra: { model: field(25, () => {}) } }),
    says:
      "the model defines 1 function of its own, which is not supported; export it with its functions inlined",
  },
  {
    what: "sparse initializers",
    file: small({ extra: { graph: field(15, () => {}) } }),
    says: "graph has 1 sparse initializer, which is not supported; export the model with dense weights",
  },
  {
    what: "too few bytes for a shape",
    file: GARBLED_TENSOR((w) =>
      w.tag(1, WireType.Varint).int64(4).tag(2, WireType.Varint).int32(1)
        .tag(9, WireType.LengthDelimited).bytes(new Uint8Array(12))
    ),
    says: 'initializer "w": shape [4] of f32 takes 16 bytes, but the file has 12',
  },
  {
    what: "too few typed elements for a shape",
    file: GARBLED_TENSOR((w) =>
      w.tag(1, WireType.Varint).int64(4).tag(2, WireType.Varint).int32(7)
        .tag(7, WireType.Varint).int64(1)
    ),
    says: 'initializer "w": shape [4] of i64 (7) has 4 elements, but the file has 1',
  },
  {
    what: "a shape too large to be, without allocating it",
    file: GARBLED_TENSOR((w) => w.tag(1, WireType.Varint).int64(2n ** 50n).tag(2, WireType.Varint).int32(1)),
    says: "has 1125899906842624 elements, but the file has 0",
  },
  {
    what: "a negative extent",
    file: GARBLED_TENSOR((w) => w.tag(1, WireType.Varint).int64(-2).tag(2, WireType.Varint).int32(1)),
    says: "shape [-2]: -2 is no extent",
  },
  {
    what: "elements in a file without a name",
    file: GARBLED_TENSOR((w) => w.tag(2, WireType.Varint).int32(1).tag(14, WireType.Varint).int32(1)),
    says: 'initializer "w": its elements lie in another file, which is not named',
  },
  {
    what: "messages nested without end",
    file: small({ extra: { graph: nested(400) } }),
    says: "messages are nested more than 100 deep",
  },
];

/** A node whose attribute holds a graph whose node holds an attribute, and so on. */
function nested(depth: number): Uint8Array {
  let graph: Uint8Array = new Uint8Array(0);
  for (let i = 0; i < depth; i++) {
    const inner = graph;
    const attribute = field(5, (w) => w.raw(field(6, (w) => w.raw(inner))));
    graph = field(1, (w) => w.raw(attribute));
  }
  return graph;
}

for (const { what, file, says } of REFUSALS) {
  Deno.test(`parseModel() refuses ${what}`, () => {
    assertThrows(() => parseModel(file), OnnxError, says);
  });
}

Deno.test("parseModel() lists all bad tensors at once and names the file", () => {
  const bad = (name: string): Uint8Array =>
    field(5, (w) => {
      w.tag(1, WireType.Varint).int64(2).tag(2, WireType.Varint).int32(1);
      w.tag(8, WireType.LengthDelimited).string(name);
    });
  const graph = new Uint8Array([...bad("w1"), ...bad("w2")]);
  const error = assertThrows(
    () => parseModel(small({ extra: { graph } }), { name: "net.onnx" }),
    OnnxError,
    'Cannot read the ONNX model "net.onnx":\n  - initializer "w1": shape [2] of f32 (1) has 2 elements',
  );
  assertEquals(error.problems.length, 2);
});

Deno.test("parseModel() keeps tensors that are valid but unsupported, and says why", () => {
  const text = field(5, (w) => {
    w.tag(1, WireType.Varint).int64(1).tag(2, WireType.Varint).int32(8);
    w.tag(6, WireType.LengthDelimited).string("label");
  });
  const float8 = field(5, (w) => w.tag(2, WireType.Varint).int32(17));
  const { graph } = parseModel(small({ extra: { graph: new Uint8Array([...text, ...float8]) } }));
  assertEquals(
    graph.initializers.map((tensor) => tensor.unsupported?.split(";")[0]),
    [
      "has elements of type string (8), which is not supported",
      "has elements of type FLOAT8E4M3FN (17), which is not supported",
    ],
  );
});

Deno.test("parseModel() says at which byte a truncated file ends", () => {
  const model = small({ initializers: { w: hostTensor("f32", [100], new Float32Array(100)) } });
  const cut = model.subarray(0, 200);
  const error = assertThrows(() => parseModel(cut), OnnxError);
  const [, wanted, remaining] = error.message.match(/should take (\d+) bytes, but only (\d+) remain/) ?? [];
  assert(Number(wanted) > Number(remaining), error.message);
  assertStrictEquals(error.problems.length, 1);
});

testWithShared("parseModel() reads every shared network", "models", (folder) => {
  let count = 0;
  for (const entry of Deno.readDirSync(folder)) {
    if (!entry.name.endsWith(".onnx")) continue;
    const model = parseModel(Deno.readFileSync(`${folder}/${entry.name}`), { name: entry.name });
    assert(model.graph.nodes.length > 50, entry.name);
    assert(model.graph.initializers.every((tensor) => tensor.data !== undefined), entry.name);
    count++;
  }
  assert(count > 0, `no .onnx file in ${folder}`);
});
