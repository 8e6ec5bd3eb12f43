/** A loop detector or covisibility graph that cannot be made or used as asked. */
export class LoopError extends Error {
  override name = "LoopError";
}
