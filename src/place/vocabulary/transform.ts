import { type BufferRange, type Device, type Dispatch, Readback, type Stream } from "../../gpu/mod.ts";
import { countDescriptors, type Descriptors } from "./descriptors.ts";
import { VocabularyError } from "./errors.ts";
import { packDescriptors } from "./metric.ts";
import type { Vocabulary, Words } from "./vocabulary.ts";
import { transformGroups, VocabularyTree } from "./vocabulary_tree.ts";

/** How a {@linkcode VocabularyTransform} is made. */
export interface TransformOptions {
  /** Descriptors at most at a time. Default 4,096. */
  maxDescriptors?: number;
  /** How far above the lowest level the nodes are that are told, as in `Vocabulary.find`. Default 4, as in ORB-SLAM. */
  levelsUp?: number;
  /** The vocabulary's tree, where it is on this device already; it stays the caller's to end. */
  tree?: VocabularyTree;
}

/**
 * Finds the words of descriptors on the GPU: one dispatch a level, however many descriptors. The tree is uploaded here
 * unless it is given, and everything that a frame needs is made here, once. One set of descriptors can be under way at
 * a time; make another transform for each more.
 */
export class VocabularyTransform implements Disposable {
  /** Descriptors at most at a time. */
  readonly maxDescriptors: number;
  /**
   * Where the descriptors lie, each padded by zeros to a multiple of 16 bytes: {@linkcode write} puts them there, or a
   * kernel does.
   */
  readonly input: BufferRange;
  readonly #device: Device;
  readonly #vocabulary: Vocabulary;
  readonly #tree: VocabularyTree;
  readonly #ownTree: VocabularyTree | undefined;
  readonly #dispatches: readonly Dispatch[];
  readonly #live: BufferRange;
  readonly #reached: BufferRange;
  readonly #kept: BufferRange;
  readonly #readback: Readback;
  readonly #buffers: GPUBuffer[] = [];
  readonly #packed: Uint8Array<ArrayBuffer>;
  #count: number | undefined;

