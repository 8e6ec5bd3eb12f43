/** Frames that a trace shows at most; V8 keeps ten if not told, and most of those would be this floor's. */
const FRAMES = 24;

/** The URL that this floor's own files begin with. */
const FLOOR = new URL(".", import.meta.url).href;

/**
 * The call stack from the first caller outside of the GPU floor, one call a line. It costs some 20 microseconds: for
 * debug mode and failures only.
 */
export function callSite(): string {
  const settings = Error as { stackTraceLimit?: number };
  const limit = settings.stackTraceLimit;
  settings.stackTraceLimit = FRAMES;
  const stack = new Error().stack ?? "";
  if (limit !== undefined) settings.stackTraceLimit = limit;
  const lines = stack.split("\n").filter((line) => line.trim() !== "" && !/^Error\b/.test(line));
  const first = lines.findIndex((line) => !line.includes(FLOOR));
  // In a bundle everything is one file.
  return lines.slice(Math.max(first, 0)).join("\n") || "    (no call stack)";
}
