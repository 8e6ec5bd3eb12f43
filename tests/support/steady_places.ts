/**
 * A recogniser of places on a small network that runs for many frames while its time and memory are watched.
 *
 * @module
 */
import {
  type Frame,
  type FrameSource,
  type LoopReport,
  runLoop,
  type SourceInfo,
} from "../../src/frame/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { Session } from "../../src/graph/mod.ts";
import { type PlaceFrame, PlaceRecogniser, type PlaceResult } from "../../src/place/mod.ts";
import { rowBytesOf } from "../../src/place/index/packing.ts";
import { collectGarbage } from "./steady.ts";
import { hostTensor } from "../../src/tensor/host_tensor.ts";
import { node, type NodeSpec, onnxModel, tensorInfo } from "./onnx_builder.ts";
import { Random } from "./random.ts";
import { Walk, WALK_HEIGHT, WALK_LAP, WALK_WIDTH } from "./walk.ts";

/** One moment of the loop. */
export interface PlaceSample {
  /** Frames done. */
  frames: number;
  /** Wall time since the loop began. */
  ms: number;
  /** Time of the searches in the index since then, on the GPU; undefined where the adapter tells no time. */
  searchMs: number | undefined;
  /** Time of the GPU for all frames since then, the searches included. */
  gpuMs: number | undefined;
  residentBytes: number;
}

/** What a steady loop gave. */
export interface SteadyPlaces {
  device: Device;
  report: LoopReport;
  /** A sample every `every` frames, the first before any frame. */
  samples: PlaceSample[];
  /** Frames whose nearest earlier one shows the same part of the wall. */
  right: number;
  /** Bytes of a frame's descriptor in the index. */
  descriptorBytes: number;
}

/** How long, and how often to look. */
export interface SteadyPlacesOptions {
  frames: number;
  every: number;
  slots?: number;
  /** Collects garbage before a sample of memory, every so many frames. */
  collectEvery?: number;
}

/** Different frames; then they come again. */
const DIFFERENT = 4 * WALK_LAP;

/** The same few frames again and again, which takes no memory and next to no time. */
class AgainAndAgain implements FrameSource {
  readonly info: SourceInfo;
  readonly #pictures: readonly PlaceFrame[];
  readonly #frames: number;

  constructor(frames: number) {
    this.#pictures = new Walk(3).frames(DIFFERENT);
    this.#frames = frames;
    this.info = { name: "walk", width: WALK_WIDTH, height: WALK_HEIGHT, frameCount: frames };
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Frame> {
    for (let index = 0; index < this.#frames; index++) {
      yield {
        ...this.#pictures[index % DIFFERENT]!,
        index,
        timeSeconds: index / 10,
        colour: { matrix: "bt601", range: "full" },
        release: () => {},
      };
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const INPUT = 96;
/** Channels in and out, side of the kernel, stride. */
const LAYERS = [[3, 16, 5, 2], [16, 32, 3, 2], [32, 64, 3, 1], [64, 64, 3, 2]] as const;
const DIMENSIONS = 256;

/** A network of random weights with 21 million multiply-adds, so that a frame is some work. Output 1x256. */
function network(): Uint8Array<ArrayBuffer> {
  const random = new Random(11);
  const initializers: Record<string, ReturnType<typeof hostTensor>> = {};
  const nodes: NodeSpec[] = LAYERS.flatMap(([inputs, outputs, side, stride], i) => {
    const inner = inputs * side * side;
    const weights = random.normals(outputs * inner, 0, Math.sqrt(2 / inner));
    initializers[`w${i}`] = hostTensor("f32", [outputs, inputs, side, side], weights);
    const half = side >> 1;
    return [
      node("Conv", [i === 0 ? "image" : `r${i - 1}`, `w${i}`], [`c${i}`], {
        kernel_shape: [side, side],
        strides: [stride, stride],
        pads: [half, half, half, half],
      }),
      node("Relu", [`c${i}`], [`r${i}`]),
    ];
  });
  nodes.push(
    node("AveragePool", [`r${LAYERS.length - 1}`], ["pooled"], { kernel_shape: [6, 6], strides: [6, 6] }),
    node("Flatten", ["pooled"], ["embedding"]),
  );
  return onnxModel({
    name: "steady",
    inputs: [tensorInfo("image", "f32", [1, 3, INPUT, INPUT])],
    outputs: [tensorInfo("embedding", "f32", [1, DIMENSIONS])],
    nodes,
    initializers,
  });
}

/** Runs the loop, strictly. The caller disposes of the device. */
export async function steadyPlaces(options: SteadyPlacesOptions): Promise<SteadyPlaces> {
  const { frames, every, slots = 8, collectEvery = Infinity } = options;
  const device = await Device.request();
  using session = await Session.load(device, network());
  using places = await PlaceRecogniser.create(device, {
    embed: { session, treatment: { fit: "stretch", channels: "rgb", mean: 127.5, std: 64 } },
    frame: { width: WALK_WIDTH, height: WALK_HEIGHT },
    formats: ["gray8"],
    capacity: frames,
    slots,
  });
  await device.idle();
  const samples: PlaceSample[] = [];
  const started = performance.now();
  let [searchMs, gpuMs, timed, right] = [0, 0, true, 0];
  const sample = (done: number): void => {
    if (done % collectEvery === 0) collectGarbage?.();
    samples.push({
      frames: done,
      ms: performance.now() - started,
      searchMs: timed ? searchMs : undefined,
      gpuMs: timed ? gpuMs : undefined,
      residentBytes: Deno.memoryUsage().rss,
    });
  };
  sample(0);
  const report = await runLoop<PlaceResult>({
    device,
    source: new AgainAndAgain(frames),
    slots: places.slots,
    sinks: [],
    strict: true,
    onFrame: (done, _frame, result) => {
      if (result.searchMs === undefined || result.gpuMs === undefined) timed = false;
      searchMs += result.searchMs ?? 0;
      gpuMs += result.gpuMs ?? 0;
      const [best] = result.candidates;
      if (best && (result.id - best.id) % WALK_LAP === 0) right++;
      if (done % every === 0) sample(done);
    },
  });
  const { dimensions, type } = places.index!;
  return { device, report, samples, right, descriptorBytes: rowBytesOf(dimensions, type) };
}
