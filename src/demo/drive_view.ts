/**
 * The pictures of the video: the frame with what was detected, beside it the earlier frame of the same place, and the map
 * of the drive as far as it went.
 */
import type { FramePicture } from "../cli/frame_pictures.ts";
import type { Size } from "../vision/fit.ts";
import { Annotator } from "../vision/draw.ts";
import { Font } from "../vision/font.ts";
import { type Ink, Painter, type Rgb } from "../vision/paint.ts";
import type { Detection } from "../vision/detection.ts";
import type { Land } from "../world/plan.ts";
import type { Drive } from "./drive.ts";
import { enlarge } from "./enlarge.ts";
import type { PlaceOutcome } from "./place_score.ts";
import { TownMap } from "./town_map.ts";

/** What is shown of one frame. */
export interface DriveViewContent {
  readonly frame: number;
  readonly picture: FramePicture;
  readonly detections: readonly Detection[];
  readonly outcome: PlaceOutcome;
  /** The earlier frame that it was recognised by. */
  readonly match?: {
    readonly frame: number;
    readonly picture: FramePicture | undefined;
    readonly similarity: number | undefined;
    readonly matches: number | undefined;
    readonly inliers: number | undefined;
    /** Column and row in the new frame and in the earlier one, in pixels of the frames, by turns. */
    readonly lines: Float32Array;
  };
}

interface Area extends Size {
  readonly left: number;
  readonly top: number;
}

/** Of all pictures, in pixels. */
const VIEW: Size = { width: 1280, height: 720 };
const NOW: Area = { left: 24, top: 64, width: 640, height: 480 };
const EARLIER: Area = { left: 688, top: 64, width: 400, height: 300 };
const MAP: Area = { left: 688, top: 392, width: 568, height: 304 };
const TIMELINE: Area = { left: 24, top: 640, width: 640, height: 22 };
const HEADING = 34;
const FACTS_LEFT = EARLIER.left + EARLIER.width + 20;
/** How far apart the two laps are drawn on the map. */
const LAPS_APART = 15;
/** Lines between the two frames: more hide the pictures. */
const MOST_LINES = 18;

const COLOURS = {
  background: [22, 25, 32],
  panel: [31, 35, 44],
  text: [236, 238, 243],
  faint: [146, 153, 168],
  road: [58, 64, 77],
  track: [150, 160, 180],
  found: [61, 220, 145],
  missed: [246, 176, 66],
  wrong: [255, 92, 80],
  camera: [255, 255, 255],
} satisfies Record<string, Rgb>;

const LAND: Readonly<Record<Land["use"], Rgb>> = {
  houses: [37, 41, 51],
  park: [34, 58, 45],
  square: [60, 53, 44],
};

/** Colours of the map and the time line. */
const OUTCOME_INKS: Readonly<Record<PlaceOutcome, keyof typeof COLOURS>> = {
  found: "found",
  missed: "missed",
  wrong: "wrong",
  new: "track",
};

/** Draws the pictures one after the other, from the first frame on. */
export class DriveView {
  /** Of all pictures, in pixels. */
  readonly size: Size = VIEW;
  readonly #drive: Drive;
  readonly #map: TownMap;
  readonly #painter: Painter = new Painter({ format: "rgb24", ...VIEW });
  readonly #annotator: Annotator = new Annotator({ format: "rgb24", ...NOW });
  readonly #large = new Font(13);
  readonly #small = new Font(10);
  readonly #inks: Readonly<Record<keyof typeof COLOURS, Ink>>;
  /** What stays from picture to picture, and grows: the map with the way so far, the time line. */
  readonly #base: Uint8Array<ArrayBuffer>;
  readonly #pixels: Uint8Array<ArrayBuffer>;
  readonly #now: Uint8Array<ArrayBuffer>;
  readonly #earlier: Uint8Array<ArrayBuffer>;

  constructor(drive: Drive) {
    this.#drive = drive;
    this.#map = new TownMap(drive, MAP, LAPS_APART);
    const { ink } = this.#painter;
    this.#inks = Object.fromEntries(Object.entries(COLOURS).map(([name, rgb]) => [name, ink(rgb)])) as Record<
      keyof typeof COLOURS,
      Ink
    >;
    const bytes = ({ width, height }: Size): Uint8Array<ArrayBuffer> => new Uint8Array(width * height * 3);
    this.#base = bytes(VIEW);
    this.#pixels = bytes(VIEW);
    this.#now = bytes(NOW);
    this.#earlier = bytes(EARLIER);
    this.#drawBase();
  }

