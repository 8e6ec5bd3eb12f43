/**
 * The memory of places: one entry a frame, in a folder or in memory.
 *
 * @module
 */
import { BagDatabase } from "../bags/bag_database.ts";
import type { KeptFeatures } from "../features/kept_features.ts";
import type { DescriptorIndex } from "../index/descriptor_index.ts";
import { loadIndex } from "../index/index_file.ts";
import { type PackedRows, packRows, unpackRows } from "../index/packing.ts";
import { CovisibilityGraph, type CovisibilityOptions } from "../loop/covisibility_graph.ts";
import type { Bag } from "../vocabulary/bag.ts";
import { MapError } from "./errors.ts";
import { FeaturesCache } from "./features_cache.ts";
import {
  forgottenBags,
  forgottenDescriptors,
  ForgottenSearch,
  type ForgottenSearchOptions,
} from "./forgotten_search.ts";
import { MANIFEST, MapFiles, type MapOpened, messageOf } from "./map_files.ts";
import { type MapFolder, MemoryFolder } from "./map_folder.ts";
import { bagOf, loadBags, loadCovisibility, loadRows } from "./load.ts";
import { checkFrame } from "./map_frame_check.ts";
import {
  type FrameHead,
  infoOf,
  type MapFrame,
  type MapFrameInfo,
  packFeatures,
  packFrame,
  unpackFeatures,
  unpackFrame,
} from "./map_frame.ts";
import { type MapNetworks, parseManifest, refuseOtherNetworks } from "./map_networks.ts";
import type { AppendedFrame, MapEntry, PlaceMapOptions } from "./place_map_options.ts";
import { Rehearsals } from "./rehearsal.ts";
import { type MemoryChange, WorkingMemory } from "./working_memory.ts";

/**
 * All earlier frames: their global descriptors, local features, bags of words and results. Frames are appended one by one; what is
 * large stays in the files and comes through a cache of bounded size. With `remember`, only so many frames stay in the bags
 * and in the {@linkcode mask} of the search; the others are forgotten, and found by {@linkcode searchForgotten}.
 *
 * Rows of an index on the GPU cannot be taken out: a forgotten frame's descriptor goes on taking its dimensions times the bytes of an element, and
 * is masked. Where that is too much, {@linkcode loadRemembered} fills a new index with what is remembered.
 *
 * @example A map in memory
 * ```ts
 * import { PlaceMap } from "@framewise/framewise";
 *
 * const embedding = {
 *   name: "net.onnx",
 *   fingerprint: "0123456789abcdef",
 *   width: 224,
 *   height: 224,
 *   dimensions: 2,
 *   type: "f32",
 *   metric: "inner_product",
 * } as const;
 * await using map = await PlaceMap.inMemory({ networks: { embedding } });
 * await map.append({ name: "1.jpg", descriptor: new Float32Array([1, 0]) });
 * await map.append({ name: "2.jpg", descriptor: new Float32Array([0, 1]) });
 * console.assert(map.size === 2 && map.entry(1).name === "2.jpg");
 * ```
 */
export class PlaceMap implements AsyncDisposable {
  /** What messages call it. */
  readonly label: string;
  /** What its frames are made with. */
  readonly networks: MapNetworks;
  /** Whether nothing is written. */
  readonly readOnly: boolean;
  /** What was found when it was opened. */
  readonly opened: MapOpened;
  /** The bags of the remembered frames, by their numbers; without a vocabulary there are none. */
  readonly bags: BagDatabase | undefined;
  readonly #files: MapFiles;
  readonly #memory: WorkingMemory;
  readonly #cache: FeaturesCache;
  readonly #infos: (MapFrameInfo & { match?: number })[] = [];
  readonly #rehearsals: Rehearsals;
  readonly #options: PlaceMapOptions;
  readonly #lock: Disposable | undefined;
  /** Calls that write take turns. */
  #turn: Promise<unknown> = Promise.resolve();
  #flushing: Promise<void> | undefined;
  #flushedAt = performance.now();
  #failure: MapError | undefined;
  #closed = false;

  private constructor(
    folder: MapFolder,
    networks: MapNetworks,
    files: MapFiles,
    lock: Disposable | undefined,
    options: PlaceMapOptions,
  ) {
    this.label = folder.label;
    this.networks = networks;
    this.readOnly = options.readOnly ?? false;
    this.opened = files.opened;
    this.#files = files;
    this.#lock = lock;
    this.#options = options;
    this.#rehearsals = new Rehearsals(options.rehearsal);
    this.#memory = new WorkingMemory(options);
    this.#cache = new FeaturesCache(options.cacheBytes ?? 4 << 20);
    const { vocabulary } = networks;
    this.bags = vocabulary &&
      new BagDatabase({ wordCount: vocabulary.words, scoring: vocabulary.scoring });
  }

