import type { Device, Stream } from "../../gpu/mod.ts";
import { GpuAssigner, NO_GROUP } from "./assigner.ts";
import type { Weighting } from "./bag.ts";
import { countDescriptors, type DescriptorForm, type Descriptors, emptyDescriptors } from "./descriptors.ts";
import { VocabularyError } from "./errors.ts";
import { type Clusters, groupsOf, kMeans } from "./k_means.ts";
import { elementsOf } from "./metric.ts";
import { Random } from "../../tensor/random.ts";
import type { Scoring } from "./score.ts";
import { VocabularyTransform } from "./transform.ts";
import { Vocabulary } from "./vocabulary.ts";

/** Where training stands. */
export interface TrainingProgress {
  /** The level under way, from 1 on. */
  readonly level: number;
  /** Rounds of k-means on this level so far. */
  readonly iteration: number;
  /** Descriptors that changed their cluster in this round. */
  readonly changed: number;
  /** Nodes so far, the root included. */
  readonly nodes: number;
  /** Since the start. */
  readonly elapsedMs: number;
}

/** How a vocabulary is trained. */
export interface TrainingOptions {
  /** What the descriptors are. */
  form: DescriptorForm;
  /** Children of a node at most. Default 10. */
  k?: number;
  /** Levels at most. Default 5. */
  levels?: number;
  /** Default `tf-idf`. */
  weighting?: Weighting;
  /** Default `l1`. */
  scoring?: Scoring;
  /** The same seed, descriptors and adapter give the same vocabulary. Default 1. */
  seed?: number;
  /** Rounds of k-means on a level at most. Default 50. */
  maxIterations?: number;
  /** After this time the level under way is closed as it stands, and no further one begun. Default: no bound. */
  maxMs?: number;
  /** Called after each round. */
  onProgress?: (progress: TrainingProgress) => void;
  /** Gives up: the training fails with its reason. */
  signal?: AbortSignal;
}

/** What training gives. */
export interface Training {
  /** The vocabulary. */
  readonly vocabulary: Vocabulary;
  /** Levels that it has; fewer than asked for if there was no time, or too few descriptors. */
  readonly levels: number;
  /** Whether `maxMs` ended it. */
  readonly outOfTime: boolean;
}

/**
 * Trains a vocabulary tree by hierarchical k-means++, on the GPU: all nodes of a level at once. A node is divided while it
 * has two different descriptors, down to the last level; words are weighted by how many images have them, as in DBoW2.
 *
 * @example Two images with descriptors of two bytes
 * ```ts
 * import { Device, trainVocabulary, VocabularyTransform } from "@framewise/framewise";
 *
 * using device = await Device.request();
 * using stream = device.stream();
 * const first = Uint8Array.of(0x00, 0x00, 0xff, 0xff);
 * const second = Uint8Array.of(0x00, 0x01, 0x0f, 0x0f);
 * const form = { kind: "binary", size: 2 } as const;
 * const { vocabulary } = await trainVocabulary(device, [first, second], {
 *   form,
 *   k: 3,
 *   levels: 2,
 *   weighting: "tf",
 * });
 *
 * using transform = new VocabularyTransform(device, vocabulary, { maxDescriptors: 1000 });
 * const [a, b] = [await transform.find(stream, first), await transform.find(stream, second)];
 * console.log(vocabulary.score(vocabulary.bag(a.words), vocabulary.bag(b.words)));
 * ```
 * @param images each image's descriptors.
 * @throws {VocabularyError} for options out of range, descriptors of another form, or fewer than two different ones.
 * @throws the signal's reason, once it is aborted.
 */
