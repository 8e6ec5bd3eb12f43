/**
 * The page of the demo, for somebody who sees such a thing for the first time. One file without anything else, readable
 * light and dark.
 */
import { LIKENESS_GRADIENT, type LikenessPicture } from "../../cli/loops_report/likeness.ts";
import { escape } from "../../cli/loops_report/html.ts";
import { STYLE } from "../../cli/loops_report/page.ts";
import { plural } from "../../cli/plural.ts";
import type { LoopReport } from "../../frame/report.ts";
import { totalCount } from "../../gpu/mod.ts";
import type { LightName } from "../../world/light.ts";
import type { Drive } from "../drive.ts";
import { SHOWN_SCORE } from "../drive_record.ts";
import { LEAST_PIXELS, LEAST_VISIBLE, MATCH_IOU, type ObjectScore } from "../object_score.ts";
import type { PlaceScore } from "../place_score.ts";

/** A figure, and what stands below it. */
export interface PagePicture {
  readonly svg: string;
  readonly caption: string;
}

/** All that the page tells. */
export interface DrivePage {
  readonly drive: Drive;
  readonly report: LoopReport;
  readonly objects: ObjectScore;
  readonly places: PlaceScore;
  readonly pictures: readonly PagePicture[];
  readonly pairs: readonly PagePicture[];
  readonly map: string;
  readonly matrix?: { readonly svg: string; readonly picture: LikenessPicture };
  readonly times: { readonly svg: string; readonly window: number };
  readonly memory: string;
  /** By how many MiB the process rose over the second half of the frames. */
  readonly risen: number;
  /** Rows of the table about the run: what, and its value. */
  readonly facts: readonly (readonly [string, string])[];
  /** File names of the other outputs. */
  readonly video: string;
  readonly json: string;
}

