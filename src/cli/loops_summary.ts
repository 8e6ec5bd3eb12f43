/**
 * What `framewise loops` tells at the end.
 *
 * @module
 */
import { Histogram } from "../frame/histogram.ts";
import { describeReport, type LoopReport } from "../frame/report.ts";
import type { Device } from "../gpu/mod.ts";
import type { PlaceResult } from "../place/conclusion.ts";
import { LOOP_STATUSES, type LoopStatus } from "../place/loop/result.ts";
import type { LoopsOptions } from "./loops_options.ts";
import type { OpenedPlaces } from "./loops_places.ts";
import { plural } from "./plural.ts";

/** Counts results, and tells of them. */
export class LoopsSummary {
  readonly #options: LoopsOptions;
  readonly #places: OpenedPlaces;
  readonly #device: Device;
  readonly #statuses = new Map<LoopStatus, number>();
  readonly #search = new Histogram();
  #frames = 0;

  constructor(options: LoopsOptions, places: OpenedPlaces, device: Device) {
    this.#options = options;
    this.#places = places;
    this.#device = device;
  }

  /** Counts a result. */
  add({ status, searchMs }: PlaceResult): void {
    this.#frames++;
    if (searchMs !== undefined && this.#places.recogniser.index) this.#search.add(searchMs);
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
  }

  /** What the run was made with, what and its value. */
  setup(): [string, string][] {
    const { embedding, features, vocabulary, recogniser, map, before } = this.#places;
    const { description, vendor } = this.#device.adapterInfo;
    const rows: [string, string][] = [];
    if (embedding) {
      const numbers = recogniser.index ? `, ${recogniser.index.dimensions} numbers a frame` : "";
      rows.push(["embedding", `${embedding.described}${numbers}`]);
    }
    if (features) rows.push(["features", features.described]);
    if (vocabulary) {
      rows.push(["vocabulary", `${this.#options.vocabulary}, ${plural(vocabulary.wordCount, "word")}`]);
    }
    if (map) {
      const added = map.size - before;
      const forgotten = map.size - map.remembered;
      rows.push([
        "map",
        `${map.label}, ${plural(map.size, "frame")}${
          added > 0 ? ` (${added.toLocaleString("en")} of them new)` : ""
        }${forgotten > 0 ? `, ${forgotten.toLocaleString("en")} forgotten` : ""}`,
      ]);
    }
    rows.push(["adapter", description || vendor || "unnamed"]);
    return rows;
  }

  /** What there is to know of the run in a table. */
  facts(report: LoopReport): [string, string][] {
    const { total } = report.stages;
    return [
      ...this.setup(),
      ["frames", `${report.frames}${report.skipped > 0 ? `, and ${report.skipped} skipped` : ""}`],
      ["rate", `${report.framesPerSecond.toFixed(1)} frames/s, ${report.slots} in flight`],
      ...(total ? [["latency of a frame", `${total.p50.toFixed(0)} ms (median)`] as [string, string]] : []),
    ];
  }

  #describeSearch(): string[] {
    const { index } = this.#places.recogniser;
    if (!index || this.#search.count === 0) return [];
    const [p50, p99] = [0.5, 0.99].map((share) => this.#search.percentileMs(share).toFixed(2));
    return [
      `search of the index: p50 ${p50} ms, p99 ${p99} ms of the GPU; ${
        plural(index.rows, "descriptor")
      } at the end`,
    ];
  }

  /** All of it as lines for people. */
  describe(report: LoopReport): string {
    const counts = LOOP_STATUSES.filter((status) => status !== "loop" && this.#statuses.has(status))
      .map((status) => `${status} ${this.#statuses.get(status)}`);
    const lines = [
      ...this.setup().map(([what, value]) => `${what}: ${value}`),
      describeReport(report),
      ...this.#describeSearch(),
      `loops: ${this.#statuses.get("loop") ?? 0} of ${plural(this.#frames, "frame")}${
        counts.length > 0 ? `; else ${counts.join(", ")}` : ""
      }`,
    ];
    if (report.interrupted === "signal") lines.push("stopped by a signal; what was written is complete");
    return lines.join("\n");
  }
}
