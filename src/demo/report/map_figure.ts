import type { Drive } from "../drive.ts";
import type { PlaceOutcome } from "../place_score.ts";
import type { TownMap } from "../town_map.ts";

/** A frame and the earlier one that it was recognised by. */
export interface MapLink {
  readonly id: number;
  readonly match: number;
  readonly right: boolean;
}

/** The town from above with both laps, and each recognised frame joined to its earlier one. */
export function drawMap(
  map: TownMap,
  { laps }: Drive,
  outcomes: readonly PlaceOutcome[],
  links: readonly MapLink[],
): string {
  const { width, height } = map.size;
  const point = (frame: number): string => map.at(frame).map((value) => value.toFixed(1)).join(" ");
  const land = map.land.map(({ left, top, right, bottom, use }) =>
    `<rect class="${use}" x="${left.toFixed(1)}" y="${top.toFixed(1)}" width="${
      (right - left).toFixed(1)
    }" height="${(bottom - top).toFixed(1)}" rx="3"/>`
  );
  const rungs = links.map(({ id, match, right }) =>
    `<path class="${right ? "found" : "wrong"} rung" d="M${point(id)}L${
      point(match)
    }"><title>frame ${id}: ${match}${right ? "" : " (wrong)"}</title></path>`
  );
  return `<svg class="map" viewBox="0 0 ${width} ${height}" role="img" aria-label="The town from above">` +
    `<rect class="road" width="${width}" height="${height}"/>${land.join("")}${rungs.join("")}${
      stretches(laps, outcomes).map(({ from, to, outcome }) =>
        `<path class="${outcome} way" d="M${
          Array.from({ length: to - from + 1 }, (_, i) => point(from + i)).join("L")
        }"/>`
      ).join("")
    }${start(map)}</svg>`;
}

/** The way in pieces of one lap and one outcome; each begins where the one before ends. */
function stretches(
  laps: readonly number[],
  outcomes: readonly PlaceOutcome[],
): { from: number; to: number; outcome: PlaceOutcome }[] {
  const pieces: { from: number; to: number; outcome: PlaceOutcome }[] = [];
  for (let frame = 1; frame < outcomes.length; frame++) {
    if (laps[frame] !== laps[frame - 1]) continue;
    const last = pieces.at(-1);
    if (last && last.to === frame - 1 && last.outcome === outcomes[frame]) last.to = frame;
    else pieces.push({ from: frame - 1, to: frame, outcome: outcomes[frame]! });
  }
  return pieces;
}

/** An arrow head where the drive begins. */
function start(map: TownMap): string {
  const [x, y] = map.at(0), [dx, dy] = map.heading(0);
  const degrees = Math.atan2(dy, dx) * 180 / Math.PI;
  return `<path class="start" transform="translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${
    degrees.toFixed(1)
  })" d="M14 0L-8 8L-3 0L-8 -8Z"><title>start</title></path>`;
}
