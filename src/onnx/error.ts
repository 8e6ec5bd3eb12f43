/**
 * Thrown when a file cannot be used as an ONNX model. The message says what is wrong and what to do about it;
 * `problems` lists everything that was found, one sentence each.
 */
export class OnnxError extends Error {
  /** Everything that is wrong, one sentence each; at least one. */
  readonly problems: readonly string[];

  /**
   * @param what What could not be done, such as "Cannot read the ONNX model".
   * @param problems Why, one sentence each; at least one.
   */
  constructor(what: string, problems: readonly string[], options?: ErrorOptions) {
    super(problems.length === 1 ? `${what}: ${problems[0]}` : `${what}:\n${bulleted(problems)}`, options);
    this.name = "OnnxError";
    this.problems = problems;
  }
}

/** A message shows no more problems than this; `problems` holds all. */
const SHOWN = 30;

function bulleted(problems: readonly string[]): string {
  const lines = problems.slice(0, SHOWN).map((problem) => `  - ${problem}`);
  if (problems.length > SHOWN) lines.push(`  - and ${problems.length - SHOWN} more`);
  return lines.join("\n");
}
