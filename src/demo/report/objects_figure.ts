import type { PairSide } from "../../cli/loops_report/figures.ts";
import { escape } from "../../cli/loops_report/html.ts";
import { classColour } from "../../vision/draw.ts";
import type { Box } from "../../vision/fit.ts";
import type { FrameScore } from "../object_score.ts";

/** A frame with its detections: right ones with class and score, and broken lines around wrong ones and what was missed. */
export function drawObjects(
  { jpeg, width, height, scale }: PairSide,
  { right, wrong, missed }: FrameScore,
): string {
  const marks = [
    ...missed.map(({ box, label }) => outline(box, "missed", `missed: ${label}`)),
    ...wrong.map(({ box, label, score }) => outline(box, "wrong", `wrong: ${label} ${score.toFixed(2)}`)),
    // The surest is drawn last, and so on top.
    ...right.toReversed().map(({ detection: { box, label, score, class_id } }) => {
      const colour = `rgb(${classColour(class_id).join(" ")})`, text = `${label} ${score.toFixed(2)}`;
      return outline(box, "right", text, colour) + tag(box, text, colour, width / scale);
    }),
  ];
  return `<svg class="objects" viewBox="0 0 ${width} ${height}"><image width="${width}" height="${height}" ` +
    `href="data:image/jpeg;base64,${jpeg.toBase64()}"/><g transform="scale(${scale})">${
      marks.join("")
    }</g></svg>`;
}

function outline([x1, y1, x2, y2]: Box, kind: string, title: string, colour?: string): string {
  const [left, top, wide, high] = [x1, y1, x2 - x1, y2 - y1].map((value) => value.toFixed(1));
  return `<rect class="box ${kind}" x="${left}" y="${top}" width="${wide}" height="${high}"${
    colour === undefined ? "" : ` stroke="${colour}"`
  }><title>${escape(title)}</title></rect>`;
}

function tag([x1, y1]: Box, text: string, colour: string, width: number): string {
  // Letters are as wide as they are in most typefaces; a little space too much does no harm.
  const wide = 4.1 * text.length + 4;
  const left = Math.max(0, Math.min(x1, width - wide)), top = y1 >= 9 ? y1 - 9 : y1;
  return `<rect x="${left.toFixed(1)}" y="${top.toFixed(1)}" width="${
    wide.toFixed(1)
  }" height="9" fill="${colour}"/>` +
    `<text x="${(left + 2).toFixed(1)}" y="${(top + 6.9).toFixed(1)}">${escape(text)}</text>`;
}