export async function trainVocabulary(
  device: Device,
  images: readonly Descriptors[],
  options: TrainingOptions,
): Promise<Training> {
  const settings = settingsOf(images, options);
  const { form, weighting } = settings;
  const descriptors = joined(images, form);
  const tree = new Tree(form);
  let outOfTime = false;
  let levels = 0;
  {
    using assigner = new GpuAssigner(device, descriptors, form, settings.k);
    const numbers = new Random(settings.seed);
    const started = performance.now();
    const elapsed = (): number => performance.now() - started;
    // What is to be divided: nodes, and the node of each descriptor, by its place in the list.
    let open = { nodes: [0], of: new Uint32Array(descriptors.length / form.size) };
    for (let level = 1; level <= settings.levels && open.nodes.length > 0 && !outOfTime; level++) {
      const next = { nodes: [] as number[], of: new Uint32Array(open.of.length).fill(NO_GROUP) };
      // As many nodes at a time as the adapter has room for.
      for (let from = 0; from < open.nodes.length; from += assigner.maxGroups) {
        const nodes = open.nodes.slice(from, from + assigner.maxGroups);
        const of = open.of.map((group) =>
          group - from < nodes.length && group >= from ? group - from : NO_GROUP
        );
        const groups = groupsOf(of, nodes.length);
        const goOn = (iteration: number, changed: number): boolean => {
          settings.signal?.throwIfAborted();
          const elapsedMs = elapsed();
          settings.onProgress?.({ level, iteration, changed, nodes: tree.nodeCount, elapsedMs });
          outOfTime ||= elapsedMs > settings.maxMs;
          return !outOfTime;
        };
        settings.signal?.throwIfAborted();
        const clusters = await kMeans(assigner, descriptors, form, settings.k, groups, {
          random: () => numbers.next(),
          maxIterations: settings.maxIterations,
          goOn,
        });
        if (tree.divide(nodes, groups, clusters, settings.k, next)) levels = level;
      }
      open = next;
    }
  }
  settings.signal?.throwIfAborted();
  if (tree.nodeCount < 3) {
    throw new VocabularyError(
      `Cannot train: all ${
        descriptors.length / form.size
      } descriptors are equal; there is nothing to tell apart`,
    );
  }
  const plain = tree.vocabulary(settings);
  if (weighting === "tf" || weighting === "binary") return { vocabulary: plain, levels, outOfTime };
  const wordWeights = await inverseDocumentFrequencies(device, plain, images, settings.signal);
  return { vocabulary: plain.with({ wordWeights }), levels, outOfTime };
}

type Settings = Required<Omit<TrainingOptions, "onProgress" | "signal">> & TrainingOptions;

function settingsOf(images: readonly Descriptors[], options: TrainingOptions): Settings {
  const settings = {
    k: 10,
    levels: 5,
    weighting: "tf-idf" as const,
    scoring: "l1" as const,
    seed: 1,
    maxIterations: 50,
    maxMs: Infinity,
    ...options,
  };
  const bounds = {
    k: [2, 65535],
    levels: [1, 32],
    seed: [-(2 ** 53), 2 ** 53],
    maxIterations: [0, 1e9],
  } as const;
  for (const [name, [low, high]] of Object.entries(bounds)) {
    const value = settings[name as keyof typeof bounds];
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new VocabularyError(
        `Cannot train: ${name} is ${value}; give a whole number from ${low} to ${high}`,
      );
    }
  }
  if (!(settings.maxMs >= 0)) {
    throw new VocabularyError(`Cannot train: maxMs is ${settings.maxMs}; give 0 or more`);
  }
  if ((settings.weighting === "tf-idf" || settings.weighting === "idf") && images.length < 2) {
    throw new VocabularyError(
      `Cannot train: ${images.length} images with the weighting "${settings.weighting}", which would give every word the ` +
        `weight 0; give more, or take "tf" or "binary"`,
    );
  }
  return settings;
}

function joined(images: readonly Descriptors[], form: DescriptorForm): Descriptors {
  const counts = images.map((image, i) => countDescriptors(image, form, `Cannot train: image ${i}`));
  const all = emptyDescriptors(form, counts.reduce((sum, count) => sum + count, 0));
  let at = 0;
  for (const [i, image] of images.entries()) {
    all.set(image, at);
    at += counts[i]! * form.size;
  }
  if (form.kind === "float" && !all.every(Number.isFinite)) {
    throw new VocabularyError("Cannot train: a descriptor holds what is no finite number");
  }
  if (all.length === 0) throw new VocabularyError("Cannot train: there are no descriptors");
  return all;
}

/** The tree as far as it has grown. */
class Tree {
  readonly #form: DescriptorForm;
  readonly #parents: number[] = [0];
  readonly #leaf: boolean[] = [true];
  #descriptors: Descriptors;

  constructor(form: DescriptorForm) {
    this.#form = form;
    this.#descriptors = emptyDescriptors(form, 1024);
  }

  get nodeCount(): number {
    return this.#parents.length;
  }

