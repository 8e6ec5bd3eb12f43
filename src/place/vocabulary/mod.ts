/**
 * Vocabulary trees: reading, writing, words and bags.
 *
 * @module
 */
export { type Bag, makeBag, type Weighting, WEIGHTINGS } from "./bag.ts";
export { readBinaryForm, writeBinaryForm } from "./binary_form.ts";
export type { DescriptorForm, Descriptors } from "./descriptors.ts";
export { VocabularyError } from "./errors.ts";
export { readVocabulary } from "./read.ts";
export { lowerIsBetter, scoreBags, type Scoring, SCORINGS } from "./score.ts";
export { readTextForm, type TextFormOptions, writeTextForm } from "./text_form.ts";
export { type Training, type TrainingOptions, type TrainingProgress, trainVocabulary } from "./train.ts";
export { type TransformOptions, VocabularyTransform } from "./transform.ts";
export { NO_WORD, Vocabulary, type VocabularyData, type Words } from "./vocabulary.ts";
export { type TransformRanges, VocabularyTree } from "./vocabulary_tree.ts";
export { readYamlForm, writeYamlForm, type YamlFormOptions, type YamlWriteOptions } from "./yaml_form.ts";
