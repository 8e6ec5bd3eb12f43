/**
 * What the charts of reports and experiments have in common: type, colours, axes, lines; drawn as SVG.
 *
 * @module
 */
// The package's main entry asks for environment variables, for which there is no permission.
import { init } from "npm:echarts@^6.1.0/dist/echarts.esm.min.mjs";
import type * as echarts from "npm:echarts@^6.1.0";

/** Colours of what is no data: hex, or a CSS variable of the page that the SVG is part of. */
export interface ChartTheme {
  readonly ink: string;
  readonly faint: string;
  readonly rule: string;
  readonly axis: string;
  readonly background: string;
}

/** For files of their own: dark on white. */
export const PRINT_THEME: ChartTheme = {
  ink: "#1f2430",
  faint: "#667085",
  rule: "#e4e7ec",
  axis: "#98a2b3",
  background: "#ffffff",
};

/** For pages that set these variables, and so may be light or dark. */
export const PAGE_THEME: ChartTheme = {
  ink: "var(--ink)",
  faint: "var(--faint)",
  rule: "var(--rule)",
  axis: "var(--axis)",
  background: "transparent",
};

/** The typeface of charts and pages. */
export const FONT = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif";

/** A horizontal axis of frame numbers. */
export function frameAxis(theme: ChartTheme, grid: number, frames: number): echarts.XAXisComponentOption {
  return numberAxis(theme, grid, "frame", frames);
}

/** A horizontal axis from 0 to `max`, with its name below. */
export function numberAxis(
  theme: ChartTheme,
  grid: number,
  name: string,
  max: number,
): echarts.XAXisComponentOption {
  return {
    type: "value",
    gridIndex: grid,
    min: 0,
    max,
    name,
    nameLocation: "middle",
    nameGap: 28,
    nameTextStyle: { color: theme.faint, fontFamily: FONT, fontSize: 12 },
    axisLine: { lineStyle: { color: theme.axis } },
    axisLabel: { color: theme.faint, fontFamily: FONT, fontSize: 12 },
    splitLine: { show: false },
    splitNumber: 4,
  };
}

/** A vertical axis. */
export function valueAxis(
  theme: ChartTheme,
  grid: number,
  format: (value: number) => string,
  type: "value" | "log" = "value",
): echarts.YAXisComponentOption {
  return {
    type,
    gridIndex: grid,
    axisLabel: { color: theme.faint, fontFamily: FONT, fontSize: 12, formatter: format },
    splitLine: { lineStyle: { color: theme.rule } },
  };
}

/** A line in one colour, with its name at its end if `label` is given. */
export function line(
  name: string,
  data: [number, number][],
  colour: string,
  grid: number,
  label?: string,
): echarts.LineSeriesOption {
  return {
    type: "line",
    name,
    data,
    xAxisIndex: grid,
    yAxisIndex: grid,
    showSymbol: false,
    animation: false,
    lineStyle: { color: colour, width: 2.2 },
    itemStyle: { color: colour },
    ...(label !== undefined && {
      endLabel: { show: true, formatter: label, color: colour, fontFamily: FONT, fontSize: 12, distance: 6 },
    }),
  };
}

/** Draws a chart as an SVG of its own. */
export function renderChart(
  theme: ChartTheme,
  size: { width: number; height: number },
  option: echarts.EChartsOption,
): string {
  const chart: echarts.ECharts = init(null, null, { renderer: "svg", ssr: true, ...size });
  try {
    chart.setOption({ backgroundColor: theme.background, animation: false, ...option });
    return chart.renderToSVGString() + "\n";
  } finally {
    chart.dispose();
  }
}
