/**
 * Windows over host tensors, in double precision: what constants are folded with.
 *
 * @module
 */
import type { WindowAxis } from "./window.ts";

/** The taps of one window that lie in the input: where each reads, and which tap of the kernel it is. */
export interface HostWindow {
  readonly sources: readonly number[];
  readonly taps: readonly number[];
  /** Taps that lie in the input or in its padding, which one window of `ceil_mode` may reach beyond. */
  readonly padded: number;
}

/** The windows of one plane of the input, in the order of the output's elements. */
export function hostWindows(axes: readonly WindowAxis[]): HostWindow[] {
  let windows: HostWindow[] = [{ sources: [0], taps: [0], padded: 1 }];
  for (const { extent, kernel, stride, dilation, padBegin, padEnd, out } of axes) {
    const along = Array.from({ length: out }, (_, position) => {
      const all = Array.from({ length: kernel }, (_, tap) => ({
        tap,
        source: position * stride - padBegin + tap * dilation,
      }));
      return {
        inside: all.filter(({ source }) => source >= 0 && source < extent),
        padded: all.filter(({ source }) => source >= -padBegin && source < extent + padEnd).length,
      };
    });
    windows = windows.flatMap((outer) =>
      along.map(({ inside, padded }) => ({
        sources: outer.sources.flatMap((source) => inside.map((one) => source * extent + one.source)),
        taps: outer.taps.flatMap((tap) => inside.map((one) => tap * kernel + one.tap)),
        padded: outer.padded * padded,
      }))
    );
  }
  return windows;
}

/** Elements of a plane of the input. */
export function planeSize(axes: readonly WindowAxis[]): number {
  return axes.reduce((product, { extent }) => product * extent, 1);
}
