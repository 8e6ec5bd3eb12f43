import type { Vocabulary } from "../place/vocabulary/mod.ts";

/** What a vocabulary is, for people. */
export function describeVocabulary(vocabulary: Vocabulary): string[] {
  const { k, levels, weighting, scoring, form, nodeCount, wordCount } = vocabulary;
  const descriptors = form.kind === "float"
    ? `${form.size} floats, compared by Euclidean distance`
    : `${form.size * 8} bits, compared by Hamming distance`;
  return [
    `descriptors of ${descriptors}`,
    `${wordCount.toLocaleString("en")} words, ${nodeCount.toLocaleString("en")} nodes; k ${k}, L ${levels}`,
    `weighting ${weighting}, score ${scoring}`,
  ];
}
