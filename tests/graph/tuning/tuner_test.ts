import { assert, assertEquals, assertMatch } from "@std/assert";
import { Device } from "../../../src/gpu/mod.ts";
import { importGraph } from "../../../src/graph/import.ts";
import { type Graph, Session, type SessionOptions, type TuningStore } from "../../../src/graph/mod.ts";
import { layersOf, partOfPlan } from "../../../src/graph/tuning/plan_part.ts";
import type { LayerChoice } from "../../../src/ops/kernel_choice.ts";
import { parseModel } from "../../../src/onnx/parse.ts";
import { assertClose } from "../../support/compare.ts";
import { node, onnxModel, tensorInfo } from "../../support/onnx_builder.ts";
import { Random } from "../../support/random.ts";
import { randn } from "../../ops/harness.ts";

/** Three convolutions, two of which are the same layer, on sizes that no table has; the last has a residual. */
function network(): Graph {
  const random = new Random(3);
  return importGraph(parseModel(onnxModel({
    opset: 13,
    inputs: [tensorInfo("x", "f32", [1, 8, 5, 11])],
    outputs: [tensorInfo("y", "f32")],
    nodes: [
      node("Conv", ["x", "w"], ["a"], {}, { name: "first" }),
      node("Relu", ["a"], ["b"]),
      node("Conv", ["b", "v"], ["c"], {}, { name: "second" }),
      node("Conv", ["c", "u"], ["d"], { group: 8, pads: [1, 1, 1, 1] }, { name: "third" }),
      node("Add", ["d", "b"], ["y"]),
    ],
    initializers: {
      w: randn(random, [8, 8, 1, 1]),
      v: randn(random, [8, 8, 1, 1]),
      u: randn(random, [8, 1, 3, 3]),
    },
  })));
}

const INPUTS = { x: randn(new Random(4), [1, 8, 5, 11]) };

/** A store in memory. */
class MemoryStore implements TuningStore {
  readonly texts = new Map<string, string>();
  reads = 0;
  read(name: string): Promise<string | undefined> {
    this.reads++;
    return Promise.resolve(this.texts.get(name));
  }
  write(name: string, text: string): Promise<void> {
    this.texts.set(name, text);
    return Promise.resolve();
  }
}

function choicesOf(session: Session): LayerChoice[] {
  return session.plan().steps.flatMap(({ choice }) => choice ? [choice] : []);
}

/** A session that keeps what it warns of. */
function sessionOf(device: Device, options: SessionOptions): { session: Session; warnings: string[] } {
  const warnings: string[] = [];
  const session = new Session(device, network(), {
    ...options,
    warn: (message) => void warnings.push(message),
  });
  return { session, warnings };
}

const OFF = { pool: false } as const;

Deno.test("a plan's layers are told once each, and a part of a plan is one layer alone in a small arena", async () => {
  using device = await Device.request(OFF);
  using session = new Session(device, network());
  const plan = session.plan();
  const layers = layersOf(plan);
  assertEquals(layers.map(({ choice, count }) => [choice.layer, count]), [
    ["conv 1x1/1x1 8>8 at 1x5x11", 2],
    ["conv 3x3/1x1 8>8 in 8 groups at 1x5x11", 1],
  ]);
  for (const { choice } of layers) {
    const part = partOfPlan(plan, choice.layer);
    assertEquals(part.steps.length, 1);
    assertEquals(new Set(part.steps.map(({ node }) => node)).size, 1);
    const offsets = part.storages.flatMap(({ offset, bytes }, i) =>
      part.steps.some(({ bindings }) =>
          Object.values(bindings).some((view) => "storage" in view && view.storage === i)
        )
        ? [[offset!, bytes] as const]
        : []
    );
    assert(
      offsets.every(([offset, bytes]) => offset % 256 === 0 && offset + bytes <= part.arenaBytes),
      `${JSON.stringify(offsets)} in ${part.arenaBytes}`,
    );
    for (const { bindings } of part.steps) {
      for (const target of Object.values(bindings)) {
        if ("weight" in target) assert(part.weights.has(target.weight), target.weight);
      }
    }
  }
});