  /** The picture as `rgb24`; valid until the next call. */
  draw(content: DriveViewContent): Uint8Array<ArrayBuffer> {
    const { frame, picture, detections, match } = content;
    this.#grow(content);
    this.#pixels.set(this.#base);
    enlarge(picture, NOW, this.#now);
    const zoom = NOW.width / picture.width * picture.scale;
    this.#annotator.draw(
      this.#now,
      detections.map((one) => ({ ...one, box: one.box.map((value) => value * zoom) as Detection["box"] })),
    );
    this.#put(this.#now, NOW);
    const { laps, lights } = this.#drive;
    this.#text(this.#large, `frame ${frame}`, NOW.left, HEADING, "text");
    this.#text(
      this.#large,
      `${laps[frame] === 0 ? "first" : "second"} lap, ${
        lights[frame] === "day" ? "by day" : `at ${lights[frame]}`
      }`,
      NOW.left + 140,
      HEADING,
      "faint",
    );
    this.#text(this.#small, `sees ${countObjects(detections)}`, NOW.left, 560, "text");
    this.#drawMatch(content);
    this.#text(
      this.#small,
      match
        ? `frame ${frame}: seen before at frame ${match.frame}${factsOf(match)}`
        : content.outcome === "missed"
        ? "was here before, and does not recognise it"
        : "has not been here before",
      NOW.left,
      586,
      match ? OUTCOME_INKS[content.outcome] : content.outcome === "missed" ? "missed" : "faint",
    );
    this.#drawCamera(frame, match?.frame);
    return this.#pixels;
  }

  /** What does not change: land, headings, legend. */
  #drawBase(): void {
    const { background, panel, road } = this.#inks;
    const base = this.#base;
    this.#fill(base, { left: 0, top: 0, ...VIEW }, background);
    this.#fill(base, EARLIER, panel);
    this.#fill(base, TIMELINE, panel);
    this.#fill(base, MAP, road);
    const { ink } = this.#painter;
    for (const { left, top, right, bottom, use } of this.#map.land) {
      const [x0, y0, x1, y1] = [left + MAP.left, top + MAP.top, right + MAP.left, bottom + MAP.top].map(
        Math.round,
      );
      this.#painter.fill(base, x0!, y0!, x1!, y1!, ink(LAND[use]), 256);
    }
    this.#text(this.#small, "the earlier frame of the same place", EARLIER.left, HEADING + 2, "faint", base);
    const brand = "Framewise";
    this.#text(
      this.#large,
      brand,
      MAP.left + MAP.width - this.#width(this.#large, brand),
      HEADING,
      "text",
      base,
    );
    this.#text(this.#small, "the town from above, with the true way", MAP.left, MAP.top - 18, "faint", base);
    let x = MAP.left + MAP.width;
    for (
      const [name, colour] of [["wrong", "wrong"], ["not recognised", "missed"], [
        "recognised",
        "found",
      ]] as const
    ) {
      x -= this.#width(this.#small, name);
      this.#text(this.#small, name, x, MAP.top - 18, colour, base);
      x -= 16;
    }
    const { laps } = this.#drive;
    const second = laps.indexOf(1) / laps.length * TIMELINE.width;
    for (const [from, name] of [[0, "first lap"], [second, "second lap"]] as const) {
      if (from < 0) continue;
      this.#text(this.#small, name, TIMELINE.left + Math.round(from), TIMELINE.top + 30, "faint", base);
    }
  }

  /** Adds the frame to the way and to the time line. */
  #grow({ frame, outcome, match }: DriveViewContent): void {
    const here = this.#onMap(frame);
    const ink = this.#inks[OUTCOME_INKS[outcome]];
    if (match && outcome !== "new") {
      this.#painter.line(this.#base, here, this.#onMap(match.frame), outcome === "wrong" ? 1.5 : 1, ink);
    }
    if (frame > 0 && this.#drive.laps[frame] === this.#drive.laps[frame - 1]) {
      this.#painter.line(this.#base, this.#onMap(frame - 1), here, 2.5, ink);
    }
    const { left, top, width, height } = TIMELINE;
    const [from, to] = [frame, frame + 1].map((at) =>
      left + Math.round(at / this.#drive.options.frames * width)
    );
    this.#painter.fill(this.#base, from!, top, to!, top + height, ink, outcome === "new" ? 110 : 256);
  }

  #drawMatch({ match, picture, outcome }: DriveViewContent): void {
    if (!match) {
      const text = outcome === "missed" ? "there is one: not recognised" : "none so far";
      const left = EARLIER.left + (EARLIER.width - this.#width(this.#small, text)) / 2;
      const top = EARLIER.top + EARLIER.height / 2 - 5;
      return this.#text(this.#small, text, Math.round(left), top, outcome === "missed" ? "missed" : "faint");
    }
    const ink = this.#inks[OUTCOME_INKS[outcome]];
    if (match.picture) {
      enlarge(match.picture, EARLIER, this.#earlier);
      this.#put(this.#earlier, EARLIER);
      const [here, there] = [placeIn(NOW, picture), placeIn(EARLIER, match.picture)];
      const count = match.lines.length / 4, step = Math.max(1, count / MOST_LINES);
      for (let i = 0; i < count; i += step) {
        const [x1, y1, x2, y2] = match.lines.subarray(4 * Math.floor(i)) as unknown as [
          number,
          number,
          number,
          number,
        ];
        this.#painter.line(this.#pixels, here(x1, y1), there(x2, y2), 0.6, ink);
      }
    }
    // The map lies on top of the lines.
    for (let y = EARLIER.top + EARLIER.height; y < VIEW.height; y++) {
      const from = (y * VIEW.width + EARLIER.left - 3) * 3, to = (y + 1) * VIEW.width * 3;
      this.#pixels.set(this.#base.subarray(from, to), from);
    }
    for (const { left, top, width, height } of [NOW, EARLIER]) {
      this.#painter.frame(this.#pixels, left - 3, top - 3, left + width + 3, top + height + 3, 3, ink, 256);
    }
    const facts: [string, string][] = [["frame", String(match.frame)]];
    const { lights, laps } = this.#drive;
    facts.push([laps[match.frame] === 0 ? "first lap" : "second lap", lights[match.frame]!]);
    if (match.similarity !== undefined) facts.push(["likeness", match.similarity.toFixed(2)]);
    if (match.inliers !== undefined) facts.push(["details that fit", `${match.inliers} of ${match.matches}`]);
    let y = EARLIER.top + 6;
    for (const [name, value] of facts) {
      this.#text(this.#small, name, FACTS_LEFT, y, "faint");
      this.#text(this.#large, value, FACTS_LEFT, y + 18, "text");
      y += 56;
    }
  }

  /** Where the camera is and looks, and where it was at the earlier frame. */
  #drawCamera(frame: number, earlier: number | undefined): void {
    const [x, y] = this.#onMap(frame);
    const [dx, dy] = this.#map.heading(frame);
    const { camera, found } = this.#inks;
    if (earlier !== undefined) {
      const [ex, ey] = this.#onMap(earlier).map(Math.round) as [number, number];
      this.#painter.frame(this.#pixels, ex - 5, ey - 5, ex + 6, ey + 6, 2, found, 256);
    }
    // An arrow, drawn from its tip to its broad end.
    for (let k = 0; k <= 16; k++) {
      const along = 9 - k, half = k * 0.42;
      const [cx, cy] = [x + dx * along, y + dy * along];
      this.#painter.line(
        this.#pixels,
        [cx - dy * half, cy + dx * half],
        [cx + dy * half, cy - dx * half],
        1.4,
        camera,
      );
    }
    const at = TIMELINE.left + Math.round((frame + 0.5) / this.#drive.options.frames * TIMELINE.width);
    this.#painter.fill(
      this.#pixels,
      at - 1,
      TIMELINE.top - 4,
      at + 1,
      TIMELINE.top + TIMELINE.height + 4,
      camera,
      256,
    );
  }

  #onMap(frame: number): [number, number] {
    const [x, y] = this.#map.at(frame);
    return [MAP.left + x, MAP.top + y];
  }

  #fill(data: Uint8Array, { left, top, width, height }: Area, ink: Ink): void {
    this.#painter.fill(data, left, top, left + width, top + height, ink, 256);
  }

  /** Copies a picture of an area's size there. */
  #put(from: Uint8Array, { left, top, width, height }: Area): void {
    for (let y = 0; y < height; y++) {
      this.#pixels.set(
        from.subarray(y * width * 3, (y + 1) * width * 3),
        ((top + y) * VIEW.width + left) * 3,
      );
    }
  }

  #text(
    font: Font,
    text: string,
    x: number,
    y: number,
    colour: keyof typeof COLOURS,
    data: Uint8Array = this.#pixels,
  ): void {
    const codes = Array.from(text, (letter) => letter.charCodeAt(0));
    this.#painter.text(data, font, codes, x, y, this.#inks[colour]);
  }

  #width(font: Font, text: string): number {
    return Array.from(text).reduce((sum, letter) => sum + font.glyph(letter.charCodeAt(0)).advance, 0);
  }
}

