/** Collects what the page shows while frames go by, and writes it. */
import type { FramePictures } from "../../cli/frame_pictures.ts";
import { BestPairs, type ShownPair } from "../../cli/loops_report/best_pairs.ts";
import {
  drawMatrix,
  drawPair,
  drawTimes,
  type FrameTimes,
  type PairSide,
} from "../../cli/loops_report/figures.ts";
import { LikenessSample } from "../../cli/loops_report/likeness.ts";
import { SinkError } from "../../frame/frame.ts";
import type { LoopReport } from "../../frame/report.ts";
import type { PlaceResult } from "../../place/conclusion.ts";
import { encodeJpeg } from "../../video/encode_jpeg.ts";
import { writeProblem } from "../../video/output.ts";
import type { Detection } from "../../vision/detection.ts";
import type { FrameTruth } from "../../world/truth.ts";
import type { Drive } from "../drive.ts";
import { SLOTS } from "../drive_networks.ts";
import type { DriveResult } from "../drive_slot.ts";
import { type FrameScore, ObjectScore } from "../object_score.ts";
import { type PlaceOutcome, PlaceScore } from "../place_score.ts";
import { TownMap } from "../town_map.ts";
import { drawMap } from "./map_figure.ts";
import { drawMemory, type MemorySample, risenMiB } from "./memory_figure.ts";
import { drawObjects } from "./objects_figure.ts";
import { type DrivePage, drivePage, type PagePicture } from "./page.ts";
import { TellingFrames } from "./telling_frames.ts";

/** What the report takes of a frame. */
export interface ReportedFrame {
  readonly result: DriveResult;
  /** The detections that are sure enough to be shown. */
  readonly shown: readonly Detection[];
  readonly truth: FrameTruth;
  /** See {@linkcode ShownPair}. */
  readonly lines: Float32Array;
}

/** What the page is told at the end. */
export interface ReportedRun {
  readonly report: LoopReport;
  readonly facts: readonly (readonly [string, string])[];
  /** File names of the other outputs, which lie beside the page. */
  readonly video: string;
  readonly json: string;
}

/** Pictures with objects that are shown, of each lap, and pairs of frames. */
const SHOWN_A_LAP = 3, SHOWN_PAIRS = 4;
/** Lines between the frames of a pair. */
const SHOWN_LINES = 22;
/** Space between the laps on the map. */
const LAPS_APART = 20;

/** The report of one drive. */
export class DriveReport {
  readonly objects: ObjectScore = new ObjectScore();
  readonly places: PlaceScore;
  readonly #drive: Drive;
  readonly #pictures: FramePictures;
  readonly #gpuBytes: () => number;
  readonly #times: FrameTimes[] = [];
  readonly #memory: MemorySample[] = [];
  readonly #likeness = new LikenessSample();
  readonly #pairs = new BestPairs();
  readonly #telling: readonly TellingFrames[];
  readonly #places: Pick<PlaceResult, "id" | "match" | "similarity" | "matches" | "inliers">[] = [];
  #doneAt: number | undefined;

  /**
   * @param pictures of the frames, which the caller keeps and closes.
   * @param gpuBytes tells how much GPU memory is in use.
   */
  constructor(drive: Drive, pictures: FramePictures, gpuBytes: () => number) {
    this.#drive = drive;
    this.#pictures = pictures;
    this.#gpuBytes = gpuBytes;
    this.places = new PlaceScore(drive.gap);
    this.#telling = [0, 1].map(() => new TellingFrames());
  }

