/**
 * A local package with the interface of the part of `@std/cli` that Framewise uses, for machines that cannot
 * reach JSR. Remove `"links"` from deno.json to get the original.
 *
 * @module
 */
export * from "./parse_args.ts";
