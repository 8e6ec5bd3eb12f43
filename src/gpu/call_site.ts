/** Frames that a trace shows at most; V8 keeps ten if not told, and most of those would be this floor's. */
const FRAMES = 24;

/** The URL that this floor's own files begin with. */
const FLOOR = new URL(".", import.meta.url).href;

/**
 * The call stack from the first caller outside of the GPU floor, one call a line. It costs some 20 microseconds: for
 * debug mode and failures only.
 *
 * @param watchers how many calls outside of the floor are to be passed over first: 1 in a watcher of creations.
 */
export function callSite(watchers: number = 0): string {
  const settings = Error as { stackTraceLimit?: number };
  const limit = settings.stackTraceLimit;
  settings.stackTraceLimit = FRAMES;
  const stack = new Error().stack ?? "";
  if (limit !== undefined) settings.stackTraceLimit = limit;
  const lines = stack.split("\n").filter((line) => line.trim() !== "" && !/^Error\b/.test(line));
  const outside = (from: number): number => {
    const found = lines.findIndex((line, i) => i >= from && !line.includes(FLOOR));
    return found < 0 ? from : found;
  };
  let first = outside(0);
  for (let i = 0; i < watchers; i++) first = outside(first + 1);
  return lines.slice(first).join("\n") || "    (no call stack)";
}
