/**
 * The page of the habits experiment: what was done, the pictures, the table, the machine.
 *
 * @module
 */
import { escape } from "../../src/cli/loops_report/html.ts";
import { DESCRIPTOR_DIMENSIONS, NETWORK_HEIGHT, NETWORK_WIDTH } from "./networks.ts";
import { RECENT } from "./loops.ts";
import type { HabitRun } from "./record.ts";
import { agreement, summarise, tableRows } from "./summary.ts";
import { TOUR_HEIGHT, TOUR_WIDTH } from "./tour.ts";

/** Writes the page; the pictures are part of it. */
export function page(
  runs: readonly HabitRun[],
  pictures: { times: string; memory: string },
  bounds: { ms: number; bytes: number; minutes: number },
): string {
  const { run } = runs[0]!;
  const [head, ...rows] = tableRows(runs);
  const cells = (tag: string, row: readonly string[]): string =>
    `<tr>${row.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join("")}</tr>`;
  const { compared, same } = agreement(runs);
  const stopped = runs.map(summarise).filter((row) => row.stopped !== undefined);
  const ends = stopped.length === 0
    ? "None of the three had to be stopped."
    : stopped.map(({ title, frames, stopped }) =>
      `“${title}” was stopped after ${frames} frames: ${stopped}.`
    ).join(" ");
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Framewise: the three habits</title>
<style>
  body { font: 16px/1.55 Inter, "Segoe UI", "Helvetica Neue", Arial, sans-serif; color: #1f2430; background: #f7f8fa;
         margin: 0; }
  main { max-width: 1120px; margin: 0 auto; padding: 40px 24px 64px; }
  h1 { font-size: 30px; line-height: 1.2; margin: 0 0 8px; }
  p, li { max-width: 76ch; }
  figure { margin: 28px 0; background: #fff; border: 1px solid #e4e7ec; border-radius: 10px; padding: 8px; }
  figure svg { width: 100%; height: auto; display: block; }
  table { border-collapse: collapse; background: #fff; border: 1px solid #e4e7ec; font-size: 14px; width: 100%; }
  th, td { padding: 9px 12px; text-align: right; border-bottom: 1px solid #e4e7ec; vertical-align: top; }
  th { color: #667085; font-weight: 600; }
  th:first-child, td:first-child { text-align: left; }
  footer { color: #667085; font-size: 14px; margin-top: 32px; }
</style>
<main>
<h1>The three habits</h1>
<p>${
    run.frames.toLocaleString("en")
  } drawn frames of ${TOUR_WIDTH}x${TOUR_HEIGHT} go through two networks each (input
${NETWORK_WIDTH}x${NETWORK_HEIGHT}). The first describes the whole image in ${DESCRIPTOR_DIMENSIONS} numbers, the second its cells.
Both descriptions stay on the GPU, and every new frame is compared with all earlier ones but the last ${RECENT}. The same
work is written three ways:</p>
<ol>
<li><b>Sessions made in the loop.</b> Every frame loads both networks, and makes its stream, memory, bind groups and
readback. Every comparison makes what it needs. Nothing is released.</li>
<li><b>Sessions made once, nothing released.</b> The networks are loaded before the loop; everything else is as in 1.</li>
<li><b>Framewise as intended.</b> All is made before the loop: four slots, each with a stream and its stack; descriptors in
chunks, compared by one dispatch a chunk; one readback of a few bytes. The loop is strict: a frame that created
anything on the GPU would end it.</li>
</ol>
<figure>${pictures.times}</figure>
<figure>${pictures.memory}</figure>
<table>
<thead>${cells("th", head!)}</thead>
<tbody>
${rows.map((row) => cells("td", row)).join("\n")}
</tbody>
</table>
<p>Times are means of a hundred frames: from the eleventh frame on, and at the end. What the third makes before its loop is
not in its total; the first frame of the other two compiles the kernels and is. A loop is stopped when ten frames take
${bounds.ms} ms each, when the process holds ${
    bounds.bytes / 2 ** 30
  } GiB, or after ${bounds.minutes} minutes. ${escape(ends)}</p>
<p>The networks' weights are random: what is measured is time and memory, not recognition. The three do the
same work: of the ${compared} frames that all of them compared with earlier ones, they found the same frame for ${same}.</p>
<p>Other programs may have run on the machine meanwhile; they make times larger and uneven, and leave memory alone.</p>
<footer>${escape(run.adapter)}; ${escape(run.processor)}, ${run.processors} threads; ${
    escape(run.system)
  }; Deno ${escape(run.deno)}; ${escape(run.date)}</footer>
</main>
</html>
`;
}
