import type { CovisibilityGraph } from "./covisibility_graph.ts";
import { bestFirst } from "./loop_candidates.ts";
import type { LoopSettings } from "./loop_options.ts";
import type { LoopCandidate } from "./result.ts";

/** Candidates that show one place. */
export interface CandidateGroup {
  /** At least one, best first. */
  readonly members: readonly LoopCandidate[];
  /** Sum of their scores. */
  readonly sum: number;
  /** First and last frame of each stretch that the group stands for, by turns. */
  readonly spans: readonly number[];
}

type GroupSettings = Pick<LoopSettings, "islandGap" | "minGroupSize" | "groupScore">;

/**
 * Islands: candidates whose numbers are close, for frames of one place compete with each other (Gálvez-López and Tardós,
 * 2012, section V-B).
 *
 * @returns the best first; of equal ones by what they are ordered by, the one better by the other measure, then the earlier.
 */
export function islandsOf(
  candidates: readonly LoopCandidate[],
  { islandGap, minGroupSize, groupScore }: GroupSettings,
): CandidateGroup[] {
  const islands: LoopCandidate[][] = [];
  for (const candidate of candidates.toSorted((a, b) => a.id - b.id)) {
    const last = islands.at(-1);
    if (last && candidate.id - last.at(-1)!.id <= islandGap) last.push(candidate);
    else islands.push([candidate]);
  }
  const groups = islands.filter(({ length }) => length >= minGroupSize).map((members): CandidateGroup => ({
    spans: [members[0]!.id, members.at(-1)!.id],
    sum: members.reduce((sum, { score }) => sum + score, 0),
    members: members.sort(bestFirst),
  }));
  return groups.sort((a, b) => {
    const bySum = b.sum - a.sum;
    const byBest = b.members[0]!.score - a.members[0]!.score;
    return (groupScore === "sum" ? bySum || byBest : byBest || bySum) || a.spans[0]! - b.spans[0]!;
  });
}

/** Frames that see most of the same and add to a candidate's score: ORB-SLAM2's ten. */
const GROUP_NEIGHBOURS = 10;

/**
 * Covisible groups, as in ORB-SLAM2 (Mur-Artal and Tardós, 2017): each candidate with those of its ten best covisible
 * frames that are candidates too, scored by their sum; groups of less than a share of the best sum are left out, and of
 * those with the same best member all but the best.
 */
export function covisibleGroupsOf(
  candidates: readonly LoopCandidate[],
  graph: CovisibilityGraph,
  { minGroupSize, groupShare }: Pick<LoopSettings, "minGroupSize" | "groupShare">,
): CandidateGroup[] {
  const byId = new Map(candidates.map((candidate) => [candidate.id, candidate]));
  const groups: CandidateGroup[] = [];
  for (const candidate of candidates) {
    const around = [...graph.neighbours(candidate.id, GROUP_NEIGHBOURS).ids];
    const members = [candidate, ...around.flatMap((id) => byId.get(id) ?? [])].sort(bestFirst);
    if (members.length < minGroupSize) continue;
    groups.push({
      members,
      sum: members.reduce((sum, { score }) => sum + score, 0),
      spans: [candidate.id, ...around].flatMap((id) => [id, id]),
    });
  }
  groups.sort((a, b) =>
    b.sum - a.sum || bestFirst(a.members[0]!, b.members[0]!) || a.spans[0]! - b.spans[0]!
  );
  const least = groupShare * (groups[0]?.sum ?? 0);
  const seen = new Set<number>();
  return groups.filter(({ members, sum }) => {
    const { id } = members[0]!;
    if (sum < least || seen.has(id)) return false;
    seen.add(id);
    return true;
  });
}

/** The candidates to verify: the best of each group in their order, then the others of the first group, then of the next. */
export function entriesOf(groups: readonly CandidateGroup[], count: number): number[] {
  const ids = new Set(groups.map(({ members }) => members[0]!.id).slice(0, count));
  for (const { members } of groups) {
    for (const { id } of members) {
      if (ids.size >= count) return [...ids];
      ids.add(id);
    }
  }
  return [...ids];
}

/** Frames between two groups, at the closest; 0 where they overlap. */
export function groupDistance(a: readonly number[], b: readonly number[]): number {
  let least = Infinity;
  for (let i = 0; i < a.length; i += 2) {
    for (let j = 0; j < b.length; j += 2) {
      least = Math.min(least, Math.max(0, a[i]! - b[j + 1]!, b[j]! - a[i + 1]!));
    }
  }
  return least;
}
