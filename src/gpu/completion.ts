/**
 * Which submits are known to be done. The queue runs them in order, so that whoever waited for one knows the same of all
 * before it.
 */
export class Completion {
  readonly #queue: GPUQueue;
  #submitted = 0;
  #done = 0;
  #asking = false;

  /** Nothing is submitted yet. */
  constructor(queue: GPUQueue) {
    this.#queue = queue;
  }

  /** The number of the last submit; 0 before the first. */
  get last(): number {
    return this.#submitted;
  }

  /** Counts a submit, and gives its number. */
  submitted(): number {
    return ++this.#submitted;
  }

  /** A wait has shown that submit `number` and all before it are done. */
  finished(number: number): void {
    this.#done = Math.max(this.#done, number);
  }

  /** Waits until all submitted work is done. */
  async wait(): Promise<void> {
    const { last } = this;
    await this.#queue.onSubmittedWorkDone();
    this.finished(last);
  }

  /**
   * Whether submit `number` is done. What no wait has shown yet is asked of the queue, and known to one of the next
   * calls. Deno blocks the thread at that question until the queue is idle, so that it never says "not yet" for long.
   */
  async query(number: number): Promise<boolean> {
    if (this.#done >= number) return true;
    if (!this.#asking) {
      this.#asking = true;
      // A device that is lost or disposed meanwhile is told by the caller's own check.
      this.wait().catch(() => {}).finally(() => this.#asking = false);
    }
    await new Promise((resolve) => setTimeout(resolve, 0));
    return this.#done >= number;
  }
}
