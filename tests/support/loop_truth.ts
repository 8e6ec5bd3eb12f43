/**
 * What is known of loops, and how well they were found.
 *
 * @module
 */

/** Which frames show the same place, numbered from 0. */
export class LoopPairs {
  readonly #pairs: ReadonlySet<string>;
  /** Frames with an earlier view of the same place at least `gap` frames back. */
  readonly revisits: ReadonlySet<number>;

  /** Reads `loops.json`, whose pairs are numbers of files from 1 on, the later one first. */
  static async read(path: string, gap: number): Promise<LoopPairs> {
    const { pairs } = JSON.parse(await Deno.readTextFile(path)) as { pairs: [number, number][] };
    return new LoopPairs(pairs.map(([late, early]) => [late - 1, early - 1]), gap);
  }

  constructor(pairs: readonly (readonly [late: number, early: number])[], gap: number) {
    this.#pairs = new Set(pairs.map(([late, early]) => `${late} ${early}`));
    this.revisits = new Set(pairs.filter(([late, early]) => late - early >= gap).map(([late]) => late));
  }

  /** Whether two frames show the same place. */
  has(late: number, early: number | undefined): boolean {
    return this.#pairs.has(`${late} ${early}`);
  }

  /** The share of the revisits that are found before the first mistake, if answers are taken from the highest score on. */
  recallAtFullPrecision(
    answers: readonly { id: number; match: number | undefined; score: number | undefined }[],
  ): number {
    const ranked = answers.filter(({ match, score }) => match !== undefined && score !== undefined)
      .sort((a, b) => b.score! - a.score!);
    const wrong = ranked.find(({ id, match }) => !this.has(id, match));
    // Answers with the score of the first mistake cannot be told from it.
    const sure = wrong ? ranked.filter(({ score }) => score! > wrong.score!) : ranked;
    return sure.length / this.revisits.size;
  }
}
