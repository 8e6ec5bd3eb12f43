/**
 * Evaluates the embedded networks: draws pictures, gives them to the engines, and gathers the figures.
 *
 * @module
 */
import { Device } from "../../src/gpu/mod.ts";
import { DetectorPart } from "./detector_part.ts";
import { type DrawnSet, drawSet } from "./draw.ts";
import type { Engine } from "./engine.ts";
import { featureFigures, FeaturesPart, MOST_FEATURES } from "./features_part.ts";
import {
  type ComparedFigure,
  compareFigures,
  type Details,
  type Figure,
  type PartName,
  PARTS,
} from "./figures.ts";
import { FramewiseEngine } from "./framewise.ts";
import { LoopsPart } from "./loops_part.ts";
import { readNetworks } from "./networks.ts";
import { OnnxRuntimeEngine } from "./onnx_runtime.ts";
import { OpencvOrb } from "./opencv_orb.ts";
import { PlacePart } from "./place_part.ts";
import { describeSet, type EvaluationSize, pictureSets } from "./sets.ts";

/** What is evaluated. */
export interface EvaluationOptions {
  /** All unless told. */
  readonly parts?: readonly PartName[];
  /** `full` unless told. */
  readonly size?: EvaluationSize;
  /** The folder of the networks; models/town unless told. */
  readonly models?: string;
  /** Whether ONNX Runtime does the same; true unless told. */
  readonly reference?: boolean;
  /** A Python with OpenCV, whose ORB is another thing to be better than. */
  readonly python?: string;
  /** Is told what was done. */
  readonly tell?: (message: string) => void;
}

/** What an evaluation gives. */
export interface Evaluation {
  readonly size: EvaluationSize;
  readonly figures: readonly ComparedFigure[];
  readonly details: readonly Details[];
  /** What took how long: drawing, and each part by engine. */
  readonly seconds: Readonly<Record<string, number>>;
}

/** What gathers pictures, and for which part. */
interface Gatherer {
  readonly part: PartName;
  /** What its time is told as. */
  readonly name: string;
  take(drawn: DrawnSet): Promise<void>;
}

/** One engine's parts. */
class EngineParts {
  readonly engine: Engine;
  readonly features: FeaturesPart;
  readonly detector: DetectorPart;
  readonly place: PlacePart;
  readonly loops: LoopsPart;

  constructor(engine: Engine) {
    this.engine = engine;
    this.detector = new DetectorPart(engine);
    this.place = new PlacePart(engine);
    this.features = new FeaturesPart(engine.features(MOST_FEATURES));
    this.loops = new LoopsPart(engine);
  }

  gatherers(): Gatherer[] {
    return PARTS.map((part) => ({
      part,
      name: `${part}, ${this.engine.name}`,
      take: (drawn) => this[part].take(drawn),
    }));
  }

  figures(parts: readonly PartName[], rivals: readonly FeaturesPart[]): Figure[] {
    const of = {
      detector: () => this.detector.figures(),
      place: () => this.place.figures(),
      features: () => featureFigures(this.features, rivals),
      loops: () => this.loops.figures(),
    };
    return parts.flatMap((part) => of[part]());
  }
}

/** Evaluates. @throws {EvaluationError} if networks or Python are not there. */
export async function evaluate(options: EvaluationOptions = {}): Promise<Evaluation> {
  const { size = "full", reference = true, python, tell = () => {} } = options;
  const parts = PARTS.filter((part) => options.parts?.includes(part) ?? true);
  const networks = await readNetworks(parts, options.models);
  await using stack = new AsyncDisposableStack();
  const device = stack.use(await Device.request());
  const framewise = stack.use(new FramewiseEngine(networks));
  const ours = new EngineParts(framewise);
  const engines = [ours, ...reference ? [new EngineParts(stack.use(new OnnxRuntimeEngine(networks)))] : []];
  const orb = framewise.orb(MOST_FEATURES);
  const rivals = [
    new FeaturesPart(orb),
    ...python === undefined ? [] : [new FeaturesPart(new OpencvOrb(python, MOST_FEATURES, orb))],
  ];
  const gatherers: Gatherer[] = [
    ...engines.flatMap((engine) => engine.gatherers()),
    ...rivals.map((rival): Gatherer => ({
      part: "features",
      name: `features, ${rival.name}`,
      take: (drawn) => rival.take(drawn),
    })),
  ];
  const seconds: Record<string, number> = {};
  for (const set of pictureSets(size, parts)) {
    let since = performance.now();
    const took: string[] = [];
    const clock = (what: string): void => {
      const passed = (performance.now() - since) / 1000;
      seconds[what] = (seconds[what] ?? 0) + passed;
      took.push(`${what} ${passed.toFixed(1)} s`);
      since = performance.now();
    };
    for await (const drawn of drawSet(device, set)) {
      clock("drawing");
      for (const { part, name, take } of gatherers) {
        if (!set.parts.includes(part)) continue;
        await take(drawn);
        clock(name);
      }
    }
    tell(`${describeSet(set)}: ${took.join(", ")}`);
  }
  const figures = Object.fromEntries(
    engines.map((engine) => [engine.engine.name, engine.figures(parts, engine === ours ? rivals : [])]),
  );
  return {
    size,
    figures: compareFigures(figures),
    details: [
      ...ours.detector.details(),
      ...parts.includes("features") ? [featureDetails([ours.features, ...rivals])] : [],
      ...ours.loops.details(),
    ],
    seconds,
  };
}

/** The matches of all finders, side by side. */
function featureDetails(finders: readonly FeaturesPart[]): Details {
  return {
    part: "features",
    title: `Matches, at most ${MOST_FEATURES} features a picture`,
    columns: ["finder", "pairs", "matches a pair", "right ones a pair", "share of right ones"],
    rows: finders.flatMap((finder) =>
      Object.entries(finder.counts()).map(([light, { pairs, matches, right }]) => ({
        name: `${finder.name}, ${light}`,
        values: [
          pairs,
          ...pairs === 0 ? [] : [matches / pairs, right / pairs, matches === 0 ? 0 : right / matches],
        ],
      }))
    ),
  };
}
