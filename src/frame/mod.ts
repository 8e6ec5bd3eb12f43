/**
 * The frame loop.
 *
 * @module
 */
export * from "./frame.ts";
export { Histogram } from "./histogram.ts";
export * from "./loop.ts";
export * from "./report.ts";
