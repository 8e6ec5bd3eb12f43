/**
 * A local package with the names and signatures of `@std/assert`, over
 * `node:assert/strict` and `node:util`, for machines that cannot reach JSR.
 * Remove `"links"` from deno.json to get the original.
 *
 * @module
 */
export { equal } from "./equal.ts";
export { AssertionError } from "./error.ts";
export * from "./errors_thrown.ts";
export * from "./equality.ts";
export * from "./values.ts";
