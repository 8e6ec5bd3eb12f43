/**
 * One frame under way: from pixels to what the decision is made on, in one submission and one readback.
 *
 * @module
 */
import {
  alignUp,
  type BufferRange,
  type Device,
  type Dispatch,
  GpuError,
  GpuTimer,
  Readback,
  StackRegion,
  type Stream,
} from "../gpu/mod.ts";
import type { PixelFormat, PixelFrame } from "../vision/pixels.ts";
import { pixelBytes } from "../vision/pixels.ts";
import type { EmbeddingNetwork, EmbeddingStage, FrameForecast } from "./embedding/embedding_stage.ts";
import type { FeatureStage } from "./features/feature_stage.ts";
import type { FeatureSource } from "./feature_source.ts";
import { countFeatures, type LocalFeatures } from "./features/local_features.ts";
import type { DescriptorIndex } from "./index/descriptor_index.ts";
import type { DescriptorSearch, Neighbours } from "./index/descriptor_search.ts";
import type { Turn, Turns } from "./turns.ts";
import type { Words } from "./vocabulary/vocabulary.ts";
import type { VocabularyTree } from "./vocabulary/vocabulary_tree.ts";
import { WordsStage } from "./words_stage.ts";

/** A frame for a {@linkcode PlaceSlot}; a frame loop's frames are such. */
export interface PlaceFrame extends PixelFrame {
  /** What it is called, where it has a name. */
  readonly name?: string;
  /** When it was taken, in seconds. */
  readonly timeSeconds?: number;
}

/** What came back of a frame. */
export interface SeenFrame {
  /** Its number: from 0, without those that were refused. */
  readonly id: number;
  /** Its name and time, as given. */
  readonly name?: string;
  readonly timeSeconds?: number;
  /** Its global descriptor, of unit length. */
  readonly descriptor?: Float32Array<ArrayBuffer>;
  /** The earlier descriptors most like it. */
  readonly neighbours?: Neighbours;
  /** Its local features. */
  readonly features?: LocalFeatures;
  /** Their words. */
  readonly words?: Words;
  /** Milliseconds of the GPU for all of it, where the adapter can tell. */
  readonly gpuMs?: number;
  /** Milliseconds of the search in the index alone, which grows with the number of frames. */
  readonly searchMs?: number;
}

/** What a slot works with, shared by all. */
export interface SlotParts<Result> {
  embedding: EmbeddingNetwork | undefined;
  index: DescriptorIndex | undefined;
  features: FeatureSource | undefined;
  tree: VocabularyTree | undefined;
  /** How far above the lowest level of the tree the nodes are that are told. */
  levelsUp: number;
  /** Neighbours that are searched for. */
  neighbours: number;
  /** Whether frames are appended to the index. */
  append: boolean;
  /** The newest row that may be a neighbour of frame `id`; below 0: none may. */
  newest: (id: number) => number;
  /** Which rows may be found at all, where some may not; see `SearchOptions`. */
  mask?: () => Uint32Array<ArrayBuffer> | undefined;
  forecast: FrameForecast;
  turns: Turns;
  /** Called before the index makes memory that was not reserved. */
  onGrowth?: (index: DescriptorIndex) => void;
  /** Called in the order of the frames, one at a time. */
  conclude: (seen: SeenFrame) => Promise<Result>;
}

/** Two passes are timed: before the search, and after it. */
const STAMP_BYTES = 32;

/** One frame in flight. Made by `PlaceRecogniser.create`; a frame loop takes it as it is. */
export class PlaceSlot<Result> implements Disposable {
  readonly #parts: SlotParts<Result>;
  readonly #stream: Stream;
  readonly #region: StackRegion;
  readonly #embedding: EmbeddingStage | undefined;
  readonly #search: DescriptorSearch | undefined;
  readonly #features: FeatureStage | undefined;
  readonly #words: WordsStage | undefined;
  readonly #timer: GpuTimer | undefined;
  readonly #readback: Readback;
  readonly #made: Disposable[];
  #under: { turn: Turn; frame: Pick<SeenFrame, "name" | "timeSeconds"> } | undefined;

