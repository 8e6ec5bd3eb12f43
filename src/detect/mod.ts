/**
 * Detection: heads, non-maximum suppression, and the detector that a frame loop runs.
 *
 * @module
 */
export * from "./average_precision.ts";
export * from "./detections.ts";
export * from "./detector.ts";
export * from "./heads/mod.ts";
export * from "./opencv_output.ts";
export * from "./post_process.ts";
