import type { BufferRange, Device, Dispatch } from "../gpu/mod.ts";
import type { DescriptorRows } from "./features/matcher.ts";
import type { Words } from "./vocabulary/vocabulary.ts";
import type { VocabularyTree } from "./vocabulary/vocabulary_tree.ts";

/**
 * Finds the words of the descriptors that a feature stage leaves on the GPU, without their coming to the host first. One
 * for each frame in flight; the tree is shared.
 */
export class WordsStage implements Disposable {
  /** Descriptors at most. */
  readonly maxDescriptors: number;
  /** A dispatch a level of the tree. */
  readonly dispatches: readonly Dispatch[];
  /** What {@linkcode read} takes, to be read back: one after the other. */
  readonly results: readonly [BufferRange, BufferRange];
  readonly #tree: VocabularyTree;

  /**
   * @param levelsUp how far above the lowest level the nodes are that are told, as in `Vocabulary.find`.
   * @throws {VocabularyError} if the tree's descriptors are of another length, as far as the rows show.
   * @throws {GpuError} as `device.createBuffer` does.
   */
  constructor(
    device: Device,
    tree: VocabularyTree,
    { rows, count }: DescriptorRows,
    levelsUp: number,
    label: string,
  ) {
    this.#tree = tree;
    this.maxDescriptors = Math.floor(rows.bytes / tree.rowBytes);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
    const places = (what: string): BufferRange => {
      const size = Math.ceil(this.maxDescriptors / 4) * 16;
      // Not in the slot's own memory: the kernel reads the descriptors there, and one buffer cannot be read and written.
      const buffer = device.createBuffer({ label: `${label}: ${what}`, size, usage });
      return { buffer, offset: 0, bytes: size };
    };
    const [reached, kept] = device.allOrNothing(() => [places("words reached"), places("nodes passed")]);
    this.results = [reached, kept];
    this.dispatches = tree.dispatches(
      { descriptors: rows, live: count, reached, kept },
      this.maxDescriptors,
      levelsUp,
    );
  }

  /** Bytes of the results together. */
  get resultBytes(): number {
    return this.results[0].bytes + this.results[1].bytes;
  }

  /** The words of the first `count` descriptors, from bytes that were read back. */
  read(bytes: ArrayBuffer, offset: number, count: number): Words {
    const [reached] = this.results;
    return this.#tree.words(
      new Uint32Array(bytes, offset, count),
      new Uint32Array(bytes, offset + reached.bytes, count),
    );
  }

  /** Ends its buffers. */
  [Symbol.dispose](): void {
    for (const { buffer } of this.results) buffer.destroy();
  }
}
