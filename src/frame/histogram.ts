/** Buckets grow by 2 %, so a percentile is within 1 % of the true one. */
const GROWTH = Math.log(1.02);
const SMALLEST_MS = 1e-3;
const LARGEST_MS = 1e6;
const BUCKETS = Math.ceil(Math.log(LARGEST_MS / SMALLEST_MS) / GROWTH) + 1;

/** Durations of any number of frames in constant memory: percentiles within 1 %. */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #sum = 0;

  /** Adds one duration in milliseconds; one that is not finite is left out. */
  add(ms: number): void {
    if (!Number.isFinite(ms)) return;
    const bucket = Math.log(Math.max(ms, SMALLEST_MS) / SMALLEST_MS) / GROWTH;
    this.#counts[Math.min(BUCKETS - 1, Math.round(bucket))]!++;
    this.#count++;
    this.#sum += ms;
  }

  /** How many were added. */
  get count(): number {
    return this.#count;
  }

  /** Their mean in milliseconds; 0 without any. */
  get meanMs(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }

  /** The duration in milliseconds that the given share (0 to 1) does not exceed; 0 without any. */
  percentileMs(share: number): number {
    let rest = Math.max(1, Math.ceil(share * this.#count));
    for (const [bucket, count] of this.#counts.entries()) {
      rest -= count;
      if (rest <= 0) return SMALLEST_MS * Math.exp(bucket * GROWTH);
    }
    return 0;
  }
}
