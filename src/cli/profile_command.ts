/**
 * `framewise profile`: where a network's time goes, dispatch by dispatch, on this machine's adapter.
 *
 * @module
 */
import { Device, measurePeaks } from "../gpu/mod.ts";
import type { Graph } from "../graph/graph.ts";
import { loadGraph } from "../graph/load.ts";
import { type ProfileMethod, profileNetwork } from "../graph/profile.ts";
import { chromeTrace } from "../graph/profile_trace.ts";
import { Session } from "../graph/session.ts";
import type { InputShapes } from "../graph/specialise.ts";
import type { TuneMode } from "../graph/tuning/search.ts";
import { readArguments } from "./arguments.ts";
import { reportFailure, UsageError } from "./failure.ts";
import { readShapes } from "./info_command.ts";
import { openModel } from "./model_store.ts";
import { formatProfile, type ProfiledNetwork, profileJson } from "./profile_report.ts";
import { processorMs, readTune, sessionTuning, TUNE_USAGE } from "./tuning.ts";

/** The text of `framewise profile --help`. */
export const PROFILE_USAGE = `Usage:
  framewise profile FILE|NAME [--json] [--trace FILE] [options]
                                            where a network's time goes: each dispatch with its kernel, shape,
                                            time and rates beside the adapter's measured peak
    --trace FILE       write a Chrome trace (about:tracing, ui.perfetto.dev)
    --why              tell why each kernel was chosen, among which, and what each took
    --input WxH        size of the image, where the network leaves it open
    --shape INPUT=1x3x480x640               shapes of inputs, where the network leaves them open
    --f16              keep values between kernels in 16 bits
${TUNE_USAGE}
    --tune-seconds 10  how long tuning may take
    --method timestamps|repeated|processor  how to time; timestamps where they are of use. "processor" is for
                                            software adapters on a busy machine: what all cores spend together
    --seconds 3        how long to measure, about
    --no-peak          leave the adapter's peak unmeasured
    --quiet            no progress`;

const METHODS: readonly ProfileMethod[] = ["timestamps", "repeated", "processor"];

/** What `framewise profile` is told. */
interface ProfileCommandOptions {
  model: string;
  shape: string | undefined;
  size: { width: number; height: number } | undefined;
  method: ProfileMethod | undefined;
  trace: string | undefined;
  seconds: number;
  json: boolean;
  why: boolean;
  f16: boolean;
  tune: TuneMode | undefined;
  tuneSeconds: number;
  peak: boolean;
  quiet: boolean;
}

/** Runs `framewise profile ARGS`; returns the exit code. */
export async function profileCommand(args: readonly string[]): Promise<number> {
  try {
    const options = readOptions(args);
    if (options) await profile(options);
    else console.log(PROFILE_USAGE);
    return 0;
  } catch (error) {
    return reportFailure("framewise profile", error, "see: framewise profile --help");
  }
}

function readOptions(args: readonly string[]): ProfileCommandOptions | undefined {
  const given = readArguments(args, {
    flags: ["json", "why", "f16", "no-peak", "quiet"],
    values: ["trace", "input", "shape", "method", "seconds", "tune", "tune-seconds"],
  });
  if (given.flag("help")) return undefined;
  const [model, ...rest] = given.positional;
  if (model === undefined || rest.length > 0) throw new UsageError("profile takes one file or name");
  const method = given.value("method");
  if (method !== undefined && !METHODS.some((known) => known === method)) {
    throw new UsageError(`--method is "${method}"; it must be one of ${METHODS.join(", ")}`);
  }
  const input = given.value("input");
  const size = /^(\d+)x(\d+)$/.exec(input ?? "");
  if (input !== undefined && (!size || Number(size[1]) === 0 || Number(size[2]) === 0)) {
    throw new UsageError(`--input is "${input}"; write width and height as 640x480`);
  }
  if (input !== undefined && given.value("shape") !== undefined) {
    throw new UsageError("--input and --shape say the same; give one of them");
  }
  return {
    model,
    shape: given.value("shape"),
    size: size ? { width: Number(size[1]), height: Number(size[2]) } : undefined,
    method: method as ProfileMethod | undefined,
    trace: given.value("trace"),
    seconds: given.number("seconds", 3, { min: 0.1, max: 600 }),
    json: given.flag("json"),
    why: given.flag("why"),
    f16: given.flag("f16"),
    tune: readTune(given),
    tuneSeconds: given.number("tune-seconds", 10, { min: 0.1, max: 3600 }),
    peak: !given.flag("no-peak"),
    quiet: given.flag("quiet"),
  };
}