  /**
   * Opens the map of a folder, or begins one. What a crash left unfinished is cut off: see {@linkcode opened}.
   *
   * @throws {MapError} if there is none and it may not be begun, it was made with other networks, is damaged, or another one
   * writes to it.
   * @throws {RangeError} for options that make no sense.
   */
  static async open(folder: MapFolder, options: PlaceMapOptions = {}): Promise<PlaceMap> {
    new WorkingMemory(options);
    using stack = new DisposableStack();
    const { readOnly = false, networks: wanted } = options;
    const manifest = await folder.read(MANIFEST);
    if (!manifest && (readOnly || !wanted)) {
      throw new MapError(
        `Cannot open the map "${folder.label}": there is no ${MANIFEST} in it; give the folder of a map`,
      );
    }
    const lock = readOnly ? undefined : stack.use(await folder.lock());
    // It is read again, since only now nobody else makes it.
    const found = readOnly ? manifest : await folder.read(MANIFEST);
    if (!found) await MapFiles.create(folder, wanted!);
    const networks = found ? parseManifest(folder.label, found) : wanted!;
    if (wanted) refuseOtherNetworks(folder.label, networks, wanted);
    const { files, heads } = await MapFiles.open(folder, networks, options);
    stack.use(files);
    const map = new PlaceMap(folder, networks, files, lock, options);
    await map.#load(heads);
    stack.move();
    return map;
  }

  /** Begins a map in memory; {@linkcode save} writes it to a folder. */
  static inMemory(options: PlaceMapOptions & { networks: MapNetworks }): Promise<PlaceMap> {
    return PlaceMap.open(new MemoryFolder(), options);
  }

  /** Frames in it. */
  get size(): number {
    return this.#memory.size;
  }

  /** Frames that are not forgotten. */
  get remembered(): number {
    return this.#memory.remembered;
  }

  /**
   * What a `DescriptorSearch` may find: a bit a frame, 0 if it is forgotten, and ones for frames to come. `undefined` if
   * all are remembered always.
   */
  get mask(): Uint32Array<ArrayBuffer> | undefined {
    return this.#memory.remember === Infinity ? undefined : this.#memory.mask;
  }

  /** Frames that would survive a crash of the machine. */
  get flushed(): number {
    return this.#files.frames.flushed;
  }

