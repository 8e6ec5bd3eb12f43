/**
 * How rows lie in a chunk: in panels of 64, of which the first 16 bytes of every row come first, then the next 16 of
 * every row. Invocations that take a row each so read memory in order.
 *
 * @module
 */
import { PANEL_ROWS } from "./row_kernels.ts";

/** Rows of `rowBytes` bytes as panels of `width` rows each; there are whole ones. */
export function splitIntoPanels(
  rows: Uint8Array<ArrayBuffer>,
  rowBytes: number,
  width: number = PANEL_ROWS,
): Uint8Array<ArrayBuffer> {
  const panels = new Uint8Array(rows.length);
  move(rows, panels, rowBytes / 16, width, (from, to, source, target) => {
    for (let i = 0; i < 4; i++) target[to + i] = source[from + i]!;
  });
  return panels;
}

/** The rows of whole panels, one after the other. */
export function joinPanels(panels: Uint8Array<ArrayBuffer>, rowBytes: number): Uint8Array<ArrayBuffer> {
  const rows = new Uint8Array(panels.length);
  move(rows, panels, rowBytes / 16, PANEL_ROWS, (inRows, inPanels, source, target) => {
    for (let i = 0; i < 4; i++) source[inRows + i] = target[inPanels + i]!;
  });
  return rows;
}

/** Tells of each 16 bytes where they are in rows and in panels, in words. */
function move(
  rows: Uint8Array<ArrayBuffer>,
  panels: Uint8Array<ArrayBuffer>,
  row16s: number,
  width: number,
  one: (inRows: number, inPanels: number, rows: Uint32Array, panels: Uint32Array) => void,
): void {
  const words = (bytes: Uint8Array<ArrayBuffer>): Uint32Array =>
    bytes.byteOffset % 4 === 0
      ? new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
      : new Uint32Array(bytes.slice().buffer);
  const [inRows, inPanels] = [words(rows), words(panels)];
  const count = rows.length / 16 / row16s;
  for (let row = 0; row < count; row++) {
    const panel = Math.floor(row / width) * row16s * width + row % width;
    for (let i = 0; i < row16s; i++) one((row * row16s + i) * 4, (panel + i * width) * 4, inRows, inPanels);
  }
}
