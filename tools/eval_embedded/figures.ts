/**
 * What an evaluation of the embedded networks gives: figures, what they should be, and how far two engines agree.
 *
 * @module
 */

/** The parts of an evaluation. */
export const PARTS = ["detector", "place", "features", "loops"] as const;

/** One of {@linkcode PARTS}. */
export type PartName = (typeof PARTS)[number];

/** What a figure should be. */
export interface Target {
  readonly at: "least" | "most";
  readonly value: number;
}

/** One figure of one engine. */
export interface Figure {
  readonly part: PartName;
  /** What was measured and on what; the same for all engines. */
  readonly name: string;
  readonly value: number;
  /** A share of 1, or a number of things. */
  readonly unit: "share" | "count";
  readonly target?: Target;
}

/** A table that is shown beside the figures: classes by lights, and the like. */
export interface Details {
  readonly part: PartName;
  readonly title: string;
  /** Names of the columns, the first one being that of the rows' names. */
  readonly columns: readonly string[];
  readonly rows: readonly { readonly name: string; readonly values: readonly (number | undefined)[] }[];
}

/** A figure of all engines that gave it. */
export interface ComparedFigure extends Omit<Figure, "value"> {
  /** By engine, Framewise first. */
  readonly values: Readonly<Record<string, number>>;
  /** Whether Framewise reaches the target; undefined without one. */
  readonly reached: boolean | undefined;
  /** Whether the engines agree; undefined with one engine. */
  readonly agrees: boolean | undefined;
}

/** Figures of engines agree that are this near to each other: shares by their difference, numbers by their ratio. */
export const AGREEMENT = 0.01;

/** Whether a value is what it should be. A figure that is no number is not. */
export function reaches(value: number, { at, value: wanted }: Target): boolean {
  return at === "least" ? value >= wanted : value <= wanted;
}

/** Whether two values of one figure agree. */
export function agree(a: number, b: number, unit: Figure["unit"]): boolean {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b);
  // Shares have a few decimals, which subtraction spoils.
  const room = unit === "share" ? AGREEMENT + 1e-9 : AGREEMENT * Math.max(Math.abs(a), Math.abs(b));
  return Math.abs(a - b) <= room;
}

/**
 * Puts the figures of engines side by side, in the order of the first.
 *
 * @param engines figures by the engine's name; the first one's are held against the targets.
 * @throws {RangeError} if an engine lacks a figure of the first, or gives one twice.
 */
export function compareFigures(engines: Readonly<Record<string, readonly Figure[]>>): ComparedFigure[] {
  const [[first, figures] = ["", []], ...others] = Object.entries(engines);
  const valueOf = (engine: string, list: readonly Figure[], { part, name }: Figure): number => {
    const found = list.filter((figure) => figure.part === part && figure.name === name);
    if (found.length === 1) return found[0]!.value;
    throw new RangeError(`Cannot compare figures: ${engine} gives "${part}: ${name}" ${found.length} times`);
  };
  return figures.map((figure) => {
    const { value, ...rest } = figure;
    const values: Record<string, number> = { [first]: valueOf(first, figures, figure) };
    let agrees: boolean | undefined;
    for (const [engine, list] of others) {
      if (!list.some(({ part }) => part === figure.part)) continue;
      const theirs = values[engine] = valueOf(engine, list, figure);
      agrees = (agrees ?? true) && agree(value, theirs, figure.unit);
    }
    return { ...rest, values, agrees, reached: figure.target && reaches(value, figure.target) };
  });
}

/** A value as it is shown. */
export function showValue(value: number | undefined, unit: Figure["unit"]): string {
  if (value === undefined || Number.isNaN(value)) return "-";
  if (unit === "share") return value.toFixed(3);
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

/** A target as it is shown. */
export function showTarget(target: Target | undefined, unit: Figure["unit"]): string {
  return target ? `${target.at} ${showValue(target.value, unit)}` : "";
}
