/**
 * Evaluations for people: as text, and as the tables of a Markdown page.
 *
 * @module
 */
import { formatTable } from "../../src/cli/table.ts";
import { betweenLines, markdownTable, wrapped } from "../markdown.ts";
import type { Evaluation } from "./evaluate.ts";
import { AGREEMENT, type ComparedFigure, showTarget, showValue } from "./figures.ts";

/** Between these lines of a page are the tables. */
export const BEGIN = "<!-- figures of eval:embedded, begin -->";
export const END = "<!-- figures of eval:embedded, end -->";

/** A table: its title, the names of its columns, and its rows. */
interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The figures, and what is beside them, as tables. */
function tables({ figures, details, seconds }: Evaluation): Table[] {
  const engines = [...new Set(figures.flatMap(({ values }) => Object.keys(values)))];
  return [
    {
      title: "Figures",
      columns: ["part", "figure", ...engines, "target", ""],
      rows: figures.map((figure) => {
        const { part, name, values, unit, target } = figure;
        const shown = engines.map((engine) => showValue(values[engine], unit));
        return [part, name, ...shown, showTarget(target, unit), mark(figure)];
      }),
    },
    ...details.map(({ title, columns, rows }) => ({
      title,
      columns,
      rows: rows.map(({ name, values }) => [name, ...columns.slice(1).map((_, i) => showDetail(values[i]))]),
    })),
    {
      title: "Time",
      columns: ["what", "seconds"],
      rows: Object.entries(seconds).map(([what, time]) => [what, time.toFixed(1)]),
    },
  ];
}

function mark({ reached, agrees }: ComparedFigure): string {
  return [...reached === false ? ["MISSED"] : [], ...agrees === false ? ["DIFFERS"] : []].join(", ");
}

function showDetail(value: number | undefined): string {
  return showValue(value, value !== undefined && (Number.isInteger(value) || value > 1) ? "count" : "share");
}

/** How far the engines agree, and which targets are missed. */
function conclusions({ figures }: Evaluation): string[] {
  const compared = figures.filter(({ agrees }) => agrees !== undefined);
  const different = compared.filter(({ agrees }) => !agrees);
  const wanted = figures.filter(({ reached }) => reached !== undefined);
  const missed = wanted.filter(({ reached }) => !reached);
  const list = (some: readonly ComparedFigure[]): string =>
    some.map(({ part, name }) => `${part}: ${name}`).join("; ");
  return [
    compared.length === 0
      ? "ONNX Runtime was left out."
      : `Framewise and ONNX Runtime agree within ${AGREEMENT} in ${compared.length - different.length} of ` +
        `${compared.length} figures${different.length > 0 ? `, and not in: ${list(different)}` : ""}.`,
    missed.length === 0
      ? `All ${wanted.length} targets are reached.`
      : `${missed.length} of ${wanted.length} targets are missed: ${list(missed)}.`,
  ];
}

/** The evaluation as text. */
export function describeEvaluation(evaluation: Evaluation): string {
  const parts = tables(evaluation).map(({ title, columns, rows }) =>
    `${title}\n${formatTable([columns, ...rows])}\n`
  );
  return [...parts, ...conclusions(evaluation)].join("\n");
}

/** The evaluation as Markdown, as `deno fmt` has it. */
export function evaluationPage(evaluation: Evaluation): string {
  return [
    ...tables(evaluation).map(({ title, columns, rows }) =>
      `### ${title}\n\n${markdownTable(columns, rows)}`
    ),
    ...conclusions(evaluation).map((line) => wrapped(line)),
  ].join("\n\n");
}

/** Puts an evaluation between the lines of a page that are for it. @throws {RangeError} if the page lacks them. */
export function withEvaluation(page: string, evaluation: Evaluation): string {
  return betweenLines(page, BEGIN, END, evaluationPage(evaluation));
}
