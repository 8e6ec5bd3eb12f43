import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import { type FrameSink, runLoop } from "../../src/frame/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { Session } from "../../src/graph/mod.ts";
import { PlaceRecogniser, type PlaceRecogniserOptions, type PlaceResult } from "../../src/place/mod.ts";
import { openSource } from "../../src/video/mod.ts";
import { LoopPairs } from "../support/loop_truth.ts";
import { testWithShared } from "../support/shared.ts";

const GAP = 15;
const FRAME = { width: 512, height: 384 };
const MOBILENET = { fit: "stretch", channels: "rgb", mean: 127.5, std: 127.5 } as const;

/** What is said of all frames of the corridor, in a strict loop. */
async function corridor(
  device: Device,
  folder: string,
  options: PlaceRecogniserOptions,
): Promise<PlaceResult[]> {
  using places = await PlaceRecogniser.create(device, {
    ...options,
    gap: GAP,
    frame: FRAME,
    formats: ["rgb24"],
    capacity: 84,
  });
  const results: PlaceResult[] = [];
  const sink: FrameSink<PlaceResult> = {
    write: (_frame, result) => Promise.resolve(void results.push(result)),
    close: () => Promise.resolve(),
  };
  const source = await openSource(folder);
  const { created } = await runLoop({ device, source, slots: places.slots, sinks: [sink], strict: true });
  assertEquals(created, { buffers: 0, bindGroups: 0, pipelines: 0, modules: 0 });
  assertEquals(results.map(({ id }) => id), Array.from({ length: 84 }, (_, id) => id));
  return results;
}

testWithShared(
  "MobileNet's embeddings alone find 43 of the corridor's 44 revisits, 37 before the first mistake",
  "loops/corridor",
  async (folder) => {
    const truth = await LoopPairs.read(`${folder}/loops.json`, GAP);
    using device = await Device.request();
    using session = await Session.load(device, `${folder}/../../models/mobilenet-v1-1.0-224-embed.onnx`);
    const results = await corridor(device, folder, { embed: { session, treatment: MOBILENET } });
    const nearest = results.map(({ id, candidates: [best] }) => ({
      id,
      match: best?.id,
      score: best?.similarity,
    }));
    assertEquals(truth.revisits.size, 44);
    assertGreaterOrEqual(nearest.filter(({ id, match }) => truth.has(id, match)).length, 43);
    assertGreaterOrEqual(truth.recallAtFullPrecision(nearest), 0.84);
  },
);
