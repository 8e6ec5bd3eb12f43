/** How many GPU objects a device has created since it was made. A steady frame leaves all four unchanged. */
export interface CreationCounts {
  /** GPU buffers. */
  buffers: number;
  /** Bind groups, one a dispatch. */
  bindGroups: number;
  /** Compute pipelines, one a kernel variant. */
  pipelines: number;
  /** Shader modules, one a kernel variant. */
  modules: number;
}

/** The kinds of object that are counted. */
export type CountedObject = keyof CreationCounts;

/** What a watcher is called with: the kind of what is about to be made, and its label. */
export type CreationWatcher = (kind: CountedObject, label: string) => void;

/** Counts what is created, and calls watchers (strict loops) at each creation. */
export class CreationCounters {
  readonly #counts: CreationCounts = { buffers: 0, bindGroups: 0, pipelines: 0, modules: 0 };
  readonly #watchers = new Set<CreationWatcher>();

  /** Counts one creation, just before it; called by the device only. A watcher that throws prevents it. */
  add(kind: CountedObject, label: string): void {
    for (const watcher of this.#watchers) watcher(kind, label);
    this.#counts[kind]++;
  }

  /** The counts now. */
  snapshot(): CreationCounts {
    return { ...this.#counts };
  }

  /** Calls `watcher` at every creation, in the call that creates, until what it gives is called. */
  watch(watcher: CreationWatcher): () => void {
    const own: CreationWatcher = (kind, label) => watcher(kind, label);
    this.#watchers.add(own);
    return () => void this.#watchers.delete(own);
  }
}

/** The kinds as words, in the singular. */
export const KIND_NAMES: Readonly<Record<CountedObject, string>> = {
  buffers: "buffer",
  bindGroups: "bind group",
  pipelines: "pipeline",
  modules: "shader module",
};

/** `after - before`, field by field. */
export function countsSince(before: CreationCounts, after: CreationCounts): CreationCounts {
  return {
    buffers: after.buffers - before.buffers,
    bindGroups: after.bindGroups - before.bindGroups,
    pipelines: after.pipelines - before.pipelines,
    modules: after.modules - before.modules,
  };
}

/** `3 buffers, 0 bind groups, 0 pipelines, 0 modules`. */
export function describeCounts(counts: CreationCounts): string {
  return `${counts.buffers} buffers, ${counts.bindGroups} bind groups, ${counts.pipelines} pipelines, ${counts.modules} modules`;
}

/** The sum of the four counts. */
export function totalCount(counts: CreationCounts): number {
  return counts.buffers + counts.bindGroups + counts.pipelines + counts.modules;
}
