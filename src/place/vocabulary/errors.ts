/** A vocabulary or database of bags that cannot be read, made or used as asked. */
export class VocabularyError extends Error {
  override name = "VocabularyError";
}