/** Writes the page. */
export function drivePage(page: DrivePage): string {
  const { drive, video } = page;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Framewise: two laps through a drawn town</title>
<style>${STYLE}${OWN_STYLE}</style>
<main>
<h1>Two laps through a drawn town</h1>
<p class="lead">Framewise drew a small town, drove round the same houses twice, first by day and then at dusk, and asked of
each of ${
    plural(drive.poses.length, "picture")
  }: what is to be seen in it, and has the camera been here before? The networks
that answer come with Framewise; they are told nothing but the pixels, while the town knows the truth, so that this page can
say how often they are right.</p>
${tiles(page)}
<p>The video of it is <a href="${escape(video)}">${escape(video)}</a>, beside this page, ${
    drive.speedUp.toFixed(1)
  } times as fast as it was driven.</p>
${picturesSection(page)}
${pairsSection(page)}
${mapSection(page)}
${matrixSection(page)}
${rightSection(page)}
${costSection(page)}
${ownSection(page)}
<section>
<h2>The run</h2>
<table>${page.facts.map((fact) => row(...fact.map(escape))).join("\n")}</table>
</section>
</main>
</html>
`;
}

function tiles({ objects, places, report }: DrivePage): string {
  const classes = objects.classes();
  const sum = (key: "things" | "thingsFound"): number => classes.reduce((total, one) => total + one[key], 0);
  const revisits = places.count("found") + places.count("missed");
  const wrong = places.count("wrong");
  return `<div class="tiles">${
    [
      [`${sum("thingsFound")} of ${sum("things")}`, "objects that came by were found"],
      [
        objects.precision().mean.toFixed(2),
        "mAP50: how well boxes and classes fit the truth, 1 is all right",
      ],
      [`${places.count("found")} of ${revisits}`, "frames at a place seen before were recognised"],
      [
        String(wrong),
        wrong === 1 ? "frame was taken for another place" : "frames were taken for another place",
      ],
      [
        `${(1000 / report.framesPerSecond).toFixed(0)} ms`,
        "a frame, with drawing the town, all networks, and the video",
      ],
      [String(totalCount(report.created)), "objects made on the GPU while frames went by"],
    ].map(([value, what]) => `<div><b>${value}</b><span>${what}</span></div>`).join("")
  }</div>`;
}

function picturesSection({ pictures, drive }: DrivePage): string {
  if (pictures.length === 0) return "";
  const lights = [...new Set(drive.lights)];
  return `<section>
<h2>What is to be seen in it?</h2>
<p>The frames with most to find, of each sixth of the drive, ${
    whenOf(lights)
  }. A full line is a detection that the truth
confirms, with its score. A broken one is an object that was missed (<span class="key dashed missed"></span>), or a
detection that the truth does not confirm (<span class="key dashed wrong"></span>).</p>
<div class="pictures">${pictures.map(figure).join("\n")}</div>
</section>`;
}

function pairsSection({ pairs }: DrivePage): string {
  if (pairs.length === 0) return "";
  return `<section>
<h2>Has the camera been here before?</h2>
<p>A frame on the left, and on the right the one of a lap before that was recognised in it, in other light and with half
of the cars and people exchanged. Lines join the same detail in both; a match is believed when one motion of the camera
explains enough of them.</p>
<div class="pairs">${pairs.map(figure).join("\n")}</div>
</section>`;
}

function mapSection({ map, drive, places }: DrivePage): string {
  return `<section>
<h2>The drive from above</h2>
<p>Where the camera was, by the town's truth: the networks do not know it. It starts at the arrow and drives clockwise. Both
laps go along the same lane; the second is drawn outside of the first, so that both can be seen. A rung joins a frame of
the second lap to the one of the first that was recognised: short rungs are right.</p>
<figure>${map}
<figcaption class="legend"><span class="way new"></span>a place for the first time
<span class="way found"></span>recognised (${places.count("found")})
<span class="way missed"></span>not recognised (${places.count("missed")})
<span class="way wrong"></span>taken for another place (${places.count("wrong")})</figcaption></figure>
<p>A frame is compared with all but the newest ${drive.gap}: those show the street that it is just driving along.</p>
</section>`;
}

function matrixSection({ matrix }: DrivePage): string {
  if (!matrix) return "";
  const { low, high, stride } = matrix.picture;
  return `<section>
<h2>Every frame against every earlier one</h2>
<p>A network turns each frame into a list of numbers; two frames are as alike as their lists. Each row is a frame, each column
an earlier one; the lighter, the more alike. Along the diagonal a frame resembles those just before it. The second light
stripe is the second lap: the same places once more. Rings are what was decided (<span class="key wrong"></span> wrong by
the truth), dots above the diagonal are all pairs that do show the same place.</p>
<figure>${matrix.svg}
<figcaption><span class="gradient" style="background:linear-gradient(90deg, ${LIKENESS_GRADIENT})"></span>
${low.toFixed(2)} to ${high.toFixed(2)}${
    stride > 1 ? `; shown are frames 0, ${stride}, ${2 * stride} and so on` : ""
  }</figcaption></figure>
</section>`;
}

function rightSection({ objects, places, drive }: DrivePage): string {
  const share = (value: number | undefined): string => value === undefined ? "" : value.toFixed(2);
  const rows = objects.classes().map((one) =>
    row(
      one.label,
      `${one.thingsFound} of ${one.things}`,
      `${one.boxesFound} of ${one.boxes}`,
      String(one.wrong),
      share(one.averagePrecision),
    )
  );
  const lights = [...new Set(drive.lights)].map((light) =>
    `${share(objects.precision(light).mean)} by ${light}`
  );
  const { framesWithMatch, atFullPrecision, recallAt } = places.evaluation();
  const percent = (right: number): string =>
    framesWithMatch === 0 ? "" : ` (${(100 * right / framesWithMatch).toFixed(0)} %)`;
  const first = recallAt[0]!.right, full = atFullPrecision?.right ?? 0;
  return `<section>
<h2>How right that is</h2>
<p>Objects: a detection is right if its class is, and if it overlaps the true box by ${MATCH_IOU} at least (intersection over
union). Asked for are objects of which ${LEAST_PIXELS} pixels and ${
    (100 * LEAST_VISIBLE).toFixed(0)
  } % can be seen. Found and wrong count detections with a score from ${SHOWN_SCORE}; average precision (AP50) looks at all
scores, and is 1 if every box is found before any wrong one. Its mean over the classes is ${
    share(objects.precision().mean)
  } (${lights.join(", ")}).</p>
<table class="numbers"><tr><th></th><th>objects found</th><th>boxes found</th><th>wrong boxes</th><th>AP50</th></tr>
${rows.join("\n")}</table>
<p>Places: a frame was here before if an earlier one, at least ${drive.gap} back, shows at least a fifth of the same walls and
ground, nothing hiding them.</p>
<table class="numbers">
${row("frames at a place seen before", String(framesWithMatch))}
${row("the most alike earlier frame shows the place", `${first}${percent(first)}`)}
${row("recognised, as decided", `${places.count("found")}${percent(places.count("found"))}`)}
${row("not recognised", `${places.count("missed")}${percent(places.count("missed"))}`)}
${row("taken for another place", String(places.count("wrong")))}
${row("could be recognised before the first mistake", `${full}${percent(full)}`)}
</table>
</section>`;
}

function costSection({ times, memory, risen, report }: DrivePage): string {
  const created = totalCount(report.created);
  return `<section>
<h2>Time and memory a frame</h2>
<p>Everything that a frame needs is made before the first one: while ${
    plural(report.frames, "frame")
  } went by, ${
    created === 0
      ? "nothing was made on the GPU, no buffer, no pipeline, no bind group"
      : `${created} GPU objects were made`
  }. So a frame costs as much at the end as at the beginning. Times are from one finished frame to the next (means of ${
    plural(times.window, "frame")
  }), with drawing the town, all networks, and the video; of this the search among all earlier frames.</p>
<figure>${times.svg}</figure>
<figure>${memory}
<figcaption>Memory of the whole process, and what the GPU's buffers take: where the processor does the GPU's work, they are
part of the former. Each frame leaves what it is recognised by (its features, words and descriptor) and what it is held
against (the truth). In the second half of the drive the process ${risen < 0 ? "fell" : "rose"} by ${
    Math.abs(risen)
  } MiB.</figcaption></figure>
</section>`;
}

function ownSection({ json }: DrivePage): string {
  return `<section>
<h2>With a video of your own</h2>
<p>The networks of the town know nothing but the town. For photographs and videos there are networks by others, which
Framewise downloads and runs the same way:</p>
<pre>${escape(OWN_COMMANDS)}</pre>
<p>What was found here is also in <a href="${escape(json)}">${escape(json)}</a>, a JSON line a frame:</p>
<pre>${escape(JSON_EXAMPLE)}</pre>
<p>Boxes are left, top, right, bottom in pixels. <code>status</code> is <code>loop</code> where the frame shows the same
place as <code>match</code>, else it says which test it did not pass (docs/loops.md); <code>similarity</code>, <code>bow</code>
and <code>inliers</code> are how alike the pictures, their words, and the details that fit one motion of the camera are;
<code>candidates</code> are the earlier frames that came into question.</p>
</section>`;
}

const OWN_COMMANDS = `deno task framewise models get yolox-nano
deno task framewise detect street.mp4 --model yolox-nano --video seen.mp4 --json seen.jsonl

deno task framewise models get mobilenet-v1
deno task framewise loops walk.mp4 --embed mobilenet-v1 --features orb --report loops.html`;

const JSON_EXAMPLE = `{"frame":412,"time_s":57.2,"width":320,"height":240,
 "detections":[{"class_id":2,"label":"car","score":0.91,"box":[13.2,107.4,94.1,149.8]}],
 "place":{"status":"loop","match":162,"similarity":0.83,"bow":0.12,"matches":91,"inliers":64,"candidates":[[162,0.03]]}}`;

/** `by day and at dusk`. */
function whenOf(lights: readonly LightName[]): string {
  return lights.map((light) => light === "day" ? "by day" : light === "dusk" ? "at dusk" : `in ${light}`)
    .join(" and ");
}

function figure({ svg, caption }: PagePicture): string {
  return `<figure>${svg}<figcaption>${escape(caption)}</figcaption></figure>`;
}

function row(...cells: string[]): string {
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
}

const OWN_STYLE = `
:root { --missed: #d98a12; --road: #dfe3ea; --houses: #f6f7f9; --park: #cfe8d5; --square: #efe3d0; --track: #7b879c; }
@media (prefers-color-scheme: dark) { :root { --missed: #f6b042; --road: #333a48; --houses: #1f242e; --park: #23402f;
  --square: #40372b; --track: #96a0b4; } }
a { color: var(--accent); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(max(150px, 30%), 1fr)); gap: 12px; margin: 24px 0; }
.tiles div { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 14px 16px; }
.tiles b { display: block; font-size: 24px; line-height: 1.2; white-space: nowrap; }
.tiles span { color: var(--faint); font-size: 14px; line-height: 1.35; display: block; margin-top: 4px; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 16px; margin-top: 16px; }
.pictures figure { margin: 0; padding: 8px; }
.objects { width: 100%; }
.objects .box { fill: none; stroke-width: 1.8; }
.objects .missed { stroke: #ffb020; stroke-dasharray: 4 3; }
.objects .wrong { stroke: #ff4d3d; stroke-dasharray: 2 2.5; }
.objects text { font: 7.2px 'DejaVu Sans', Verdana, sans-serif; fill: #14161c; }
.key.dashed { border-radius: 2px; border-style: dashed; }
.key.missed { border-color: #ffb020; }
.inliers path { stroke-width: .8; stroke-opacity: .6; }
.map { width: 100%; }
.map .road { fill: var(--road); }
.map .houses { fill: var(--houses); }
.map .park { fill: var(--park); }
.map .square { fill: var(--square); }
.map path { fill: none; }
.map .way { stroke-width: 4; stroke-linejoin: round; stroke-linecap: round; }
.map .rung { stroke-width: 1.4; stroke-opacity: .7; }
.map .new { stroke: var(--track); }
.map .found { stroke: var(--good); }
.map .missed { stroke: var(--missed); }
.map .wrong { stroke: var(--bad); }
.map .start { fill: var(--ink); }
.legend .way { display: inline-block; width: 1.8em; height: .3em; border-radius: 2px; vertical-align: .2em;
  margin: 0 .4em 0 1em; }
.legend .new { background: var(--track); }
.legend .found { background: var(--good); }
.legend .missed { background: var(--missed); }
.legend .wrong { background: var(--bad); }
.numbers { margin: 12px 0 20px; }
.numbers th { text-align: right; font-weight: 600; padding: 8px 14px; border-bottom: 1px solid var(--rule); }
.numbers td + td { text-align: right; font-variant-numeric: tabular-nums; }
`;