  /**
   * Adds a frame, whose number is that of the frames before it. It is there when this resolves, and survives a crash of the process from
   * then on; one of the machine after the next flush.
   *
   * @throws {MapError} if the frame has not what the map's frames have: nothing was added then. If it cannot be written:
   * the map is then as it was before, and takes no more frames until it is opened again.
   */
  append(frame: MapFrame): Promise<AppendedFrame> {
    return this.#inTurn(async () => {
      this.#checkWritable();
      const id = this.size;
      checkFrame(this.networks, id, frame);
      const descriptor = this.#pack(frame.descriptor);
      const rehearsal = frame.rehearsal ?? this.#rehearsals.next(frame.descriptor);
      this.bags?.add(frame.bag!, undefined);
      await this.#write(id, { ...frame, descriptor, rehearsal });
      if (frame.features) this.#cache.set(id, frame.features);
      const match = matchOf(frame.result);
      this.#infos.push({
        ...infoOf({ n: frame.name, t: frame.timeSeconds, l: frame.label, a: "" }),
        ...match,
      });
      const change = this.#memory.add(match.match, rehearsal);
      await this.#follow(change);
      this.#flushIfDue();
      return { id, ...change };
    });
  }

  /** What is known of a frame. @throws {RangeError} if there is no such frame. */
  entry(id: number): MapEntry {
    this.#check(id);
    const [weight, remembered] = [this.#memory.weight(id), this.#memory.has(id)];
    return { id, ...this.#infos[id]!, weight, remembered };
  }

  /** The loops: frames that match an earlier one, and that one. */
  *loops(): Generator<[id: number, match: number]> {
    for (const [id, { match }] of this.#infos.entries()) if (match !== undefined) yield [id, match];
  }

  /**
   * A frame's local features: from memory if they were used lately, else from the file.
   *
   * @throws {RangeError} if there is no such frame.
   * @throws {MapError} if the map has no local features.
   * @throws {RecordFileError} if they are damaged.
   */
  async features(id: number): Promise<KeptFeatures> {
    this.#check(id);
    if (!this.#files.features) throw new MapError(`Cannot give features: the map "${this.label}" has none`);
    const known = this.#cache.get(id);
    if (known) return known;
    const features = unpackFeatures(await this.#files.features.read(id));
    this.#cache.set(id, features);
    return features;
  }

  /** A frame's name, time, bag, result and covisibility, from the file. @throws as {@linkcode features} does. */
  async record(id: number): Promise<MapFrame> {
    this.#check(id);
    return unpackFrame(await this.#files.frames.read(id));
  }

  /** The records of all frames from `first` on, in order. */
  async *records(first = 0): AsyncGenerator<MapFrame> {
    for await (const content of this.#files.frames.records(first)) yield unpackFrame(content);
  }

  /** A frame's global descriptor, as near as it is kept; `undefined` if the map has none. */
  async descriptor(id: number): Promise<Float32Array<ArrayBuffer> | undefined> {
    this.#check(id);
    const row = await this.#files.descriptor(id), { embedding } = this.networks;
    return row && unpackRows(row, embedding!.dimensions, embedding!.type);
  }

  /** All that is kept of a frame, the descriptor packed. */
  async frame(id: number): Promise<MapFrame> {
    const record = await this.record(id);
    const descriptor = await this.#files.descriptor(id);
    const content = await this.#files.features?.read(id);
    return {
      ...record,
      ...(descriptor && { descriptor }),
      ...(content && { features: unpackFeatures(content) }),
    };
  }

  /** All that is kept of every frame from `first` on, in order. */
  async *frames(first = 0): AsyncGenerator<MapFrame> {
    for (let id = first; id < this.size; id++) yield await this.frame(id);
  }

  /** Which frames see the same, as far as it was appended with them. @param options as of the graph that it came from. */
  async covisibility(options?: CovisibilityOptions): Promise<CovisibilityGraph> {
    const graph = new CovisibilityGraph(options);
    await loadCovisibility(graph, this.#files.frames);
    return graph;
  }

  /**
   * Adds the descriptors of all frames to an index, whose rows are then the frames' numbers. An index that holds the first
   * ones gets the others.
   *
   * @throws {MapError} if the map has no descriptors, or fewer than the index.
   */
  async load(index: DescriptorIndex): Promise<void> {
    const file = this.#descriptors("load an index");
    if (index.rows > file.rows) {
      throw new MapError(
        `Cannot load an index of ${index.rows} rows from the map "${this.label}" of ${file.rows}: give an empty one`,
      );
    }
    await loadIndex(index, file);
  }

  /**
   * Adds the descriptors of the remembered frames to an empty index.
   *
   * @returns the frame of each row.
   * @throws {MapError} if the map has no descriptors, or the index is not empty.
   */
  async loadRemembered(index: DescriptorIndex): Promise<Uint32Array<ArrayBuffer>> {
    const file = this.#descriptors("load an index");
    if (index.rows > 0) {
      throw new MapError(
        `Cannot load what is remembered into an index of ${index.rows} rows: give an empty one`,
      );
    }
    return await loadRows(index, file, this.#memory);
  }

  /**
   * A search through the file for the forgotten frames most like a global descriptor or a bag of words, in steps of bounded work. To
   * use what it finds, {@linkcode recall} it.
   *
   * @throws {MapError} if the map has no descriptors, or no bags; or if they are of other dimensions.
   */
  searchForgotten(query: Float32Array | Bag, k: number, options?: ForgottenSearchOptions): ForgottenSearch {
    if (query instanceof Float32Array) {
      const file = this.#descriptors("search what is forgotten");
      return new ForgottenSearch(forgottenDescriptors(file, query, options), this.#memory, k);
    }
    const { vocabulary } = this.networks;
    if (!vocabulary) {
      throw new MapError(
        `Cannot search what is forgotten: the map "${this.label}" was made without a vocabulary`,
      );
    }
    return new ForgottenSearch(
      forgottenBags(this.#files.frames, vocabulary.scoring, query),
      this.#memory,
      k,
    );
  }

  /** How many frames can be recalled at once. */
  get recallable(): number {
    return this.#memory.remember - this.#memory.gap;
  }

  /**
   * Remembers frames again, those remembered already included; others are forgotten for them.
   *
   * @returns the frames that are forgotten now.
   */
  recall(ids: readonly number[]): Promise<readonly number[]> {
    return this.#inTurn(async () => {
      for (const id of ids) this.#check(id);
      const most = this.recallable;
      if (ids.length > most) {
        throw new RangeError(
          `Cannot recall ${ids.length} frames: besides the newest, ${most} are remembered at most`,
        );
      }
      const retrieved = [...new Set(ids)].filter((id) => !this.#memory.has(id));
      const forgotten = this.#memory.recall([...ids]);
      await this.#follow({ forgotten, retrieved });
      return forgotten;
    });
  }

  /** Waits until all frames would survive a crash of the machine. @throws {MapError} if that fails, or a write failed. */
  flush(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#flushing;
      if (this.#failure) throw this.#failure;
      if (!this.readOnly) await this.#flush();
    });
  }

  /**
   * Writes a copy of the map, as it is now, to an empty folder. The map itself stays where it is.
   *
   * @throws {MapError} if there is a map in the folder, or it cannot be written: nothing stays in it then.
   */
  save(folder: MapFolder): Promise<void> {
    return this.#inTurn(async () => {
      using _lock = await folder.lock();
      if (await folder.size(MANIFEST) !== undefined) {
        throw new MapError(
          `Cannot save a map to "${folder.label}": there is one already; use another folder`,
        );
      }
      await this.#files.copy(folder, this.networks);
    });
  }

  /** Flushes and closes the files. Nothing can be done with the map any more. */
  async close(): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#closed) return;
      this.#closed = true;
      try {
        await this.#flushing;
        if (!this.readOnly && !this.#failure) await this.#flush();
      } finally {
        this.#files[Symbol.dispose]();
        this.#lock?.[Symbol.dispose]();
      }
    });
  }

  /** See {@linkcode close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Takes in what the file says of the frames. */
  async #load(heads: readonly FrameHead[]): Promise<void> {
    for (const head of heads) {
      const match = matchOf(head.r);
      this.#infos.push({ ...infoOf(head), ...match });
      this.#memory.add(match.match, head.h ?? false);
    }
    if (this.bags) await loadBags(this.bags, this.#files.frames, this.#memory);
  }

  async #write(id: number, frame: MapFrame & { descriptor: PackedRows | undefined }): Promise<void> {
    const { descriptors, features, frames } = this.#files;
    try {
      if (descriptors) await descriptors.append(frame.descriptor!);
      const at = features?.bytes;
      if (features) await features.append(packFeatures(frame.features!));
      await frames.append(packFrame(frame, at));
    } catch (cause) {
      this.#failure = new MapError(
        `Cannot write frame ${id} to the map "${this.label}": ${
          messageOf(cause)
        }; the ${id} frames before it are kept; ` +
          `make room, and open the map again`,
        { cause },
      );
      // Opening cuts it off where this cannot.
      await this.#files.cut(id).catch(() => {});
      throw this.#failure;
    }
  }

  /** Keeps the bags to what is remembered. */
  async #follow({ forgotten, retrieved }: MemoryChange): Promise<void> {
    if (!this.bags) return;
    for (const id of retrieved) if (this.#memory.has(id)) this.bags.restore(id, await this.#bag(id));
    for (const id of forgotten) if (this.bags.has(id)) this.bags.remove(id, await this.#bag(id));
  }

  async #bag(id: number): Promise<Bag> {
    return bagOf(await this.#files.frames.read(id));
  }

  #pack(descriptor: MapFrame["descriptor"]): PackedRows | undefined {
    const { embedding } = this.networks;
    return descriptor instanceof Float32Array
      ? packRows(descriptor, embedding!.dimensions, embedding!.type)
      : descriptor;
  }

  #flushIfDue(): void {
    const { flushFrames = 64, flushSeconds = 2 } = this.#options;
    const due = this.size - this.flushed >= flushFrames ||
      performance.now() - this.#flushedAt >= flushSeconds * 1000;
    if (!due || this.#flushing) return;
    this.#flushing = this.#flush().catch(() => {}).finally(() => this.#flushing = undefined);
  }

  async #flush(): Promise<void> {
    this.#flushedAt = performance.now();
    try {
      await this.#files.flush();
    } catch (cause) {
      throw this.#failure = new MapError(
        `Cannot flush the map "${this.label}": ${
          messageOf(cause)
        }; its ${this.flushed} first frames are safe, the others ` +
          `may be; open the map again`,
        { cause },
      );
    }
  }

  #descriptors(what: string): NonNullable<MapFiles["descriptors"]> {
    if (this.#files.descriptors) return this.#files.descriptors;
    throw new MapError(`Cannot ${what}: the map "${this.label}" was made without an embedding network`);
  }

  #checkWritable(): void {
    if (this.readOnly) {
      throw new MapError(`Cannot add a frame to the map "${this.label}": it was opened read-only`);
    }
    if (this.#closed) throw new MapError(`Cannot add a frame to the map "${this.label}": it is closed`);
    if (this.#failure) throw this.#failure;
  }

  #check(id: number): void {
    if (!(Number.isInteger(id) && id >= 0 && id < this.size)) {
      throw new RangeError(
        `Cannot give frame ${id} of the map "${this.label}": it has ${this.size}, from 0 on`,
      );
    }
    if (this.#closed) throw new MapError(`Cannot read the map "${this.label}": it is closed`);
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act);
    this.#turn = turn.catch(() => {});
    return turn;
  }
}

function matchOf(result: MapFrame["result"]): { match?: number } {
  return result?.status === "loop" && result.match !== undefined ? { match: result.match } : {};
}