  /**
   * Gives nodes their children: the clusters that have members, if there are two or more; and puts the children that have
   * several descriptors into `next`, with these. Whether any node was divided.
   */
  divide(
    nodes: readonly number[],
    { order, starts }: { order: Uint32Array; starts: Uint32Array },
    { centres, nearest }: Clusters,
    k: number,
    next: { nodes: number[]; of: Uint32Array },
  ): boolean {
    let divided = false;
    const counts = new Uint32Array(k);
    const places = new Uint32Array(k);
    for (const [group, node] of nodes.entries()) {
      const members = order.subarray(starts[group], starts[group + 1]);
      counts.fill(0);
      for (const member of members) counts[nearest[member]!]!++;
      if (counts.reduce((filled, count) => filled + Number(count > 0), 0) < 2) continue;
      divided = true;
      this.#leaf[node] = false;
      for (let cluster = 0; cluster < k; cluster++) {
        if (counts[cluster] === 0) continue;
        const child = this.#add(node, centres, group * k + cluster);
        places[cluster] = counts[cluster]! > 1 ? next.nodes.push(child) - 1 : NO_GROUP;
      }
      for (const member of members) next.of[member] = places[nearest[member]!]!;
    }
    return divided;
  }

  #add(parent: number, centres: Descriptors, row: number): number {
    const { size } = this.#form;
    const node = this.#parents.push(parent) - 1;
    this.#leaf.push(true);
    if (node * size > this.#descriptors.length) {
      const larger = emptyDescriptors(this.#form, node * 2);
      larger.set(this.#descriptors);
      this.#descriptors = larger;
    }
    this.#descriptors.set(centres.subarray(row * size, (row + 1) * size), (node - 1) * size);
    return node;
  }

  /** The tree as a vocabulary in which every word has the weight 1. */
  vocabulary({ k, levels, weighting, scoring }: Settings): Vocabulary {
    const nodes = this.#parents.length;
    return new Vocabulary({
      k,
      levels,
      weighting,
      scoring,
      form: this.#form,
      parents: Uint32Array.from(this.#parents),
      weights: Float64Array.from(this.#leaf, Number),
      wordNodes: Uint32Array.from({ length: nodes }, (_, node) => node).filter((node) => this.#leaf[node]),
      descriptors: this.#descriptors.slice(0, (nodes - 1) * this.#form.size),
    });
  }
}

/** Of each word, the logarithm of images over images that have it; 0 if none has. */
async function inverseDocumentFrequencies(
  device: Device,
  vocabulary: Vocabulary,
  images: readonly Descriptors[],
  signal: AbortSignal | undefined,
): Promise<Float64Array<ArrayBuffer>> {
  const { form, wordCount } = vocabulary;
  // Many at a time, since each wait takes long whatever the size; but no more than 16 MiB.
  const maxDescriptors = Math.min(16384, Math.max(1, Math.floor(2 ** 24 / (elementsOf(form) * 16))));
  using transform = new VocabularyTransform(device, vocabulary, { maxDescriptors });
  using stream: Stream = device.stream({ label: "vocabulary: words", allocator: device.defaultAllocator });
  const imagesWith = new Uint32Array(wordCount);
  const lastImage = new Uint32Array(wordCount).fill(NO_GROUP);
  const batch = emptyDescriptors(form, transform.maxDescriptors);
  const owners = new Uint32Array(transform.maxDescriptors);
  let filled = 0;
  const flush = async (): Promise<void> => {
    signal?.throwIfAborted();
    const { words } = await transform.find(stream, batch.subarray(0, filled * form.size));
    for (const [i, word] of words.entries()) {
      if (lastImage[word] === owners[i]) continue;
      lastImage[word] = owners[i]!;
      imagesWith[word]!++;
    }
    filled = 0;
  };
  for (const [owner, image] of images.entries()) {
    for (let at = 0; at < image.length;) {
      const part = image.subarray(at, at + (transform.maxDescriptors - filled) * form.size);
      batch.set(part, filled * form.size);
      const count = part.length / form.size;
      owners.fill(owner, filled, filled + count);
      filled += count;
      at += part.length;
      if (filled === transform.maxDescriptors) await flush();
    }
  }
  await flush();
  return Float64Array.from(imagesWith, (count) => count === 0 ? 0 : Math.log(images.length / count));
}
