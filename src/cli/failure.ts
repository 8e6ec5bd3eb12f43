/** Thrown for wrong usage; the message says what is wrong, and the command adds how it is used. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * Tells a failure in one message, never with a stack trace (`FRAMEWISE_DEBUG=1` adds it), and gives the exit code:
 * 2 for wrong usage, 1 for everything else.
 */
export function reportFailure(command: string, error: unknown, usage?: string): number {
  const message = error instanceof Error ? error.message : String(error);
  console.error(`${command}: ${message}`);
  if (error instanceof UsageError) {
    if (usage) console.error(`\n${usage}`);
    return 2;
  }
  if (debugging() && error instanceof Error && error.stack) console.error(error.stack);
  return 1;
}

function debugging(): boolean {
  // Asking for a variable without the permission would prompt.
  const permission = Deno.permissions.querySync({ name: "env", variable: "FRAMEWISE_DEBUG" });
  return permission.state === "granted" && Deno.env.get("FRAMEWISE_DEBUG") === "1";
}
