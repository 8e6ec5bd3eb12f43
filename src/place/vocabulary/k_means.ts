import type { Assigner } from "./assigner.ts";
import { type DescriptorForm, type Descriptors, emptyDescriptors } from "./descriptors.ts";
import { putMean } from "./means.ts";

/** Descriptors in groups: those of group `g` are `order[starts[g]]` to `order[starts[g + 1] - 1]`, ascending. */
export interface Groups {
  /** Each descriptor's group, or `NO_GROUP`. */
  readonly of: Uint32Array<ArrayBuffer>;
  /** Descriptors, group by group. */
  readonly order: Uint32Array<ArrayBuffer>;
  /** Where each group begins, and the end. */
  readonly starts: Uint32Array<ArrayBuffer>;
}

/** How clustering goes on. */
export interface KMeansControl {
  /** Gives numbers from 0 up to but not 1. */
  readonly random: () => number;
  /** Rounds of assigning and averaging at most. */
  readonly maxIterations: number;
  /** Called after each round; false: it is enough. Throws to give up. */
  readonly goOn: (iteration: number, changed: number) => boolean;
}

/** What came of it. */
export interface Clusters {
  /** `k` rows a group, as many as `sizes` says. */
  readonly centres: Descriptors;
  /** How many clusters each group has; some may have lost all members. */
  readonly sizes: Uint32Array<ArrayBuffer>;
  /** Each descriptor's cluster, counted within its group. */
  readonly nearest: Uint32Array<ArrayBuffer>;
}

/** Sorts descriptors by group. @param count groups. */
export function groupsOf(of: Uint32Array<ArrayBuffer>, count: number): Groups {
  const starts = new Uint32Array(count + 1);
  for (const group of of) if (group < count) starts[group + 1]!++;
  for (let group = 0; group < count; group++) starts[group + 1]! += starts[group]!;
  const next = starts.slice();
  const order = new Uint32Array(starts[count]!);
  for (let i = 0; i < of.length; i++) if (of[i]! < count) order[next[of[i]!]!++] = i;
  return { of, order, starts };
}

/**
 * Divides each group into up to k clusters, all groups at once: seeds by k-means++ (Arthur and Vassilvitskii, 2007), then
 * Lloyd's rounds until no descriptor changes its cluster. A cluster that loses its members keeps its centre.
 */
export async function kMeans(
  assigner: Assigner,
  descriptors: Descriptors,
  form: DescriptorForm,
  k: number,
  groups: Groups,
  control: KMeansControl,
): Promise<Clusters> {
  const count = groups.starts.length - 1;
  const centres = emptyDescriptors(form, count * k);
  const sizes = new Uint32Array(count);
  assigner.setGroups(groups.of);
  for (let round = 0; round < k; round++) {
    let picked = 0;
    for (let group = 0; group < count; group++) {
      if (sizes[group] !== round) continue;
      const seed = pickSeed(groups, group, round === 0 ? undefined : assigner.distances, control.random);
      if (seed === undefined) continue;
      const row = descriptors.subarray(seed * form.size, (seed + 1) * form.size);
      centres.set(row, (group * k + round) * form.size);
      sizes[group] = round + 1;
      picked++;
    }
    if (picked === 0) break;
    await assigner.assign({ rows: centres, sizes }, round, 1, round === 0);
  }
  let nearest = assigner.nearest.slice();
  for (let iteration = 1; iteration <= control.maxIterations; iteration++) {
    putMeans(descriptors, form, k, groups, sizes, nearest, centres);
    await assigner.assign({ rows: centres, sizes }, 0, k, true);
    let changed = 0;
    for (const i of groups.order) if (nearest[i] !== assigner.nearest[i]) changed++;
    nearest = assigner.nearest.slice();
    if (!control.goOn(iteration, changed) || changed === 0) break;
  }
  return { centres, sizes, nearest };
}

/** One of a group: the first by even chance, each further one by its squared distance from those before. */
function pickSeed(
  { order, starts }: Groups,
  group: number,
  distances: Float64Array | undefined,
  random: () => number,
): number | undefined {
  const [from, to] = [starts[group]!, starts[group + 1]!];
  if (!distances) return order[from + Math.floor(random() * (to - from))];
  let sum = 0;
  for (let at = from; at < to; at++) sum += distances[order[at]!]!;
  // All are centres already, or equal to one.
  if (!(sum > 0)) return undefined;
  const cut = random() * sum;
  let passed = 0;
  let last: number | undefined;
  for (let at = from; at < to; at++) {
    const member = order[at]!;
    if (distances[member]! > 0) {
      last = member;
      passed += distances[member]!;
      if (passed > cut) return member;
    }
  }
  return last;
}

function putMeans(
  descriptors: Descriptors,
  form: DescriptorForm,
  k: number,
  groups: Groups,
  sizes: Uint32Array,
  nearest: Uint32Array,
  centres: Descriptors,
): void {
  const { order, starts } = groups;
  const counts = new Uint32Array(k + 1);
  for (let group = 0; group < sizes.length; group++) {
    const members = order.subarray(starts[group], starts[group + 1]);
    counts.fill(0);
    for (const member of members) counts[nearest[member]! + 1]!++;
    for (let cluster = 0; cluster < k; cluster++) counts[cluster + 1]! += counts[cluster]!;
    const sorted = new Uint32Array(members.length);
    const next = counts.slice();
    for (const member of members) sorted[next[nearest[member]!]!++] = member;
    for (let cluster = 0; cluster < sizes[group]!; cluster++) {
      const own = sorted.subarray(counts[cluster], counts[cluster + 1]);
      if (own.length > 0) putMean(descriptors, form, own, centres, group * k + cluster);
    }
  }
}
