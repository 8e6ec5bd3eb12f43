/** A loop detector or covisibility graph that cannot be made or used as asked. */
export class LoopDetectionError extends Error {
  override name = "LoopDetectionError";
}
