/** Text as HTML shows it. */
export function escape(text: string): string {
  return text.replace(
    /[&<>"]/g,
    (found) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[found]!,
  );
}
