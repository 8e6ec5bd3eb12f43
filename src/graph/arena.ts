/** A piece of memory that is needed from one step of a plan to another. */
export interface Lifetime {
  bytes: number;
  /** First and last step that use it, both included. */
  first: number;
  last: number;
}

/** Where each piece lies in one arena. */
export interface ArenaLayout {
  offsets: number[];
  bytes: number;
}

/**
 * Packs pieces so that those alive at the same time never overlap. The largest come first, each at the lowest offset
 * where it fits: greedy by size, after Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference"
 * (2020).
 *
 * @param alignment of every offset, in bytes.
 */
export function planArena(pieces: readonly Lifetime[], alignment: number): ArenaLayout {
  const align = (value: number): number => Math.ceil(value / alignment) * alignment;
  const offsets = new Array<number>(pieces.length).fill(0);
  const placed: { start: number; end: number; piece: Lifetime }[] = [];
  let total = 0;
  const order = pieces.map((_, index) => index).sort((a, b) => pieces[b]!.bytes - pieces[a]!.bytes || a - b);
  for (const index of order) {
    const piece = pieces[index]!;
    const bytes = align(piece.bytes);
    let start = 0;
    for (const other of placed) {
      const together = other.piece.first <= piece.last && piece.first <= other.piece.last;
      if (!together) continue;
      if (start + bytes <= other.start) break;
      start = Math.max(start, other.end);
    }
    offsets[index] = start;
    total = Math.max(total, start + bytes);
    const at = placed.findIndex((other) => other.start > start);
    placed.splice(at < 0 ? placed.length : at, 0, { start, end: start + bytes, piece });
  }
  return { offsets, bytes: total };
}