async function profile(options: ProfileCommandOptions): Promise<void> {
  const { quiet, method } = options;
  const say = (message: string): void => void (quiet || console.error(`framewise profile: ${message}`));
  const model = await openModel(options.model);
  const graph = await loadGraph(model.bytes, { place: model.path, movable: true });
  const shapes = options.size
    ? imageShapes(graph, options.size)
    : readShapes(options.shape, graph, model.entry);
  using device = await Device.request({ onWarning: say });
  const clock = method === "processor" ? processorMs : undefined;
  const peaks = options.peak
    ? (say("measuring the adapter's peak"), await measurePeaks(device, clock))
    : undefined;
  say("preparing the network");
  const { tuning, ...how } = sessionTuning(options.tune, say);
  using session = new Session(device, graph, {
    precision: options.f16 ? "f16" : "f32",
    ...how,
    tuning: { ...tuning, budgetMs: options.tuneSeconds * 1000 },
  });
  const tuned = await session.tune(shapes);
  if (tuned) {
    say(
      `timed ${tuned.timed} of ${tuned.layers} layers in ${
        (tuned.ms / 1000).toFixed(1)
      } s; ${tuned.changed} got another kernel`,
    );
  }
  using network = await session.prepare(shapes);
  const measured = await profileNetwork(session, network, {
    ...(method && { method }),
    ...(clock && { processorMs: clock }),
    budgetMs: options.seconds * 1000,
    onProgress: progressTo(say),
  });
  const { description, vendor } = device.adapterInfo;
  const profiled: ProfiledNetwork = {
    file: model.path,
    adapter: description || vendor || "unnamed",
    precision: options.f16 ? "f16" : "f32",
    inputs: Object.fromEntries(network.plan.inputs.map(({ name, type }) => [name, type.shape])),
    ...(peaks && { peaks }),
    profile: measured,
  };
  if (options.trace !== undefined) {
    const trace = chromeTrace(measured, model.path, { adapter: profiled.adapter });
    await Deno.writeTextFile(options.trace, JSON.stringify(trace));
    say(`the trace is in ${options.trace}`);
  }
  console.log(
    options.json
      ? JSON.stringify(profileJson(profiled), null, 2)
      : formatProfile(profiled, { why: options.why }),
  );
}

/** Tells at every tenth. */
function progressTo(say: (message: string) => void): (done: number, total: number) => void {
  let told = 0;
  return (done, total) => {
    const tenth = Math.floor(10 * done / total);
    if (tenth > told && done < total) say(`${tenth * 10} % timed`);
    told = tenth;
  };
}

/** The shape of the network's one image input at a size. @throws {UsageError} */
function imageShapes(graph: Graph, { width, height }: { width: number; height: number }): InputShapes {
  const images = graph.inputs.filter(({ dims }) => dims.length === 4);
  const [image] = images;
  if (!image || images.length > 1) {
    throw new UsageError(
      `--input is for networks with one image input, and this one has ${images.length}; give --shape`,
    );
  }
  const [batch, channels] = image.dims.map((dim) => typeof dim === "number" ? dim : undefined);
  const shape = [batch ?? 1, channels ?? 3, height, width];
  const wrong = image.dims.some((dim, axis) => typeof dim === "number" && dim !== shape[axis]);
  if (wrong) {
    throw new UsageError(
      `--input is ${width}x${height}, but input "${image.name}" is fixed at [${image.dims.join(", ")}]`,
    );
  }
  return { [image.name]: shape };
}
