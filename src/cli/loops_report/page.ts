/**
 * The page of the report: what was found, the figures, and what they mean to somebody who sees such a thing for the first
 * time. One file without anything else, readable light and dark.
 *
 * @module
 */
import { LOOP_STATUSES, type LoopStatus } from "../../place/loop/result.ts";
import { FONT } from "../charts.ts";
import type { JudgedLoops } from "../loop_truth.ts";
import { plural } from "../plural.ts";
import { RANK_NAMES } from "./figures.ts";
import { escape } from "./html.ts";
import { LIKENESS_GRADIENT, type LikenessPicture } from "./likeness.ts";

/** Two frames side by side. */
export interface PagePair {
  readonly svg: string;
  /** What the two frames are called. */
  readonly later: string;
  readonly earlier: string;
  /** What is known of the pair, in words. */
  readonly facts: string;
  readonly right?: boolean;
}

/** All that the page tells. */
export interface PageContent {
  readonly source: string;
  readonly gap: number;
  readonly frames: number;
  readonly statuses: ReadonlyMap<LoopStatus, number>;
  /** Rows of the table about the run: what, and its value. */
  readonly facts: readonly (readonly [string, string])[];
  readonly matrix?: { readonly svg: string; readonly picture: LikenessPicture };
  readonly pairs: readonly PagePair[];
  /** Loops of which no picture is left. */
  readonly unseen: number;
  readonly judged?: {
    readonly judgement: JudgedLoops;
    readonly curve: string;
    readonly lines: readonly string[];
  };
  readonly times?: { readonly svg: string; readonly window: number };
}

/** What each status says, to somebody who does not know it. */
export const STATUS_MEANINGS: Readonly<Record<LoopStatus, string>> = {
  loop: "the same place as an earlier frame",
  too_recent: "there was no frame yet that is old enough to come back to",
  no_candidates: "no earlier frame resembles it",
  low_score: "what resembles it most does not resemble it enough",
  not_consistent: "the frames around it do not confirm the match",
  too_few_matches: "too few details are found in both frames",
  too_few_inliers: "the details do not fit one motion of the camera",
};

/** Writes the page. */
export function loopsPage(content: PageContent): string {
  const { source, frames, statuses, gap } = content;
  const loops = statuses.get("loop") ?? 0;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(source)}: has the camera been here before?</title>
<style>${STYLE}</style>
<main>
<h1>Has the camera been here before?</h1>
<p class="lead">${escape(source)}: in <b>${plural(loops, "frame")}</b> of ${
    frames.toLocaleString("en")
  } the camera is at a place where it was at least ${plural(gap, "frame")} before.</p>
${statusSection(statuses, frames)}
${matrixSection(content)}
${pairsSection(content)}
${curveSection(content)}
${timesSection(content)}
<section>
<h2>The run</h2>
<table>${content.facts.map(([what, value]) => row(escape(what), escape(value))).join("\n")}</table>
</section>
</main>
</html>
`;
}

function statusSection(statuses: ReadonlyMap<LoopStatus, number>, frames: number): string {
  const bars = LOOP_STATUSES.toReversed().filter((status) => statuses.has(status)).map((status) => {
    const number = statuses.get(status)!;
    return row(
      `<code>${status}</code>`,
      `<span class="bar ${status === "loop" ? "good" : ""}" style="width:${
        (number / Math.max(frames, 1) * 12).toFixed(2)
      }em"></span> ${number.toLocaleString("en")}`,
      STATUS_MEANINGS[status],
    );
  });
  return `<section>
<h2>What was decided, frame by frame</h2>
<p>A frame passes one test after the other; the status says which one it did not pass, or that it passed them all.</p>
<table class="statuses">${bars.join("\n")}</table>
</section>`;
}

function matrixSection({ matrix, judged, gap }: PageContent): string {
  if (!matrix) return "";
  const { kind, stride, low, high } = matrix.picture;
  const what = kind === "similarity"
    ? "The network turns each image into a list of numbers; two images are as alike as their lists"
    : "Each image is a bag of visual words; two images are as alike as their bags";
  const marks = judged
    ? `Rings below the diagonal are loops that were found (<span class="key wrong"></span> wrong by the truth), dots above it
pairs that do show the same place.`
    : "Rings are loops that were found.";
  return `<section>
<h2>Every frame against every earlier one</h2>
<p>${what}. Each row is a frame, each column an earlier one; the lighter, the more alike. Everything near the diagonal is light,
since a frame resembles those just before it, which is why the newest ${gap} are left out. A light stripe away from the
diagonal is a stretch of the way that the camera went twice. ${marks}</p>
<figure>${matrix.svg}
<figcaption><span class="gradient" style="background:linear-gradient(90deg, ${LIKENESS_GRADIENT})"></span>
${low.toFixed(2)} to ${high.toFixed(2)}${
    stride > 1 ? `; shown are frames 0, ${stride}, ${2 * stride} and so on` : ""
  }</figcaption></figure>
</section>`;
}

