/**
 * The demo: drives two laps through a town that Framewise draws, detects objects, notices that the camera has come back, and
 * shows all of it, beside the truth.
 */
import { type Arguments, readArguments } from "../cli/arguments.ts";
import { reportFailure, UsageError } from "../cli/failure.ts";
import { FramePictures } from "../cli/frame_pictures.ts";
import { untilInterrupted } from "../cli/interrupt.ts";
import { ProgressBar } from "../cli/progress.ts";

import { formatTable } from "../cli/table.ts";
import { runLoop } from "../frame/loop.ts";
import { SinkError } from "../frame/frame.ts";
import type { LoopReport } from "../frame/report.ts";
import { Device, formatBytes, totalCount } from "../gpu/mod.ts";
import { JsonLinesSink, VideoSink } from "../video/mod.ts";
import { writeProblem } from "../video/output.ts";
import { WorldSource } from "../world/world_source.ts";
import { Drive, DRIVE_SCENARIO, FRAME, VIDEO_RATE } from "./drive.ts";
import { openSlots, SLOTS } from "./drive_networks.ts";
import { DriveSink } from "./drive_outputs.ts";
import { driveRecord } from "./drive_record.ts";
import type { DriveResult } from "./drive_slot.ts";
import { DriveReport } from "./report/drive_report.ts";

const USAGE = `Usage:
  deno task demo [options]                  drive two laps through a town that Framewise draws, detect objects, recognise
                                            places, and show both beside the truth
    --seed 7           another town
    --frames 400       of both laps together: more frames, shorter steps
    --output out       folder for demo.mp4, demo.jsonl and demo.html`;

/** Fewer frames are too far apart to be a drive. */
const FEWEST_FRAMES = 8;

/** What a program that runs the demo may set. */
export interface DemoSetting {
  /** Takes the lines; the console unless told. */
  readonly print?: (line: string) => void;
  /** Takes what went wrong; stderr unless told. */
  readonly printError?: (line: string) => void;
}

/** Runs the demo; returns the exit code: 0, 1 for a failure, 2 for wrong usage. */
export async function demo(args: readonly string[], setting: DemoSetting = {}): Promise<number> {
  const print = setting.print ?? ((line) => console.log(line));
  try {
    const given = readArguments(args, { flags: [], values: ["seed", "frames", "output"] });
    if (given.flag("help")) {
      print(USAGE);
      return 0;
    }
    if (given.positional.length > 0) throw new UsageError(`"${given.positional[0]}" is too much`);
    await run(given, print);
    return 0;
  } catch (error) {
    return reportFailure("demo", error, USAGE, setting.printError);
  }
}

async function run(given: Arguments, print: (line: string) => void): Promise<void> {
  const seed = given.number("seed", 7, { min: 0, max: 2 ** 32 - 1, whole: true });
  const frames = given.number("frames", 400, { min: FEWEST_FRAMES, max: 100_000, whole: true });
  const folder = given.value("output") ?? "out";
  const [video, json, page] = ["demo.mp4", "demo.jsonl", "demo.html"].map((name) => `${folder}/${name}`) as [
    string,
    string,
    string,
  ];
  await makeFolder(folder);
  await using stack = new AsyncDisposableStack();
  // What is wrong with the folder or with ffmpeg is said before anything else is done.
  const filmed = stack.adopt(await VideoSink.open(video, { frameRate: VIDEO_RATE }), (it) => it.close());
  const lines = stack.adopt(await JsonLinesSink.open(json, driveRecord), (it) => it.close());
  print(`two laps through a drawn town, by day and at dusk: ${frames} frames, seed ${seed}`);
  const drive = new Drive({ seed, frames });
  const progress = new ProgressBar(frames, false);
  stack.defer(() => progress.clear());
  progress.say("preparing the networks");
  const device = stack.use(await Device.request());
  const slots = await openSlots(device, drive, stack);
  const source = stack.adopt(
    new WorldSource(device, { scenario: DRIVE_SCENARIO, seed, frames, ...FRAME, buffers: SLOTS + 4 }),
    (it) => it.close(),
  );
  const pictures = stack.use(await FramePictures.open());
  const shown = new DriveReport(drive, pictures, () => device.memory().buffers.bytes);
  const sink = new DriveSink({
    drive,
    truth: (frame) => source.truth(frame),
    pictures,
    video: filmed,
    report: shown,
  });
  const report = await untilInterrupted((signal) =>
    runLoop<DriveResult>({
      device,
      source,
      slots,
      sinks: [lines, sink],
      signal,
      strict: true,
      onFrame: (done) => progress.update(done),
    })
  );
  progress.clear();
  const { description, vendor } = device.adapterInfo;
  await shown.write(page, {
    report,
    video: "demo.mp4",
    json: "demo.jsonl",
    facts: [
      ["town", `${source.info.name}, ${FRAME.width}x${FRAME.height}`],
      ["networks", "town-detector, town-place, town-features and town-words, which come with Framewise"],
      ["adapter", description || vendor || "unnamed"],
      ["frames", `${report.frames}, ${report.slots} in flight`],
      ["rate", `${report.framesPerSecond.toFixed(1)} frames/s`],
      ["GPU memory", `${formatBytes(report.memory.buffers.highWaterBytes)} at most`],
    ],
  });
  print(describe(shown, report));
  print(`\nlook at ${page} and ${video}; what was found is in ${json}, a line a frame`);
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await Deno.mkdir(folder, { recursive: true });
  } catch (error) {
    throw new SinkError(
      `Cannot make the folder "${folder}": ${writeProblem(error)}; give another by --output`,
      {
        cause: error,
      },
    );
  }
}

/** What was found, in a few lines. */
function describe({ objects, places }: DriveReport, report: LoopReport): string {
  const classes = objects.classes();
  const revisits = places.count("found") + places.count("missed");
  return [
    `${report.frames} frames in ${report.seconds.toFixed(1)} s, ${
      report.framesPerSecond.toFixed(1)
    } a second; ${totalCount(report.created)} GPU objects made on the way`,
    ...(report.interrupted === "signal" ? ["stopped by a signal; what was written is complete"] : []),
    "",
    `objects: mAP50 ${objects.precision().mean.toFixed(3)} against the town's truth`,
    formatTable([
      ["class", "came by", "found", "boxes", "found", "wrong", "AP50"],
      ...classes.map((one) => [
        one.label,
        ...[one.things, one.thingsFound, one.boxes, one.boxesFound, one.wrong].map(String),
        one.averagePrecision?.toFixed(3) ?? "-",
      ]),
    ]),
    "",
    `places: of ${revisits} frames at a place seen before, ${places.count("found")} recognised, ${
      places.count("missed")
    } not; ${places.count("wrong")} taken for another place`,
  ].join("\n");
}
