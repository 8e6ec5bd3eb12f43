import { isDeepStrictEqual } from "node:util";

type Pairs = Map<unknown, unknown>;

/**
 * Are two values deeply equal? As in `@std/assert`: NaN equals NaN, 0 equals -0, the order of keys and of
 * the members of sets and maps is of no account, and objects of different classes differ.
 */
export function equal(a: unknown, b: unknown): boolean {
  return firstDifference(a, b) === undefined;
}

/** Where two values first differ, as a path such as `.boxes[3]`, or undefined when they are equal. */
export function firstDifference(a: unknown, b: unknown): string | undefined {
  return compare(a, b, "", new Map());
}

function compare(a: unknown, b: unknown, path: string, seen: Pairs): string | undefined {
  if (a === b || Object.is(a, b)) return undefined;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return path;
  if (classOf(a) !== classOf(b)) return path;
  if (seen.has(a) && seen.get(a) === b) return undefined;
  for (const opaque of [WeakMap, WeakSet]) {
    if (a instanceof opaque) throw new TypeError(`cannot compare ${opaque.name} instances`);
  }
  if (a instanceof WeakRef && b instanceof WeakRef) return compare(a.deref(), b.deref(), path, seen);
  if (a instanceof URL) return String(a) === String(b) ? undefined : path;
  if (a instanceof Date || a instanceof RegExp || a instanceof Number || a instanceof String) {
    return isDeepStrictEqual(a, b) ? undefined : path;
  }
  if (a instanceof ArrayBuffer && b instanceof ArrayBuffer) {
    return compareLists(new Uint8Array(a), new Uint8Array(b), path, seen);
  }
  seen.set(a, b);
  if (isList(a) && isList(b)) {
    const at = compareLists(a, b, path, seen);
    return at ?? (ArrayBuffer.isView(a) ? undefined : compareKeys(a, b, path, seen));
  }
  if (a instanceof Set && b instanceof Set) return compareSets(a, b, path, seen);
  if (a instanceof Map && b instanceof Map) return compareMaps(a, b, path, seen);
  return compareKeys(a, b, path, seen);
}

function classOf(value: object): unknown {
  return value.constructor ?? Object;
}

function isList(value: object): value is ArrayLike<unknown> & object {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

function compareLists(
  a: ArrayLike<unknown>,
  b: ArrayLike<unknown>,
  path: string,
  seen: Pairs,
): string | undefined {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    // Typed arrays may be long: no path is written for elements that agree.
    if (a[i] === b[i]) continue;
    const at = compare(a[i], b[i], "", seen);
    if (at !== undefined) return `${path}[${i}]${at}`;
  }
  return a.length === b.length ? undefined : `${path}.length`;
}

function compareKeys(a: object, b: object, path: string, seen: Pairs): string | undefined {
  const keysOfA = ownKeys(a), keysOfB = ownKeys(b);
  for (const key of new Set([...keysOfA, ...keysOfB])) {
    const here = typeof key === "symbol" ? `${path}[${String(key)}]` : `${path}.${key}`;
    if (keysOfA.has(key) !== keysOfB.has(key)) return here;
    const at = compare(Reflect.get(a, key), Reflect.get(b, key), here, seen);
    if (at !== undefined) return at;
  }
  return undefined;
}

function ownKeys(value: object): Set<string | symbol> {
  const isList = Array.isArray(value);
  return new Set(
    Reflect.ownKeys(value).filter((key) =>
      Object.prototype.propertyIsEnumerable.call(value, key) &&
      !(isList && typeof key === "string" && /^\d+$/.test(key))
    ),
  );
}

function compareSets(
  a: Set<unknown>,
  b: Set<unknown>,
  path: string,
  seen: Pairs,
): string | undefined {
  if (a.size !== b.size) return `${path}.size`;
  const rest = new Set([...b].filter((member) => !a.has(member)));
  for (const member of a) {
    if (b.has(member)) continue;
    const twin = [...rest].find((other) => compare(member, other, "", new Map(seen)) === undefined);
    if (twin === undefined) return path;
    rest.delete(twin);
  }
  return undefined;
}

function compareMaps(
  a: Map<unknown, unknown>,
  b: Map<unknown, unknown>,
  path: string,
  seen: Pairs,
): string | undefined {
  if (a.size !== b.size) return `${path}.size`;
  const rest = new Set(b.keys());
  for (const [key, value] of a) {
    const twin = b.has(key)
      ? { key }
      : [...rest].map((other) => ({ key: other })).find(({ key: other }) =>
        !a.has(other) && compare(key, other, "", new Map(seen)) === undefined
      );
    if (twin === undefined) return `${path}.get(${String(key)})`;
    rest.delete(twin.key);
    const at = compare(value, b.get(twin.key), `${path}.get(${String(key)})`, seen);
    if (at !== undefined) return at;
  }
  return undefined;
}
