/** What is wrong with a map, or with its use. */
export class MapError extends Error {
  override readonly name = "MapError";
}