function pairsSection({ pairs, unseen, statuses }: PageContent): string {
  const loops = statuses.get("loop") ?? 0;
  if (loops === 0) return "";
  const missing = unseen > 0
    ? `<p>Of ${
      plural(unseen, "loop")
    } that would be here, a frame has no picture: it is from an earlier run of the map, or
there was no room for more pictures.</p>`
    : "";
  const some = pairs.length < loops
    ? `${pairs.length} of the ${loops} loops, from all parts of the run`
    : "All loops";
  return `<section>
<h2>Found loops</h2>
<p>${some}: the frame on the left, the earlier one on the right. Lines join the same detail in both, where details were
compared and fit one motion of the camera.</p>
${missing}<div class="pairs">${
    pairs.map(({ svg, later, earlier, facts, right }) =>
      `<figure${right === false ? ` class="wrong"` : ""}>${svg}<figcaption>${escape(later)} and ${
        escape(earlier)
      }${facts ? `: ${escape(facts)}` : ""}${
        right === false ? ` <b class="wrong">not the same place by the truth</b>` : ""
      }</figcaption></figure>`
    ).join("\n")
  }</div>
</section>`;
}

function curveSection({ judged }: PageContent): string {
  if (!judged) return "";
  const { judgement, curve, lines } = judged;
  return `<section>
<h2>How good that is</h2>
<p>The truth is known for these frames. Matches are ordered by ${
    RANK_NAMES[judgement.by]
  }. Taking the surest ones only,
few are wrong (precision) but few of the places are found (recall); going down the order, recall rises along the curve.
What a map needs is the point on the right end of the line at 1: the most loops without a wrong one.</p>
<figure>${curve}</figure>
<pre>${lines.map(escape).join("\n")}</pre>
</section>`;
}

function timesSection({ times }: PageContent): string {
  if (!times) return "";
  return `<section>
<h2>Time a frame</h2>
<p>Means of ${times.window} frames: from one finished frame to the next, with reading the source and writing all outputs; on
the GPU by its own clock, where it has one, which frames that are under way together share; and of this the search of the
index. A level line means that a frame costs the same however many came before. The search looks at each of them, so it alone
rises with their number.</p>
<figure>${times.svg}</figure>
</section>`;
}

function row(...cells: string[]): string {
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
}

/** How pages with figures look, light and dark. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1f2430; --faint: #667085; --rule: #e4e7ec; --axis: #98a2b3; --page: #f7f8fa;
  --card: #ffffff; --accent: #1d4ed8; --good: #0e9384; --bad: #d92d20; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ee; --faint: #98a1b3; --rule: #2c3240; --axis: #566074;
  --page: #12151c; --card: #1a1e27; --accent: #7aa2ff; --good: #3fd0bd; --bad: #ff7a6e; } }
body { font: 16px/1.55 ${FONT}; color: var(--ink); background: var(--page); margin: 0; }
main { max-width: 1060px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 8px; }
h2 { font-size: 20px; margin: 44px 0 8px; }
p { max-width: 76ch; margin: 8px 0; }
.lead { font-size: 18px; }
figure { margin: 20px 0; background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 12px; }
figure svg { max-width: 100%; height: auto; display: block; margin: 0 auto; }
figcaption { color: var(--faint); font-size: 14px; margin-top: 8px; }
.matrix { width: 716px; }
.matrix image { image-rendering: pixelated; }
.matrix .found { fill: none; stroke: #fff; stroke-width: 1.8; }
.matrix .wrong { fill: none; stroke: #ff4d3d; stroke-width: 2.4; }
.matrix .true { fill: #fff; }
.matrix .rim { stroke: #14161c; stroke-opacity: .75; stroke-width: 4; }
.matrix .rim.true { fill: #14161c; stroke-width: 1.6; }
.ticks text { fill: var(--faint); font: 12px ${FONT}; }
.gradient { display: inline-block; width: 10em; height: .8em; border-radius: 3px; vertical-align: -1px; }
.key { display: inline-block; width: .6em; height: .6em; border-radius: 50%; border: 2px solid #ff4d3d; }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(440px, 1fr)); gap: 16px; margin-top: 16px; }
@media (max-width: 520px) { .pairs { grid-template-columns: 1fr; } }
.pairs figure { margin: 0; padding: 8px; }
.pair { width: 100%; }
.inliers path { stroke: #35e08a; stroke-width: 1; stroke-opacity: .75; fill: none; }
.inliers circle { fill: #35e08a; }
figure.wrong { border-color: var(--bad); }
b.wrong { color: var(--bad); }
table { border-collapse: collapse; background: var(--card); border: 1px solid var(--rule); font-size: 15px; }
td { padding: 8px 14px; border-bottom: 1px solid var(--rule); vertical-align: top; }
td:first-child { color: var(--faint); white-space: nowrap; }
.statuses td:nth-child(2) { white-space: nowrap; min-width: 16em; }
.bar { display: inline-block; height: .7em; min-width: 2px; background: var(--axis); border-radius: 2px; }
.bar.good { background: var(--good); }
pre { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 14px; overflow-x: auto;
  font-size: 14px; }
code { font-size: 14px; }
`;
