/**
 * The pictures of the habits experiment, as SVG.
 *
 * @module
 */
import type * as echarts from "npm:echarts@^6.1.0";
import { FONT, frameAxis, line, PRINT_THEME as THEME, renderChart, valueAxis } from "../../src/cli/charts.ts";
import { type FrameRecord, type Habit, HABIT_TITLES, type HabitRun } from "./record.ts";
import { WINDOW, windows } from "./summary.ts";

const WIDTH = 1120;
const HEIGHT = 460;
const COLOURS: Readonly<Record<Habit, string>> = { anew: "#c2410c", kept: "#a16207", framewise: "#1d4ed8" };
const SEARCH_COLOUR = "#0e9384";

type Series = echarts.LineSeriesOption;

/** Time a frame: all three on a logarithmic scale, and the third by itself with the search apart. */
export function drawTimes(runs: readonly HabitRun[]): string {
  const intended = runs.filter(({ run }) => run.habit === "framewise");
  const frames = Math.max(...runs.map(({ run }) => run.frames));
  const right: Series[] = intended.flatMap(({ frames }) => [
    line("the whole frame", windows(frames, ({ ms }) => ms), COLOURS.framewise, 1, "whole frame"),
    {
      ...line("its search", windows(frames, ({ searchMs }) => searchMs ?? 0), SEARCH_COLOUR, 1, "search"),
      areaStyle: { color: SEARCH_COLOUR, opacity: 0.18 },
    },
  ]);
  const means = runs.flatMap(({ frames }) => windows(frames, ({ ms }) => ms).map(([, ms]) => ms));
  return render({
    title: title(
      "Time per frame",
      `means of ${WINDOW} frames; each frame runs two networks and is compared with all earlier ones`,
      ["all three (logarithmic)", "Framewise alone (linear): its search apart"],
      TIME_PANELS,
    ),
    legend: legend(),
    grid: [...TIME_PANELS],
    xAxis: [frameAxis(THEME, 0, frames), frameAxis(THEME, 1, frames)],
    yAxis: [
      { ...valueAxis(THEME, 0, powerOfTen, "log"), min: Math.min(...means) / 2, max: Math.max(...means) * 2 },
      valueAxis(THEME, 1, (ms) => `${ms} ms`),
    ],
    series: [...perHabit(runs, ({ ms }) => ms, 0), ...right],
  });
}

/** GPU memory and resident memory. */
export function drawMemory(runs: readonly HabitRun[]): string {
  const frames = Math.max(...runs.map(({ run }) => run.frames));
  const gibibytes = (value: number): string => value === 0 ? "0" : `${value} GiB`;
  return render({
    title: title(
      "Memory",
      "after each frame; a software adapter's GPU memory is resident memory too",
      ["GPU buffers and textures alive", "resident memory of the process"],
      MEMORY_PANELS,
    ),
    legend: legend(),
    grid: [...MEMORY_PANELS],
    xAxis: [frameAxis(THEME, 0, frames), frameAxis(THEME, 1, frames)],
    yAxis: [valueAxis(THEME, 0, gibibytes), valueAxis(THEME, 1, gibibytes)],
    series: [
      ...perHabit(runs, ({ gpuBytes }) => gpuBytes / 2 ** 30, 0),
      ...perHabit(runs, ({ residentBytes }) => residentBytes / 2 ** 30, 1),
    ],
  });
}

/** The axis ends at no round number, and only powers of ten are written. */
function powerOfTen(ms: number): string {
  if (!Number.isInteger(Math.log10(ms))) return "";
  return ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`;
}

function perHabit(runs: readonly HabitRun[], value: (frame: FrameRecord) => number, grid: number): Series[] {
  return runs.map(({ run: { habit }, frames, end }) => {
    const points = windows(frames, value);
    const series = line(HABIT_TITLES[habit], points, COLOURS[habit], grid);
    if (end.stopped === undefined || points.length === 0) return series;
    return {
      ...series,
      markPoint: {
        silent: true,
        symbol: "circle",
        symbolSize: 9,
        itemStyle: { color: COLOURS[habit] },
        label: {
          show: true,
          formatter: "stopped",
          position: "top",
          color: COLOURS[habit],
          fontFamily: FONT,
        },
        data: [{ name: "end", coord: points.at(-1)! }],
      },
    };
  });
}

interface Panel {
  left: number;
  width: number;
  top: number;
  bottom: number;
}

function panel(left: number, width: number): Panel {
  return { left, width, top: 128, bottom: 52 };
}

/** The second panel leaves room for the names at its lines' ends. */
const TIME_PANELS: readonly [Panel, Panel] = [panel(76, 560), panel(726, 300)];
const MEMORY_PANELS: readonly [Panel, Panel] = [panel(76, 450), panel(628, 450)];

function title(
  text: string,
  subtext: string,
  names: readonly [string, string],
  panels: readonly [Panel, Panel],
): echarts.TitleComponentOption[] {
  const heading = (i: 0 | 1): echarts.TitleComponentOption => ({
    text: names[i],
    left: panels[i].left - 6,
    top: 94,
    textStyle: { color: THEME.ink, fontFamily: FONT, fontSize: 13, fontWeight: "bold" },
  });
  return [
    {
      text,
      subtext,
      left: 20,
      top: 12,
      itemGap: 6,
      textStyle: { color: THEME.ink, fontFamily: FONT, fontSize: 19 },
      subtextStyle: { color: THEME.faint, fontFamily: FONT, fontSize: 13 },
    },
    heading(0),
    heading(1),
  ];
}

function legend(): echarts.LegendComponentOption {
  return {
    data: Object.values(HABIT_TITLES),
    left: 18,
    top: 62,
    icon: "roundRect",
    itemWidth: 18,
    itemHeight: 4,
    itemGap: 44,
    textStyle: { color: THEME.ink, fontFamily: FONT, fontSize: 13 },
  };
}

function render(option: echarts.EChartsOption): string {
  return renderChart(THEME, { width: WIDTH, height: HEIGHT }, option);
}
