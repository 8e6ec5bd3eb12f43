/**
 * What `framewise loops` is told.
 *
 * @module
 */
import type { PixelFormat } from "../frame/frame.ts";
import type { TuneMode } from "../graph/mod.ts";
import type { Pooling } from "../place/embedding/pooling.ts";
import { type LoopMethod, type LoopSettings, loopSettings } from "../place/loop/loop_options.ts";
import { TOWN_LEAST_SEQUENCE, TOWN_SEQUENCE } from "../place/town_places.ts";
import type { Size } from "../vision/fit.ts";
import { type Arguments, readArguments } from "./arguments.ts";
import { readRaw } from "./detect_options.ts";
import { USUAL_GAP } from "./eval_command.ts";
import { UsageError } from "./failure.ts";
import { readTune, TUNE_USAGE } from "./tuning.ts";
import { TOWN_WORDS } from "./vocabulary_file.ts";

/** The text of `framewise loops --help`. */
export const LOOPS_USAGE = `Usage:
  framewise loops SOURCE [--embed FILE|NAME] [--features FILE|NAME|orb] [--vocabulary FILE] [options]
                                            has the camera been here before? For every frame of a video, a
                                            folder or glob of images, or raw frames on stdin (-): which earlier
                                            frame shows the same place, or why none does
  without --embed, --features and --vocabulary: town-place, town-features and town-words, which come with Framewise and
  were trained on drawn scenes; with any of them, what is given and nothing else
    --embed            a network that describes whole images: candidates are what resembles the frame
    --features         what finds local features, by which candidates are verified
    --vocabulary FILE  candidates by the words of the features, too (framewise vocabulary train)
    --method global|bow|both     what candidates are found with (all there is)
    --gap 15           the newest frames are no candidates
    --json FILE|-      write a JSON line a frame
    --video FILE       write annotated video (or, for images, a folder): each frame, beside it its match
    --report FILE.html write a page with pictures, and with --truth FILE the precision-recall curve
    --map DIR          go on with the map in a folder, or begin one, and keep all frames in it
    --relocalise       only look frames up in the map; nothing is added
    --remember N       frames of the map that are searched at most; others are forgotten, and recalled when near
    --top 10           candidates that are told
    --sequence N       likeness is the mean over so many frames: the new one and those before it, each with the
                       earlier frame as far from the match (1; with what comes with Framewise ${TOWN_SEQUENCE})
    --least-sequence N candidates with fewer such frames are left out (1; with what comes with Framewise ${TOWN_LEAST_SEQUENCE})
    --min-similarity S candidates resemble the frame so much (0.8; 0.5 where they are verified)
    --min-inliers 20   so many features fit one motion of the camera
    --decide NAME=VALUE,...      any other setting of the decision, as docs/loops.md names them
    --intrinsics fx,fy,cx,cy     of the camera in pixels: the check is stricter then
    --max-features 1000          of a frame
    --index f32|f16|int8         how descriptors are kept (f32, or as the map has them)
    --capacity N       frames that there is room for from the start
    --slots 4          frames in flight
    --f16              keep values between kernels in 16 bits: half the memory, about three digits
${TUNE_USAGE}
    --limit N          stop after N frames
    --strict           fail if a frame creates a GPU object
    --quiet            no progress bar, no summary
    --size WxH --format rgb24 --rate 25     what raw frames on stdin are
    --size WxH         for several images: the largest to come (1920x1080)
  for a network that the catalogue does not know:
    --input 224x224,stretch,rgb,mean=0,std=255      of --embed
    --features-input 640x480,stretch,rgb,std=255    of --features; with orb: 640x480, its working size
    --output NAME      of several outputs, the one that is the descriptor
    --pooling average|max|gem|gem=3         how a map of features becomes a descriptor
    --whitening FILE   applied to descriptors`;

const FLAGS = ["f16", "relocalise", "strict", "quiet"];
const VALUES =
  ("embed features vocabulary method gap json video report truth map remember top sequence least-sequence min-similarity " +
    "min-inliers decide intrinsics max-features index capacity slots limit size format rate input features-input output " +
    "pooling whitening tune").split(" ");

/** How descriptors are kept, by the names that the command line has for it. */
export const INDEX_TYPES = ["f32", "f16", "int8"] as const;
/** One of {@linkcode INDEX_TYPES}. */
export type IndexType = typeof INDEX_TYPES[number];

const METHODS: readonly LoopMethod[] = ["global", "bow", "both"];

/** The camera's focal lengths and principal point, in pixels. */
export interface CameraOption {
  fx: number;
  fy: number;
  cx: number;
  cy: number;
}

/** What places are recognised with where nothing is named: all of it comes with Framewise. */
const DEFAULT_PARTS = { embed: "town-place", features: "town-features", vocabulary: TOWN_WORDS } as const;

