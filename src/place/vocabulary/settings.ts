import { type Weighting, WEIGHTINGS } from "./bag.ts";
import { VocabularyError } from "./errors.ts";
import { type Scoring, SCORINGS } from "./score.ts";

/** The score of a number in a file. @throws {VocabularyError} if there is none. */
export function scoringOf(number: number): Scoring {
  const scoring = SCORINGS[number];
  if (scoring === undefined) {
    throw new VocabularyError(
      `Cannot read vocabulary: scoring ${number}; there are 0 to ${SCORINGS.length - 1}`,
    );
  }
  return scoring;
}

/** The weighting of a number in a file. @throws {VocabularyError} if there is none. */
export function weightingOf(number: number): Weighting {
  const weighting = WEIGHTINGS[number];
  if (weighting === undefined) {
    throw new VocabularyError(
      `Cannot read vocabulary: weighting ${number}; there are 0 to ${WEIGHTINGS.length - 1}`,
    );
  }
  return weighting;
}