Deno.test("without tuning nothing is timed: estimates choose, and nothing is made", async () => {
  using device = await Device.request(OFF);
  const { session, warnings } = sessionOf(device, { tune: "off", tuning: { store: new MemoryStore() } });
  using _ = session;
  const before = device.counters.snapshot();
  assertEquals(await session.tune(), undefined);
  assertEquals(device.counters.snapshot(), before);
  for (const { chosen, candidates, origin } of choicesOf(session)) {
    assertEquals([origin, chosen], ["estimate", candidates[0]]);
  }
  assertEquals(warnings, []);
});

Deno.test("unless told, kernels are timed on hardware, where a store keeps the result", async () => {
  using device = await Device.request({ pool: false });
  const timed = async (software: boolean, tuning?: SessionOptions["tuning"]): Promise<number> => {
    const { session } = sessionOf(device, { target: { software }, ...(tuning && { tuning }) });
    using _ = session;
    await session.prepare();
    return choicesOf(session).filter(({ origin }) => origin === "tuned").length;
  };
  assert(await timed(false, { store: new MemoryStore() }) > 0);
  assertEquals(await timed(false), 0, "nowhere to keep it");
  assertEquals(await timed(true, { store: new MemoryStore() }), 0, "software");
});

Deno.test("tuning times what a mode asks for, leaves nothing behind, and is kept for the next session", async () => {
  using device = await Device.request(OFF);
  const store = new MemoryStore();
  const { session: plain } = sessionOf(device, {});
  const expected = (await plain.run(INPUTS)).y!;
  plain[Symbol.dispose]();
  const [books, told] = [device.memory(), [] as string[]];
  const { session, warnings } = sessionOf(device, {
    tune: "fast",
    tuning: {
      store,
      budgetMs: 120_000,
      onLayer: (done, all, layer) => void told.push(`${done}/${all} ${layer}`),
    },
  });
  const report = await session.tune();
  assertEquals([report?.layers, report?.timed, report?.left], [2, 2, 0]);
  assertEquals(told, ["0/2 conv 1x1/1x1 8>8 at 1x5x11", "1/2 conv 3x3/1x1 8>8 in 8 groups at 1x5x11"]);
  const after = device.memory();
  assertEquals(
    [after.buffers.count, after.buffers.bytes, after.default.currentBytes],
    [books.buffers.count, books.buffers.bytes, books.default.currentBytes],
  );
  const choices = choicesOf(session);
  for (const { chosen, candidates, origin, ms } of choices) {
    assertEquals(origin, "tuned");
    assertEquals(Object.keys(ms), candidates.slice(0, 3));
    assert(ms[chosen]! > 0);
  }
  // Of the kernels that were compiled for it, the plan's are there and no others.
  for (const { choice: { layer, candidates, chosen } } of layersOf(session.plan())) {
    for (const candidate of candidates.slice(0, 3)) {
      using other = new Session(device, network(), {
        choices: {
          find: (asked) => asked === layer ? { chosen: candidate, ms: {}, origin: "forced" } : undefined,
        },
      });
      const part = partOfPlan(other.plan(), layer);
      const there = part.steps.every(({ kernel, options }) => device.hasKernel(kernel, options));
      // The estimate's were there before.
      if (candidate === chosen) assert(there, `${chosen} is not kept`);
      else if (candidate !== candidates[0]) assert(!there, `${candidate} is kept, and ${chosen} was chosen`);
    }
  }
  assertClose((await session.run(INPUTS)).y!, expected, { relative: 1e-5, context: "tuned" });
  const steady = device.counters.snapshot();
  await session.run(INPUTS);
  const { buffers: _, ...rest } = device.counters.snapshot();
  assertEquals(rest, { bindGroups: steady.bindGroups, pipelines: steady.pipelines, modules: steady.modules });
  session[Symbol.dispose]();

  const next = sessionOf(device, { tune: "fast", tuning: { store } });
  assertEquals(await next.session.tune(), undefined);
  assertEquals(
    choicesOf(next.session).map(({ origin, chosen }) => [origin, chosen]),
    choices.map(({ chosen }) => ["cache", chosen]),
  );
  next.session[Symbol.dispose]();
  const off = sessionOf(device, { tuning: { store } });
  await off.session.prepare().then((network) => network[Symbol.dispose]());
  assertEquals(choicesOf(off.session).map(({ origin }) => origin), choices.map(() => "cache"));
  off.session[Symbol.dispose]();
  assertEquals([...warnings, ...next.warnings, ...off.warnings], []);
});