  /** Made by `PlaceRecogniser.create`. */
  static async create<Result>(
    device: Device,
    parts: SlotParts<Result>,
    number: number,
  ): Promise<PlaceSlot<Result>> {
    const label = `places ${number}`;
    const stream = device.stream({ label });
    const region = new StackRegion(stream, label);
    const made: Disposable[] = [];
    try {
      const take = (bytes: number, what: string): BufferRange => region.take(bytes, what);
      const { embedding, features, forecast } = parts;
      const embed = embedding && keep(made, await embedding.stage(take, forecast, label));
      const local = features && keep(made, await features.stage(device, region, forecast));
      const slot = device.allOrNothing(() =>
        new PlaceSlot(device, parts, { stream, region, made, embedding: embed, features: local, label })
      );
      region.seal();
      await device.settle();
      return slot;
    } catch (error) {
      for (const part of made.reverse()) part[Symbol.dispose]();
      region.abandon();
      stream[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(
    device: Device,
    parts: SlotParts<Result>,
    own: {
      stream: Stream;
      region: StackRegion;
      made: Disposable[];
      embedding: EmbeddingStage | undefined;
      features: FeatureStage | undefined;
      label: string;
    },
  ) {
    const { index, tree, neighbours, levelsUp } = parts;
    const { stream, region, made, embedding, features, label } = own;
    this.#parts = parts;
    [this.#stream, this.#region, this.#made] = [stream, region, made];
    [this.#embedding, this.#features] = [embedding, features];
    this.#search = index && keep(made, index.search({ k: neighbours }));
    this.#words = tree && features &&
      keep(made, new WordsStage(device, tree, features.rows, levelsUp, label));
    this.#timer = GpuTimer.create(device, 2);
    if (this.#timer) made.push(this.#timer);
    const bytes = this.#ranges().reduce((sum, range) => sum + range.bytes, STAMP_BYTES);
    this.#readback = keep(made, new Readback(device, bytes, label));
    if (index && embedding) index.prepare(embedding.descriptor, 1);
  }

  /**
   * Writes the frame, records and submits its work.
   *
   * @throws {RangeError} if it cannot take this frame; nothing is left of it.
   * @throws {GpuError} if the last result was not collected, or the device failed.
   */
  submit(frame: PlaceFrame): void {
    this.#begin(frame);
    const turn = this.#parts.turns.take();
    try {
      this.#record(this.#parts.append, this.#parts.newest(turn.id));
      const { name, timeSeconds } = frame;
      this.#under = {
        turn,
        frame: { ...(name !== undefined && { name }), ...(timeSeconds !== undefined && { timeSeconds }) },
      };
    } catch (error) {
      turn.fail(error);
      this.#region.pop();
      throw error;
    }
  }

  /** Waits for the frame submitted last, and for the decisions about those before it. */
  async collect(): Promise<{ result: Result; gpuMs?: number }> {
    const under = this.#under;
    if (!under) throw new GpuError("Cannot collect a place: no frame was submitted");
    this.#under = undefined;
    const { turn, frame } = under;
    try {
      const seen = await this.#take();
      await turn.ready;
      const result = await this.#parts.conclude({ id: turn.id, ...frame, ...seen });
      turn.done();
      return { result, ...(seen.gpuMs !== undefined && { gpuMs: seen.gpuMs }) };
    } catch (error) {
      turn.fail(error);
      throw error;
    }
  }

  /** Runs everything once on a grey frame that leaves no trace: some drivers compile a kernel when it first runs. */
  async warmUp(format: PixelFormat): Promise<void> {
    const size = { width: 64, height: 64, format, ...this.#parts.forecast.frame };
    this.#begin({ ...size, data: new Uint8Array(pixelBytes(size)).fill(128) });
    try {
      this.#record(false, Infinity);
    } catch (error) {
      this.#region.pop();
      throw error;
    }
    await this.#take();
  }

  /** Ends what it made. */
  [Symbol.dispose](): void {
    this.#under?.turn.fail(
      new GpuError("Cannot decide on a frame: the slot was disposed before it was collected"),
    );
    this.#under = undefined;
    for (const part of this.#made.splice(0).reverse()) part[Symbol.dispose]();
    this.#region.abandon();
    this.#stream[Symbol.dispose]();
  }

  /** Takes the slot's memory and writes the pixels; whatever may refuse the frame does so here, before its row is made. */
  #begin(frame: PixelFrame): void {
    this.#region.push();
    try {
      this.#embedding?.write(frame);
      this.#features?.write(frame);
    } catch (error) {
      this.#region.pop();
      throw error;
    }
  }

  #record(append: boolean, newest: number): void {
    const stream = this.#stream;
    const local = [...this.#features?.dispatches ?? [], ...this.#words?.dispatches ?? []];
    this.#pass(this.#embedding?.dispatches ?? [], 0);
    const { index } = this.#parts;
    if (index && this.#embedding && this.#search) {
      const { descriptor } = this.#embedding;
      if (append) {
        if (index.rows === index.capacity) this.#parts.onGrowth?.(index);
        index.append(stream, descriptor, 1);
      }
      const mask = this.#parts.mask?.();
      const exceptNewest = Math.max(index.rows - 1 - newest, 0);
      this.#search.record(stream, descriptor, { exceptNewest, ...(mask && { mask }) });
    }
    this.#pass(local, 1);
    const stamps = this.#timer ? [this.#timer.resolve(stream, 2)] : [];
    this.#readback.record(stream, ...stamps, ...this.#ranges());
    stream.submit();
  }

  #pass(dispatches: readonly Dispatch[], number: number): void {
    if (this.#timer) this.#stream.runTimed(dispatches, this.#timer.writes(number));
    else this.#stream.run(dispatches);
  }

  /** What comes back, in this order. */
  #ranges(): BufferRange[] {
    const ranges: BufferRange[] = [];
    if (this.#embedding) ranges.push(this.#embedding.descriptor);
    if (this.#search) ranges.push({ ...this.#search.result, bytes: this.#search.resultBytes });
    if (this.#features) ranges.push(this.#features.result);
    if (this.#words) ranges.push(...this.#words.results);
    return ranges;
  }

  async #take(): Promise<Omit<SeenFrame, "id" | "name" | "timeSeconds">> {
    try {
      return await this.#readback.take((bytes) => {
        let at = this.#timer ? STAMP_BYTES : 0;
        const next = (length: number): number => (at += length) - length;
        const seen: { -readonly [K in keyof SeenFrame]?: SeenFrame[K] } = {};
        if (this.#embedding) {
          const { bytes: length } = this.#embedding.descriptor;
          seen.descriptor = new Float32Array(bytes, next(length), length / 4).slice();
        }
        if (this.#search) seen.neighbours = this.#search.decode(bytes, next(this.#search.resultBytes))[0]!;
        if (this.#features) {
          seen.features = this.#features.read(bytes, next(this.#features.result.bytes));
          if (this.#words) {
            const count = countFeatures(seen.features);
            seen.words = this.#words.read(bytes, next(this.#words.resultBytes), count);
          }
        }
        return { ...seen, ...(this.#timer && timesOf(new BigUint64Array(bytes, 0, 4))) };
      });
    } finally {
      this.#region.pop();
    }
  }
}

/** Sizes the device's stacks for so many slots that take pieces of these sizes, where no stack is taken; gives their sum. */
export function reserveStacks(device: Device, slots: number, sizes: readonly number[]): number {
  const { pool } = device;
  const bytes = sizes.reduce((sum, size) => sum + alignUp(size), 0);
  if (pool.idle && (pool.stackBytes < bytes || pool.stackCount < slots)) {
    pool.configure({
      stackBytes: Math.max(bytes, pool.stackBytes),
      stackCount: Math.max(slots, pool.stackCount),
    });
  }
  return bytes;
}

function keep<T extends Disposable>(made: Disposable[], part: T): T {
  made.push(part);
  return part;
}

/** From the stamps at the two ends of both passes. */
function timesOf([begin, searchBegin, searchEnd, end]: BigUint64Array): { gpuMs: number; searchMs: number } {
  return {
    gpuMs: GpuTimer.milliseconds(BigUint64Array.of(begin!, end!))[0]!,
    searchMs: GpuTimer.milliseconds(BigUint64Array.of(searchBegin!, searchEnd!))[0]!,
  };
}
