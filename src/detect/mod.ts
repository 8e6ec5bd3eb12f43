/**
 * Detection: heads, non-maximum suppression, and the detector that a frame loop runs.
 *
 * @module
 */
export * from "./detector.ts";
export * from "./frame_detector.ts";
export * from "./heads/mod.ts";
