/**
 * The demo: detects objects in a clip that it draws itself, writes what it saw, and compares it with what was drawn.
 */
import { type Arguments, readArguments } from "../cli/arguments.ts";
import { reportFailure, UsageError } from "../cli/failure.ts";
import { untilInterrupted } from "../cli/interrupt.ts";
import { ProgressBar } from "../cli/progress.ts";
import { formatTable } from "../cli/table.ts";
import { Detector } from "../detect/detector.ts";
import { runLoop } from "../frame/loop.ts";
import { describeReport } from "../frame/report.ts";
import { Device } from "../gpu/mod.ts";
import { Session } from "../graph/mod.ts";
import { JsonLinesSink, VideoSink } from "../video/mod.ts";
import type { Detection } from "../vision/detection.ts";
import { chooseNetwork, type DemoNetwork } from "./choose_network.ts";
import { SCENE_HEIGHT, SCENE_WIDTH } from "./scene.ts";
import { SceneSource } from "./scene_source.ts";
import { MATCH_IOU, SceneScore, VISIBLE_ENOUGH } from "./score.ts";

const USAGE = `Usage:
  deno task demo [options]                  find objects in a street that the demo draws
    --network signals|yolox-nano            this network; yolox-nano if it can be had, else signals, unless told
    --seed 1           another street
    --frames 200       how long: 25 a second
    --output out       folder for demo.mp4 and demo.jsonl`;

/** Where the demo's lines go; the console unless told. */
export interface DemoOutput {
  readonly print?: (line: string) => void;
  readonly printError?: (line: string) => void;
}

/** Runs the demo; returns the exit code: 0, 1 for a failure, 2 for wrong usage. */
export async function demo(args: readonly string[], output: DemoOutput = {}): Promise<number> {
  const print = output.print ?? ((line) => console.log(line));
  try {
    const given = readArguments(args, { flags: [], values: ["network", "seed", "frames", "output"] });
    if (given.flag("help")) {
      print(USAGE);
      return 0;
    }
    if (given.positional.length > 0) throw new UsageError(`"${given.positional[0]}" is too much`);
    return await run(given, print);
  } catch (error) {
    return reportFailure("demo", error, USAGE);
  }
}

async function run(given: Arguments, print: (line: string) => void): Promise<number> {
  const only = given.value("network");
  if (only !== undefined && only !== "signals" && only !== "yolox-nano") {
    throw new UsageError(`--network is "${only}"; there are signals and yolox-nano`);
  }
  const seed = given.number("seed", 1, { min: 0, max: 2 ** 32 - 1, whole: true });
  const frames = given.number("frames", 200, { min: 1, max: 100_000, whole: true });
  const folder = given.value("output") ?? "out";
  const videoPath = `${folder}/demo.mp4`, jsonPath = `${folder}/demo.jsonl`;
  await Deno.mkdir(folder, { recursive: true });

  const network = await chooseNetwork(only === undefined ? {} : { only });
  print(`network: ${network.name} (${network.reason})`);
  const slots = 4;
  await using stack = new AsyncDisposableStack();
  const source = stack.adopt(new SceneSource({ seed, frames, buffers: slots + 4 }), (it) => it.close());
  const device = stack.use(await Device.request());
  const detector = stack.use(await prepare(device, network, slots, stack));
  const { description, vendor } = device.adapterInfo;
  print(`adapter: ${description || vendor || "unnamed"}`);
  const sinks = [
    stack.adopt(await JsonLinesSink.open(jsonPath), (it) => it.close()),
    stack.adopt(await VideoSink.open(videoPath, { frameRate: source.info.frameRate }), (it) => it.close()),
  ];
  const score = new SceneScore(network.labels);
  const progress = new ProgressBar(frames, false);
  const report = await untilInterrupted((signal) =>
    runLoop<readonly Detection[]>({
      device,
      source,
      slots: detector.slots,
      sinks,
      signal,
      onFrame: (done, frame, detections) => {
        score.add(source.truth(frame.index), detections);
        progress.update(done);
      },
    })
  ).finally(() => progress.clear());
  print(describeReport(report));
  print(describeScore(score));
  print(`\nlook at ${videoPath}; every detection is a line in ${jsonPath}`);
  return 0;
}

async function prepare(
  device: Device,
  network: DemoNetwork,
  slots: number,
  stack: AsyncDisposableStack,
): Promise<Detector> {
  const session = stack.use(await Session.load(device, network.bytes));
  const { input, treatment, labels } = network;
  return await Detector.create(device, {
    session,
    head: { family: "yolox", output: session.outputs[0]!.name, classes: labels.length },
    input,
    treatment,
    labels,
    slots,
    frame: { width: SCENE_WIDTH, height: SCENE_HEIGHT },
    formats: ["rgb24"],
  });
}

function describeScore(score: SceneScore): string {
  const { recall, precision } = score.total();
  return [
    `against what was drawn (boxes that overlap by ${MATCH_IOU}; objects of which ${VISIBLE_ENOUGH} is seen): ` +
    `recall ${recall.toFixed(3)}, precision ${precision.toFixed(3)}`,
    formatTable([
      ["class", "objects", "found", "wrong"],
      ...score.classes().map((
        { label, objects, found, wrong },
      ) => [label, ...[objects, found, wrong].map(String)]),
    ]),
  ].join("\n");
}
