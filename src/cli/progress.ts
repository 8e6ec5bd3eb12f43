/** How often the bar is drawn anew, in milliseconds. */
const INTERVAL_MS = 100;
/** Over how many seconds the rate is taken, at least. */
const WINDOW_S = 1;
const BAR_WIDTH = 24;

/** A progress bar with frames per second on stderr; draws nothing where stderr is no terminal. */
export class ProgressBar {
  readonly #total: number | undefined;
  readonly #write: ((text: string) => void) | undefined;
  #drawnAt = -Infinity;
  #shown = false;
  /** Since when, and from which frame on, the rate is taken; from the first frame, as what was before is preparation. */
  #since: { at: number; done: number } | undefined;
  #rate: number | undefined;

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
    this.#since ??= { at: now, done };
    if (now - this.#drawnAt < INTERVAL_MS) return;
    this.#drawnAt = now;
    const seconds = (now - this.#since.at) / 1000;
    const rate = seconds > 0 ? (done - this.#since.done) / seconds : 0;
    if (seconds > WINDOW_S) {
      this.#rate = rate;
      this.#since = { at: now, done };
    }
    this.#write(`\r\x1b[2K${progressLine(done, this.#total, this.#rate ?? rate)}`);
    this.#shown = true;
  }

  /** Takes the bar away. */
  clear(): void {
    if (this.#shown) this.#write?.("\r\x1b[2K");
    this.#shown = false;
  }
}

/** The text of the bar; a rate of 0 is one that is not known yet. */
export function progressLine(done: number, total: number | undefined, framesPerSecond: number): string {
  const rate = framesPerSecond > 0 ? `  ${framesPerSecond.toFixed(1)} frames/s` : "";
  if (total === undefined || total === 0) return `${done} frames${rate}`;
  // Containers' frame counts are estimates: more may come than was said.
  const share = Math.min(1, done / total);
  const filled = Math.round(share * BAR_WIDTH);
  const left = framesPerSecond > 0
    ? `  ${Math.ceil(Math.max(0, total - done) / framesPerSecond)} s left`
    : "";
  return `[${"#".repeat(filled)}${".".repeat(BAR_WIDTH - filled)}] ${done}/${total}${rate}${left}`;
}
