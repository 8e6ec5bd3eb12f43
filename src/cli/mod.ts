/**
 * The command line, as a function: `framewise detect`, `framewise info`, `framewise models`.
 *
 * @module
 */
export { main } from "./main.ts";
