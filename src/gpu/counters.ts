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

/** Counts what is created, and calls a watcher (a strict loop) at each creation. */
export class CreationCounters {
  readonly #counts: CreationCounts = { buffers: 0, bindGroups: 0, pipelines: 0, modules: 0 };
  #watcher: ((kind: CountedObject, label: string) => void) | undefined;

  /** Counts one creation, just before it; called by the device only. A watcher that throws prevents it. */
  add(kind: CountedObject, label: string): void {
    this.#watcher?.(kind, label);
    this.#counts[kind]++;
  }

  /** The counts now. */
  snapshot(): CreationCounts {
    return { ...this.#counts };
  }

  /** Calls `watcher` at every creation until it is replaced; `undefined` ends watching. */
  watch(watcher: ((kind: CountedObject, label: string) => void) | undefined): void {
    this.#watcher = watcher;
  }
}

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