/** `3 cars, 1 person`; classes in the order of their first, best detection. */
export function countObjects(detections: readonly Pick<Detection, "label">[]): string {
  const counts = new Map<string, number>();
  for (const { label } of detections) counts.set(label, (counts.get(label) ?? 0) + 1);
  if (counts.size === 0) return "nothing that it knows";
  return [...counts].map(([label, count]) => `${count} ${count === 1 ? label : pluralOf(label)}`).join(", ");
}

function pluralOf(label: string): string {
  return label === "person" ? "people" : label === "bus" ? "buses" : `${label}s`;
}

function factsOf({ similarity, inliers }: NonNullable<DriveViewContent["match"]>): string {
  const facts = [
    ...(similarity === undefined ? [] : [`similarity ${similarity.toFixed(2)}`]),
    ...(inliers === undefined ? [] : [`${inliers} inliers`]),
  ];
  return facts.length === 0 ? "" : ` (${facts.join(", ")})`;
}

/** How coordinates of a frame become those of the view. */
function placeIn(
  area: Area,
  { width, height, scale }: FramePicture,
): (x: number, y: number) => [number, number] {
  const [across, down] = [area.width / width * scale, area.height / height * scale];
  return (x, y) => [area.left + (x + 0.5) * across - 0.5, area.top + (y + 0.5) * down - 0.5];
}
