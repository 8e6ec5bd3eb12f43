/**
 * Parts of Markdown pages that tools write: tables and paragraphs as `deno fmt` has them, between two lines of a page.
 *
 * @module
 */

/** Puts text between two lines of a page. @throws {RangeError} if the page lacks them. */
export function betweenLines(page: string, begin: string, end: string, text: string): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) {
    throw new RangeError(`Cannot write the figures: the page lacks the lines ${begin} and ${end}`);
  }
  return `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
}

/** A table; numbers stand to the right. */
export function markdownTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const isNumber = columns.map((_, i) => i > 0 && rows.every((row) => /^(-|[\d.]+)$/.test(row[i] ?? "-")));
  const widths = columns.map((name, i) =>
    Math.max(3, name.length, ...rows.map((row) => (row[i] ?? "").length))
  );
  const line = (cells: readonly string[]): string =>
    `| ${
      widths.map((width, i) =>
        isNumber[i] ? (cells[i] ?? "").padStart(width) : (cells[i] ?? "").padEnd(width)
      )
        .join(" | ")
    } |`;
  const rule = widths.map((width, i) => isNumber[i] ? `${"-".repeat(width - 1)}:` : "-".repeat(width));
  return [line(columns), `| ${rule.join(" | ")} |`, ...rows.map(line)].join("\n");
}

/** Breaks a paragraph into lines of so many letters at most. */
export function wrapped(text: string, width = 110): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1)!;
    if (last === "") lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.join("\n");
}
