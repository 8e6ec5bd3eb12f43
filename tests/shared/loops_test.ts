import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { type FrameSink, runLoop } from "../../src/frame/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { Session } from "../../src/graph/mod.ts";
import {
  type Descriptors,
  FeatureExtractor,
  type FeatureSource,
  type LocalFeatures,
  networkFeatures,
  PlaceRecogniser,
  type PlaceRecogniserOptions,
  type PlaceResult,
  recogniseKeyPoints,
  trainVocabulary,
} from "../../src/place/mod.ts";
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

/** XFeat as its authors feed it: 0 to 1, in the frame's aspect ratio. */
function xfeat(session: Session, maxFeatures: number): FeatureSource {
  const input = { width: 640, height: 640 };
  const shapes = Object.fromEntries(session.plan().outputs.map(({ name, type }) => [name, type.shape]));
  const { head } = recogniseKeyPoints(shapes, input);
  assert(head, "XFeat is not recognised");
  const treatment = { fit: "letterbox-center", channels: "rgb", scale: 1 / 255 } as const;
  return networkFeatures({ session, head, treatment, input, maxFeatures });
}

/** Features of other images: photographs of many things, and the first frames of videos of streets. */
async function otherFeatures(
  device: Device,
  shared: string,
  features: FeatureSource,
): Promise<Descriptors[]> {
  using extractor = await FeatureExtractor.create(device, {
    features,
    slots: 2,
    frame: { width: 1280, height: 720 },
  });
  const all: Descriptors[] = [];
  const sink: FrameSink<LocalFeatures> = {
    write: (_frame, { descriptors }) => Promise.resolve(void all.push(descriptors)),
    close: () => Promise.resolve(),
  };
  const sources = [["images/voc85", 40], ["clips/cars.mp4", 3], ["clips/highway.mp4", 3], [
    "clips/people.mp4",
    3,
  ]] as const;
  for (const [name, limit] of sources) {
    const source = await openSource(`${shared}/${name}`);
    await runLoop({ device, source, slots: extractor.slots, sinks: [sink], limit });
  }
  assertEquals(all.length, 49);
  return all;
}

testWithShared(
  "embeddings, XFeat, a vocabulary of other images and the geometric check find 0.95 of the corridor's revisits before the first mistake",
  "loops/corridor",
  async (folder) => {
    const shared = `${folder}/../..`;
    const truth = await LoopPairs.read(`${folder}/loops.json`, GAP);
    using device = await Device.request();
    using embedder = await Session.load(device, `${shared}/models/mobilenet-v1-1.0-224-embed.onnx`);
    using finder = await Session.load(device, `${shared}/models/xfeat-640.onnx`);
    const images = await otherFeatures(device, shared, xfeat(finder, 300));
    const { vocabulary } = await trainVocabulary(device, images, {
      form: { kind: "float", size: 64 },
      k: 10,
      levels: 3,
      maxIterations: 8,
    });
    const results = await corridor(device, folder, {
      embed: { session: embedder, treatment: MOBILENET },
      features: xfeat(finder, 1000),
      vocabulary,
    });
    const tested = results.map(({ id, geometry }) => ({ id, match: geometry?.id, score: geometry?.inliers }));
    const table = tested.map((test) => `${Object.values(test).join(" ")} ${truth.has(test.id, test.match)}`);
    assertGreaterOrEqual(truth.recallAtFullPrecision(tested), 0.95, table.join("\n"));
    // What is called a loop misses no more of them.
    const loops = results.filter(({ status }) => status === "loop");
    const found = loops.filter(({ id, match }) => truth.has(id, match)).length;
    assertGreaterOrEqual(found / truth.revisits.size, 0.95, table.join("\n"));
  },
);
