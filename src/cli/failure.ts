/** Thrown for wrong usage; the message says what is wrong, and the command adds how it is used. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * Tells a failure in one message, never with a stack trace (`FRAMEWISE_DEBUG=1` adds it), and gives the exit code:
 * 2 for wrong usage, 1 for everything else.
 *
 * @param command what failed, such as `framewise detect`.
 * @param usage added to a {@linkcode UsageError}: how the command is used, or where that is told.
 * @param printError takes the lines; stderr unless told.
 */
export function reportFailure(
  command: string,
  error: unknown,
  usage?: string,
  printError: (line: string) => void = (line) => console.error(line),
): number {
  // Closing what failed may fail too; what matters is what failed first.
  while (error instanceof SuppressedError) error = error.suppressed;
  const message = error instanceof Error ? error.message || error.name : String(error);
  printError(`${command}: ${message}`);
  if (error instanceof UsageError) {
    if (usage) printError(usage);
    return 2;
  }
  if (debugging() && error instanceof Error && error.stack) printError(error.stack);
  return 1;
}

function debugging(): boolean {
  // Asking for a variable without the permission would prompt.
  const permission = Deno.permissions.querySync({ name: "env", variable: "FRAMEWISE_DEBUG" });
  return permission.state === "granted" && Deno.env.get("FRAMEWISE_DEBUG") === "1";
}