  /** Takes a frame; says what became of its place. */
  add({ result, shown, truth, lines }: ReportedFrame): PlaceOutcome {
    const { place, detections } = result;
    const { frame, light, boxes, samePlace } = truth;
    const score = this.objects.add(frame, light, boxes, detections, shown);
    this.#telling[this.#drive.laps[frame]!]!.add(frame, score);
    const outcome = this.places.add(place, samePlace);
    const { id, match, similarity, matches, inliers } = place;
    this.#places.push({
      id,
      ...(match !== undefined && { match }),
      ...(similarity !== undefined && { similarity }),
      ...(matches !== undefined && { matches }),
      ...(inliers !== undefined && { inliers }),
    });
    if (place.descriptor) this.#likeness.add({ kind: "similarity", descriptor: place.descriptor });
    if (outcome === "found") this.#pairs.add({ id, match: match!, score: inliers ?? similarity ?? 0, lines });
    const now = performance.now();
    this.#times.push({
      whole: this.#doneAt === undefined ? undefined : now - this.#doneAt,
      gpu: undefined,
      search: place.searchMs,
    });
    this.#doneAt = now;
    this.#memory.push({ resident: Deno.memoryUsage().rss, gpu: this.#gpuBytes() });
    return outcome;
  }

  /**
   * Writes the page.
   *
   * @throws {SinkError} if it cannot be written, or ffmpeg cannot encode its pictures.
   */
  async write(path: string, run: ReportedRun): Promise<void> {
    const page = drivePage(await this.#content(run));
    try {
      await Deno.writeTextFile(path, page);
    } catch (error) {
      throw new SinkError(`Cannot write "${path}": ${writeProblem(error)}`, { cause: error });
    }
  }

  async #content({ report, facts, video, json }: ReportedRun): Promise<DrivePage> {
    const { outcomes, pairs } = this.places;
    const found = this.#places.flatMap(({ id, match }) => {
      const outcome = outcomes[id];
      return match === undefined || (outcome !== "found" && outcome !== "wrong")
        ? []
        : [{ id, match, right: outcome === "found" }];
    });
    const picture = await this.#likeness.picture();
    const far = pairs.filter(([a, b]) => a - b >= this.#drive.gap);
    const map = new TownMap(this.#drive, { width: 1000, height: 560 }, LAPS_APART);
    return {
      drive: this.#drive,
      report,
      facts,
      video,
      json,
      objects: this.objects,
      places: this.places,
      pictures: await this.#objectPictures(),
      pairs: await this.#pairPictures(),
      map: drawMap(map, this.#drive, outcomes, found),
      ...(picture && { matrix: { svg: drawMatrix(picture, found, far), picture } }),
      times: drawTimes(this.#times, SLOTS),
      memory: drawMemory(this.#memory),
      risen: risenMiB(this.#memory),
    };
  }

  async #objectPictures(): Promise<PagePicture[]> {
    const shown: PagePicture[] = [];
    for (const { frame, score } of this.#telling.flatMap((lap) => lap.best(SHOWN_A_LAP))) {
      const side = await this.#side(frame);
      if (!side) continue;
      const light = this.#drive.lights[frame]!;
      shown.push({ svg: drawObjects(side, score), caption: `frame ${frame}, ${light}: ${describe(score)}` });
    }
    return shown;
  }

  async #pairPictures(): Promise<PagePicture[]> {
    const shown: PagePicture[] = [];
    for (const pair of this.#pairs.best(SHOWN_PAIRS)) {
      const svg = await this.#pair(pair);
      if (svg === undefined) continue;
      const { similarity, matches, inliers } = this.#places[pair.id]!;
      const facts = [
        ...(inliers === undefined ? [] : [`${inliers} of ${matches} details fit`]),
        ...(similarity === undefined ? [] : [`likeness ${similarity.toFixed(2)}`]),
      ];
      const { lights } = this.#drive;
      shown.push({
        svg,
        caption: `frame ${pair.id}, ${lights[pair.id]}, and frame ${pair.match}, ${lights[pair.match]}: ${
          facts.join(", ")
        }`,
      });
    }
    return shown;
  }

  async #pair({ id, match, lines }: ShownPair): Promise<string | undefined> {
    const [later, earlier] = [await this.#side(id), await this.#side(match)];
    return later && earlier && drawPair(later, earlier, someOf(lines));
  }

  async #side(frame: number): Promise<PairSide | undefined> {
    const picture = await this.#pictures.get(frame);
    if (!picture) return undefined;
    const { width, height, scale, pixels } = picture;
    return { jpeg: await encodeJpeg(pixels, { width, height }), width, height, scale };
  }
}

/** Every so-manieth line: pictures of this size show no more. */
function someOf(lines: Float32Array): Float32Array {
  const count = lines.length / 4, step = Math.max(1, count / SHOWN_LINES);
  const some: number[] = [];
  for (let i = 0; i < count; i += step) {
    some.push(...lines.subarray(4 * Math.floor(i), 4 * Math.floor(i) + 4));
  }
  return Float32Array.from(some);
}

/** `4 right, 1 missed, 1 wrong`. */
function describe({ right, missed, wrong }: FrameScore): string {
  return [
    [right.length, "right"] as const,
    [missed.length, "missed"] as const,
    [wrong.length, "wrong"] as const,
  ]
    .filter(([count, what]) => count > 0 || what === "right").map(([count, what]) => `${count} ${what}`).join(
      ", ",
    );
}
