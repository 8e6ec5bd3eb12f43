import { isDeepStrictEqual } from "node:util";
import { equal, firstDifference } from "./equal.ts";
import { raise, show } from "./error.ts";

/** Fails unless the two are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  const at = firstDifference(actual, expected);
  if (at === undefined) return;
  const where = at === "" ? "" : `\n  first difference at: ${at}${valuesAt(actual, expected, at)}`;
  raise("Values are not equal", msg, { values: `${where}${showBoth(actual, expected)}` });
}

function showBoth(actual: unknown, expected: unknown): string {
  return `\n  actual:   ${show(actual)}\n  expected: ${show(expected)}`;
}

function valuesAt(actual: unknown, expected: unknown, path: string): string {
  const steps = path.match(/\.[\w-]+|\[\d+\]/g) ?? [];
  if (steps.join("") !== path) return "";
  const follow = (value: unknown): unknown =>
    steps.reduce<unknown>(
      (at, step) => Object(at)[step.startsWith(".") ? step.slice(1) : step.slice(1, -1)],
      value,
    );
  return ` (${show(follow(actual))}, expected ${show(follow(expected))})`;
}

/** Fails if the two are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) raise(`Expected values to differ, both are ${show(actual)}`, msg);
}

/** Fails unless the two are the same, by `Object.is`. */
export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T {
  if (Object.is(actual, expected)) return;
  const alike = isDeepStrictEqual(actual, expected) ? " (equal in structure, not the same object)" : "";
  raise(`Values are not strictly equal${alike}`, msg, { values: showBoth(actual, expected) });
}

/** Fails if the two are the same, by `Object.is`. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  if (Object.is(actual, expected)) raise(`Expected values not to be the same, both are ${show(actual)}`, msg);
}

/**
 * Fails unless two numbers are within the tolerance of each other: by default 1e-7 of the expected value.
 */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  const delta = Math.abs(expected - actual);
  if (delta <= allowed) return;
  raise(`Expected ${actual} to be within ${allowed} of ${expected}, the difference is ${delta}`, msg);
}

/** Fails unless every element of `expected` is deeply equal to some element of `actual`. */
export function assertArrayIncludes<T>(actual: ArrayLike<T>, expected: ArrayLike<T>, msg?: string): void {
  const present = Array.from(actual);
  const missing = Array.from(expected).filter((wanted) => !present.some((have) => equal(have, wanted)));
  if (missing.length > 0) raise(`Expected ${show(actual)} to include ${show(missing)}`, msg);
}

/** Fails unless `actual` has at least what `expected` has, deeply. */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  const at = missingAt(actual, expected, "");
  if (at !== undefined) {
    raise(`Objects do not match at ${at}: ${show(actual)}, expected ${show(expected)}`, msg);
  }
}

function missingAt(actual: unknown, expected: unknown, path: string): string | undefined {
  const isPlain = typeof expected === "object" && expected !== null &&
    (Array.isArray(expected) || Object.getPrototypeOf(expected) === Object.prototype);
  if (!isPlain || typeof actual !== "object" || actual === null) {
    return equal(actual, expected) ? undefined : path || "the top";
  }
  if (Array.isArray(expected) && Array.isArray(actual) && expected.length > actual.length) {
    return `${path}.length`;
  }
  for (const key of Reflect.ownKeys(expected)) {
    if (Array.isArray(expected) && key === "length") continue;
    const at = missingAt(Reflect.get(actual, key), Reflect.get(expected, key), `${path}.${String(key)}`);
    if (at !== undefined) return at;
  }
  return undefined;
}
