/** Why a file cannot be read, in words. */
export function readProblem(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.IsADirectory) return "it is a folder";
  if (error instanceof Deno.errors.NotCapable) {
    return "Deno was not given the permission; add --allow-read";
  }
  return error instanceof Error ? error.message.replace(/ \(os error.*$/s, "") : String(error);
}
