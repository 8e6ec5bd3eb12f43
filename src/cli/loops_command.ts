/**
 * `framewise loops`: has the camera been here before?
 *
 * @module
 */
import { LoopError, runLoop } from "../frame/loop.ts";
import type { LoopReport } from "../frame/report.ts";
import { Device } from "../gpu/mod.ts";
import type { PlaceResult } from "../place/conclusion.ts";
import { describeLoss } from "../place/map/map_files.ts";
import { openSource } from "../video/mod.ts";
import { reportFailure } from "./failure.ts";
import { describeSkipped, largestFrame, refuseNothing, withAdvice } from "./frame_run.ts";
import { untilInterrupted } from "./interrupt.ts";
import { LoopFileError } from "./loop_record.ts";
import { readTruth } from "./loop_truth.ts";
import { LOOPS_USAGE, type LoopsOptions, readLoopsOptions } from "./loops_options.ts";
import { openLoopsOutputs } from "./loops_outputs.ts";
import { type OpenedPlaces, openParts, openPlaces } from "./loops_places.ts";
import { LoopsSummary } from "./loops_summary.ts";
import { ProgressBar } from "./progress.ts";
import { openVocabulary } from "./vocabulary_file.ts";

/** Runs `framewise loops ARGS`; returns the exit code. */
export async function loopsCommand(args: readonly string[]): Promise<number> {
  try {
    const options = readLoopsOptions(args);
    if (options) await loops(options);
    else console.log(LOOPS_USAGE);
    return 0;
  } catch (error) {
    return reportFailure("framewise loops", error, "see: framewise loops --help");
  }
}

async function loops(options: LoopsOptions): Promise<void> {
  const { slots, limit, quiet, raw, source: spec } = options;
  const progress = { bar: undefined as ProgressBar | undefined };
  const tell = (message: string): void => {
    progress.bar?.clear();
    console.error(`framewise loops: ${message}`);
  };
  const warn = (message: string): void => void (quiet || tell(message));
  await using stack = new AsyncDisposableStack();
  if (options.byDefault) {
    warn(
      `--embed, --features and --vocabulary are not given: taking ${options.embed}, ${options.features} and ` +
        `${options.vocabulary}, which come with Framewise and were trained on drawn scenes alone; --embed names another`,
    );
  }
  // What is wrong with files is said before anything is opened or made.
  const truth = options.truth === undefined ? undefined : await readTruth(options.truth);
  const vocabulary = options.vocabulary === undefined ? undefined : await openVocabulary(options.vocabulary);
  const source = stack.adopt(await openSource(spec, { ...raw, buffers: slots + 4 }), (it) => it.close());
  const { frameCount } = source.info;
  const frames = frameCount === undefined ? undefined : Math.min(frameCount, limit);
  const bar = progress.bar = new ProgressBar(frames, quiet);
  stack.defer(() => bar.clear());
  bar.say("preparing the networks");
  const device = stack.use(await Device.request({ onWarning: warn }));
  const parts = await openParts(device, options, vocabulary, stack, warn);
  // Outputs are emptied when all that may be wrong with what was given has been found.
  const { sinks, report: page } = await openLoopsOutputs(
    options,
    source,
    (id) => matchName(places, id),
    stack,
  );
  const forecast = { frame: largestFrame(source, raw.size), frames, warn };
  const places: OpenedPlaces = await openPlaces(device, options, parts, forecast, stack);
  const dropped = places.map && describeLoss(places.map);
  if (dropped !== undefined) tell(dropped);
  const summary = new LoopsSummary(options, places, device);
  const conclude = async (report: LoopReport): Promise<void> => {
    bar.clear();
    if (!quiet) {
      // Standard output is for the JSON lines, if they go there.
      const print = options.json === "-" ? console.error : console.log;
      print(summary.describe(report));
    }
    if (options.report === undefined || !page) return;
    const { bags } = places.recogniser, scoring = vocabulary?.scoring;
    const run = {
      source: source.info.name,
      gap: options.gap,
      slots,
      facts: summary.facts(report),
      ...(bags && scoring && { words: { bags: () => bags.bags(), scoring } }),
    };
    try {
      await page.write(options.report, { ...run, truth });
    } catch (error) {
      if (!(error instanceof LoopFileError)) throw error;
      // What was found is shown, whether the truth fits or not.
      await page.write(options.report, run);
      throw error;
    }
  };
  try {
    const report = await untilInterrupted((signal) =>
      runLoop<PlaceResult>({
        device,
        source,
        slots: places.recogniser.slots,
        sinks,
        limit,
        strict: options.strict,
        signal,
        onFrame: (done, _, result) => {
          summary.add(result);
          bar.update(done);
        },
        onSkipped: (frame) => tell(describeSkipped(frame)),
      })
    );
    refuseNothing(report);
    await places.map?.close();
    await conclude(report);
  } catch (error) {
    if (!(error instanceof LoopError)) throw error;
    if (error.report.frames > 0) {
      // Why it ended is told even if closing fails, too.
      await places.map?.close().catch((failure) => tell(String(failure?.message ?? failure)));
      await conclude(error.report);
    }
    const unknown = frameCount === undefined && options.capacity === undefined;
    const advice = unknown ? "; tell the number of frames to come by --capacity N" : "";
    throw withAdvice(error, source, options, advice);
  }
}

/** What an earlier frame of the map is called, if it is not of this run. */
function matchName({ map, before }: OpenedPlaces, id: number): string | undefined {
  return map && id < before ? map.entry(id).name : undefined;
}
