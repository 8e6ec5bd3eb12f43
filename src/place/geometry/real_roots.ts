/** Highest degree of {@linkcode realRoots}. */
const MOST = 10;
/** The polynomial and its derivatives, each in a row of its own, and the roots of two neighbouring rows by turns. */
const ROWS = new Float64Array((MOST + 1) * (MOST + 1));
const ROOTS = [new Float64Array(MOST + 2), new Float64Array(MOST + 2)] as const;
const REVERSED = new Float64Array(MOST + 1);

/**
 * The real roots of a polynomial where it changes its sign.
 *
 * Between two neighbouring roots of the derivative there is at most one: so the roots of all derivatives are found from the
 * lowest degree up, by Newton's method kept within its interval. Only -1 to 1 is searched, where no power grows; the other
 * roots are the inverses of those of the polynomial with its coefficients reversed.
 *
 * @param coefficients of the powers 0 to `degree`, which is at most 10.
 * @param out room for `degree` roots.
 * @returns how many there are.
 */
export function realRoots(coefficients: Float64Array, degree: number, out: Float64Array): number {
  let count = rootsNearZero(coefficients, degree, out, 0);
  for (let i = 0; i <= degree; i++) REVERSED[i] = coefficients[degree - i]!;
  const inner = count;
  count = rootsNearZero(REVERSED, degree, out, count);
  let kept = inner;
  for (let i = inner; i < count; i++) {
    const root = out[i]!;
    // Those on the border were found before.
    if (root !== 0 && Math.abs(root) < 1) out[kept++] = 1 / root;
  }
  return kept;
}

/** Appends the roots from -1 to 1 to `out`. */
function rootsNearZero(coefficients: Float64Array, degree: number, out: Float64Array, count: number): number {
  const width = MOST + 1;
  for (let i = 0; i <= degree; i++) ROWS[degree * width + i] = coefficients[i]!;
  for (let n = degree; n > 1; n--) {
    for (let i = 0; i < n; i++) ROWS[(n - 1) * width + i] = (i + 1) * ROWS[n * width + i + 1]!;
  }
  let bounds = ROOTS[0], next = ROOTS[1], found = 0;
  for (let n = 1; n <= degree; n++) {
    const row = n * width;
    let roots = 0, low = -1, lowValue = value(row, n, -1);
    for (let i = 0; i <= found; i++) {
      const high = i < found ? bounds[i]! : 1;
      const highValue = value(row, n, high);
      if (lowValue === 0) next[roots++] = low;
      else if (lowValue * highValue < 0) next[roots++] = rootBetween(row, n, low, high, lowValue);
      low = high;
      lowValue = highValue;
    }
    if (lowValue === 0) next[roots++] = 1;
    [bounds, next] = [next, bounds];
    found = Math.min(roots, n);
  }
  for (let i = 0; i < found; i++) out[count++] = bounds[i]!;
  return count;
}

function value(row: number, degree: number, x: number): number {
  let sum = ROWS[row + degree]!;
  for (let i = degree - 1; i >= 0; i--) sum = sum * x + ROWS[row + i]!;
  return sum;
}

function rootBetween(row: number, degree: number, low: number, high: number, lowValue: number): number {
  let x = (low + high) / 2;
  for (let round = 0; round < 80; round++) {
    let sum = ROWS[row + degree]!, slope = 0;
    for (let i = degree - 1; i >= 0; i--) {
      slope = slope * x + sum;
      sum = sum * x + ROWS[row + i]!;
    }
    if (sum === 0) return x;
    if (sum * lowValue > 0) low = x;
    else high = x;
    const step = x - sum / slope;
    const to = step > low && step < high ? step : (low + high) / 2;
    if (Math.abs(to - x) < 1e-15 || high - low < 1e-15) return to;
    x = to;
  }
  return x;
}