/** The options, checked as far as that goes without opening anything. What is undefined was not told. */
export interface LoopsOptions {
  source: string;
  /** None of `embed`, `features` and `vocabulary` was told, so they are what comes with Framewise. */
  byDefault: boolean;
  embed: string | undefined;
  features: string | undefined;
  vocabulary: string | undefined;
  method: LoopMethod | undefined;
  gap: number;
  json: string | undefined;
  video: string | undefined;
  report: string | undefined;
  truth: string | undefined;
  map: string | undefined;
  relocalise: boolean;
  remember: number | undefined;
  top: number;
  /** Frames over which likeness is the mean, and over how many at least. */
  sequence: number | undefined;
  leastSequence: number | undefined;
  minSimilarity: number | undefined;
  minInliers: number | undefined;
  /** Further settings of the decision. */
  decide: Partial<LoopSettings>;
  intrinsics: CameraOption | undefined;
  mostFeatures: number | undefined;
  index: IndexType | undefined;
  capacity: number | undefined;
  slots: number;
  f16: boolean;
  tune: TuneMode | undefined;
  /** Infinity if there is none. */
  limit: number;
  strict: boolean;
  quiet: boolean;
  raw: { size?: Size; format?: PixelFormat; frameRate?: number };
  input: string | undefined;
  featuresInput: string | undefined;
  output: string | undefined;
  pooling: Pooling | undefined;
  whitening: string | undefined;
}

/** Reads the arguments of `framewise loops`; undefined if help is asked for. @throws {UsageError} */
export function readLoopsOptions(args: readonly string[]): LoopsOptions | undefined {
  const given = readArguments(args, { flags: FLAGS, values: VALUES });
  if (given.flag("help")) return undefined;
  const [source, ...rest] = given.positional;
  if (source === undefined) {
    throw new UsageError("SOURCE is missing: a file, a folder, a glob, or - for stdin");
  }
  if (rest.length > 0) throw new UsageError(`one SOURCE at a time; "${rest.join('", "')}" is too much`);
  const raw = readRaw(given);
  if (source === "-" && raw.size === undefined) {
    throw new UsageError("raw frames on stdin need --size WxH, and --format if it is not rgb24");
  }
  const whole = (name: string, min: number, max = Infinity): number | undefined =>
    given.value(name) === undefined ? undefined : given.number(name, 0, { min, max, whole: true });
  const named = {
    embed: given.value("embed"),
    features: given.value("features"),
    vocabulary: given.value("vocabulary"),
  };
  const byDefault = Object.values(named).every((name) => name === undefined);
  const sequence = whole("sequence", 1, 1000) ?? (byDefault ? TOWN_SEQUENCE : undefined);
  const options: LoopsOptions = {
    source,
    byDefault,
    ...(byDefault ? DEFAULT_PARTS : named),
    method: oneOf(given, "method", METHODS),
    gap: whole("gap", 1) ?? USUAL_GAP,
    json: given.value("json"),
    video: given.value("video"),
    report: given.value("report"),
    truth: given.value("truth"),
    map: given.value("map"),
    relocalise: given.flag("relocalise"),
    remember: whole("remember", 1),
    top: whole("top", 1, 1024) ?? 10,
    sequence,
    leastSequence: whole("least-sequence", 1, 1000) ??
      (byDefault ? Math.min(TOWN_LEAST_SEQUENCE, sequence!) : undefined),
    minSimilarity: given.value("min-similarity") === undefined
      ? undefined
      : given.number("min-similarity", 0, { min: -1, max: 1 }),
    minInliers: whole("min-inliers", 0),
    decide: readDecision(given.value("decide")),
    intrinsics: readIntrinsics(given.value("intrinsics")),
    mostFeatures: whole("max-features", 1, 32768),
    index: oneOf(given, "index", INDEX_TYPES),
    capacity: whole("capacity", 1),
    slots: whole("slots", 1, 64) ?? 4,
    f16: given.flag("f16"),
    tune: readTune(given),
    limit: whole("limit", 1) ?? Infinity,
    strict: given.flag("strict"),
    quiet: given.flag("quiet"),
    raw,
    input: given.value("input"),
    featuresInput: given.value("features-input"),
    output: given.value("output"),
    pooling: readPooling(given.value("pooling")),
    whitening: given.value("whitening"),
  };
  refuseContradictions(options);
  return options;
}

