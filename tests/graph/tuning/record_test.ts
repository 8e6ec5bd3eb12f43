import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import {
  formatRecord,
  parseRecord,
  recordName,
  type TuningIdentity,
  tuningIdentity,
} from "../../../src/graph/tuning/record.ts";
import { tableFor, TABLES } from "../../../src/graph/tuning/table.ts";
import { convCandidates } from "../../../src/ops/conv_candidates.ts";

const INFO = { vendor: "1", architecture: "", device: "2", description: "llvmpipe (LLVM 15.0.6, 256 bits)" };
const TARGET = { software: true, subgroups: true };
const IDENTITY = tuningIdentity(INFO, TARGET);
const LAYERS = new Map([
  ["conv 3x3", { chosen: "direct P8 Q4", ms: { "direct P8 Q4": 1.23456789, "direct P2 Q8": null } }],
  ["a product", { chosen: "x", ms: {} }],
]);

function problemOf(text: string, identity: TuningIdentity = IDENTITY): string {
  const parsed = parseRecord(text, identity);
  return "problem" in parsed ? parsed.problem : "";
}

Deno.test("a tuning record is read as it was written, times to four digits", () => {
  const text = formatRecord(IDENTITY, LAYERS);
  assertEquals(parseRecord(text, IDENTITY), {
    layers: new Map([
      ["a product", { chosen: "x", ms: {} }],
      ["conv 3x3", { chosen: "direct P8 Q4", ms: { "direct P8 Q4": 1.235, "direct P2 Q8": null } }],
    ]),
  });
  assertEquals(parseRecord(formatRecord(IDENTITY, new Map()), IDENTITY), { layers: new Map() });
});

Deno.test("a tuning record that is torn, at whatever character, is told and not taken", () => {
  const text = formatRecord(IDENTITY, LAYERS).trimEnd();
  for (let length = 0; length < text.length; length++) {
    assertMatch(problemOf(text.slice(0, length)), /no JSON/, `${length} characters`);
  }
});

Deno.test("a tuning record of another engine, adapter or target, or of no known form, is told and not taken", () => {
  const text = formatRecord(IDENTITY, LAYERS);
  for (const name of ["engine", "adapter", "target"] as const) {
    const told = problemOf(text, { ...IDENTITY, [name]: "another" });
    assertMatch(told, new RegExp(`^it is for ${name} ".*", and this is "another"$`));
  }
  for (const other of ["null", "[]", "3", "{}", '{"format": "framewise tuning 2"}']) {
    assertEquals(problemOf(other), 'it is no "framewise tuning 1"', other);
  }
  const record = JSON.parse(text) as Record<string, unknown>;
  for (
    const layers of [
      null,
      [],
      ...[1, {}, "", "a", "a: a", "a: a -1", "a: a 1, b", "a: a 0"].map((text) => ({ a: text })),
    ]
  ) {
    const told = problemOf(JSON.stringify({ ...record, layers }));
    assertEquals(told, "its layers are not as they were written", JSON.stringify(layers));
  }
});

Deno.test("a tuning record's name is a file name, and adapters and targets have their own", () => {
  const name = recordName(IDENTITY);
  assertMatch(name, /^[a-z0-9-]+\.json$/);
  assertNotEquals(name, recordName(tuningIdentity({ ...INFO, description: "llvmpipe (LLVM 16)" }, TARGET)));
  assertNotEquals(name, recordName(tuningIdentity(INFO, { ...TARGET, subgroups: false })));
  const nameless = tuningIdentity({ vendor: "", architecture: "", device: "", description: "" }, TARGET);
  assertEquals(nameless.adapter, "unnamed");
  assertMatch(recordName(nameless), /^unnamed-[0-9a-f]{8}\.json$/);
});

Deno.test("the tables that come with the engine say how they were made, and name candidates that there are", () => {
  assert(TABLES.length > 0);
  for (const table of TABLES) {
    assert(Object.keys(table.made).length >= 3 && table.engine !== "", table.adapter);
    const layers = tableFor(table);
    assert(layers && layers.size > 20, `${table.adapter}: ${layers?.size} layers`);
    for (const [layer, { chosen, ms }] of layers) assert(ms[chosen] !== undefined, layer);
  }
  // One of them, looked up as a network would.
  const shape = {
    batch: 1,
    inC: 64,
    outC: 64,
    groups: 1,
    kernel: [3, 3],
    strides: [1, 1],
    dilations: [1, 1],
    padBegin: [1, 1],
    padEnd: [1, 1],
    out: [56, 56],
  } as const;
  const known = tableFor(IDENTITY)!.get("conv 3x3/1x1 64>64 at 1x56x56")!;
  assert(convCandidates(shape, TARGET).some(({ id }) => id === known.chosen), known.chosen);
});

Deno.test("a table serves other versions of the adapter's compiler, and no other adapter", () => {
  const other = tuningIdentity({ ...INFO, description: "llvmpipe (LLVM 19.1.7, 256 bits)" }, TARGET);
  assert(tableFor(other));
  for (
    const [description, target] of [
      ["llvmpipe (LLVM 15.0.6, 512 bits)", TARGET],
      ["NVIDIA H200", { software: false, subgroups: true }],
      [INFO.description, { ...TARGET, subgroups: false }],
      [INFO.description, { ...TARGET, winograd: 0 as const }],
    ] as const
  ) assertEquals(tableFor(tuningIdentity({ ...INFO, description }, target)), undefined, description);
});
