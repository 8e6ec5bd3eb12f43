/** A message shows no more problems than this; `problems` holds all. */
const SHOWN = 30;

/** What an `OnnxError` may carry besides its message. */
export interface OnnxErrorOptions extends ErrorOptions {
  /** Why, one sentence each; they are put after the message. */
  problems?: readonly string[];
}

/**
 * Thrown when a file cannot be used as an ONNX model. The message says what is wrong and what to do about it;
 * `problems` lists everything that was found, one sentence each.
 */
export class OnnxError extends Error {
  /** Everything that is wrong, one sentence each; at least one. */
  readonly problems: readonly string[];

  /**
   * An error about a file.
   *
   * @param what What could not be done, such as "Cannot read the ONNX model", and why, unless the problems say so.
   * @param options Why, and what it comes from.
   */
  constructor(what: string, { problems = [], ...options }: OnnxErrorOptions = {}) {
    const tail = problems.length > 1
      ? `:\n${bulleted(problems)}`
      : problems.map((why) => `: ${why}`).join("");
    super(`${what}${tail}`, options);
    this.name = "OnnxError";
    this.problems = problems.length > 0 ? problems : [what];
  }
}

function bulleted(problems: readonly string[]): string {
  const lines = problems.slice(0, SHOWN).map((problem) => `  - ${problem}`);
  if (problems.length > SHOWN) lines.push(`  - and ${problems.length - SHOWN} more`);
  return lines.join("\n");
}
