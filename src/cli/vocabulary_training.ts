/**
 * `framewise vocabulary train`: local features of many frames, and a vocabulary of them.
 *
 * @module
 */
import type { FrameSink } from "../frame/frame.ts";
import { runLoop } from "../frame/loop.ts";
import { Device, formatBytes } from "../gpu/mod.ts";
import { FeatureExtractor } from "../place/feature_extractor.ts";
import type { LocalFeatures } from "../place/features/local_features.ts";
import {
  type Descriptors,
  type Scoring,
  SCORINGS,
  trainVocabulary,
  type Weighting,
  WEIGHTINGS,
} from "../place/vocabulary/mod.ts";
import { checkWritable } from "../video/output.ts";
import { openSource } from "../video/mod.ts";
import { type Arguments, readArguments } from "./arguments.ts";
import { UsageError } from "./failure.ts";
import { untilInterrupted } from "./interrupt.ts";
import { openFeatures } from "./place_models.ts";
import { plural } from "./plural.ts";
import { ProgressBar } from "./progress.ts";
import { describeVocabulary } from "./vocabulary_description.ts";
import { formOfName, saveVocabulary } from "./vocabulary_file.ts";

/** The part of `framewise vocabulary --help` that is about training. */
export const TRAIN_USAGE =
  `  framewise vocabulary train SOURCE... --features orb|FILE|NAME --out FILE [options]
                                            makes one from the local features of images and videos
    --k 10 --levels 5                       children of a node, levels of the tree
    --weighting tf-idf|tf|idf|binary        --scoring l1|l2|chi-square|kl|bhattacharyya|dot
    --max-features 1000                     of a frame
    --max-descriptors 1000000               in all: with more, every second frame is left out, and so on
    --limit-seconds S                       close the tree as it stands after so long
    --seed 1 --limit N --slots 4 --quiet    --limit: frames of each source
    --features-input WxH,...                as --input of framewise detect, for an unknown network`;

const VALUES =
  ("features out k levels weighting scoring max-features max-descriptors limit-seconds seed limit slots " +
    "features-input").split(" ");

/** The options, checked as far as that goes without opening anything. */
interface TrainOptions {
  sources: string[];
  features: string;
  out: string;
  k: number;
  levels: number;
  weighting: Weighting;
  scoring: Scoring;
  mostFeatures: number;
  mostDescriptors: number;
  maxMs: number;
  seed: number;
  limit: number;
  slots: number;
  input: string | undefined;
  quiet: boolean;
}

/** Runs `framewise vocabulary train ARGS`. @returns false if help is asked for. */
export async function trainCommand(args: readonly string[]): Promise<boolean> {
  const given = readArguments(args, { flags: ["quiet"], values: VALUES });
  if (given.flag("help")) return false;
  await train(readOptions(given));
  return true;
}

function readOptions(given: Arguments): TrainOptions {
  const sources = given.positional;
  if (sources.length === 0) throw new UsageError("SOURCE is missing: images, folders of them, or videos");
  if (sources.includes("-")) {
    throw new UsageError("vocabulary train reads no raw frames; give images or videos");
  }
  const [features, out] = [given.value("features"), given.value("out")];
  if (features === undefined) {
    throw new UsageError(
      "--features is missing: orb, or a network that finds local features, such as town-features",
    );
  }
  if (out === undefined) throw new UsageError("--out is missing: the file to write");
  formOfName(out);
  const whole = (name: string, fallback: number, min: number, max: number): number =>
    given.number(name, fallback, { min, max, whole: true });
  return {
    sources,
    features,
    out,
    k: whole("k", 10, 2, 65535),
    levels: whole("levels", 5, 1, 32),
    weighting: oneOf(given, "weighting", WEIGHTINGS, "tf-idf"),
    scoring: oneOf(given, "scoring", SCORINGS, "l1"),
    mostFeatures: whole("max-features", 1000, 1, 32768),
    mostDescriptors: whole("max-descriptors", 1_000_000, 1, 1e9),
    maxMs: 1000 * given.number("limit-seconds", Infinity, { min: 0, max: Infinity }),
    seed: whole("seed", 1, 0, 2 ** 53),
    limit: whole("limit", Infinity, 1, Infinity),
    slots: whole("slots", 4, 1, 64),
    input: given.value("features-input"),
    quiet: given.flag("quiet"),
  };
}

function oneOf<T extends string>(given: Arguments, name: string, known: readonly T[], usual: T): T {
  const value = given.value(name);
  if (value === undefined) return usual;
  return known.find((one) => one === value) ?? (() => {
    throw new UsageError(`--${name} is "${value}"; there are ${known.join(", ")}`);
  })();
}

