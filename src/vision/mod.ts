/**
 * Pixels: from frames to a network's input and back, and drawing on frames.
 *
 * @module
 */
export { InputBlob, type InputBlobOptions } from "./blob.ts";
export * from "./detection.ts";
export * from "./draw.ts";
export * from "./fit.ts";
export * from "./pixels.ts";
export * from "./treatment.ts";
