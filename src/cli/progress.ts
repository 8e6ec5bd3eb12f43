/** How often the bar is drawn anew, in milliseconds. */
const INTERVAL_MS = 100;
const BAR_WIDTH = 24;

/** A progress bar with frames per second on stderr; draws nothing where stderr is no terminal. */
export class ProgressBar {
  readonly #total: number | undefined;
  readonly #write: ((text: string) => void) | undefined;
  readonly #started = performance.now();
  #drawnAt = -Infinity;
  #shown = false;
  #recentAt = performance.now();
  #recentDone = 0;
  #rate = 0;

  /**
   * @param total frames to come, where known.
   * @param write takes the text; stderr if it is a terminal and `quiet` is not set.
   */
  constructor(total: number | undefined, quiet: boolean, write?: (text: string) => void) {
    this.#total = total;
    const encoder = new TextEncoder();
    const stderr = (text: string): void => void Deno.stderr.writeSync(encoder.encode(text));
    this.#write = quiet ? undefined : write ?? (Deno.stderr.isTerminal() ? stderr : undefined);
  }

  /** Shows a text until the first frame is done. */
  say(text: string): void {
    this.#write?.(`\r\x1b[2K${text}`);
    this.#shown = true;
  }

  /** Tells how many frames are done. */
  update(done: number): void {
    if (!this.#write) return;
    const now = performance.now();
    if (now - this.#drawnAt < INTERVAL_MS) return;
    this.#drawnAt = now;
    if (now - this.#recentAt > 500) {
      this.#rate = (done - this.#recentDone) / (now - this.#recentAt) * 1000;
      this.#recentAt = now;
      this.#recentDone = done;
    }
    const rate = this.#rate || done / (now - this.#started) * 1000;
    this.#write(`\r\x1b[2K${progressLine(done, this.#total, rate)}`);
    this.#shown = true;
  }

  /** Takes the bar away. */
  clear(): void {
    if (this.#shown) this.#write?.("\r\x1b[2K");
    this.#shown = false;
  }
}

/** The text of the bar. */
export function progressLine(done: number, total: number | undefined, framesPerSecond: number): string {
  const rate = `${framesPerSecond.toFixed(1)} frames/s`;
  if (total === undefined || total === 0) return `${done} frames  ${rate}`;
  // Containers' frame counts are estimates: more may come than was said.
  const share = Math.min(1, done / total);
  const filled = Math.round(share * BAR_WIDTH);
  const left = framesPerSecond > 0
    ? `  ${Math.ceil(Math.max(0, total - done) / framesPerSecond)} s left`
    : "";
  return `[${"#".repeat(filled)}${".".repeat(BAR_WIDTH - filled)}] ${done}/${total}  ${rate}${left}`;
}