/** Keeps the descriptors of each image, and of fewer images when there are too many. */
export class DescriptorCollection implements FrameSink<LocalFeatures> {
  readonly #size: number;
  readonly #most: number;
  #images: Descriptors[] = [];
  #stride = 1;
  #seen = 0;
  #count = 0;

  /** @param size elements of a descriptor. @param most descriptors that are kept. */
  constructor(size: number, most: number) {
    this.#size = size;
    this.#most = most;
  }

  /** The descriptors of each image that is kept. */
  get images(): readonly Descriptors[] {
    return this.#images;
  }

  /** Descriptors that are kept. */
  get count(): number {
    return this.#count;
  }

  /** Images that came. */
  get seen(): number {
    return this.#seen;
  }

  /** Takes an image. */
  write(_frame: unknown, { descriptors }: LocalFeatures): Promise<void> {
    if (this.#seen++ % this.#stride === 0) {
      this.#images.push(descriptors);
      this.#recount();
      while (this.#count > this.#most && this.#images.length > 1) {
        this.#stride *= 2;
        this.#images = this.#images.filter((_, i) => i % 2 === 0);
        this.#recount();
      }
    }
    return Promise.resolve();
  }

  /** Nothing to finish. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  #recount(): void {
    this.#count = this.#images.reduce((sum, { length }) => sum + length, 0) / this.#size;
  }
}

async function train(options: TrainOptions): Promise<void> {
  const { quiet, out } = options;
  await checkWritable(out);
  await using stack = new AsyncDisposableStack();
  const progress = new ProgressBar(undefined, quiet);
  stack.defer(() => progress.clear());
  progress.say("preparing");
  const warn = (message: string): void => {
    progress.clear();
    if (!quiet) console.error(`framewise vocabulary: ${message}`);
  };
  const device = stack.use(await Device.request({ onWarning: warn }));
  await untilInterrupted(async (signal) => {
    const { collection, form, described } = await collect(device, options, progress, signal);
    if (signal.aborted) throw new Error("stopped by a signal; nothing was written");
    if (collection.count === 0) {
      throw new Error(
        `no local features were found in ${plural(collection.seen, "frame")}; nothing was written`,
      );
    }
    const begun = performance.now();
    const { k, levels, weighting, scoring, seed, maxMs } = options;
    const training = await trainVocabulary(device, collection.images, {
      form,
      k,
      levels,
      weighting,
      scoring,
      seed,
      maxMs,
      signal,
      onProgress: ({ level, iteration, changed, nodes, elapsedMs }) =>
        progress.say(
          `level ${level}, round ${iteration}: ${changed.toLocaleString("en")} changed, ` +
            `${plural(nodes, "node")}, ${(elapsedMs / 1000).toFixed(0)} s`,
        ),
    }).catch((error) => {
      throw signal.aborted ? new Error("stopped by a signal; nothing was written") : error;
    });
    const seconds = (performance.now() - begun) / 1000;
    const bytes = await saveVocabulary(training.vocabulary, out);
    progress.clear();
    if (quiet) return;
    const kept = collection.images.length;
    console.log([
      `features: ${described}`,
      `${plural(collection.count, "descriptor")} of ${plural(kept, "frame")}${
        kept < collection.seen ? ` (of ${collection.seen.toLocaleString("en")}: --max-descriptors)` : ""
      }, trained in ${seconds.toFixed(1)} s`,
      ...(training.outOfTime ? [`closed after ${training.levels} of ${levels} levels: --limit-seconds`] : []),
      ...describeVocabulary(training.vocabulary),
      `${out}: ${formatBytes(bytes)}`,
    ].join("\n"));
  });
}

async function collect(
  device: Device,
  { sources, features: name, mostFeatures, mostDescriptors, limit, slots, input, quiet }: TrainOptions,
  progress: ProgressBar,
  signal: AbortSignal,
) {
  await using stack = new AsyncDisposableStack();
  const features = await openFeatures(device, name, { most: mostFeatures, input }, stack);
  const extractor = stack.use(await FeatureExtractor.create(device, { features: features.part, slots }));
  const { form } = features.part;
  const collection = new DescriptorCollection(form.size, mostDescriptors);
  for (const spec of sources) {
    if (signal.aborted) break;
    const source = await openSource(spec, { buffers: slots + 4 });
    const before = collection.seen;
    await runLoop<LocalFeatures>({
      device,
      source,
      slots: extractor.slots,
      sinks: [collection],
      limit,
      signal,
      onFrame: (done) => progress.update(before + done),
      onSkipped: ({ index, name, reason }) => {
        progress.clear();
        if (!quiet) console.error(`framewise vocabulary: frame ${index} (${name}) skipped: ${reason}`);
      },
    });
  }
  return { collection, form, described: features.described };
}