Deno.test("preparing tunes within the budget by the clock that is given, and says what it had no time for", async () => {
  using device = await Device.request(OFF);
  let now = 0;
  const { session, warnings } = sessionOf(device, {
    tune: "full",
    // Each look at the clock takes a second.
    tuning: { budgetMs: 2500, now: () => now += 1000 },
  });
  using _ = session;
  (await session.prepare())[Symbol.dispose]();
  assertEquals(choicesOf(session).map(({ origin }) => origin), ["estimate", "estimate", "estimate"]);
  assertEquals(warnings.length, 1);
  assertMatch(warnings[0]!, /^Tuning: 2\.5 s were too few for 2 of 2 layers; .* raise the budget$/);
});

Deno.test("what is kept and cannot be used is ignored with one line, and replaced by what is measured", async () => {
  using device = await Device.request(OFF);
  const cases: [string, RegExp][] = [
    ['{"format": "framewise tuning 1", "eng', /is ignored: it is no JSON, perhaps torn$/],
    ['{"format": "other"}', /is ignored: it is no "framewise tuning 1"$/],
    ['{"format": "framewise tuning 1", "engine": "0.0.1"}', /it is for engine "0\.0\.1", and this is "/],
  ];
  for (const [text, expected] of cases) {
    const store = new MemoryStore();
    store.read = () => (store.reads++, Promise.resolve(text));
    const { session, warnings } = sessionOf(device, { tuning: { store } });
    using _ = session;
    for (let i = 0; i < 2; i++) (await session.prepare())[Symbol.dispose]();
    assertEquals([warnings.length, store.reads], [1, 1], text);
    assertMatch(warnings[0]!, expected);
    assertEquals(choicesOf(session).map(({ origin }) => origin), ["estimate", "estimate", "estimate"]);
  }
  const broken: TuningStore = {
    read: () => Promise.reject(new Error("no entry")),
    write: () => Promise.reject(new Error("disk full")),
  };
  const { session, warnings } = sessionOf(device, {
    tune: "fast",
    tuning: { store: broken, budgetMs: 120_000 },
  });
  using _ = session;
  await session.tune();
  assertEquals(warnings.length, 2, warnings.join("\n"));
  assertMatch(warnings[0]!, /cannot be read, and is ignored: no entry$/);
  assertMatch(warnings[1]!, /cannot be kept as ".*\.json": no entry$/);
  assertEquals(choicesOf(session).map(({ origin }) => origin), ["tuned", "tuned", "tuned"]);
});

Deno.test("two sessions that tune at once on one device time one after the other, and both are kept", async () => {
  using device = await Device.request(OFF);
  const store = new MemoryStore();
  const tuning = { store, budgetMs: 120_000 };
  const { session: one } = sessionOf(device, { tune: "fast", tuning });
  const half = device.features.has("shader-f16");
  const { session: two } = sessionOf(device, {
    tune: "fast",
    tuning,
    ...(half && { precision: "f16" as const }),
  });
  using _ = one;
  using __ = two;
  const reports = await Promise.all([one.tune(), two.tune()]);
  assertEquals(reports.map((report) => report?.timed), [2, 2]);
  const [text] = store.texts.values();
  const { layers } = JSON.parse(text!) as { layers: Record<string, unknown> };
  assertEquals(Object.keys(layers).length, half ? 4 : 2);
});
