/**
 * Where the results of `framewise loops` go.
 *
 * @module
 */
import type { Frame, FrameSink, FrameSource } from "../frame/frame.ts";
import type { PlaceResult } from "../place/conclusion.ts";
import type { Detection } from "../vision/detection.ts";
import { checkWritable } from "../video/output.ts";
import { JsonLinesSink } from "../video/mod.ts";
import { annotated, refuseSource } from "./detect_outputs.ts";
import { UsageError } from "./failure.ts";
import { FramePictures } from "./frame_pictures.ts";
import { type LoopRecord, loopRecord, type RecordedFrame } from "./loop_record.ts";
import type { LoopsOptions } from "./loops_options.ts";
import { LoopView } from "./loops_view.ts";
import type { LoopsReport } from "./loops_report/report.ts";

type Sink = FrameSink<PlaceResult>;

/** What was opened. */
export interface LoopsOutputs {
  readonly sinks: readonly Sink[];
  /** Collects for the page; undefined without --report. */
  readonly report: LoopsReport | undefined;
}

/**
 * Opens the outputs; the stack closes them.
 *
 * @param matchName what an earlier frame is called that is not of this run.
 * @throws {UsageError} if one is the source itself, or no kind of output.
 * @throws {SinkError} if one cannot be written.
 */
export async function openLoopsOutputs(
  options: Pick<LoopsOptions, "source" | "json" | "video" | "report" | "limit">,
  source: FrameSource,
  matchName: (id: number) => string | undefined,
  stack: AsyncDisposableStack,
): Promise<LoopsOutputs> {
  const { json, video, report: page } = options;
  await refuseSource(options.source, [json, video, page]);
  const sinks: Sink[] = [];
  const adopt = <S extends { close(): Promise<void> }>(sink: S): S => stack.adopt(sink, (it) => it.close());
  if (page !== undefined) {
    if (!/\.html?$/i.test(page)) throw new UsageError(`--report: "${page}" does not end in .html`);
    await checkWritable(page);
  }
  // Checked before the JSON lines are opened, which empties their file.
  const open = video === undefined ? undefined : await annotated(video, source, options.limit);
  const recordOf = (frame: RecordedFrame, result: PlaceResult): LoopRecord =>
    loopRecord(frame, result, result.match === undefined ? undefined : matchName(result.match));
  if (json !== undefined) sinks.push(adopt(await JsonLinesSink.open(json, recordOf)));
  if (open === undefined && page === undefined) return { sinks, report: undefined };
  const pictures = stack.use(await FramePictures.open());
  const annotate = open && adopt(await open());
  let report: LoopsReport | undefined;
  if (page !== undefined) {
    // Only who asks for a report waits for what draws it.
    const { LoopsReport } = await import("./loops_report/report.ts");
    report = new LoopsReport(pictures);
  }
  sinks.push(new PictureSink(pictures, annotate, report, recordOf));
  return { sinks, report };
}

/** Keeps small pictures of all frames, draws the annotated ones, and hands the report what it takes. */
export class PictureSink implements Sink {
  readonly #pictures: FramePictures;
  readonly #video: FrameSink<readonly Detection[]> | undefined;
  readonly #report: LoopsReport | undefined;
  readonly #recordOf: (frame: Frame, result: PlaceResult) => LoopRecord;
  #view: LoopView | undefined;
  #doneAt: number | undefined;
  #closed = false;

  constructor(
    pictures: FramePictures,
    video: FrameSink<readonly Detection[]> | undefined,
    report: LoopsReport | undefined,
    recordOf: (frame: Frame, result: PlaceResult) => LoopRecord,
  ) {
    this.#recordOf = recordOf;
    this.#pictures = pictures;
    this.#video = video;
    this.#report = report;
  }

  /** Takes a frame. */
  async write(frame: Frame, result: PlaceResult): Promise<void> {
    const { id } = result;
    const picture = await this.#pictures.keep(id, frame);
    const record = this.#recordOf(frame, result);
    const lines = inlierLines(result);
    if (this.#video) {
      this.#view ??= new LoopView(picture);
      const { status, match } = result;
      const data = this.#view.draw({
        picture,
        status,
        caption: captionOf(record),
        ...(match !== undefined && {
          match: {
            picture: await this.#pictures.get(match),
            caption: matchCaption(record),
            lines: result.geometry?.id === match ? lines : new Float32Array(0),
          },
        }),
      });
      const { index, timeSeconds, name } = frame;
      await this.#video.write({
        index,
        timeSeconds,
        ...this.#view.size,
        format: "rgb24",
        colour: { matrix: "bt709", range: "full" },
        data,
        ...(name !== undefined && { name }),
        release: () => {},
      }, []);
    }
    const now = performance.now();
    this.#report?.add({
      record,
      times: {
        whole: this.#doneAt === undefined ? undefined : now - this.#doneAt,
        gpu: result.gpuMs,
        search: result.searchMs,
      },
      ...(result.descriptor && { descriptor: result.descriptor }),
      lines,
    });
    this.#doneAt = now;
  }

  /** Finishes the annotated output. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#video?.close();
  }
}

/** Column and row in the frame and in its match, in pixels of the frames, by turns, of each inlier. */
export function inlierLines({ geometry, features, matchFeatures }: PlaceResult): Float32Array {
  if (!geometry || !features || !matchFeatures) return new Float32Array(0);
  const { pairs } = geometry;
  const lines = new Float32Array(pairs.length * 2);
  for (let i = 0; i < pairs.length; i += 2) {
    const [a, b] = [2 * pairs[i]!, 2 * pairs[i + 1]!];
    lines.set([
      features.points[a]!,
      features.points[a + 1]!,
      matchFeatures.points[b]!,
      matchFeatures.points[b + 1]!,
    ], 2 * i);
  }
  return lines;
}

/** Below the frame: its number and the status. */
function captionOf({ frame, name, status }: LoopRecord): string {
  return `frame ${frame}${name === undefined ? "" : `  ${name}`}   ${status.replaceAll("_", " ")}`;
}

/** Below the match: its number, and what speaks for it. */
function matchCaption({ match, match_name, similarity, bow, matches, inliers }: LoopRecord): string {
  const parts = [
    match_name === undefined ? `frame ${match}` : `frame ${match} of the map  ${match_name}`,
  ];
  if (similarity !== undefined) parts.push(`similarity ${similarity.toFixed(2)}`);
  if (bow !== undefined) parts.push(`words ${bow.toFixed(2)}`);
  if (matches !== undefined) parts.push(`${inliers ?? 0} of ${matches} fit`);
  return parts.join("  ");
}