  /**
   * Uploads the tree, unless it is given.
   *
   * @throws {VocabularyError} for options that are no such numbers, the tree of another vocabulary, or a tree that this adapter cannot hold.
   * @throws {GpuError} as `Device.createBuffer` does.
   */
  constructor(device: Device, vocabulary: Vocabulary, options: TransformOptions = {}) {
    const { maxDescriptors = 4096, levelsUp = 4 } = options;
    if (!Number.isInteger(maxDescriptors) || maxDescriptors < 1) {
      throw new VocabularyError(
        `Cannot prepare words: maxDescriptors is ${maxDescriptors}; give a whole number, 1 or more`,
      );
    }
    if (options.tree && options.tree.vocabulary !== vocabulary) {
      throw new VocabularyError(
        "Cannot prepare words: the tree is of another vocabulary; give that vocabulary's own",
      );
    }
    this.#device = device;
    this.#vocabulary = vocabulary;
    this.maxDescriptors = maxDescriptors;
    const keep = (range: BufferRange): BufferRange => {
      this.#buffers.push(range.buffer);
      return range;
    };
    const zeros = (bytes: number, label: string): BufferRange => {
      const size = Math.ceil(bytes / 16) * 16;
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
      return keep({ buffer: device.createBuffer({ label, size, usage }), offset: 0, bytes: size, label });
    };
    const made = device.allOrNothing(() => {
      const own = options.tree ? undefined : new VocabularyTree(device, vocabulary);
      const tree = options.tree ?? own!;
      tree.refuseMore(maxDescriptors);
      const descriptors = zeros(maxDescriptors * tree.rowBytes, "vocabulary: descriptors");
      const reached = zeros(maxDescriptors * 4, "vocabulary: reached");
      const kept = zeros(maxDescriptors * 4, "vocabulary: kept");
      const live = zeros(16, "vocabulary: live");
      const ranges = { descriptors, reached, kept, live };
      const dispatches = tree.dispatches(ranges, maxDescriptors, levelsUp);
      const readback = new Readback(device, maxDescriptors * 8, "vocabulary: words");
      return { own, tree, dispatches, readback, ranges };
    });
    const { reached, kept, live } = made.ranges;
    this.input = made.ranges.descriptors;
    [this.#tree, this.#ownTree, this.#dispatches] = [made.tree, made.own, made.dispatches];
    [this.#reached, this.#kept, this.#live, this.#readback] = [reached, kept, live, made.readback];
    const { kind, size } = vocabulary.form;
    const padded = kind === "float" || size % 16 !== 0;
    this.#packed = new Uint8Array(padded ? maxDescriptors * made.tree.rowBytes : 0);
  }

  /**
   * Uploads descriptors to {@linkcode input}.
   *
   * @returns how many there are.
   * @throws {VocabularyError} if they are not of the vocabulary's form, too many, or others are under way.
   */
  write(descriptors: Descriptors): number {
    const what = "Cannot find words";
    const count = countDescriptors(descriptors, this.#vocabulary.form, what);
    this.#refuse(count);
    const packed = packDescriptors(descriptors, this.#vocabulary.form, this.#packed);
    if (count > 0) this.#device.gpu.queue.writeBuffer(this.input.buffer, 0, packed);
    return count;
  }

  /**
   * Records the search for the first `count` descriptors of {@linkcode input}. Submit the stream, then
   * {@linkcode take} the words.
   *
   * @throws {VocabularyError} if they are too many, or others are under way.
   */
  record(stream: Stream, count: number): void {
    this.#refuse(count);
    if (count > 0) this.#recordSteps(stream, count);
    this.#count = count;
  }

  #recordSteps(stream: Stream, count: number): void {
    this.#device.gpu.queue.writeBuffer(this.#live.buffer, 0, Uint32Array.of(count));
    const workgroups = transformGroups(count);
    stream.run(this.#dispatches.map((dispatch) => ({ ...dispatch, workgroups })));
    const part = (range: BufferRange): BufferRange => ({ ...range, bytes: count * 4 });
    this.#readback.record(stream, part(this.#reached), part(this.#kept));
  }

  /**
   * Waits for what was recorded and submitted.
   *
   * @throws {VocabularyError} if nothing was recorded.
   * @throws {GpuError} as `Readback.take` does.
   */
  async take(): Promise<Words> {
    const count = this.#count;
    if (count === undefined) {
      throw new VocabularyError("Cannot take words: nothing was recorded since the last time");
    }
    try {
      if (count === 0) return { words: new Uint32Array(0), nodes: new Uint32Array(0) };
      return await this.#readback.take((bytes) =>
        this.#tree.words(new Uint32Array(bytes, 0, count), new Uint32Array(bytes, count * 4, count))
      );
    } finally {
      this.#count = undefined;
    }
  }

  /** Uploads, records, submits and waits: for single images. */
  async find(stream: Stream, descriptors: Descriptors): Promise<Words> {
    this.record(stream, this.write(descriptors));
    stream.submit();
    return await this.take();
  }

  /** Ends its buffers. */
  [Symbol.dispose](): void {
    this.#readback[Symbol.dispose]();
    for (const buffer of this.#buffers) buffer.destroy();
    this.#ownTree?.[Symbol.dispose]();
  }

  #refuse(count: number): void {
    if (this.#count !== undefined) {
      throw new VocabularyError(
        "Cannot find words: others are under way; take() them first, or make a transform for each frame under way",
      );
    }
    if (!Number.isInteger(count) || count < 0 || count > this.maxDescriptors) {
      throw new VocabularyError(
        `Cannot find words: ${count} descriptors; this transform takes up to ${this.maxDescriptors}, which is its ` +
          `maxDescriptors`,
      );
    }
  }
}