/** Options that do nothing, or not what was meant, without another one. */
function refuseContradictions(options: LoopsOptions): void {
  const { embed, features, vocabulary, method, byDefault } = options;
  if (vocabulary !== undefined && features === undefined) {
    throw new UsageError("--vocabulary needs --features: words are made of local features");
  }
  if (embed === undefined && vocabulary === undefined) {
    throw new UsageError(
      "nothing to find candidates with: give --embed, a network that describes images, or --features and --vocabulary",
    );
  }
  if ((method === "global" || method === "both") && embed === undefined) {
    throw new UsageError(`--method ${method} needs --embed, a network that describes images`);
  }
  if ((method === "bow" || method === "both") && vocabulary === undefined) {
    throw new UsageError(`--method ${method} needs --features and --vocabulary`);
  }
  const needs: [keyof LoopsOptions, keyof LoopsOptions][] = [
    ["relocalise", "map"],
    ["remember", "map"],
    ["truth", "report"],
    ["index", "embed"],
    ["sequence", "embed"],
    ["leastSequence", "embed"],
    ["minSimilarity", "embed"],
    ["mostFeatures", "features"],
    ["intrinsics", "features"],
    ["minInliers", "features"],
  ];
  /** About a network that is named. */
  const hints: typeof needs = [
    ["input", "embed"],
    ["output", "embed"],
    ["pooling", "embed"],
    ["whitening", "embed"],
    ["featuresInput", "features"],
  ];
  for (const [option, other] of [...needs, ...hints]) {
    const given = options[option] !== undefined && options[option] !== false;
    const without = options[other] === undefined || (byDefault && hints.some(([hint]) => hint === option));
    if (given && without) {
      throw new UsageError(`--${optionName(option)} goes with --${optionName(other)}`);
    }
  }
  const { sequence = 1, leastSequence = 1 } = options;
  if (leastSequence > sequence) {
    throw new UsageError(
      `--least-sequence ${leastSequence} is more than the ${sequence} of --sequence: no candidate would be left`,
    );
  }
  if (options.relocalise && options.remember !== undefined) {
    throw new UsageError("--remember goes with frames that are added; --relocalise adds none");
  }
  const outputs = [options.json, options.video, options.report].filter((path) => path !== undefined);
  const twice = outputs.find((path, i) => outputs.indexOf(path) !== i);
  if (twice !== undefined) throw new UsageError(`two outputs are both "${twice}"; write to different files`);
}

function optionName(key: keyof LoopsOptions): string {
  if (key === "mostFeatures") return "max-features";
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function oneOf<T extends string>(given: Arguments, name: string, known: readonly T[]): T | undefined {
  const value = given.value(name);
  if (value === undefined) return undefined;
  return known.find((one) => one === value) ?? (() => {
    throw new UsageError(`--${name} is "${value}"; there are ${known.join(", ")}`);
  })();
}

/** Settings that have options of their own, or that are no matter of the user's. */
const OTHERWISE_TOLD = ["method", "gap", "firstId", "candidates", "minSimilarity", "minInliers"];

/** Reads `bowRatio=0.2,consistency=none`; the detector checks the values. */
function readDecision(text: string | undefined): Partial<LoopSettings> {
  const usual: Record<string, unknown> = loopSettings({ method: "bow" }, true);
  const names = Object.keys(usual).filter((name) => !OTHERWISE_TOLD.includes(name));
  const settings: Record<string, unknown> = {};
  for (const part of text?.split(",") ?? []) {
    const [, name, value] = /^\s*(\w+)=(.+?)\s*$/.exec(part) ?? [];
    if (name === undefined || value === undefined || !names.includes(name)) {
      throw new UsageError(`--decide: "${part}" is no NAME=VALUE; the names are ${names.join(", ")}`);
    }
    const kind = typeof usual[name];
    const read = kind === "number" ? Number(value) : kind === "boolean" ? value === "true" : value;
    if ((kind === "number" && Number.isNaN(read)) || (kind === "boolean" && !/^(true|false)$/.test(value))) {
      throw new UsageError(`--decide: ${name} is "${value}"; it must be a ${kind}`);
    }
    settings[name] = read;
  }
  return settings as Partial<LoopSettings>;
}

function readIntrinsics(text: string | undefined): CameraOption | undefined {
  if (text === undefined) return undefined;
  const numbers = text.split(",").map((part) => part.trim() === "" ? NaN : Number(part));
  const [fx, fy, cx, cy] = numbers;
  if (numbers.length !== 4 || !numbers.every(Number.isFinite) || !(fx! > 0 && fy! > 0)) {
    throw new UsageError(
      `--intrinsics is "${text}"; write fx,fy,cx,cy in pixels, such as 525,525,319.5,239.5`,
    );
  }
  return { fx: fx!, fy: fy!, cx: cx!, cy: cy! };
}

function readPooling(text: string | undefined): Pooling | undefined {
  if (text === undefined || text === "average" || text === "max") return text;
  const power = text === "gem" ? 3 : Number(/^gem=(.+)$/.exec(text)?.[1] ?? NaN);
  if (power > 0 && power < Infinity) return { gem: power };
  throw new UsageError(`--pooling is "${text}"; there are average, max, gem and gem=POWER`);
}
