import { frameAxis, line, PAGE_THEME, renderChart, valueAxis } from "../../cli/charts.ts";

/** Memory after a frame, in bytes. */
export interface MemorySample {
  /** Of the process. */
  readonly resident: number;
  /** Of all GPU buffers; on software adapters a part of the former. */
  readonly gpu: number;
}

/** Points of a curve at most. */
const MOST_POINTS = 250;

/** Memory against frame number. */
export function drawMemory(samples: readonly MemorySample[]): string {
  const step = Math.max(1, Math.ceil(samples.length / MOST_POINTS));
  const points = (value: (sample: MemorySample) => number): [number, number][] =>
    samples.flatMap((sample, frame) => frame % step === 0 ? [[frame, value(sample) / 2 ** 20]] : []);
  return renderChart(PAGE_THEME, { width: 1000, height: 260 }, {
    grid: { left: 80, right: 90, top: 20, bottom: 48 },
    xAxis: frameAxis(PAGE_THEME, 0, Math.max(1, samples.length)),
    yAxis: { ...valueAxis(PAGE_THEME, 0, (value) => `${value} MiB`), min: 0 },
    series: [
      line("process", points(({ resident }) => resident), "var(--accent)", 0, "process"),
      line("GPU", points(({ gpu }) => gpu), "var(--good)", 0, "GPU"),
    ],
  });
}

/** By how many MiB the process rose from the middle frame to the last one; less than 0 if it fell. */
export function risenMiB(samples: readonly MemorySample[]): number {
  const middle = samples[Math.floor(samples.length / 2)], last = samples.at(-1);
  return middle && last ? Math.round((last.resident - middle.resident) / 2 ** 20) : 0;
}
